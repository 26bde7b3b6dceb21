"""The students of an exam that hold the limits, and what is said of those that do not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import Any

import pandas as pd

from kdops.measure.costs import costs
from kdops.report.choice import over_seeds, records
from kdops.report.exam import name_of
from kdops.steps.limits import Limit, broken, said
from kdops.tracking import names
from kdops.tracking.results import Results


@dataclass(frozen=True)
class Fitting:
    """The students of an exam beside the limits.

    Attributes:
        results: the results of those that hold all limits by their mean costs over seeds.
        sentences: one for each data set, where there are limits.
        nothing: those of the data sets in which no student holds them.
    """

    results: Results
    sentences: Sequence[str] = ()
    nothing: Sequence[str] = ()


def fitting(results: Results, limits: Sequence[Limit]) -> Fitting:
    """Find the students that hold all limits."""
    if not limits:
        return Fitting(results)
    rows = records(over_seeds(results.students))
    able = {_cell(row) for row in rows if not broken(limits, costs_of(row))}
    students = results.students[[_cell(row) in able for row in records(results.students)]]
    sentences = {name: _told([row for row in rows if row["dataset"] == name], limits) for name in results.datasets}
    nothing = [sentence for name, sentence in sentences.items() if name not in set(students["dataset"])]
    return Fitting(replace(results, students=students), [*sentences.values()], nothing)


def costs_of(row: Mapping[str, Any]) -> Mapping[str, float]:
    """The known costs of a row of results, by the names of their metrics."""
    return {names.COST_PREFIX + cost.name: row[cost.name] for cost in costs() if not pd.isna(row[cost.name])}


def _cell(row: Mapping[str, Any]) -> tuple[str, str, str]:
    return row["dataset"], row["student"], row["recipe"]


def _told(rows: Sequence[Mapping[str, Any]], limits: Sequence[Limit]) -> str:
    """How many students of a data set break the limits, each by its recipe that is nearest to them, and by how much."""

    def excess(row: Mapping[str, Any]) -> float:
        return max(costs_of(row).get(limit.metric, inf) / limit.bound for limit in limits)

    def breaks(row: Mapping[str, Any]) -> str:
        return said(broken(limits, costs_of(row)), costs_of(row))

    nearest = {row["student"]: row for row in sorted(rows, key=excess, reverse=True)}
    beyond = sorted((row for row in nearest.values() if breaks(row)), key=excess)
    name, asked = rows[0]["dataset"], " and ".join(map(str, limits))
    if not beyond:
        return f"{name}: all students hold the limits ({asked})"
    each = [f"{name_of(row)} ({breaks(row)})" for row in beyond]
    if len(beyond) == len(nearest):
        return f"{name}: no student holds the limits ({asked}); the nearest is {each[0]}"
    return f"{name}: {len(beyond)} of {len(nearest)} students break the limits ({asked}): {', '.join(each)}"
