"""The alias `champion`: one promotion at a time moves it, and none that was decided against an older champion.

MLflow's registry sets an alias whatever it was before, so by itself the last of two promotions would win: a promotion
therefore holds a claim on the model for the moments in which it looks at the alias again and moves it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kdops.errors import UserError
from kdops.tracking import names, store
from kdops.tracking.registry import registered
from kdops.tracking.registry.registered import Version
from kdops.tracking.workarounds.claims import claimed


@dataclass(frozen=True)
class Words:
    """The new tags and description of a version.

    Attributes:
        version: The version.
        tags: By name; those that are None are taken away.
        description: Its description from now on.
    """

    version: Version
    tags: Mapping[str, object]
    description: str


def move(
    to: Version,
    *,
    expected: Version | None,
    tags: Mapping[str, object],
    description: str,
    others: Sequence[Words] = (),
) -> None:
    """Make a version the champion, and the one that it replaces the previous champion.

    The alias moves in one step: whoever loads the champion gets the old one or the new one. Of several promotions that
    were decided against the same champion one moves it, and the others fail, whichever machines they run on. An alias
    that is set by other means, such as MLflow's UI, asks for no claim: that is noticed when it happened before the
    claim or between the move and the look at what became of it.

    All words are written before the alias moves: whoever is cut off in between has moved nothing, so that the same
    promotion is decided again, and done whole.

    Args:
        to: The new champion.
        expected: The champion that this was decided against.
        tags: Tags of the new champion; those that are None are taken away.
        description: Its description from now on.
        others: What the champion that it replaces, and other versions, say from now on.

    Raises:
        UserError: Another promotion moved the champion meanwhile, or is about to and does not finish.
    """
    client = store.client()
    before = expected.number if expected else None
    with claimed(to.model):
        found = registered.alias_of(to.model, names.CHAMPION)
        if found != before:
            raise UserError(
                f"{to.model}: the champion changed from {_named(before)} to {_named(found)} while this was decided; "
                "nothing is moved, promote again to compare with it"
            )
        registered.describe(to, tags, description)
        for words in others:
            registered.describe(words.version, words.tags, words.description)
        if expected:
            client.set_registered_model_alias(to.model, names.PREVIOUS_CHAMPION, str(expected.number))
        client.set_registered_model_alias(to.model, names.CHAMPION, str(to.number))
        found = registered.alias_of(to.model, names.CHAMPION)
        if found != to.number:
            raise UserError(
                f"{to.model}: somebody set the champion to {_named(found)} by other means, just after this promotion "
                f"set it to {_named(to.number)}; look at it and promote again"
            )


def _named(number: int | None) -> str:
    return "none" if number is None else f"version {number}"
