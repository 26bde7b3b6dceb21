"""The results of the runs of a store: distillations, their teachers, trials and curves, as tables."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import pandas as pd

from kdops.errors import UserError
from kdops.measure.costs import costs
from kdops.tracking import names, store
from kdops.tracking.comparable import comparable, differing_settings, of_user
from kdops.tracking.names import Role, Status

if TYPE_CHECKING:
    from mlflow.entities import Run

    from kdops.metrics import Gold

_TAGS = {
    "role": names.ROLE,
    "dataset": names.DATASET,
    "task": names.TASK,
    "metric": names.MAIN_METRIC,
    "student": names.STUDENT,
    "recipe": names.RECIPE,
    "precision": names.PRECISION,
    "teacher_run": names.TEACHER_RUN,
    "baseline_run": names.BASELINE_RUN,
    "baseline_precision": names.BASELINE_PRECISION,
    "study": names.STUDY,
    "settings": names.SETTINGS,
    "reused_run": names.REUSED_RUN,
    "trial_state": names.TRIAL_STATE,
    "nothing_learned": names.NOTHING_LEARNED,
}
INT8_TEACHER, LINEAR = "int8_teacher", "linear"
_UNDISTILLED_SCORES = {
    f"{kind}_{split}": kind_prefix + split_prefix
    for kind, kind_prefix in ((INT8_TEACHER, names.INT8_TEACHER_PREFIX), (LINEAR, names.LINEAR_PREFIX))
    for split, split_prefix in (("validation", names.VALIDATION_PREFIX), ("test", names.TEST_PREFIX))
}
_FACTS = (
    "run_id",
    "experiment_id",
    "started",
    "user",
    "data",
    "seed",
    "validation",
    "test",
    "baseline",
    "minutes",
    "params",
)


def _metrics() -> dict[str, str]:
    """Metrics by their columns: scores, all costs, and how many times cheaper than the teacher."""
    return {
        **{f"f1_retained{end}": names.F1_RETAINED + end for end in ("", *names.ENDS)},
        **{f"kd_gain{end}": names.KD_GAIN + end for end in ("", *names.ENDS)},
        "unlabeled_texts": "unlabeled_texts",
        **{cost.name: names.COST_PREFIX + cost.name for cost in costs()},
        **{f"teacher_{cost.name}": names.TEACHER_COST_PREFIX + cost.name for cost in costs()},
        **{f"baseline_{cost.name}": names.BASELINE_COST_PREFIX + cost.name for cost in costs()},
        **{
            f"{INT8_TEACHER}_{cost.name}": names.INT8_TEACHER_PREFIX + names.COST_PREFIX + cost.name for cost in costs()
        },
        **{f"times_{cost.ratio}": names.RATIO_PREFIX + cost.ratio for cost in costs() if cost.ratio},
    }


def unfinished_cells(exam_run: str) -> dict[tuple[str, str, str, int], str]:
    """The newest run of each cell of an exam that did not finish, by data set, student, recipe and seed."""
    found = store.search(f"tags.`mlflow.parentRunId` = '{exam_run}' and attributes.status != '{Status.FINISHED}'")
    cells = {}
    for run in reversed(found):
        tags, seed = run.data.tags, run.data.params.get(f"{names.CONFIG_PREFIX}seed", "0")
        cells[tags.get(names.DATASET, ""), tags.get(names.STUDENT, ""), tags.get(names.RECIPE, ""), int(seed)] = (
            run.info.run_id
        )
    return cells


@dataclass(frozen=True)
class Results:
    """Finished distillations, and the runs that they are compared with.

    All three tables have the run id as index and the same columns: `dataset`, `data` (its fingerprint; empty: unknown),
    `task`, `metric` (the main one), `student`, `recipe`, `precision` (of the registered bundle), `seed`, `user` (who
    made it); the main metric as `validation` and `test` (fractions); `f1_retained` (fraction) and `kd_gain` (points),
    each with the ends of its interval as `f1_retained_low` and so on; the costs by their names; `times_latency` and so
    on, how many times cheaper than the teacher; `teacher_run`, `baseline_run`, `study`, `minutes`, `params` (as
    logged), `settings` (which of them make another result). `students` has `baseline` too, the test score of the same
    student without distillation; `baseline_precision` says of which precision that and the costs
    `baseline_latency_p50_ms` and so on are.

    Attributes:
        students: the newest finished run of each data set, student, recipe and seed, all of a data set on the same
            rows; runs that only reused another are skipped, since that one counts itself.
        teachers: the teachers of `students`.
        baselines: the same students without distillation.
        notes: by data set, whose runs these are and what was left out.
    """

    students: pd.DataFrame
    teachers: pd.DataFrame
    baselines: pd.DataFrame
    notes: Mapping[str, str] = field(default_factory=dict)

    @property
    def datasets(self) -> list[str]:
        """The data sets that there are students of, by name."""
        return sorted(set(self.students["dataset"]))

    @property
    def measured(self) -> list[str]:
        """The columns that some student has a value in: costs that could not be read anywhere are not among them."""
        return list(self.students.columns[self.students.notna().any()])

    def of(self, dataset: str) -> "Results":
        """The part that belongs to one data set."""
        others = pd.concat([self.teachers, self.baselines])
        return _related(self.students[self.students["dataset"] == dataset], others, self.notes)

    @property
    def teacher_settings(self) -> pd.Series:
        """By teacher run the settings in which the teachers of a data set differ; empty: their seeds at most."""
        return differing_settings(self.teachers)

    @property
    def undistilled(self) -> pd.DataFrame:
        """The alternatives to distillation, as runs of students log them.

        Returns:
            A row for `int8_teacher`, the quantized teacher, for each of the different `teacher_settings`, and one for
            `linear`, the linear baseline, of each data set that knows them: `dataset`, `kind`, `teacher_settings`,
            `validation`, `test` and the costs by their names; means over the runs.
        """
        numbers = ["validation", "test", *(cost.name for cost in costs())]
        taught_by = self.students["teacher_run"].map(self.teacher_settings).fillna("")
        rows = []
        for dataset, students in self.students.groupby("dataset"):
            of_teachers = [(INT8_TEACHER, name, found) for name, found in students.groupby(taught_by)]
            for kind, name, found in [*of_teachers, (LINEAR, "", students)]:
                means = found.reindex(columns=[f"{kind}_{number}" for number in numbers]).astype(float).mean()
                if means.notna().any():
                    known = {"dataset": dataset, "kind": kind, "teacher_settings": name}
                    rows.append({**known, **dict(zip(numbers, means, strict=True))})
        return pd.DataFrame(rows, columns=["dataset", "kind", "teacher_settings", *numbers])

    @property
    def studies(self) -> pd.DataFrame:
        """Students and baselines that were tuned, each study once."""
        return pd.concat([self.students, self.baselines]).drop_duplicates("study")


def read_results(
    datasets: Sequence[str] | None = None,
    *,
    user: str | None = None,
    run_ids: Collection[str] | None = None,
    open_run: str | None = None,
) -> Results:
    """Read the finished distillations of the current tracking store, in all experiments.

    Of runs on different data of one name, those on the data that was used last are read; see `comparable`.

    Args:
        datasets: only these; None: all.
        user: only what this person made, or found made; None: everybody's.
        run_ids: of these, only these runs; None: all.
        open_run: a run that counts although it is not closed yet: the one that asks.

    Raises:
        UserError: there are none, or none of one of the data sets, or of the person.
    """
    only = datasets[0] if datasets and len(datasets) == 1 else None
    students = _table(_search(Role.STUDENT, only))
    ended = (students["status"] == Status.FINISHED) | (students.index == open_run)
    made = students[ended & students["test"].notna() & students["reused_run"].isna()]
    if user is not None:
        made = made[made.index.isin(of_user(students, user))]
    if run_ids is not None:
        made = made[made.index.isin(list(run_ids))]
    missing = [name for name in datasets or () if name not in set(made["dataset"])]
    if missing:
        present = ", ".join(read_results(user=user, open_run=open_run).datasets)
        raise UserError(f"no finished distillation of data set {missing[0]!r}; there are runs of: {present}")
    if made.empty:
        raise UserError("no finished distillation in the store that MLFLOW_TRACKING_URI names: run `distill` first")
    if datasets:
        made = made[made["dataset"].isin(datasets)]
    # An exam's own cells differ in nothing but the grid, whatever paths their runs were given.
    chosen = comparable(made, open_run=open_run, by_settings=run_ids is None)
    others = _table(_search(Role.TEACHER, only) + _search(Role.BASELINE, only))
    return _related(chosen.students, pd.concat([others, chosen.students]), chosen.notes)


def read_trials(results: Results) -> pd.DataFrame:
    """Read the trials of the students and baselines of one data set, in the order in which they began.

    Returns:
        The columns of `Results`' tables, by run id; `trial_state` is `complete` or `pruned`, `number` counts from 0 in
        each study, and `validation` is the best epoch's score, of a pruned trial the last one's. A trial that went
        wrong is left out.
    """
    only = results.datasets[0] if len(results.datasets) == 1 else None
    trials = _table(_search(Role.TRIAL, only))
    kept = trials["study"].isin(set(results.studies["study"])) & trials["trial_state"].isin(["complete", "pruned"])
    ordered = trials[kept].sort_values("started")
    return ordered.assign(number=ordered.groupby("study").cumcount())


def read_curves(run_id: str, metric: str) -> pd.DataFrame:
    """Read what a trial or a teacher logged after each epoch.

    Returns:
        Training `loss` and validation `score` by epoch; empty when it logged none.
    """
    keys = {"loss": f"{names.EPOCH_LOSS_PREFIX}loss", "score": names.EPOCH_SCORE_PREFIX + metric}
    history = {
        column: {point.step: point.value for point in store.client().get_metric_history(run_id, key)}
        for column, key in keys.items()
    }
    return pd.DataFrame(history, columns=list(keys)).sort_index()


def read_classes(run_id: str) -> Mapping[str, object] | None:
    """Read how well a run did class by class on the test split; None when it logged nothing of the kind.

    Returns:
        `labels`; `confusion`, counts of predictions by gold label; `classes`, by name `f1`, `precision`, `recall` and
        `gold`, how often it occurs.
    """
    import mlflow.artifacts

    if not _logged(run_id, names.BY_CLASS):
        return None
    return cast(Mapping[str, object], json.loads(mlflow.artifacts.load_text(f"runs:/{run_id}/{names.BY_CLASS}")))


def read_predictions(run_id: str) -> "tuple[Gold, Gold] | None":
    """Read gold and predicted labels of the test rows, one per text or a list per sentence; None: not logged."""
    import mlflow.artifacts

    if not _logged(run_id, names.PREDICTIONS):
        return None
    rows = [json.loads(line) for line in mlflow.artifacts.load_text(f"runs:/{run_id}/{names.PREDICTIONS}").split("\n")]
    return [row["gold"] for row in rows], [row["predicted"] for row in rows]


def _logged(run_id: str, file_name: str) -> bool:
    return any(file.path == file_name for file in store.client().list_artifacts(run_id))


def _related(students: pd.DataFrame, others: pd.DataFrame, notes: Mapping[str, str]) -> Results:
    teachers, baselines = (
        others[others.index.isin(set(students[column]))].loc[lambda rows: ~rows.index.duplicated()]
        for column in ("teacher_run", "baseline_run")
    )
    teachers = _with_costs(teachers, students, "teacher")
    baselines = _with_costs(baselines, students, "baseline")
    of_run = students["baseline_run"].map(baselines["test"])
    kept = {name: note for name, note in notes.items() if name in set(students["dataset"])}
    return Results(students.assign(baseline=students["baseline"].fillna(of_run)), teachers, baselines, kept)


def _with_costs(rows: pd.DataFrame, students: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Teachers or baselines with their costs: the median of what was measured with each of their students."""
    columns = [cost.name for cost in costs()]
    measured = students.groupby(f"{kind}_run")[[f"{kind}_{name}" for name in columns]].median()
    return rows.assign(**{name: measured[f"{kind}_{name}"].reindex(rows.index).fillna(rows[name]) for name in columns})


