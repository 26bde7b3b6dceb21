"""Scores, shares and gains over seeds, as the cells of tables."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from kdops import number_text
from kdops.number_text import Interval
from kdops.tracking import names


def score(row: Mapping[str, Any], name: str) -> str:
    """A score of a row of `over_seeds`, and with several seeds its standard deviation; empty where it is not known."""
    mean, spread = row[name], row[f"{name}_spread"]
    if pd.isna(mean):
        return ""
    return number_text.score(mean) if pd.isna(spread) else f"{number_text.score(mean)} ± {number_text.score(spread)}"


def gain(row: Mapping[str, Any]) -> str:
    """The gain of distillation with its interval, which over several seeds is the mean of theirs."""
    mean, spread = row["kd_gain"], row["kd_gain_spread"]
    if pd.isna(mean):
        return ""
    known = _interval(row, "kd_gain")
    cell = number_text.gain(known) if known else number_text.points(mean)
    return cell if pd.isna(spread) else f"{cell}, ± {spread:.1f} over seeds"


def beside_baseline(row: Mapping[str, Any]) -> str:
    """How far a student lies above or below its baseline, in words; empty where it has none."""
    if pd.isna(row["kd_gain"]):
        return ""
    known = _interval(row, "kd_gain")
    return number_text.beside_baseline(known) if known else number_text.above_or_below(row["kd_gain"])


def retained(row: Mapping[str, Any]) -> str:
    """The share of the teacher's test score, with its interval; empty where the teacher has no score there."""
    if pd.isna(row["f1_retained"]):
        return ""
    known = _interval(row, "f1_retained")
    return number_text.retained(known) if known else number_text.share(row["f1_retained"])


def _interval(row: Mapping[str, Any], name: str) -> Interval | None:
    """None: the run is older than intervals."""
    low, high = (row[name + end] for end in names.ENDS)
    return None if pd.isna(low) else Interval(row[name], low, high)
