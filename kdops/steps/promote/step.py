"""`promote`: of all registered versions of a dataset, lets the best within the limits serve; or goes back."""

from collections.abc import Mapping
from dataclasses import replace

from kdops.data.catalog import CATALOG
from kdops.data.inputs import Pair, Text
from kdops.deploy.predictor import read_info
from kdops.errors import UserError
from kdops.steps.known_data import by_name
from kdops.steps.metric_text import simpler_is_better
from kdops.steps.next_steps import next_steps
from kdops.steps.promote.approval_and_rollback import approval, champions_since, now, number_of, propose, way_back
from kdops.steps.promote.candidates import candidates, deciding_metrics
from kdops.steps.promote.cards import model_card, says_champion, with_promotion, with_replacement, without_promotion
from kdops.steps.promote.config import PromoteConfig
from kdops.steps.promote.contest import Contest, Decision
from kdops.tracking import names, runs
from kdops.tracking.names import Role, Status
from kdops.tracking.places import how_to_look
from kdops.tracking.registry import bundles, registered
from kdops.tracking.registry import champion as serving
from kdops.tracking.registry.champion import Words
from kdops.tracking.registry.registered import Version

_PROMOTION_TAGS = (
    names.PROMOTED_OVER,
    names.PROMOTED_AT,
    names.PROMOTED_BY,
    names.PROMOTION_REASON,
)
_PROPOSAL_TAGS = (names.PROPOSED_OVER, names.PROPOSED_AT, names.PROPOSED_BY, names.PROPOSAL_REASON)


def promote(config: PromoteConfig) -> Decision:
    """Decide which version of a dataset's model serves, and unless in a dry run make it so.

    A rollback and an approval need only the registry: the data need not exist any more.

    Raises:
        UserError: No such dataset, nothing registered for it, a champion that cannot be compared with, nothing to go
            back to or to approve, or somebody else moved the champion meanwhile.
    """
    runs.connect()
    title = f"promote {config.dataset}"
    config = by_name(config) if config.wants_data else config
    with runs.tracked(Role.PROMOTE, title, config=config.model_dump()) as run:
        name = config.corpus_name
        run.tags({names.DATASET: name})
        before = registered.find_version(name, names.CHAMPION)
        decision = _decision(config, before, run)
        if config.reason:
            decision = replace(decision, reason=f"{decision.reason}; {config.reason}")
        if decision.approved and not config.dry_run:
            decision = _done(decision, config)
        serves = decision.proposed if decision.promoted else before
        if serves and not (config.dry_run or decision.waits):
            decision = replace(decision, usage=_usage(serves, name) if decision.proposed else (_stays(serves),))
        run.text(f"{decision}\n", "decision.txt")
        run.tags(
            {
                names.PROMOTED: str(decision.promoted).lower(),
                names.PROMOTION_REASON: decision.reason,
                names.PROPOSED_VERSION: decision.proposed.number if decision.proposed else "none",
                names.CHAMPION_VERSION: number_of(before),
                # The exit code that says that nothing holds the limits is no failure.
                **({} if decision.proposed else {names.STATUS: Status.FINISHED}),
            }
        )
    return decision


def _decision(config: PromoteConfig, before: Version | None, run: runs.Run) -> Decision:
    if config.approve is not None:
        return approval(config.corpus_name, config.approve, before)
    if config.rollback or config.rollback_to is not None:
        return way_back(config.corpus_name, config.rollback_to, before)
    return _contest(config, before, run)


def _done(decision: Decision, config: PromoteConfig) -> Decision:
    """A decision after it was carried out, or proposed."""
    if config.approval == "required":
        return propose(decision, config.dataset)
    _carry_out(decision, config.corpus_name, rollback=config.rollback or config.rollback_to is not None)
    return replace(decision, promoted=True)


def _usage(serves: Version, corpus_name: str) -> tuple[str, ...]:
    """Lines that say how to use the champion, and where its charts are."""
    try:
        bundle = bundles.download_bundle(serves.uri)
    except UserError:
        return ()  # a champion that cannot be loaded, of which the verdict tells
    text = bundles.EXAMPLE if corpus_name in CATALOG else "a text of yours"
    example: Text = Pair(text=text, text_pair=text) if read_info(bundle).pairs else text
    lines = next_steps(bundle, example, f"models:/{serves.model}@{names.CHAMPION}")
    students = {corpus_name: [serves.run_id]} if serves.run_id else {}
    return ("", *lines, f"look at the runs: {how_to_look(students)}")


