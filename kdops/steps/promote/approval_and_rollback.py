"""Other ways than a contest to another champion: a proposal that somebody approves, and a former champion."""

import datetime
from collections.abc import Sequence
from dataclasses import replace

from kdops.errors import UserError
from kdops.steps.promote.cards import with_proposal
from kdops.steps.promote.contest import Decision
from kdops.tracking import names, runs
from kdops.tracking.registry import bundles, registered
from kdops.tracking.registry.registered import Version


def propose(decision: Decision, dataset: str) -> Decision:
    """Write on the version that should serve that it waits for approval; the champion stays.

    Args:
        decision: For that version.
        dataset: The data set as the user named it.
    """
    to = decision.proposed
    assert to is not None
    tags: dict[str, object] = {
        names.PROPOSED_OVER: number_of(decision.champion),
        names.PROPOSED_AT: now(),
        names.PROPOSED_BY: runs.user(),
        names.PROPOSAL_REASON: decision.reason,
    }
    registered.describe(to, tags, with_proposal(to.description, tags))
    how = f"mlflow run . -e promote -P dataset={dataset} -P approve={to.number}"
    return replace(decision, waits=True, usage=("", f"somebody else approves it: {how}"))


def approval(corpus_name: str, number: int, before: Version | None) -> Decision:
    """The decision to let a proposed version serve.

    Args:
        corpus_name: The data set.
        number: The version.
        before: The champion so far.

    Raises:
        UserError: It is not proposed, or over another champion, or by the same user of a server, or does not serve.
    """
    versions = registered.versions(corpus_name)
    proposed = [one for one in versions if one.tags.get(names.PROPOSED_BY)]
    version = _one_of(proposed, number, f"version {number} of {corpus_name} is not proposed", "proposed")
    over, by = version.tags[names.PROPOSED_OVER], version.tags[names.PROPOSED_BY]
    if over != number_of(before):
        raise UserError(
            f"version {number} was proposed over champion {over}, but the champion is {number_of(before)} now: "
            "propose again (approval=required)"
        )
    if runs.is_signed_in() and by == runs.user():
        raise UserError(f"version {number} was proposed by {by}, who you are: somebody else approves it")
    bundles.try_out(version.uri)
    reason = f"{version.tags[names.PROPOSAL_REASON]}; proposed by {by}, approved by {runs.user()}"
    return _decided(version, before, reason)


def way_back(corpus_name: str, number: int | None, before: Version | None) -> Decision:
    """The decision to let a former champion serve again.

    Args:
        corpus_name: The data set.
        number: Which of them; None: the previous one.
        before: The champion so far.

    Raises:
        UserError: There is none to go back to, or it does not serve.
    """
    model = names.registered_model_name(corpus_name)
    if before is None:
        raise UserError(f"nothing to go back to: {model} has no version with the alias {names.CHAMPION!r}")
    if number is None:
        to = registered.find_version(corpus_name, names.PREVIOUS_CHAMPION)
        if to is None:
            raise UserError(f"nothing to go back to: {model} has no version with the alias {names.PREVIOUS_CHAMPION!r}")
        if to.number == before.number:
            raise UserError(f"nothing to go back to: version {before.number} of {model} is the previous champion too")
    else:
        former = [one for one in registered.versions(corpus_name) if names.REPLACED_BY in one.tags]
        to = _one_of(former, number, f"version {number} of {model} was no champion before this one", "former champions")
    bundles.try_out(to.uri)
    return _decided(to, before, f"rollback from version {before.number}")


def champions_since(corpus_name: str, to: Version) -> list[Version]:
    """The former champions that came after one that is gone back to."""
    since = to.tags.get(names.PROMOTED_AT)
    return [one for one in registered.versions(corpus_name) if since and one.tags.get(names.PROMOTED_AT, "") > since]


def number_of(version: Version | None) -> str:
    """The number of a version, as tags have it."""
    return str(version.number) if version else "none"


def now() -> str:
    """The time, as tags have it."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")


def _one_of(versions: Sequence[Version], number: int, lacking: str, are: str) -> Version:
    found = next((one for one in versions if one.number == number), None)
    if found is None:
        choices = ", ".join(str(one.number) for one in versions) or "none"
        raise UserError(f"{lacking}; {are}: {choices}")
    return found


def _decided(to: Version, before: Version | None, reason: str) -> Decision:
    return Decision(
        approved=True, promoted=False, proposed=to, champion=before, reason=reason, main_metric=to.main_metric
    )