def _search(role: Role, dataset: str | None) -> "list[Run]":
    # A name with both kinds of quotes cannot be written in a filter; such runs are found without it.
    quote = next((mark for mark in "'\"" if dataset is not None and mark not in dataset), None)
    narrowed = f" and tags.`{names.DATASET}` = {quote}{dataset}{quote}" if quote else ""
    return store.search(f"tags.`{names.ROLE}` = '{role}'{narrowed}")


def columns() -> list[str]:
    """The columns of the tables of `Results`."""
    return [*(name for name in _FACTS if name != "run_id"), *_TAGS, *_metrics(), *_UNDISTILLED_SCORES, "status"]


def _table(found: "Sequence[Run]") -> pd.DataFrame:
    return pd.DataFrame([_row(run) for run in found], columns=["run_id", *columns()]).set_index("run_id")


def _row(run: "Run") -> dict[str, object]:
    tags, metrics, params = run.data.tags, run.data.metrics, dict(run.data.params)
    metric = tags.get(names.MAIN_METRIC, "")
    seconds = sum(value for name, value in metrics.items() if name.startswith(names.PHASE_PREFIX))
    return {
        "run_id": run.info.run_id,
        "experiment_id": run.info.experiment_id,
        "status": run.info.status,
        "started": run.info.start_time,
        "seed": int(params.get(f"{names.CONFIG_PREFIX}seed", 1)),
        "data": store.data_of(run),
        "validation": metrics.get(names.VALIDATION_PREFIX + metric, metrics.get(names.EPOCH_SCORE_PREFIX + metric)),
        "test": metrics.get(names.TEST_PREFIX + metric),
        "baseline": metrics.get(names.BASELINE_TEST_PREFIX + metric),
        "minutes": seconds / 60,
        "params": params,
        **{column: tags.get(tag) for column, tag in _TAGS.items()},
        "user": tags.get(names.USER, ""),
        **{column: metrics.get(name) for column, name in _metrics().items()},
        **{column: metrics.get(name + metric) for column, name in _UNDISTILLED_SCORES.items()},
    }
