"""`report`: tables and figures over finished runs, as one page of HTML and images."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from kdops.errors import UserError
from kdops.progress import Bar
from kdops.report.image import save_image
from kdops.report.page import Section, render
from kdops.report.sections import sections
from kdops.report.verdict import verdict
from kdops.steps.report_config import ReportConfig
from kdops.tracking import names, runs
from kdops.tracking.names import Role
from kdops.tracking.results import Results, read_results
from kdops.tracking.workarounds.shared_views import save_view

logger = logging.getLogger(__name__)

PAGE = "report.html"


@dataclass(frozen=True)
class Report:
    """A written report.

    Attributes:
        page: the HTML file.
        images: the PNG files.
        results: the results that they show.
    """

    page: Path
    images: Sequence[Path]
    results: Results

    def __str__(self) -> str:
        best = (f"{name}: {verdict(self.results.of(name))}" for name in self.results.datasets)
        notes = (f"{name}: {note}" for name, note in self.results.notes.items())
        written = [f"page: {self.page.resolve()}", f"images: {len(self.images)} in the same folder"]
        return "\n".join([*best, *notes, *written])


def report(config: ReportConfig) -> Report:
    """Write the report of the tracking store's finished distillations, and log it with a run of its own.

    Raises:
        UserError: for a data set without finished runs, an output folder that cannot be written, or a tracking store
            that does not answer.
    """
    runs.connect()
    logger.info("report: finished runs are read")
    results = read_results(config.datasets, user=config.user)
    described = {"datasets": ",".join(results.datasets), "user": config.user, "output": config.output}
    with runs.tracked(Role.REPORT, f"report {' '.join(results.datasets)}", config=described) as run:
        written = _write(results, config.output)
        run.folder(config.output, names.REPORT)
    return written


def report_for(run: runs.Run, dataset: str) -> None:
    """Log a report of one data set with a run, and a view of its runs with the run's experiment.

    It never raises: a picture that cannot be drawn must not cost a training.

    Args:
        run: The open run that asks; it counts as finished.
        dataset: The data set's name.
    """
    try:
        log_report(run, read_results([dataset], open_run=run.run_id))
    except Exception:
        logger.warning("no report of data set %s could be made", dataset, exc_info=True)


def log_report(run: runs.Run, results: Results, first: Sequence[Section] = ()) -> None:
    """Log a report with a run, and views of its data sets with the experiments that hold their students.

    Args:
        run: The open run that asks.
        results: The results that it shows.
        first: Parts of the page before all others.
    """
    save_view(results)
    with TemporaryDirectory() as folder:
        _write(results, Path(folder), first)
        run.folder(Path(folder), names.REPORT)


def _write(results: Results, folder: Path, first: Sequence[Section] = ()) -> Report:
    logger.info("report: tables and figures of %s", ", ".join(results.datasets))
    parts = [*first, *sections(results)]
    title = "Which student is best?" if len(results.datasets) > 1 else f"Which student is best? {results.datasets[0]}"
    logger.info("report: the page is written")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        page = folder / PAGE
        page.write_text(render(title, parts), encoding="utf-8")
        return Report(page, _images(parts, folder), results)
    except OSError as error:
        raise UserError(f"output folder {folder} cannot be written: {error.strerror or error}") from error


def _images(parts: Sequence[Section], folder: Path) -> list[Path]:
    charts = [(chart, part.title) for part in parts for chart in part.charts]
    with Bar(len(charts), "report: drawing", "figures") as progress:
        images = []
        for chart, title in charts:
            images.append(save_image(chart, folder, prefix=title))
            progress.update()
    return images
