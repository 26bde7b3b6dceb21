"""`promote`: lets the challenger serve when it holds the limits and is no worse than what serves now."""

import logging
from dataclasses import dataclass
from typing import cast

from pydantic import Field

from kdops.data.corpus import Corpus, Gold
from kdops.deploy.predictor import Predictor, TextPrediction
from kdops.errors import UserError
from kdops.metrics import BootstrapResult, paired_bootstrap
from kdops.steps.setup import DataConfig
from kdops.tracking import names, registry, runs
from kdops.tracking.names import Role
from kdops.tracking.registry import Version

_log = logging.getLogger(__name__)

_SPLIT = "validation"


class PromoteConfig(DataConfig):
    """What to promote and within which limits; a limit that is None is off."""

    min_f1_retained: float | None = Field(default=None, gt=0, le=2)
    max_latency_p95_ms: float | None = Field(default=None, gt=0)
    max_ram_mb: float | None = Field(default=None, gt=0)
    max_storage_mb: float | None = Field(default=None, gt=0)
    dry_run: bool = False


@dataclass(frozen=True)
class Gate:
    """One limit and what was measured."""

    metric: str
    limit: float
    at_least: bool
    value: float | None

    @property
    def holds(self) -> bool:
        """Whether the value is within the limit; what was never measured is not."""
        if self.value is None:
            return False
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def __str__(self) -> str:
        value = "not measured" if self.value is None else f"{self.value:.4g}"
        bound = "at least" if self.at_least else "at most"
        return f"{self.metric} {value}, must be {bound} {self.limit:g}"


@dataclass(frozen=True)
class Decision:
    """What was decided, and why.

    Attributes:
        approved: The challenger should serve.
        promoted: It does now: the alias was moved. Never in a dry run.
        version: The challenger.
        champion: The version that served before, None when there was none.
        gates: All limits with what was measured.
        reason: One sentence.
    """

    approved: bool
    promoted: bool
    version: int
    champion: int | None
    gates: tuple[Gate, ...]
    reason: str

    def __str__(self) -> str:
        gates = [f"  {'holds' if gate.holds else 'FAILS'}  {gate}" for gate in self.gates]
        verdict = "promoted" if self.promoted else "would be promoted" if self.approved else "not promoted"
        return "\n".join([*gates, f"version {self.version} {verdict}: {self.reason}"])


def promote(config: PromoteConfig) -> Decision:
    """Decide whether the challenger of a dataset becomes its champion, and unless in a dry run make it so.

    Raises:
        UserError: No such dataset, nothing registered for it, or a champion that cannot be compared with.
    """
    runs.connect()
    with runs.tracked(Role.PROMOTE, f"promote {config.dataset}", config=config.model_dump()) as run:
        corpus = config.corpus()
        run.tags({names.DATASET: corpus.name, names.TASK: corpus.task})
        challenger = registry.find_version(corpus.name, names.CHALLENGER)
        if challenger is None:
            raise UserError(
                f"nothing to promote: {names.registered_model_name(corpus.name)} has no version with the alias "
                f"{names.CHALLENGER!r}; `distill` with dataset={config.dataset} registers one"
            )
        champion = registry.find_version(corpus.name, names.CHAMPION)
        decision = _decide(config, corpus, challenger, champion)
        if decision.promoted:
            registry.set_champion(challenger, over=champion, reason=decision.reason)
        run.text(f"{decision}\n", "decision.txt")
        run.tags(
            {
                names.PROMOTED: str(decision.promoted).lower(),
                names.PROMOTION_REASON: decision.reason,
                names.CHALLENGER_VERSION: decision.version,
                names.CHAMPION_VERSION: decision.champion or "none",
            }
        )
    return decision


def _decide(config: PromoteConfig, corpus: Corpus, challenger: Version, champion: Version | None) -> Decision:
    gates = _gates(config, registry.measured(challenger))
    approved, reason = _judge(corpus, challenger, champion, gates)
    return Decision(
        approved=approved,
        promoted=approved and not config.dry_run,
        version=challenger.number,
        champion=champion.number if champion else None,
        gates=gates,
        reason=reason,
    )


def _gates(config: PromoteConfig, measured: dict[str, float]) -> tuple[Gate, ...]:
    limits = [
        (names.F1_RETAINED, config.min_f1_retained, True),
        (names.LATENCY_P95_MS, config.max_latency_p95_ms, False),
        (names.RAM_PEAK_MB, config.max_ram_mb, False),
        (names.STORAGE_MB, config.max_storage_mb, False),
    ]
    return tuple(
        Gate(metric, limit, at_least, measured.get(metric)) for metric, limit, at_least in limits if limit is not None
    )


def _judge(corpus: Corpus, challenger: Version, champion: Version | None, gates: tuple[Gate, ...]) -> tuple[bool, str]:
    """Whether the challenger should serve, and why."""
    if champion and champion.number == challenger.number:
        return False, "it is the champion already, there is nothing to do"
    failing = [str(gate) for gate in gates if not gate.holds]
    if failing:
        return False, "; ".join(failing)
    try:
        predicted = _predict(challenger, corpus)
    except Exception as error:  # whatever is wrong with it, it must not serve
        _log.debug("the challenger cannot be used", exc_info=True)
        return False, f"its bundle cannot be used: {error}"
    if champion is None:
        return True, "all limits hold and there was no champion"
    try:
        champion_predicted = _predict(champion, corpus)
    except Exception as error:
        raise UserError(
            f"champion version {champion.number} of {champion.model} cannot be compared with: {error} "
            f"(remove the alias {names.CHAMPION!r} from it to promote without a comparison)"
        ) from error
    result = paired_bootstrap(corpus.task, corpus.labels, corpus.gold(_SPLIT), predicted, champion_predicted)
    return _compare(corpus, result, challenger, champion)


def _compare(corpus: Corpus, result: BootstrapResult, challenger: Version, champion: Version) -> tuple[bool, str]:
    """Better wins, worse loses, and between equals the faster one."""
    numbers = (
        f"{_SPLIT} {corpus.main_metric} {result.difference:+.4f} "
        f"(95 % between {result.low:+.4f} and {result.high:+.4f}) against champion version {champion.number}"
    )
    if result.low > 0:
        return True, f"better: {numbers}"
    if result.high < 0:
        return False, f"worse: {numbers}"
    latencies = [registry.measured(version).get(names.LATENCY_P95_MS) for version in (challenger, champion)]
    now, before = latencies
    if now is None or before is None:
        return False, f"no clear difference: {numbers}, and {names.LATENCY_P95_MS} is not known of both"
    costs = f"{names.LATENCY_P95_MS} {now:.4g} against {before:.4g}"
    return now < before, f"no clear difference: {numbers}; {'faster' if now < before else 'not faster'}: {costs}"


def _predict(version: Version, corpus: Corpus) -> Gold:
    """The labels that a version gives to the validation data."""
    predictor = Predictor.load(registry.download_bundle(version.uri))
    info = predictor.info
    if info.task != corpus.task or set(info.labels) != set(corpus.labels):
        raise UserError(
            f"it predicts {', '.join(info.labels)} ({info.task}), but {corpus.name} has now "
            f"{', '.join(corpus.labels)} ({corpus.task})"
        )
    predictions = predictor.predict(corpus.inputs(_SPLIT))
    return cast(Gold, [one.label if isinstance(one, TextPrediction) else list(one.tags) for one in predictions])
