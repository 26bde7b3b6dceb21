"""Writes docs/more_text.md and its figure from the tracking store that `MLFLOW_TRACKING_URI` names.

A bar and a line is a finished run of `distill`, made by `docs/run_more_text.sh`; no number in them is typed by hand.
"""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from kdops.errors import UserError
from kdops.models.student_kinds import STUDENTS
from kdops.report.chart import Axis, Chart, Panel, Series, Table
from kdops.report.choice import records
from kdops.report.image import save_image
from kdops.report.style import BLUE, ORANGE, SKY, WHITE
from kdops.tracking import names, store
from kdops.tracking.names import Role, Status
from kdops.tracking.results import read_classes, read_results

DOCS = Path(__file__).parent
CATALOGUE = "the catalogue"
ALONE, TEACHER = "none, alone", "teacher"
COLORS = {ALONE: WHITE, CATALOGUE: SKY, "news.jsonl": ORANGE, "both.jsonl": BLUE}
HEAD = """# Which texts without labels?

Written by `python docs/write_more_text.py` from the runs of `docs/run_more_text.sh`. On [the page of earlier
results](results_before.md) texts without labels are those of the catalogue's other data sets, and on smsa and nergrit
no student keeps 95% of its teacher's F1. Here the same students get sentences of news instead, and a BiLSTM for smsa
also both (`both.jsonl`, half of each). One seed, one trial, the study's setting, without general distillation. The
baseline, "alone" in the tables, is the same student on gold labels only, with at least as many training steps. A point
or two is noise on test splits of 500 and 209 texts: the training on `both.jsonl`, repeated outside these runs, kept
95.3% where the table has 94.5%. Only the student of 60,000 sentences multiplied in bfloat16. Tags were read word by
word; they are taken together now, as whole spans.

- **smsa.** Student and teacher agree on negative and positive texts; what the student misses is `neutral`, 18% of the
  test texts and 10% of train. Few reviews and tweets only state facts, many sentences of news do, and its F1 of neutral
  rises with news. This was learned from errors on test texts, so nobody could have chosen it without them. But
  `distill` warns when the test split has another mix of labels than train, and validation prefers both kinds of text,
  too.
- **nergrit** is news, and three of five names in its validation and test texts do not occur in train. More news brings
  more persons and organisations, up to a point: outside these runs, 60,000 sentences for 8 epochs and 180,000 for 4
  gave the same, 0.696 and 0.694 on validation, 0.626 and 0.627 on test texts, 85% of the teacher. Beyond that the
  student is the limit, most of all for organisations.
- **A larger student, trained longer**, was tried outside these runs, bert-small with `init=teacher`. On nergrit with
  60,000 sentences, three epochs at learning rate 2e-4, it reached 0.694 and 0.653, 88.6% of the teacher. On smsa with
  half gold labels, half KL divergence at temperature 2, learning rate 1e-4, four epochs of the labeled texts only, it
  reached 0.875 and 0.799, 92.6%, where two epochs of the study's setting had 0.751."""


def main() -> None:
    """Write the page."""
    rows = _rows()
    datasets = [(str(name), found) for name, found in rows.groupby("dataset")]
    chart = Chart(
        name="more-text",
        title="By source of the texts",
        caption="Test F1 by where the texts without labels come from. The dashed line is the teacher.",
        panels=[_panel(name, found) for name, found in datasets],
    )
    path = save_image(chart, DOCS / "figures").relative_to(DOCS)
    parts = [HEAD, f"## {chart.title}\n\n{chart.caption}\n\n![{chart.title}]({path})"]
    for name, found in datasets:
        tables = [Table("", "", [_cells(row) for row in records(found)]), Table("", "", list(_by_class(found)))]
        told = "\n\nTest F1 by class, and how often it stands there:\n\n".join(table.markdown() for table in tables)
        parts.append(f"## {name}\n\n{told}")
    (DOCS / "more_text.md").write_text("\n\n".join(part.strip() for part in parts) + "\n", encoding="utf-8")


def _rows() -> pd.DataFrame:
    """Each finished run of `distill` with its teacher's scores, by data set and source of its texts."""
    finished = store.search(f"tags.`{names.ROLE}` = '{Role.STUDENT}' and attributes.status = '{Status.FINISHED}'")
    found = []
    for run in finished:
        if names.REUSED_RUN in run.data.tags:
            continue
        results = read_results(run_ids=[run.info.run_id])
        taught = results.teachers.iloc[0][["validation", "test"]].add_prefix("teacher_")
        found.append(pd.concat([results.students.reset_index().iloc[0], taught]))
    if not found:
        raise UserError("no finished run of distill in the store that MLFLOW_TRACKING_URI names")
    rows = pd.DataFrame(found)
    rows["file"] = [_file(row) for row in records(rows)]
    rows["source"] = [f"{row['unlabeled_texts']:,.0f} of {row['file']}" for row in records(rows)]
    orders = {"student": list(STUDENTS), "file": list(COLORS)}
    return rows.sort_values(
        ["dataset", *orders],
        key=lambda column: column.map(orders[column.name].index) if column.name in orders else column,
    )


def _file(row: Mapping[str, Any]) -> str:
    path = str(row["params"].get("cfg.unlabeled", "None"))
    name = CATALOGUE if path == "None" else Path(path).name
    if name not in COLORS:
        raise UserError(f"the page has no colour for texts of {name}; it knows {', '.join(COLORS)}")
    return name


def _panel(dataset: str, rows: pd.DataFrame) -> Panel:
    students = list(dict.fromkeys(rows["student"]))
    alone = [rows.loc[rows["student"] == student, "alone"].max() for student in students]
    series = [Series(ALONE, students, alone, COLORS[ALONE])]
    for file, found in rows.groupby("file", sort=False):
        series.append(Series(found["source"].iloc[0], list(found["student"]), list(found["test"]), COLORS[str(file)]))
    level = (TEACHER, float(rows["teacher_test"].iloc[-1]))
    axis = Axis(f"test {rows['metric'].iloc[0]} (0 to 1)", span=(0, 1))
    return Panel(dataset, Axis("student"), axis, series, bars=True, level=level)


def _cells(row: Mapping[str, Any]) -> dict[str, str]:
    return {
        "student": row["student"],
        "texts without labels": row["source"],
        "epochs": row["params"].get("cfg.epochs", ""),
        "validation F1": f"{row['validation']:.3f}",
        "test F1": f"{row['test']:.3f}",
        "alone, test F1": f"{row['alone']:.3f}",
        "gain, points": f"{row['kd_gain']:+.1f}",
        "of the teacher, validation": f"{row['validation'] / row['teacher_validation']:.1%}",
        "of the teacher, test": f"{row['f1_retained']:.1%}",
        "minutes": f"{row['minutes']:.0f}",
    }


def _by_class(rows: pd.DataFrame) -> Iterator[dict[str, str]]:
    """F1 of each class, of the students and of their teacher."""
    asked = [(f"{row['student']}, {row['source']}", str(row["run_id"])) for row in records(rows)]
    for name, run_id in [*asked, (TEACHER, str(rows["teacher_run"].iloc[-1]))]:
        told = read_classes(run_id)
        assert told is not None
        scores: Mapping[str, Any] = told["classes"]  # type: ignore[assignment]
        yield {"": name} | {f"{label} ({one['gold']})": f"{one['f1']:.3f}" for label, one in scores.items()}


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")
