"""The finished students that may be compared: those of the same data, and over seeds those of the same settings."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from kdops.errors import UserError
from kdops.tracking import names

CELL = ["dataset", "student", "recipe", "seed"]
# Parameters that always differ within an average, where a run does not name its settings.
_ALWAYS_DIFFERENT = ("seed",)


@dataclass(frozen=True)
class Comparable:
    """Students that may be compared.

    Attributes:
        students: the newest run of each data set, student, recipe and seed.
        notes: a sentence or two a data set, by its name: whose runs these are, on which data, and what was left out.
    """

    students: pd.DataFrame
    notes: Mapping[str, str]


def comparable(made: pd.DataFrame, *, open_run: str | None, by_settings: bool) -> Comparable:
    """Choose the runs of each data set that were scored on the same rows: those on the data that was used last.

    One name may stand for other data than before, or for other data of somebody else's.

    Args:
        made: finished students, with the columns of `Results`.
        open_run: a run whose data counts whatever was used since: the one that asks.
        by_settings: whether seeds stand together only where all else is the same as in the newest run.
    """
    ordered = made.sort_values("started")
    last = pd.concat([ordered, ordered[ordered.index == open_run]]).groupby("dataset")["data"].last()
    same_data = ordered[ordered["data"] == ordered["dataset"].map(last)]
    newest = same_data.drop_duplicates(CELL, keep="last")
    kept = newest[_like_the_newest(newest)] if by_settings else newest
    notes = {
        str(name): _note(
            kept[kept["dataset"] == name],
            other_data=int((ordered["dataset"] == name).sum() - (same_data["dataset"] == name).sum()),
            other_settings=int((newest["dataset"] == name).sum() - (kept["dataset"] == name).sum()),
        )
        for name in last.index
    }
    return Comparable(kept.sort_values(CELL), notes)


def of_user(students: pd.DataFrame, user: str) -> set[str]:
    """The runs that somebody made, and those that theirs reused.

    Raises:
        UserError: there are none.
    """
    theirs = students[students["user"] == user]
    if theirs.empty:
        people = ", ".join(sorted(set(students["user"]) - {""}))
        raise UserError(f"no distillation by user {user!r}; there are runs of: {people or 'nobody'}")
    return {*theirs.index, *theirs["reused_run"].dropna()}


def settings_of(params: Mapping[str, str], named: object) -> dict[str, str]:
    """The parameters of a run that change the result, as it logged them.

    Args:
        params: All logged parameters.
        named: Their names, as the run logged them; where it did not, all that begin with `cfg.` count but the seed:
            seeds with different settings must never be averaged.
    """
    configured = {
        name.removeprefix(names.CONFIG_PREFIX): "" if value in names.NO_VALUE else value
        for name, value in params.items()
        if name.startswith(names.CONFIG_PREFIX)
    }
    if isinstance(named, str):
        return {name: configured.get(name, "") for name in named.split(",")}
    return {name: value for name, value in configured.items() if name not in _ALWAYS_DIFFERENT}


def differing_settings(runs: pd.DataFrame) -> pd.Series:
    """By run the settings in which those of its data set differ, as text (`epochs 3`); empty: their seeds at most."""
    told: dict[object, str] = {}
    for _, same_data in runs.groupby("dataset"):
        logged = zip(same_data["params"], same_data["settings"], strict=True)
        settings = [settings_of(params, named) for params, named in logged]
        known = sorted({name for one in settings for name in one})
        differ = [name for name in known if len({one.get(name, "") for one in settings}) > 1]
        for run_id, one in zip(same_data.index, settings, strict=True):
            told[run_id] = ", ".join(f"{name} {one[name]}" for name in differ if one.get(name))
    return pd.Series([told[run_id] for run_id in runs.index], index=runs.index, dtype=object)


def _like_the_newest(rows: pd.DataFrame) -> pd.Series:
    """Whether each run has the settings of the newest run of its data set, student and recipe; oldest first."""
    logged = zip(rows["params"], rows["settings"], strict=True)
    texts = [repr(sorted(settings_of(params, named).items())) for params, named in logged]
    settings = pd.Series(texts, index=rows.index)
    newest = settings.groupby([rows[column] for column in CELL[:-1]]).transform("last")
    return settings == newest


def _note(kept: pd.DataFrame, *, other_data: int, other_settings: int) -> str:
    people = " and ".join(sorted(set(kept["user"]) - {""}))
    data = kept["data"].iloc[0]
    sentences = [f"Runs of {people or 'nobody that is known'}" + (f", all on data {data}." if data else ".")]
    if other_data:
        runs, were = _counted(other_data)
        sentences.append(f"{runs} on other data of the same name {were} left out: other test texts, other figures.")
    if other_settings:
        runs, were = _counted(other_settings)
        sentences.append(f"{runs} of other seeds with other settings than the newest {were} left out.")
    return " ".join(sentences)


def _counted(runs: int) -> tuple[str, str]:
    return ("1 run", "is") if runs == 1 else (f"{runs} runs", "are")
