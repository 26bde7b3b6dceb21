"""Which of several runs stand for a student: chosen by validation F1, never by test F1."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from kdops.measure.costs import costs
from kdops.report.style import BASELINE, STUDENTS, TEACHER, VANILLA
from kdops.tracking.comparable import CELL
from kdops.tracking.results import INT8_TEACHER, LINEAR, Results

_NUMBERS = ["validation", "test", "f1_retained", "kd_gain", "baseline"]


def over_seeds(rows: pd.DataFrame) -> pd.DataFrame:
    """A row per data set, student and recipe, students in the order in which they are drawn.

    Scores and costs are means over the seeds, `test_spread` and so on their standard deviations (missing with one
    seed), and how many times cheaper is the ratio of these means, so that the figures of a table agree; `seeds` is how
    many there are, `precision` and `user` all there are; everything else, `run_id` too, is that of the newest run.
    """
    keys = CELL[:-1]
    numbers = rows.select_dtypes("number").columns.difference(["seed", "started"])
    grouped = rows.reset_index(names="run_id").sort_values("started").groupby(keys, sort=False)
    merged = grouped.last()
    merged[numbers] = grouped[list(numbers)].mean()
    spread = grouped[_NUMBERS].std().add_suffix("_spread")
    for cost in costs():
        if cost.ratio:
            times, of_means = f"times_{cost.ratio}", merged[f"teacher_{cost.name}"] / merged[cost.name]
            merged[times] = of_means.fillna(merged[times])
    precisions = grouped["precision"].agg(lambda each: " and ".join(sorted(set(each.dropna()))))
    merged["precision"] = precisions.where(precisions != "")
    merged["user"] = grouped["user"].agg(lambda people: ", ".join(sorted(set(people))))
    table = merged.join(spread).assign(seeds=grouped.size()).reset_index()
    order = {name: place for place, name in enumerate(STUDENTS)}
    return table.assign(order=table["student"].map(order)).sort_values(["dataset", "order", "recipe"])


def best_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """Of each data set and student the recipe with the best mean validation F1; no distillation only where it is all.

    Returns:
        Rows of `over_seeds`.
    """
    table = over_seeds(rows).assign(distilled=lambda found: found["recipe"] != VANILLA)
    ranked = table.sort_values(["distilled", "validation"], ascending=False)
    return ranked.drop_duplicates(["dataset", "student"]).sort_index()


def nothing_learned(students: pd.DataFrame, chosen: Mapping[str, object]) -> str:
    """Who learned nothing in all runs behind a row of `over_seeds`, with what it answers; empty: not so.

    Args:
        students: of one data set.
        chosen: the row.
    """
    same = students[(students["student"] == chosen["student"]) & (students["recipe"] == chosen["recipe"])]
    said = same["nothing_learned"]
    return str(said.iloc[-1]) if len(said) and said.notna().all() else ""


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows, each by column."""
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def number(value: float, form: str = ".3f", missing: str = "") -> str:
    """A number as text; `missing` where there is none, such as the score of a teacher that lacks test texts."""
    return missing if pd.isna(value) else f"{value:{form}}"


_UNDISTILLED = {INT8_TEACHER: f"{TEACHER} int8", LINEAR: "linear"}


def teacher_records(results: Results) -> list[dict[str, Any]]:
    """The teachers, each by column, and its `name` in tables and legends, which says in what several ones differ.

    Costs are those that were measured in turns with the best of its students, so that a table's ratios are those of its
    figures; where there are none, those of its own run.
    """
    named = [_named(TEACHER, settings) for settings in results.teacher_settings]
    table = results.teachers.assign(name=named)
    beside = {f"teacher_{cost.name}": cost.name for cost in costs()}
    table.update(_of_best(results.students).groupby("teacher_run")[list(beside)].mean().rename(columns=beside))
    return records(table)


def undistilled_records(results: Results) -> list[dict[str, Any]]:
    """The rows of `Results.undistilled`, each by column, and its `name` in tables and legends.

    Costs are from the runs that `teacher_records` takes them from.
    """
    rows = replace(results, students=_of_best(results.students)).undistilled
    named = [
        _named(_UNDISTILLED[kind], told) for kind, told in zip(rows["kind"], rows["teacher_settings"], strict=True)
    ]
    return records(rows.assign(name=named))


def _of_best(students: pd.DataFrame) -> pd.DataFrame:
    """The runs behind the best student of each teacher and data set, by mean validation F1."""
    chosen = []
    for _, taught in students.groupby(["dataset", "teacher_run"], dropna=False):
        best = max(records(best_rows(taught)), key=lambda row: float(row["validation"]))
        chosen.append(taught[(taught["student"] == best["student"]) & (taught["recipe"] == best["recipe"])])
    runs: pd.DataFrame = pd.concat(chosen)
    return runs


def winning_linear(results: Results, student: Mapping[str, Any]) -> dict[str, Any] | None:
    """The linear model of words, if its validation score is no worse than that of a student; else None."""
    rows = [row for row in undistilled_records(results) if row["kind"] == LINEAR]
    return next((row for row in rows if row["validation"] >= student["validation"]), None)


def _named(model: str, settings: str) -> str:
    """A model with what it differs in; of a folder the last part only, since the rest widens every table."""
    shown = re.sub(r"(?<= )/\S*/", "", settings)
    return f"{model} ({shown})" if shown else model


def title(row: Mapping[str, object]) -> str:
    """The name of a student by a recipe in legends."""
    return f"{row['student']} {BASELINE if row['recipe'] == VANILLA else row['recipe']}"
