"""The candidates of a promotion: each registered version with its costs here, its predictions and its limits."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from kdops.data.corpus import Corpus
from kdops.data.one_answer import constant_answer
from kdops.deploy.bundle_scores import bundle_answers
from kdops.deploy.predictor import Predictor
from kdops.errors import UserError
from kdops.fingerprint import fingerprint
from kdops.measure.costs import deciding
from kdops.measure.measurement import cheapest as cheapest_places
from kdops.measure.turns import measure_side_by_side
from kdops.metrics import Gold, is_agreement
from kdops.progress import Bar
from kdops.steps.limits import Limit, broken
from kdops.tracking import host, names, runs, store
from kdops.tracking.logged_models import LoggedModel
from kdops.tracking.names import Role
from kdops.tracking.registry import bundles, registered
from kdops.tracking.registry.registered import Version

_log = logging.getLogger(__name__)

SPLIT = "validation"
SCORE = "validation score"
"""Stands for the main metric on validation data, as it is here and now, where a metric is named."""


@dataclass(frozen=True)
class RelativeLimit:
    """A limit that depends on the champion.

    Attributes:
        metric: that must keep it.
        change: share of the champion's value by which it may be higher.
        drop: by how much it may be lower; it must be at least the rest then.
    """

    metric: str
    change: float = 0.0
    drop: float | None = None

    def against(self, champion: "Candidate") -> Limit:
        """The limit that a champion sets.

        Raises:
            UserError: nothing is known of the champion that it could depend on.
        """
        value = champion.values.get(self.metric)
        if value is None:
            raise UserError(
                f"champion version {champion.number} of {champion.version.model} sets no limit: its {self.metric} is "
                f"not known{f', {champion.refusal}' if champion.refusal else ''}"
            )
        if self.drop is not None:
            return Limit(self.metric, value - self.drop, at_least=True)
        return Limit(self.metric, value * (1 + self.change))


@dataclass(frozen=True)
class Candidate:
    """One version, and what is known of it here and now.

    Attributes:
        version: The version.
        metrics: What its run measured; costs only if they were measured on this kind of host.
        serves: Whether it is the champion.
        refusal: Why it cannot be used at all, None when it can.
        content: Stands for the files of its bundle; empty when that cannot be loaded.
        predicted: Its labels for the validation data.
        score: The main metric of these.
    """

    version: Version
    metrics: dict[str, float]
    serves: bool
    refusal: str | None = None
    content: str = ""
    predicted: Gold = field(default_factory=list)
    score: float | None = None

    @property
    def number(self) -> int:
        """The number of the version."""
        return self.version.number

    @property
    def has_costs(self) -> bool:
        """Whether everything that decides between equals is known."""
        return all(name in self.metrics for name in deciding_metrics())

    @property
    def values(self) -> Mapping[str, float]:
        """Its metrics, and its `SCORE` where that is known."""
        return self.metrics if self.score is None else self.metrics | {SCORE: self.score}

    def failing(self, limits: Sequence[Limit]) -> list[Limit]:
        """The limits that it does not hold."""
        return broken(limits, self.values)

    def beyond(self, limits: Sequence[Limit]) -> list[Limit]:
        """The limits that a measured value breaks; what was not measured breaks none."""
        return [limit for limit in self.failing(limits) if limit.metric in self.values]


def deciding_metrics() -> tuple[str, ...]:
    """The costs that decide between equals, by the names of their metrics, what matters most first."""
    return tuple(names.COST_PREFIX + one.name for one in deciding())


def candidates(corpus: Corpus, *, champion: int | None, threads: int) -> list[Candidate]:
    """Look at all versions of a dataset's model: what is known of them, and what they say to the validation data."""
    versions = registered.versions(corpus.name)
    found: list[Candidate] = []
    _log.info("%d registered versions of %s answer the validation texts", len(versions), corpus.name)
    with Bar(len(versions), "validation texts are answered", "versions") as progress:
        for version in versions:
            found.append(_look_at(version, corpus, version.number == champion, threads))
            progress.update()
    return found


