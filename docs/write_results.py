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
Indonesian, fine-tuned on each data set. [Earlier results](results_before.md), of more data sets and all students by the
study's recipes, are from before general distillation.

## How to read them

- **Recipes.** `vanilla`: gold labels only. `general`: the student first learns the pre-trained encoder's token states
  on the training texts of all public data sets, then gold labels. `general-kd`: the same, then the fine-tuned
  teacher's logits and gold labels. `general-kd-unlabeled`: the same, and the teacher's logits on the training texts of
  the other public data sets of the task.
- **Baseline.** The same student on gold labels only, with the same vocabulary, as many trials and at least as many
  training steps. A gain is the student's score minus its baseline's.
- **Budget.** One trial, which is the first setting of a study, as many seeds as a table says, and one teacher for all.
- **Costs** are measured in turns within a run, while the machine had other work to do. Compare a student with its
  teacher rather than with another run's student; `-e measure` measures several side by side."""


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
