"""`measure`: costs of bundles on this machine, side by side, published only when they could be measured steadily."""

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from kdops.data.catalog import CATALOG
from kdops.data.corpus import Corpus
from kdops.deploy.predictor import BundleError, BundleInfo, read_info
from kdops.errors import UserError
from kdops.machine import cores
from kdops.measure.costs import Cost, CostColumn, costs
from kdops.measure.steadiness import STEADY
from kdops.measure.sweeps import Sweeps, sweep_side_by_side
from kdops.measure.turns import Measured, SideBySide, measure_side_by_side
from kdops.steps.known_data import by_name
from kdops.steps.measure_config import MeasureConfig
from kdops.steps.setup import identifying_tags
from kdops.steps.student.result import BUNDLE
from kdops.steps.tables import aligned
from kdops.steps.teacher.bundle import teacher_bundle_of
from kdops.tracking import artifacts, names, runs
from kdops.tracking.logged_models import LoggedModel
from kdops.tracking.names import Role
from kdops.tracking.places import how_to_look
from kdops.tracking.recorder import MlflowRecorder, cost_metrics
from kdops.tracking.registry import bundles
from kdops.workspace import home

logger = logging.getLogger(__name__)

_REGISTERED = "models:/"
_RUN = re.compile(rf"(?:runs:/)?([0-9a-f]{{32}})(?:/{BUNDLE})?")
_LONGEST_ADDRESS = 36
_CURVES = {
    "latency_by_tokens": ("tokens per text", "latency p50, ms"),
    "throughput_by_batch": ("texts per batch", "texts per second"),
    "throughput_by_threads": ("CPU threads", "texts per second, batches of 32"),
    "ram_by_requests": ("texts answered, one at a time", "RAM, MB"),
}


@dataclass(frozen=True)
class Subject:
    """One bundle to measure.

    Attributes:
        address: the user's name for it.
        folder: where it is on this machine.
        info: the content of its `bundle.json`.
        teacher_run: the run that made its teacher, where that is known.
        model_id: the logged model of a registered version.
    """

    address: str
    folder: Path
    info: BundleInfo
    teacher_run: str | None = None
    model_id: str | None = None

    @property
    def title(self) -> str:
        """A short description."""
        return f"{self.info.student} {self.info.recipe} {self.info.precision}"


@dataclass(frozen=True)
class Report:
    """The costs of the subjects.

    Attributes:
        subjects: the measured bundles.
        together: their costs, in the same order.
        sweeps: how these grow; empty when that was not asked for.
        run_id: the run that all of it was logged to.
    """

    subjects: tuple[Subject, ...]
    together: SideBySide
    sweeps: tuple[Sweeps, ...]
    run_id: str

    def __str__(self) -> str:
        return "\n".join(
            [table(self.subjects, self.together), "", f"run: {self.run_id}", f"look at the runs: {how_to_look()}"]
        )


def measure(config: MeasureConfig) -> Report:
    """Measure bundles in turns, in clean processes, and log their costs.

    Raises:
        UserError: for a model or data that cannot be used, before anything is measured; and when the turns differ by
            more than `max_spread`, in which case nothing is logged.
    """
    runs.connect()
    subjects = tuple(_subject(address.strip()) for address in config.model.split(",") if address.strip())
    if not subjects:
        raise UserError("model names nothing; give a registered version, a run id or a bundle's folder")
    corpus = _corpus(config, subjects)
    if config.teacher:
        subjects += _teachers(subjects, corpus)
    inputs, folders = corpus.inputs("validation"), [subject.folder for subject in subjects]
    together = measure_side_by_side(folders, inputs, threads=config.threads, rounds=config.rounds)
    _refuse_unsteady(subjects, together, config.max_spread)
    sweeps: Sequence[Sweeps] = ()
    if config.sweeps:
        most = cores()
        sweeps = sweep_side_by_side(folders, inputs, threads=config.threads, most_threads=most)
    return Report(subjects, together, tuple(sweeps), _log(config, corpus, subjects, together, sweeps))


def _subject(address: str) -> Subject:
    """The subject behind an address: a registered version, a run, or a folder.

    Raises:
        UserError: if it means nothing, or no bundle lies there.
    """
    run_id, model_id = None, None
    if address.startswith(_REGISTERED):
        folder, (run_id, model_id) = bundles.download_bundle(address), bundles.origin_of(address)
    elif named := _RUN.fullmatch(address):
        run_id, folder = _of_run(named[1])
    elif Path(address).is_dir():
        folder = Path(address)
    else:
        raise UserError(
            f"no model {address!r}: neither a registered version (models:/kdops-smsa@champion, models:/kdops-smsa/3), "
            "nor the id of a run, nor the folder of a bundle"
        )
    try:
        teacher_run = runs.get_tags(run_id).get(names.TEACHER_RUN) if run_id else None
        return Subject(address, folder, read_info(folder), teacher_run, model_id)
    except BundleError as error:
        raise UserError(str(error)) from error


def _of_run(run_id: str) -> tuple[str, Path]:
    """The run that made a student, by that or one that reused it, and the bundle that it deploys.

    Raises:
        UserError: if it made none.
    """
    tags = runs.get_tags(run_id)
    if names.REUSED_RUN in tags:
        return _of_run(tags[names.REUSED_RUN])
    if tags.get(names.ROLE) == Role.TEACHER:
        raise UserError(
            f"run {run_id} made a teacher, which is measured beside its students: name one of them, or a folder that "
            "export wrote of the teacher"
        )
    return run_id, artifacts.fetch(run_id, BUNDLE, home() / "measured" / run_id / BUNDLE)


