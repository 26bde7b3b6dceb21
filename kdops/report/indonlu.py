"""The figures that IndoNLU published for its twelve tasks, beside our own.

Wilie et al., "IndoNLU: Benchmark and Resources for Evaluating Indonesian Natural Language Understanding", 2020,
arXiv:2009.05387, Table 4: test macro F1 of fine-tuned models.
"""

from importlib.resources import files

import pandas as pd

from kdops.report.chart import Table
from kdops.report.choice import best_rows, records
from kdops.report.style import TEACHER
from kdops.tracking.results import Results

_STUDENTS = ("bilstm", "cnn")


def indonlu_scores() -> pd.DataFrame:
    """IndoNLU's test macro F1 in percent: a row per data set, by our names, and a column per model."""
    with (files("kdops.report") / "arxiv_2009_05387.csv").open(encoding="utf-8") as file:
        rows = pd.read_csv(file, comment="#")
    return rows.pivot_table(index="dataset", columns="model", values="f1_macro", sort=False)


def indonlu_table(results: Results) -> Table:
    """A row per data set of IndoNLU: our teacher, BiLSTM and CNN, and the published models."""
    published = indonlu_scores()
    students = best_rows(results.students).set_index(["dataset", "student"])["test"]
    rows = []
    for name in results.datasets:
        if name not in published.index:
            continue
        teachers = records(results.of(name).teachers)
        ours: dict[str, float | None] = {TEACHER: teachers[-1]["test"] if teachers else None}
        ours |= {student: students.get((name, student)) for student in _STUDENTS}
        cells = {model: "-" if pd.isna(value) else f"{100 * value:.2f}" for model, value in ours.items()}
        theirs = {str(model): f"{value:.2f}" for model, value in published.loc[name].items()}
        rows.append({"data set": name, **cells, **theirs})
    return Table(
        title="Beside IndoNLU",
        caption="Test macro F1 in percent: our teacher and each student by its best recipe on validation, then the "
        "fine-tuned models of Wilie et al. 2020 (arXiv:2009.05387, Table 4).",
        rows=rows,
    )