def with_costs(found: Sequence[Candidate], corpus: Corpus, threads: int) -> list[Candidate]:
    """Measure, in turns, the costs of those whose costs on this kind of host are not known; they are kept as runs.

    Raises:
        MeasurementError: A measuring process failed.
    """
    here, known = host.kind(host.facts()), {}
    missing = []
    for one in found:
        if one.content and not one.has_costs:
            run_id = runs.find_finished(Role.MEASURE, _work(one, corpus, here, threads))
            if run_id:
                known[one.number] = runs.get_metrics(run_id)
            else:
                missing.append(one)
    if missing:
        numbers = ", ".join(str(one.number) for one in missing)
        _log.info("measuring the costs of versions %s, which are not known of this kind of host", numbers)
        folders = [bundles.download_bundle(one.version.uri) for one in missing]
        costs = measure_side_by_side(folders, corpus.inputs(SPLIT), threads=threads).costs
        for one, measured in zip(missing, costs, strict=True):
            values = names.prefixed(names.COST_PREFIX, measured.metrics())
            known[one.number] = values
            tags = {names.DATASET: corpus.name, names.TASK: corpus.task, names.VERSION: one.number}
            with runs.tracked(
                Role.MEASURE,
                f"measure {one.version.model} version {one.number}",
                fingerprint=_work(one, corpus, here, threads),
                tags=tags,
                config={"threads": threads},
            ) as run:
                if one.version.model_id:
                    run.subject = LoggedModel(one.version.model_id, corpus.name, corpus.fingerprint)
                run.metrics(values)
    return [replace(one, metrics=one.metrics | known.get(one.number, {})) for one in found]


def cheapest(equals: Sequence[Candidate]) -> Candidate:
    """Of candidates with known costs the cheapest by latency, then memory, then storage; the champion if it is one."""
    left = cheapest_places([[one.metrics[name] for name in deciding_metrics()] for one in equals])
    return max((equals[place] for place in left), key=lambda one: (one.serves, one.score, one.number))


def _look_at(version: Version, corpus: Corpus, serves: bool, threads: int) -> Candidate:
    record = registered.record(version)
    measured_here = record.host == host.kind(host.facts()) and record.threads == threads
    # Times and memory are a matter of the host; scores and bytes are not.
    portable = {
        name: value
        for name, value in record.metrics.items()
        if measured_here or not name.startswith(names.COST_PREFIX) or name == names.STORAGE_MB
    }
    found = Candidate(version, portable, serves)
    if version.tags.get(names.WITHDRAWN) and not serves:
        return replace(found, refusal=f"taken back {version.tags[names.WITHDRAWN]}")
    chosen_by = version.main_metric
    if chosen_by and is_agreement(chosen_by) != is_agreement(corpus.main_metric):
        return replace(found, refusal=f"it was chosen by {chosen_by}, which does not compare with {corpus.main_metric}")
    try:
        content, predicted = _predict(version, corpus)
    except Exception as error:  # whatever is wrong with it, it must not serve
        _log.debug("version %d cannot be used", version.number, exc_info=True)
        return replace(found, refusal=f"its bundle cannot be used: {store.one_line(error)}")
    nothing = constant_answer(corpus.task, corpus.gold(SPLIT), predicted)
    if nothing and not serves:
        return replace(found, refusal=f"it learned nothing: it {nothing}")
    value = corpus.score(SPLIT, predicted)[corpus.main_metric]
    return replace(found, content=content, predicted=predicted, score=value)


def _predict(version: Version, corpus: Corpus) -> tuple[str, Gold]:
    """A digest of a version's files, and the labels that it predicts for the validation data."""
    predictor = Predictor.load(bundles.download_bundle(version.uri))
    info = predictor.info
    if info.task != corpus.task or set(info.labels) != set(corpus.labels):
        raise UserError(
            f"it predicts {', '.join(info.labels)} ({info.task}), but {corpus.name} has now "
            f"{', '.join(corpus.labels)} ({corpus.task})"
        )
    return fingerprint(info.files), bundle_answers(corpus, SPLIT, predictor)


def _work(one: Candidate, corpus: Corpus, here: str | None, threads: int) -> str:
    """Names a measurement: these files, asked these texts, on this kind of host."""
    return fingerprint("measure", one.content, corpus.fingerprint, here, threads)
