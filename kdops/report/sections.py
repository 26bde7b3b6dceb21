"""The sections of a report."""

from collections.abc import Iterator

from kdops.report.chart import Chart
from kdops.report.classes import classes, confused
from kdops.report.ladder import ladder
from kdops.report.page import Section
from kdops.report.quality_cost import quality_cost
from kdops.report.study import study_table
from kdops.report.tables import best_table, budget_table, dataset_table, gains_table
from kdops.report.training import training
from kdops.report.tuning import tuning
from kdops.report.verdict import short_table, verdict
from kdops.tracking.places import run_links
from kdops.tracking.results import Results, read_trials


def sections(results: Results) -> Iterator[Section]:
    """A part over all data sets where there are several, and one for each."""
    if len(results.datasets) > 1:
        yield Section(
            "All data sets",
            [f"{name}: {verdict(results.of(name))}" for name in results.datasets],
            tables=[best_table(results), gains_table(results)],
            charts=[ladder(results)],
        )
    for name in results.datasets:
        yield _section(results.of(name))


def _section(results: Results) -> Section:
    trials = read_trials(results)
    charts: list[Chart] = [
        quality_cost(results),
        ladder(results),
        *tuning(results, trials),
        *training(results, trials),
        *classes(results),
    ]
    name = results.datasets[0]
    return Section(
        name,
        [verdict(results)],
        tables=[short_table(results), *confused(results)],
        charts=charts,
        folded=[dataset_table(results), *study_table(results), budget_table(results)],
        links=run_links(results),
        note=results.notes.get(name, ""),
    )
