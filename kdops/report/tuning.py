"""How tuning went, and which settings mattered."""

from collections.abc import Iterator, Mapping

import optuna
import pandas as pd
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution

from kdops.report.chart import Axis, Chart, Panel, Series
from kdops.report.choice import records, title
from kdops.report.style import GREY, STUDENTS, TEACHER_MARK, VANILLA
from kdops.tracking import names
from kdops.tracking.results import Results

_SEARCHED = ("learning_rate", "dropout", "soft", "gold_weight", "temperature")
_LOG = ("learning_rate", "temperature")
_FEWEST_TRIALS = 4
_BEST = 0.25  # Optuna's own is a tenth, of hundreds of trials; of 20 that would be two


def tuning(results: Results, trials: pd.DataFrame) -> Iterator[Chart]:
    """History and importance of one data set's studies; nothing where no study has several trials.

    Args:
        results: one data set's.
        trials: theirs, as `read_trials` gives them.
    """
    studies = {
        str(row["study"]): row for row in records(results.studies) if (trials["study"] == row["study"]).sum() > 1
    }
    if not studies:
        return
    metric = results.students["metric"].iloc[0]
    history = [series for study, row in studies.items() for series in _history(row, trials[trials["study"] == study])]
    yield Chart(
        name="tuning",
        title="Tuning history",
        caption="Each mark is a trial, in the order in which they began; the line is the best so far. Grey crosses "
        "were pruned: stopped early because others did better at the same epoch.",
        panels=[Panel("Trials", Axis("trial", whole=True), Axis(f"validation {metric} (0 to 1)"), history)],
    )
    marks = [
        _marks(row, list(shares), list(shares.values()))
        for study, row in studies.items()
        if (shares := importance(trials[trials["study"] == study]))
    ]
    if marks:
        yield Chart(
            name="importance",
            title="Which settings mattered",
            caption="How much each setting decides whether a trial is among the best quarter of its study (PED-ANOVA, "
            f"where there are at least {_FEWEST_TRIALS} complete trials); with few trials a hint and no more.",
            panels=[Panel("Importance", Axis("setting"), Axis("importance (share, 0 to 1)", span=(0, 1)), marks)],
        )


def importance(trials: pd.DataFrame) -> Mapping[str, float]:
    """How much each setting decides whether a trial is among the best quarter: PED-ANOVA (arXiv:2304.10255).

    Args:
        trials: of one study.

    Returns:
        Shares by setting, the largest first; empty with fewer than four complete trials, or when all scored the same.
    """
    complete = trials[(trials["trial_state"] == "complete") & trials["validation"].notna()]
    if len(complete) < _FEWEST_TRIALS or complete["validation"].nunique() < 2:
        return {}
    settings = [_setting(params) for params in complete["params"]]
    # A setting that only some trials have, as the temperature of one loss, has no importance over all of them.
    common = [name for name in _SEARCHED if len({one.get(name) for one in settings} - {None}) > 1]
    common = [name for name in common if all(name in one for one in settings)]
    if not common:
        return {}
    spaces = {name: _space(name, [one[name] for one in settings]) for name in common}
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize")
    for setting, score in zip(settings, complete["validation"], strict=True):
        chosen = {name: setting[name] for name in common}
        study.add_trial(optuna.create_trial(params=chosen, distributions=spaces, value=float(score)))
    evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=_BEST)
    return dict(optuna.importance.get_param_importances(study, evaluator=evaluator))


def _setting(params: Mapping[str, str]) -> dict[str, float | str]:
    given = {name: params.get(names.CONFIG_PREFIX + name) for name in _SEARCHED}
    return {name: text if name == "soft" else float(text) for name, text in given.items() if text is not None}


def _space(name: str, values: list[float | str]) -> BaseDistribution:
    if name == "soft":
        return CategoricalDistribution(sorted(set(map(str, values))))
    numbers = [float(value) for value in values]
    return FloatDistribution(min(numbers), max(numbers), log=name in _LOG)


def _history(row: Mapping[str, object], trials: pd.DataFrame) -> Iterator[Series]:
    complete, pruned = (
        trials[(trials["trial_state"] == state) & trials["validation"].notna()] for state in ("complete", "pruned")
    )
    yield _marks(row, complete["number"].tolist(), complete["validation"].tolist())
    best = complete["validation"].cummax().tolist()
    yield Series("", complete["number"].tolist(), best, STUDENTS[str(row["student"])].color, line="steps")
    if len(pruned):
        name = f"{title(row)}, pruned"
        yield Series(name, pruned["number"].tolist(), pruned["validation"].tolist(), GREY, TEACHER_MARK.shape)


def _marks(row: Mapping[str, object], x: list[float] | list[str], y: list[float]) -> Series:
    mark = STUDENTS[str(row["student"])]
    return Series(title(row), x, y, mark.color, mark.shape, filled=row["recipe"] != VANILLA)
