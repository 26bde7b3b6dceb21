"""Writes docs/results.md and its figures from a tracking store: `python docs/write_results.py [dataset ...]`.

The store is the one that `MLFLOW_TRACKING_URI` names. Every number comes from finished runs of `distill`; of several
runs with the same data set, student, recipe and seed the newest counts.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from kdops.errors import UserError
from kdops.report.image import save_image
from kdops.report.ladder import ladder
from kdops.report.quality_cost import quality_cost
from kdops.report.study import study_table
from kdops.report.tables import best_table, budget_table, dataset_table, gains_table
from kdops.tracking.results import read_results

DOCS = Path(__file__).parent
HEAD = """# Results

Written by `python docs/write_results.py` from the runs of a tracking store; no number here was typed by hand."""


def main(datasets: Sequence[str]) -> None:
    """Write the page for the given data sets, or for all that the store has runs of."""
    results = read_results(datasets)
    figures = DOCS / "figures"
    figures.mkdir(exist_ok=True)
    charts = [ladder(results), quality_cost(results, ["latency_p50_ms"])]
    parts = [HEAD]
    for chart in charts:
        path = save_image(chart, figures).relative_to(DOCS)
        parts.append(f"## {chart.title}\n\n{chart.caption}\n\n![{chart.title}]({path})")
    tables = [("", table) for table in (best_table(results), gains_table(results))]
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
