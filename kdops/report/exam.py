"""The findings of an exam: each student with its spread, which differences are more than noise, a recommendation."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from kdops import number_text
from kdops.measure.costs import costs, deciding
from kdops.measure.measurement import cheapest
from kdops.metrics import Gold
from kdops.report import cells
from kdops.report.chart import Table
from kdops.report.choice import nothing_learned, over_seeds, records, winning_linear
from kdops.resampling import bootstrap_scores, compared, holm
from kdops.task import Task
from kdops.tracking.results import Results, read_classes, read_predictions

ALPHA = 0.05
"""The chance of a false alarm among the comparisons of one data set."""

_SAMPLES = 10_000
_PARTS = ("", "", "half", "a third", "a quarter", "a fifth", "a sixth", "a seventh", "an eighth", "a ninth", "a tenth")
_SCORES = ("validation", "test", "baseline", "kd_gain", "f1_retained")


@dataclass(frozen=True)
class Comparison:
    """Two students of a data set, each by its best recipe, asked the same test rows.

    Attributes:
        dataset: the data set.
        first: one student.
        second: the other.
        difference: test score of the first minus that of the second, means over their seeds.
        low: lower end of the 95 % interval of that difference.
        high: its upper end.
        p_value: two-sided, of a paired bootstrap over the rows.
        p_holm: the same, corrected for the number of pairs of the data set.
    """

    dataset: str
    first: str
    second: str
    difference: float
    low: float
    high: float
    p_value: float
    p_holm: float

    @property
    def clear(self) -> bool:
        """Whether the difference is more than noise."""
        return self.p_holm < ALPHA

    def of(self, one: str, other: str) -> bool:
        """Whether it compares these two."""
        return {self.first, self.second} == {one, other}


def exam_frame(results: Results) -> pd.DataFrame:
    """A row per data set, student and recipe: scores as means and standard deviations over seeds, and costs."""
    table = over_seeds(results.students)
    spread = [column for column in table.columns if column.endswith("_spread")]
    kept = ["dataset", "task", "metric", "student", "recipe", "seeds", *_SCORES, *spread]
    kept += [cost.name for cost in costs()] + [f"times_{cost.ratio}" for cost in costs() if cost.ratio]
    return table[kept].reset_index(drop=True)


def compare_students(results: Results) -> list[Comparison]:
    """Compare the students of each data set with one another, as far as their test labels were logged."""
    return [comparison for name in results.datasets for comparison in _compare(name, results.of(name).students)]


def comparison_frame(comparisons: Sequence[Comparison]) -> pd.DataFrame:
    """A row a comparison."""
    columns = [*Comparison.__dataclass_fields__, "clear"]
    return pd.DataFrame([{**vars(one), "clear": one.clear} for one in comparisons], columns=columns)


def significance_table(results: Results, comparisons: Sequence[Comparison]) -> Table:
    """The comparisons, and what could not be compared."""
    rows = [
        {
            "data set": one.dataset,
            "students": f"{one.first} - {one.second}",
            "difference, points": f"{100 * one.difference:+.1f}",
            "95 % between": f"{100 * one.low:+.1f} and {100 * one.high:+.1f}",
            "p": f"{one.p_value:.4f}",
            "p, Holm": f"{one.p_holm:.4f}",
            "": "more than noise" if one.clear else "within noise",
        }
        for one in comparisons
    ]
    compared_sets = {one.dataset for one in comparisons}
    rows += [
        {"data set": name, "students": "not compared: some of their runs logged no labels of the test rows"}
        for name in results.datasets
        if name not in compared_sets and results.of(name).students["student"].nunique() > 1
    ]
    return Table(
        title="Which differences are more than noise",
        caption="Test scores of each student's best recipe by validation score, means over seeds; paired bootstrap "
        f"over the test rows ({_SAMPLES} draws), p-values corrected by Holm over the pairs of a data set.",
        rows=rows,
    )


def recommendations(results: Results, comparisons: Sequence[Comparison], among: str = "") -> Iterator[str]:
    """A sentence per data set: its best student by validation score, or the cheapest that is within noise of that.

    Args:
        results: the students to choose from.
        comparisons: of them.
        among: which students these are, as the sentence begins with it; empty: all.
    """
    for name in results.datasets:
        rows = records(_best_recipes(results.of(name).students))
        best = max(rows, key=lambda row: float(row["validation"]))
        known = [one for one in comparisons if one.dataset == name]
        nothing = nothing_learned(results.of(name).students, best)
        said = number_text.of_no_use(nothing).rstrip(".") if nothing else among + _recommended(best, rows, known)
        yield f"{name}: {said}{_linear_wins(results.of(name), best)}"


def _linear_wins(results: Results, best: dict[str, Any]) -> str:
    """The sentence that no network is needed, if the linear baseline is no worse than the best student."""
    linear = winning_linear(results, best)
    if linear is None:
        return ""
    return (
        f"; no network is needed: a linear model of words is no worse than the best student (validation "
        f"{best['metric']} {linear['validation']:.3f} against {best['validation']:.3f}, test {linear['test']:.3f})"
    )


def _recommended(best: dict[str, Any], rows: Sequence[dict[str, Any]], known: Sequence[Comparison]) -> str:
    metric = best["metric"]
    kept = cells.retained(best)
    top = (
        f"{name_of(best)} is best by validation {metric} ({number_text.score(best['validation'])}; test "
        f"{number_text.score(best['test'])}{f', {kept} of the teacher' + chr(39) + 's' if kept else ''}"
    )
    if len(rows) == 1:
        return f"{top}); it was the only student"
    if not known:
        return f"{top}); whether the others are within noise of it is unknown, their test labels were not logged"
    noise = [
        row
        for row in rows
        if row is not best and any(one.of(row["student"], best["student"]) and not one.clear for one in known)
    ]
    equals = [best, *noise]
    left = cheapest([[float(row[cost.name]) for cost in deciding()] for row in equals])
    chosen = equals[max(left, key=lambda place: float(equals[place]["validation"]))]
    if chosen is best:
        others = ", ".join(str(row["student"]) for row in noise)
        return f"{top}); " + (f"within noise of it, and no cheaper: {others}" if noise else _clear(rows))
    pair = next(one for one in known if one.of(chosen["student"], best["student"]))
    shares = [_share(float(chosen[cost.name]) / float(best[cost.name]), cost.word) for cost in deciding()]
    ours, theirs = (number_text.score(one["test"]) for one in (chosen, best))
    return (
        f"{name_of(chosen)} is within noise of {name_of(best)} (test {metric} {ours} against {theirs}, "
        f"p {pair.p_holm:.2g}) at {_listed([share for share in shares if share])}"
    )


def _clear(rows: Sequence[dict[str, Any]]) -> str:
    """The verdict where test rows tell the best from all others; of one seed each, it claims no more than that."""
    if min(row["seeds"] for row in rows) > 1:
        return "no other student is within noise of it"
    return "the test rows tell it from the others, but one seed each says nothing of what another seed would give"


def name_of(row: Mapping[str, Any]) -> str:
    """A student by its recipe, in a sentence."""
    return f"{row['student']} by {row['recipe']}"


def _share(ratio: float, word: str) -> str:
    """`a ninth of the RAM`; empty where it is hardly less."""
    parts = round(1 / ratio) if ratio > 0 else 0
    if ratio > 1 - ALPHA or parts < 1:
        return "" if ratio <= 1 + ALPHA else f"{ratio:.1f} times the {word}"
    if parts == 1:
        return f"{ratio:.0%} of the {word}"
    return f"{_PARTS[parts] if parts < len(_PARTS) else f'1/{parts}'} of the {word}"


def _listed(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words) or "the same costs"


def _best_recipes(students: pd.DataFrame) -> pd.DataFrame:
    """A row per student of one data set: its best recipe by mean validation score, without distillation or with it."""
    table = over_seeds(students).sort_values("validation", ascending=False, kind="stable")
    return table.drop_duplicates("student").sort_index()


def _compare(dataset: str, students: pd.DataFrame) -> list[Comparison]:
    best = _best_recipes(students)
    chosen = set(zip(best["student"], best["recipe"], strict=True))
    cells = students[[pair in chosen for pair in zip(students["student"], students["recipe"], strict=True)]]
    answers, owners = [], []
    gold: Gold | None = None
    for run_id, student in cells["student"].items():
        logged = read_predictions(str(run_id))
        if logged is None or (gold is not None and logged[0] != gold):
            return []
        gold = logged[0]
        answers.append(logged[1])
        owners.append(str(student))
    names = list(dict.fromkeys(owners))
    classes = read_classes(str(cells.index[0]))
    if gold is None or classes is None or len(names) < 2:
        return []
    labels: Any = classes["labels"]
    whole, drawn = bootstrap_scores(Task(cells["task"].iloc[0]), labels, gold, answers, samples=_SAMPLES)
    of = {name: np.array([owner == name for owner in owners]) for name in names}
    pairs = list(combinations(names, 2))
    found = [
        compared(
            whole[of[one]].mean() - whole[of[other]].mean(),
            drawn[:, of[one]].mean(axis=1) - drawn[:, of[other]].mean(axis=1),
        )
        for one, other in pairs
    ]
    corrected = holm([one.p_value for one in found])
    return [
        Comparison(dataset, *pair, **vars(one), p_holm=p_holm)
        for pair, one, p_holm in zip(pairs, found, corrected, strict=True)
    ]
