"""The figures of the study that kdops follows, beside our own.

Nityasya, Wibowo, Chevi, Prasojo, Aji, "Which Student is Best? A Comprehensive Knowledge Distillation Exam for
Task-Specific BERT Models", 2022, arXiv:2201.00558, Tables 5 and 6: macro F1 of the data sets that are public.
"""

from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files

import pandas as pd

from kdops.report.chart import Table
from kdops.report.choice import best_rows, over_seeds, records
from kdops.report.style import BASELINE, RECIPES, STUDENTS, TEACHER, VANILLA
from kdops.tracking.results import Results

CITATION = "Nityasya et al. 2022, arXiv:2201.00558, Tables 5 and 6"
_FINE_TUNED = "fine-tuned"

Scores = Mapping[tuple[str, str], float]
"""Test macro F1 in percent by student and recipe."""


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
    known = published.keys() | ours.keys()
    recipes = [VANILLA if recipe == BASELINE else recipe for recipe in RECIPES]
    recipes = [recipe for recipe in recipes if any((student, recipe) in known for student in STUDENTS)]
    rows = [_row(TEACHER, [_FINE_TUNED], published, ours)]
    students = [student for student in STUDENTS if any((student, recipe) in known for recipe in recipes)]
    rows += [_row(student, recipes, published, ours) for student in students]
    yield Table(
        title="Beside the study",
        caption=f"Test macro F1 in percent, study / ours ({CITATION}). The study's teacher is IndoBERT base, it ran "
        "one seed, and its budgets differ; a dash stands for what was not run.",
        rows=rows,
    )


def _ours(results: Results) -> Scores:
    scores = {(row["student"], VANILLA): 100 * row["baseline"] for row in records(best_rows(results.students))}
    scores |= {(row["student"], row["recipe"]): 100 * row["test"] for row in records(over_seeds(results.students))}
    taught = results.teachers["test"].dropna()
    return scores | ({(TEACHER, _FINE_TUNED): 100 * float(taught.iloc[-1])} if len(taught) else {})


def _row(student: str, recipes: Sequence[str], published: Scores, ours: Scores) -> dict[str, str]:
    def percent(score: float | None) -> str:
        return "-" if score is None else f"{score:.2f}"

    cells = {
        BASELINE if recipe == VANILLA else recipe: " / ".join(
            percent(scores.get((student, recipe))) for scores in (published, ours)
        )
        for recipe in recipes
    }
    return {"student": student, **cells}
