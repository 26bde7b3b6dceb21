"""Which candidate of a promotion wins: the best on the validation data, or of its equals the cheapest."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from kdops import number_text
from kdops.data.corpus import Corpus
from kdops.errors import NothingFits, UserError
from kdops.measure.costs import deciding
from kdops.resampling import BootstrapResult, paired_bootstrap
from kdops.steps.limits import Limit, mark, said
from kdops.steps.metric_text import figure, title
from kdops.steps.promote.candidates import (
    SCORE,
    SPLIT,
    Candidate,
    RelativeLimit,
    cheapest,
    deciding_metrics,
    with_costs,
)
from kdops.steps.tables import aligned
from kdops.tracking import names
from kdops.tracking.registry.registered import Version

logger = logging.getLogger(__name__)

NOTHING = "no version can be used and holds all limits"


@dataclass(frozen=True)
class Decision:
    """A decision of `promote`, and its reasons.

    Attributes:
        approved: The proposed version should serve in the champion's place.
        promoted: It does now: the alias was moved. Never in a dry run.
        proposed: The best version, which may be the champion; None when none holds the limits.
        champion: The version that served before, None when there was none.
        reason: One sentence.
        candidates: All versions that were looked at; none when going back.
        limits: The limits that were on.
        main_metric: What scores are compared by.
        warnings: A sentence for each simpler model that is better than the proposed version.
        usage: Lines that say how to use what serves now.
        waits: It is proposed, and somebody else is to approve it.
    """

    approved: bool
    promoted: bool
    proposed: Version | None
    champion: Version | None
    reason: str
    candidates: tuple[Candidate, ...] = ()
    limits: tuple[Limit, ...] = ()
    main_metric: str = ""
    warnings: tuple[str, ...] = ()
    usage: tuple[str, ...] = ()
    waits: bool = False

    def __str__(self) -> str:
        verdict = "would be promoted" if self.approved else "not promoted"
        verdict = "promoted" if self.promoted else "proposed" if self.waits else verdict
        said = f"version {self.proposed.number} {verdict}" if self.proposed else "nothing promoted"
        table = [self.table(), ""] if self.candidates else []
        return "\n".join([*table, f"{said}: {self.reason}", *self.warnings, *self.usage])

    def require_proposal(self) -> None:
        """Tell a decision for a version from one for none.

        Raises:
            NothingFits: no version holds the limits.
        """
        if self.proposed is None:
            raise NothingFits(self.reason)

    def table(self) -> str:
        """Each candidate with its figures, a mark on those that break a limit, and its verdict."""
        head = [
            "version",
            "student",
            "recipe",
            f"{SPLIT} {self.main_metric}",
            "retained",
            *(one.heading for one in deciding()),
        ]
        rows = [[*head, "verdict"], *map(self._row, self.candidates)]
        return aligned(rows, left=(0, len(head)))

    def _row(self, one: Candidate) -> list[str]:
        cells = []
        kept = one.metrics.get(names.F1_RETAINED)
        figures = {names.F1_RETAINED: "-" if kept is None else number_text.share(kept)} | {
            names.COST_PREFIX + cost.name: cost.shown(one.metrics, names.COST_PREFIX, "-") for cost in deciding()
        }
        for name, value in figures.items():
            cells.append(value + mark(self.limits, name, one.values))
        tags = one.version.tags
        score = "-" if one.score is None else number_text.score(one.score) + mark(self.limits, SCORE, one.values)
        described = [tags.get(names.STUDENT, "-"), tags.get(names.RECIPE, "-"), score, *cells]
        return [str(one.number), *described, self._verdict(one)]

    def _verdict(self, one: Candidate) -> str:
        failing = said(one.failing(self.limits), one.values)
        wins = self.proposed is not None and one.number == self.proposed.number
        words = ["champion"] if one.serves else []
        words.append(one.refusal or failing or ("best" if wins else "passes"))
        return "; ".join(words)


@dataclass(frozen=True)
class Outcome:
    """How a contest ends.

    Attributes:
        winner: The candidate that is proposed, which may be the champion; None when none holds the limits.
        approved: It should serve in the champion's place.
        reason: One sentence.
    """

    winner: Candidate | None
    approved: bool
    reason: str


class Contest:
    """The candidates, compared with one another; costs that turn out to be needed are measured on the way.

    Args:
        corpus: the data.
        found: the candidates.
        limits: that all must hold.
        threads: CPU threads that costs are measured with.
        relative: limits that the champion sets; none where there is no champion.

    Raises:
        UserError: the champion cannot set them.
    """

    def __init__(
        self,
        corpus: Corpus,
        found: Iterable[Candidate],
        limits: Sequence[Limit],
        threads: int,
        relative: Sequence[RelativeLimit] = (),
    ) -> None:
        self.corpus, self.limits, self.threads = corpus, tuple(limits), threads
        self._found = {one.number: one for one in found}
        asked = {limit.metric for limit in limits} | {limit.metric for limit in relative}
        if asked & set(deciding_metrics()):
            self._measure(self.candidates)
        if relative and self._champion is None:
            logger.warning("there is no champion yet: limits relative to it are off")
        elif champion := self._champion:
            self.limits += tuple(limit.against(champion) for limit in relative)

    @property
    def _champion(self) -> Candidate | None:
        return next((one for one in self.candidates if one.serves), None)

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """All of them, by number, as they are known by now."""
        return tuple(self._found.values())

    def require_candidates(self, dataset: str) -> None:
        """Find out whether there is anything to choose from.

        Raises:
            UserError: nothing is registered for the data set.
        """
        if not self._found:
            raise UserError(
                f"nothing to choose from: {names.registered_model_name(self.corpus.name)} has no version; "
                f"`distill` with dataset={dataset} registers one"
            )

    def refuse(self, one: Candidate, reason: str) -> None:
        """Leave a candidate out of the running."""
        self._found[one.number] = replace(one, refusal=reason)

    def best(self) -> Candidate | None:
        """Of the best and its equals the cheapest, whatever the champion is; None where nothing holds the limits."""
        equals = self._equals()
        return equals[0] if len(equals) == 1 else cheapest(equals) if equals else None

    def outcome(self) -> Outcome:
        """Of the best and its equals the cheapest that may replace the champion; where none may, the cheapest of all.

        To be equal to the best is not to be better than the champion: of three, the middle one may be equal to both of
        the others, while these are not equal.

        Raises:
            UserError: There is a champion that cannot be compared with.
        """
        equals = self._equals()
        if not equals:
            return Outcome(None, False, NOTHING)
        verdicts = {one.number: self._against_champion(one) for one in equals}
        able = [one for one in equals if verdicts[one.number][0]] or equals
        winner = able[0] if len(able) == 1 else cheapest(able)
        return Outcome(winner, *verdicts[winner.number])

    def _equals(self) -> list[Candidate]:
        """Of those that can be used and hold all limits the best, and those that are not clearly worse."""
        passing = [one for one in self.candidates if not one.refusal and not one.failing(self.limits)]
        if not passing:
            return []
        best = max(passing, key=lambda one: (one.score, one.number))
        tied = [one for one in passing if one is best or self._compare(best, one).low <= 0]
        return tied if len(tied) == 1 else self._measure(tied)

    def _against_champion(self, winner: Candidate) -> tuple[bool, str]:
        """Whether a candidate should serve in the champion's place, and why."""
        champion = self._champion
        if winner.serves:
            return False, "it is the champion already and nothing else is better, there is nothing to do"
        if champion is None:
            limits = "all limits hold" if self.limits else "no limits are set"
            return True, f"{limits} and there was no champion; {self.standing(winner)}"
        beyond = champion.beyond(self.limits)
        if beyond:
            broken = said(beyond, champion.values)
            return True, f"all limits hold, which champion version {champion.number} does not: {broken}"
        if champion.refusal:
            raise UserError(
                f"champion version {champion.number} of {champion.version.model} cannot be compared with: "
                f"{champion.refusal} (remove the alias {names.CHAMPION!r} from it to promote without a comparison)"
            )
        result = self._compare(winner, champion)
        difference, low, high = (number_text.points(100 * one) for one in (result.difference, result.low, result.high))
        numbers = (
            f"{SPLIT} {self.corpus.main_metric} {difference} points (95 %: {low} to {high}) "
            f"against champion version {champion.number}"
        )
        if result.low > 0:
            return True, f"better: {numbers}"
        if result.high < 0:
            return False, f"worse: {numbers}"
        pair = self._measure([winner, champion])
        cheaper = not cheapest(pair).serves
        first, second = (one.metrics for one in pair)
        costs = ", ".join(
            f"{title(name)} {figure(name, first[name])} against {figure(name, second[name])}"
            for name in deciding_metrics()
        )
        return cheaper, f"no clear difference: {numbers}; {'cheaper' if cheaper else 'not cheaper'}: {costs}"

    def _measure(self, some: Sequence[Candidate]) -> list[Candidate]:
        measured = with_costs(some, self.corpus, self.threads)
        self._found |= {one.number: one for one in measured}
        return measured

    def _compare(self, first: Candidate, second: Candidate) -> BootstrapResult:
        corpus = self.corpus
        return paired_bootstrap(corpus.task, corpus.labels, corpus.gold(SPLIT), first.predicted, second.predicted)

    def standing(self, winner: Candidate) -> str:
        """How a winner stands among all versions."""
        passing = [one for one in self.candidates if not one.refusal and not one.failing(self.limits)]
        best = max(passing, key=lambda one: (one.score, one.number))
        assert winner.score is not None
        assert best.score is not None
        metric, score = f"{SPLIT} {self.corpus.main_metric}", number_text.score(winner.score)
        if best.number != winner.number:
            result = self._compare(best, winner)
            low, high = (number_text.points(100 * end) for end in (result.low, result.high))
            return (
                f"{metric} {score}; version {best.number} has {number_text.score(best.score)}, which is within noise "
                f"on {len(self.corpus.gold(SPLIT))} rows (95 %: {low} to {high} points), and costs more"
            )
        if len(self._found) == 1:
            return f"the only version, {metric} {score}"
        if len(passing) == 1:
            return (
                f"the only one of {len(self._found)} versions that can be used and holds all limits, {metric} {score}"
            )
        return f"the best of {len(passing)} versions, {metric} {score}"