def _teachers(subjects: Sequence[Subject], corpus: Corpus) -> tuple[Subject, ...]:
    """The teachers of the subjects, as far as the store knows them, once each."""
    teacher_runs = dict.fromkeys(subject.teacher_run for subject in subjects if subject.teacher_run)
    folders = {run_id: teacher_bundle_of(run_id, corpus, MlflowRecorder()).path for run_id in teacher_runs}
    return tuple(Subject(run_id, folder, read_info(folder)) for run_id, folder in folders.items())


def _corpus(config: MeasureConfig, subjects: Sequence[Subject]) -> Corpus:
    """The data set whose texts are sent: the user's choice, or the first subject's own."""
    name = config.dataset or subjects[0].info.dataset
    asked = config.model_copy(update={"dataset": name})
    if config.dataset is None and name not in CATALOG:
        try:
            asked = by_name(asked)
        except UserError as error:
            raise UserError(
                f"{subjects[0].address} was made for your own data {name!r}: give its place by dataset="
            ) from error
    corpus = asked.corpus()
    for subject in subjects:
        if subject.info.task != corpus.task:
            raise UserError(f"{subject.address} is for {subject.info.task}, but {corpus.name} is for {corpus.task}")
    return corpus


def _refuse_unsteady(subjects: Sequence[Subject], together: SideBySide, max_spread: float) -> None:
    spreads = [
        (measured.spread(name), name, subject.address)
        for subject, measured in zip(subjects, together.measured, strict=True)
        for name in STEADY
    ]
    widest, name, address = max(spreads)
    if widest > max_spread:
        rounds = len(together.measured[0].turns)
        raise UserError(
            f"nothing is published: over {rounds} turns {name} of {address} differed by {widest:.0%}, more than "
            f"max_spread={max_spread:g} allows; other processes kept {together.other_cores:.1f} cores busy meanwhile; "
            "measure again on a quieter machine\n" + table(subjects, together)
        )


def table(subjects: Sequence[Subject], together: SideBySide) -> str:
    """A row per figure, a column per subject; times with the spread of the turns."""
    rows = [("", *(subject.title for subject in subjects)), ("", *(_short(subject.address) for subject in subjects))]
    known = {name for measured in together.measured for name in measured.cost.metrics()}
    for cost in costs(known=known):
        rows.append((cost.heading, *(_cell(measured, cost) for measured in together.measured)))
    rounds = len(together.measured[0].turns)
    return (
        f"{aligned(rows)}\n\nmedian of {rounds} turns (±: their middle half), each in a fresh process; "
        f"others kept {together.other_cores:.1f} cores busy"
    )


def _short(address: str) -> str:
    """An address that fits a column: of a long path the last parts, never a part of one."""
    parts = address.split("/")
    while len(parts) > 1 and len("/".join(parts)) > _LONGEST_ADDRESS:
        parts = parts[1:]
    short = "/".join(parts)
    return short if short == address else f".../{short}"


def _cell(measured: Measured, cost: CostColumn) -> str:
    spread = f" ±{measured.spread(cost.name):.0%}" if cost.name in STEADY else ""
    return cost.shown(measured.cost.metrics()) + spread


def _log(
    config: MeasureConfig, corpus: Corpus, subjects: Sequence[Subject], together: SideBySide, sweeps: Sequence[Sweeps]
) -> str:
    described = config.model_dump() | {"dataset": corpus.name}
    name, tags = f"measure {corpus.name}", identifying_tags(corpus)
    with runs.tracked(Role.MEASURE, name, tags=tags, config=described) as run:
        run.text(table(subjects, together) + "\n", "costs.txt")
        run.metrics({names.OTHER_CORES: together.other_cores})
        known = {subject.address: cost for subject, cost in zip(subjects, together.costs, strict=True)}
        for index, (subject, measured) in enumerate(zip(subjects, together.measured, strict=True)):
            teacher = known.get(subject.teacher_run or "")
            _log_subject(corpus, subject, measured, teacher, sweeps[index] if sweeps else None)
        if sweeps:
            _log_sweeps(run, subjects, sweeps)
        return run.run_id


def _log_subject(
    corpus: Corpus, subject: Subject, measured: Measured, teacher: Cost | None, sweeps: Sweeps | None
) -> None:
    """A run for each, so that the UI compares them; a student's has its teacher's costs too, where that is measured."""
    cost = measured.cost
    metrics = cost_metrics(cost, teacher.metrics()) if teacher else names.prefixed(names.COST_PREFIX, cost.metrics())
    info = subject.info
    tags = identifying_tags(corpus, info.student, info.recipe)
    tags |= {names.PRECISION: info.precision, names.MODEL: subject.address}
    with runs.tracked(Role.MEASURE, f"measure {subject.title}", tags=tags) as run:
        run.subject = LoggedModel(subject.model_id, corpus.name, corpus.fingerprint) if subject.model_id else None
        run.metrics(metrics | {names.SPREAD_PREFIX + one: measured.spread(one) for one in STEADY})
        if sweeps:
            run.metrics({names.RAM_GROWTH_MB: sweeps.ram_growth_mb})


def _log_sweeps(run: runs.Run, subjects: Sequence[Subject], sweeps: Sequence[Sweeps]) -> None:
    """All points of all curves as a table, one row per point, and a figure of each curve."""
    import pandas as pd

    from kdops.tracking.pictures import growth

    points = pd.DataFrame(
        {
            "model": f"{subject.title} ({_short(subject.address)})",
            "address": subject.address,
            "curve": curve,
            "at": at,
            "value": value,
        }
        for subject, one in zip(subjects, sweeps, strict=True)
        for curve in _CURVES
        for at, value in getattr(one, curve).items()
    )
    run.text(points.to_csv(index=False, float_format="%.6g"), "sweeps.csv")
    for curve, (across, up) in _CURVES.items():
        run.figure(partial(growth, points[points["curve"] == curve], across, up), curve)
