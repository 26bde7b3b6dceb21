"""`pick`: the best registered version within the limits, and where it lies; no alias is moved."""

from dataclasses import dataclass
from pathlib import Path

from kdops.errors import NothingFits
from kdops.steps.known_data import by_name
from kdops.steps.metric_text import simpler_is_better
from kdops.steps.pick_config import PickConfig
from kdops.steps.promote.candidates import candidates
from kdops.steps.promote.contest import NOTHING, Contest, Decision
from kdops.tracking import runs
from kdops.tracking.registry import bundles
from kdops.tracking.registry.registered import Version


@dataclass(frozen=True)
class Picked:
    """The registered version that was picked.

    Attributes:
        version: the registered version; None if none is within the limits.
        path: its bundle on this machine, which `kdops.Predictor.load` takes.
        reason: why it is this one, or none.
        table: all versions with their figures.
        warnings: a sentence for each simpler model that is better.
    """

    version: Version | None
    path: Path | None
    reason: str
    table: str
    warnings: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.version is None:
            return self.table
        why = f"version {self.version.number}: {self.reason}"
        return "\n".join([self.table, "", why, *self.warnings, f"model: {self.version.uri}", f"path: {self.path}"])

    def require_version(self) -> None:
        """Tell a pick from none.

        Raises:
            NothingFits: no version holds the limits.
        """
        if self.version is None:
            raise NothingFits(self.reason)


def pick(config: PickConfig) -> Picked:
    """Of a data set's registered versions within the limits the best on validation data, or its cheapest equal.

    Raises:
        UserError: no such data set, or nothing registered for it.
    """
    runs.connect()
    config = by_name(config)
    corpus = config.corpus()
    found = candidates(corpus, champion=None, threads=config.threads)
    contest = Contest(corpus, found, config.limits, config.threads)
    contest.require_candidates(config.dataset)
    winner = contest.best()
    decision = Decision(
        approved=False,
        promoted=False,
        proposed=winner.version if winner else None,
        champion=None,
        reason=contest.standing(winner) if winner else NOTHING,
        candidates=contest.candidates,
        limits=contest.limits,
        main_metric=corpus.main_metric,
    )
    path = bundles.download_bundle(winner.version.uri) if winner else None
    warnings = simpler_is_better(winner.metrics, corpus.main_metric) if winner else ()
    return Picked(decision.proposed, path, decision.reason, decision.table(), tuple(warnings))
