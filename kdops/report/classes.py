"""Which classes are confused: F1 by class or entity type, and the confusion matrix."""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from kdops.metrics import word_for
from kdops.report.chart import Axis, Chart, Matrix, Panel, Series, Table
from kdops.report.choice import best_rows, records
from kdops.report.style import BLACK, STUDENTS, TEACHER_MARK, VANILLA
from kdops.task import Task
from kdops.tracking.drawing import most_confused
from kdops.tracking.results import Results, read_classes

_MOST_CLASSES = 30
_MOST_LABELS = 15


def classes(results: Results) -> Iterator[Chart]:
    """F1 by class of one data set's best student beside the teacher's, and for texts what it takes for what.

    Nothing where the runs logged no scores by class.
    """
    best = best_student(results)
    logged = read_classes(best["run_id"])
    if logged is None:
        return
    student, mark = str(best["student"]), STUDENTS[str(best["student"])]
    scores: Mapping[str, Any] = logged["classes"]  # type: ignore[assignment]
    shown = sorted(scores, key=lambda name: -scores[name]["gold"])[:_MOST_CLASSES]
    series = [_series(student, scores, shown, mark.color, mark.shape)]
    if best["recipe"] != VANILLA:
        series += _other(f"{student} baseline", best["baseline_run"], shown, mark.color, mark.shape, filled=False)
    series += _other("teacher", best["teacher_run"], shown, BLACK, TEACHER_MARK.shape)
    spans, word = "entity" in str(best["metric"]), word_for([str(best["metric"])])
    unit = "entity type" if spans else "class"
    rest = "" if len(shown) == len(scores) else f" The {len(shown)} most frequent of {len(scores)}."
    panels: list[Panel | Matrix] = [
        Panel(
            f"{word} by {unit}",
            Axis(f"{unit} (times in the test split)"),
            Axis(f"test {word} (0 to 1)", span=(-0.03, 1.03)),
            series,
        )
    ]
    labels: list[str] = logged["labels"]  # type: ignore[assignment]
    if best["task"] == Task.TEXT and len(labels) <= _MOST_LABELS:
        panels.append(Matrix("Confusion matrix (texts)", labels, logged["confusion"]))  # type: ignore[arg-type]
    yield Chart(
        name="classes",
        title=f"{student} by {unit}",
        caption=f"The best student by validation ({best['recipe']}) on the test split, frequent ones first.{rest}",
        panels=panels,
    )


def confused(results: Results) -> Iterator[Table]:
    """The classes that one data set's best student confuses most, where they are too many for a confusion matrix."""
    best = best_student(results)
    logged = read_classes(best["run_id"])
    if logged is None or best["task"] != Task.TEXT:
        return
    labels: list[str] = logged["labels"]  # type: ignore[assignment]
    pairs = most_confused(logged["confusion"], labels)  # type: ignore[arg-type]
    if len(labels) > _MOST_LABELS and pairs:
        yield Table(
            title=f"What {best['student']} confuses most",
            caption="Texts of the test split, by their gold label and by the label that was predicted instead.",
            rows=[
                {"gold": pair.gold, "predicted": pair.predicted, "texts": f"{pair.times} of {pair.of}"}
                for pair in pairs
            ],
        )


def best_student(results: Results) -> Mapping[str, Any]:
    """The best student of one data set, by mean validation F1; `run_id` is the newest of its runs."""
    return max(records(best_rows(results.students)), key=lambda row: float(row["validation"]))


def _other(
    name: str, run_id: str | None, shown: list[str], color: str, shape: str, *, filled: bool = True
) -> list[Series]:
    logged = read_classes(run_id) if run_id and not pd.isna(run_id) else None
    return [_series(name, logged["classes"], shown, color, shape, filled=filled)] if logged else []


def _series(name: str, scores: Any, shown: list[str], color: str, shape: str, *, filled: bool = True) -> Series:
    present = [label for label in shown if label in scores]
    x = [f"{label} ({scores[label]['gold']})" for label in present]
    return Series(name, x, [scores[label]["f1"] for label in present], color, shape, filled=filled)
