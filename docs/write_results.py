"""Writes docs/results.md and its figures: `python docs/write_results.py [dataset ...]`.

The runs of the data sets named are read from the store that `MLFLOW_TRACKING_URI` names and kept in docs/results/, a
file per data set, in place of what was there; without names the page is written from what is kept. So the data sets may
be measured one after the other. Every number comes from finished runs of `distill`; of several runs with the same data
set, student, recipe and seed the newest counts.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from kdops.errors import UserError
from kdops.measure.costs import Room, costs
from kdops.report.image import save_image
from kdops.report.indonlu import indonlu_table
from kdops.report.ladder import ladder
from kdops.report.quality_cost import quality_cost
from kdops.report.study import study_table
from kdops.report.tables import best_table, budget_table, dataset_table, gains_table
from kdops.tracking.results import Results, columns, read_results

DOCS = Path(__file__).parent
KEPT = DOCS / "results"
TABLES = ("students", "teachers", "baselines")
HEAD = """# Results

Written by `python docs/write_results.py` from the runs of `docs/run_results.sh`; no number in a table or a figure was
typed by hand. The teacher is a multilingual E5 small encoder (12 layers of 384) whose vocabulary was cut down to
Indonesian, fine-tuned on each data set; texts without labels are those of the other data sets of the same task.

These are the study's recipes. Newer than these runs, and not on this page, are general distillation, which `distill`
begins with by default now, and that the tags of a sentence are taken together, so that they always spell whole spans.

## How to read them

- **Baseline.** The same student on gold labels only, with as many trials and at least as many training steps. A gain is
  the student's score minus its baseline's.
- **Budget.** All ran on two CPU cores, so the budget is small: one seed, one trial in the study's setting (mean squared
  error of the logits, no gold labels), few epochs, and a part of the texts without labels; the last table has it for
  each cell. Differences of one or two points are noise on test splits of 209 to 1,000 texts. bert-mini and bert-small
  got fewer epochs and texts than the others, since one of their steps costs 10 to 50 times that of a BiLSTM.
- **Order of training.** Students of fewer than 8,192 rows are now trained in better mixed batches (`training_order` in
  `kdops/training/batches.py`). Their cells were not run again; their scores would differ a little.
- **Gain.** Students that start at random gain most on average. What texts without labels add differs: on emot and
  nergrit BiLSTM and CNN gain more with them, on smsa and terma a BiLSTM gains as much or more without. bert-mini and
  bert-small, and their baselines, start from the teacher's own layers here (`init=teacher`), which leaves little for
  distillation to add; with as few steps as bert-small had on smsa and nergrit, logits teach it less than gold labels
  do.
- **Share of the teacher.** On terma most students keep 95% of the teacher's F1, on emot bert-mini and bert-small do; on
  smsa and nergrit none does. [A page of its own](more_text.md) says why, and what helps: on smsa it is the neutral
  texts of the test split, on nergrit names that do not occur in train, and the catalogue's texts without labels have
  few of either. With news instead a BiLSTM keeps 94.5% on smsa.
- **Costs** are measured in turns within a run, and runs were made at different times on a machine with other work.
  Compare a student with its teacher rather than with another run's student; `-e measure` measures several side by
  side."""


def keep(results: Results) -> None:
    """Keep the results of each data set in its file, without the names of people and folders."""
    for name in results.datasets:
        part = results.of(name)
        tables = {table: json.loads(_nameless(getattr(part, table)).to_json(orient="split")) for table in TABLES}
        text = json.dumps(tables, separators=(",", ":"))
        # A run per line, so that a change can be read.
        (KEPT / f"{name}.json").write_text(text.replace("],[", "],\n[") + "\n", encoding="utf-8")


def _nameless(rows: pd.DataFrame) -> pd.DataFrame:
    params = [{key: value.rpartition("/")[-1] for key, value in row.items()} for row in rows["params"]]
    return rows.assign(user="", params=params)


def kept() -> Results:
    """The results that are kept, of all data sets.

    Raises:
        UserError: if there are none.
    """
    files = sorted(KEPT.glob("*.json"))
    if not files:
        raise UserError(f"{KEPT}: no results are kept; name data sets that the tracking store has runs of")
    parts = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    tables = (pd.concat([pd.DataFrame(**part[table]) for part in parts]) for table in TABLES)
    # A file may be older than a column.
    return Results(*(table.reindex(columns=columns()) for table in tables))


def main(datasets: Sequence[str]) -> None:
    """Keep the results of these data sets, and write the page from all that are kept."""
    if datasets:
        keep(read_results(datasets))
    results = kept()
    figures = DOCS / "figures"
    figures.mkdir(exist_ok=True)
    charts = [ladder(results), quality_cost(results, costs(Room.LITTLE)[:1])]
    parts = [HEAD]
    for chart in charts:
        path = save_image(chart, figures).relative_to(DOCS)
        parts.append(f"## {chart.title}\n\n{chart.caption}\n\n![{chart.title}]({path})")
    tables = [("", table) for table in (best_table(results), gains_table(results), indonlu_table(results))]
    for name in results.datasets:
        part = results.of(name)
        tables += [(f"{name}: ", table) for table in (dataset_table(part), *study_table(part))]
    for name, table in [*tables, ("", budget_table(results))]:
        parts.append(f"## {name}{table.title}\n\n{table.caption}\n\n{table.markdown()}")
    (DOCS / "results.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except UserError as error:
        sys.exit(f"error: {error}")
