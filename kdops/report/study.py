"""The figures of the study that kdops follows, beside our own.

Nityasya, Wibowo, Chevi, Prasojo, Aji, "Which Student is Best? A Comprehensive Knowledge Distillation Exam for
Task-Specific BERT Models", 2022, arXiv:2201.00558, Tables 5 and 6: macro F1 of the data sets that are public.
"""

from collections.abc import Iterator
from importlib.resources import files

import pandas as pd

from kdops.report.chart import Table
from kdops.report.choice import best_rows, over_seeds, records
from kdops.report.style import BASELINE, RECIPES, STUDENTS, TEACHER, VANILLA
from kdops.tracking.results import Results

CITATION = "Nityasya et al. 2022, arXiv:2201.00558, Tables 5 and 6"
_FINE_TUNED = "fine-tuned"


def study_scores() -> pd.DataFrame:
    """The study's test macro F1 in percent: columns `dataset`, `student`, `recipe`, `f1_macro`, by our names.

    The teacher is a student of that name with recipe `fine-tuned`; a student without distillation has `vanilla`.
    """
    with (files("kdops.report") / "arxiv_2201_00558.csv").open(encoding="utf-8") as file:
        return pd.read_csv(file, comment="#")


def study_table(results: Results) -> Iterator[Table]:
    """One data set's scores beside the study's; nothing for a data set that is not in the study."""
    theirs = study_scores()
    theirs = theirs[theirs["dataset"] == results.datasets[0]]
    if theirs.empty:
        return
    published = {(row["student"], row["recipe"]): float(row["f1_macro"]) for row in records(theirs)}
    ours = _ours(results)
    rows = [_row(TEACHER, [(_FINE_TUNED, published.get((TEACHER, _FINE_TUNED)), ours.get((TEACHER, _FINE_TUNED)))])]
    for student in STUDENTS:
        recipes = [VANILLA if recipe == BASELINE else recipe for recipe in RECIPES]
        rows.append(_row(student, [(one, published.get((student, one)), ours.get((student, one))) for one in recipes]))
    yield Table(
        title="Beside the study",
        caption=f"Test macro F1 in percent, study / ours ({CITATION}). The study's teacher is IndoBERT base, it ran "
        "one seed, and its budgets differ; a dash stands for what was not run.",
        rows=rows,
    )


def _ours(results: Results) -> dict[tuple[str, str], float]:
    scores = {(row["student"], VANILLA): row["baseline"] for row in records(best_rows(results.students))}
    scores |= {(row["student"], row["recipe"]): row["test"] for row in records(over_seeds(results.students))}
    taught = results.teachers["test"].dropna()
    return scores | ({(TEACHER, _FINE_TUNED): float(taught.iloc[-1])} if len(taught) else {})


def _row(student: str, cells: list[tuple[str, float | None, float | None]]) -> dict[str, str]:
    row = {"student": student}
    for recipe, published, own in cells:
        column = BASELINE if recipe == VANILLA else recipe
        row[column] = (
            f"{'-' if published is None else f'{published:.2f}'} / {'-' if own is None else f'{100 * own:.2f}'}"
        )
    return row