def _stays(champion: Version) -> str:
    return f"version {champion.number} stays champion"


def _contest(config: PromoteConfig, before: Version | None, run: runs.Run) -> Decision:
    corpus = config.corpus()
    run.tags({names.TASK: corpus.task})
    found = candidates(corpus, champion=before.number if before else None, threads=config.threads)
    contest = Contest(corpus, found, config.limits, config.threads, config.relative_limits)
    contest.require_candidates(config.dataset)
    outcome = contest.outcome()
    while outcome.winner and outcome.approved:
        try:
            bundles.try_out(outcome.winner.version.uri)
            break
        except UserError as error:
            contest.refuse(outcome.winner, str(error))
            outcome = contest.outcome()
    winner = outcome.winner
    return Decision(
        approved=outcome.approved,
        promoted=False,
        proposed=winner.version if winner else None,
        champion=before,
        reason=outcome.reason,
        candidates=contest.candidates,
        limits=contest.limits,
        main_metric=corpus.main_metric,
        warnings=tuple(simpler_is_better(winner.metrics, corpus.main_metric)) if winner else (),
    )


def _carry_out(decision: Decision, corpus_name: str, *, rollback: bool) -> None:
    """Move the alias, and say on both versions and their model when, by whom and why, with the numbers of both."""
    to, before = decision.proposed, decision.champion
    assert to is not None
    lost = _numbers(decision, before) if before else {}
    promotion: dict[str, object] = {
        names.PROMOTED_OVER: number_of(before),
        names.PROMOTED_AT: now(),
        names.PROMOTED_BY: runs.user(),
        names.PROMOTION_REASON: decision.reason,
    }
    # Whatever it says of an earlier time as champion, or of how that ended.
    stale = {**_no_promotion(to), **dict.fromkeys([names.REPLACED_BY, names.WITHDRAWN, *_PROPOSAL_TAGS])}
    description = with_promotion(to.description, promotion, _numbers(decision, to), lost)
    others = _mistaken(decision, corpus_name)
    # So that the next promotion does not choose them again, for the scores that they were chosen for before.
    withdrawn = f"{promotion[names.PROMOTED_AT]} by {runs.user()}: {decision.reason}" if rollback else None
    if before:
        card = with_replacement(before.description, before.tags, to.number, promotion)
        others.append(Words(before, {names.REPLACED_BY: to.number, names.WITHDRAWN: withdrawn}, card))
    for later in champions_since(corpus_name, to) if rollback else []:
        if later.number not in (to.number, before and before.number):
            others.append(Words(later, {names.WITHDRAWN: withdrawn}, later.description))
    serving.move(to, expected=before, tags=stale | promotion, description=description, others=others)
    registered.describe_model(to.model, model_card(to, promotion, _numbers(decision, to)))


def _mistaken(decision: Decision, corpus_name: str) -> list[Words]:
    """The corrected tags and cards of versions that say they are the champion and are not.

    A promotion that was cut off before it moved the alias leaves such a version, or somebody who moves it by hand.
    """
    right = [version.number for version in (decision.proposed, decision.champion) if version]
    return [
        Words(
            version,
            # One that was replaced has been the champion, and may say so.
            {} if names.REPLACED_BY in version.tags else _no_promotion(version),
            without_promotion(version.description),
        )
        for version in registered.versions(corpus_name)
        if version.number not in right and says_champion(version.description)
    ]


def _no_promotion(version: Version) -> dict[str, object]:
    """Tags of None, which delete those of a promotion."""
    return {name: None for name in version.tags if name in _PROMOTION_TAGS}


def _numbers(decision: Decision, version: Version) -> dict[str, float]:
    """The figures of a version that decide: as this decision saw them, else as they were registered."""
    seen: Mapping[str, float] = registered.record(version).metrics
    for one in decision.candidates:
        if one.number == version.number:
            seen = {**seen, **one.metrics}
    scores = (names.VALIDATION_PREFIX + decision.main_metric, names.TEST_PREFIX + decision.main_metric)
    return {name: seen[name] for name in (*scores, names.F1_RETAINED, *deciding_metrics()) if name in seen}
