"""The promotions of a version, in Markdown, for its card in the registry."""

import re
from collections.abc import Mapping

from kdops.steps.metric_text import figure, title
from kdops.tracking import names
from kdops.tracking.registry.registered import LONGEST_DESCRIPTION, Version

_CHAMPION = "\n\n## Champion\n\n"
_FORMER_CHAMPION = "\n\n## Former champion\n\n"
_PROPOSED = "\n\n## Proposed\n\n"
_NOTE = re.compile(f"{_CHAMPION}|{_FORMER_CHAMPION}|{_PROPOSED}")
_SHORTENED = "\n..."


def with_promotion(
    card: str, tags: Mapping[str, object], numbers: Mapping[str, float], lost: Mapping[str, float]
) -> str:
    """A card that says, below everything else, since when, by whom and why its version is the champion.

    Args:
        card: The description so far; what it says of an earlier promotion is replaced, and what of it leaves no room
            for the note in MLflow's database is cut.
        tags: The tags of the promotion.
        numbers: The version's own figures.
        lost: Those of the champion that it replaced.
    """
    over = tags[names.PROMOTED_OVER]
    lines = [f"Since {tags[names.PROMOTED_AT]}, {_promoted(tags)}"]
    if lost:
        lines += ["", f"| | this version | version {over} |", "|---|---:|---:|"]
        lines += [f"| {title(name)} | {_cell(name, numbers)} | {_cell(name, lost)} |" for name in {**numbers, **lost}]
    return _with_note(card, _CHAMPION + "\n".join(lines))


def with_replacement(card: str, tags: Mapping[str, object], successor: int, promotion: Mapping[str, object]) -> str:
    """A card that says, in place of that its version is the champion, until when it was and what serves instead.

    Args:
        card: The description so far.
        tags: The version's own tags; without those of a promotion somebody made it champion by other means.
        successor: The number of the version that replaced it.
        promotion: The tags of that promotion.
    """
    since = f"From {tags[names.PROMOTED_AT]} until " if names.PROMOTED_AT in tags else "Until "
    how = f", {_promoted(tags)}" if names.PROMOTED_AT in tags else ""
    replaced = f"Replaced by version {successor}, {_promoted(promotion, over=False)}"
    return _with_note(card, f"{_FORMER_CHAMPION}{since}{promotion[names.PROMOTED_AT]}{how}\n\n{replaced}")


def with_proposal(card: str, tags: Mapping[str, object]) -> str:
    """A card that says, below everything else, who proposed its version and why.

    Args:
        card: The description so far; what it says of an earlier proposal is replaced.
        tags: The tags of the proposal.
    """
    over, by, at, reason = (
        tags[name] for name in (names.PROPOSED_OVER, names.PROPOSED_BY, names.PROPOSED_AT, names.PROPOSAL_REASON)
    )
    replaced = "" if over == "none" else f" over version {over}"
    note = f"{_PROPOSED}By {by}{replaced}, {at}: {reason}\n\nSomebody else approves it."
    return _fitted(card.split(_PROPOSED)[0], note)


def model_card(to: Version, tags: Mapping[str, object], numbers: Mapping[str, float]) -> str:
    """The description of a registered model: which version is the champion, what it costs, how to serve it.

    Args:
        to: The champion.
        tags: The tags of its promotion.
        numbers: Its own figures.
    """
    student = " ".join(to.tags[name] for name in (names.STUDENT, names.RECIPE, names.PRECISION) if name in to.tags)
    figures = ", ".join(_figure(name, numbers) for name in numbers)
    return "\n\n".join(
        [
            f"**Champion: version {to.number}** ({student}): {figures}",
            f"```\nmlflow models serve -m models:/{to.model}@champion --env-manager local --port 5001\n```",
            f"Since {tags[names.PROMOTED_AT]}, {_promoted(tags)}",
        ]
    )


def without_promotion(card: str) -> str:
    """A card without what it says of a promotion."""
    return _NOTE.split(card)[0]


def says_champion(card: str) -> bool:
    """Whether a card says that its version is the champion."""
    return _CHAMPION in card


def _promoted(tags: Mapping[str, object], *, over: bool = True) -> str:
    number = tags[names.PROMOTED_OVER]
    replaced = f" over version {number}" if over and number != "none" else ""
    return f"promoted by {tags[names.PROMOTED_BY]}{replaced}: {tags[names.PROMOTION_REASON]}"


def _with_note(card: str, note: str) -> str:
    """A card with a note in place of all that it said of promotions."""
    return _fitted(without_promotion(card), note)


def _fitted(card: str, note: str) -> str:
    """A card with a note below it; where both are too long for MLflow's database the card gives way."""
    room = LONGEST_DESCRIPTION - len(note)
    if len(card) > room:
        card = card[: max(0, room - len(_SHORTENED))] + _SHORTENED
    return card + note


def _figure(name: str, values: Mapping[str, float]) -> str:
    if name == names.F1_RETAINED:
        return f"{figure(name, values[name])} of the teacher's"
    return f"{title(name)} {figure(name, values[name])}"


def _cell(name: str, values: Mapping[str, float]) -> str:
    return figure(name, values[name]) if name in values else "-"
