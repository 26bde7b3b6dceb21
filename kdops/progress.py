"""Progress of long work: a live line with the time left in a terminal, elsewhere a log line every half minute."""

import logging
import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

from tqdm import tqdm

logger = logging.getLogger(__name__)

Items = TypeVar("Items", bound=Sequence[Any])
Answer = TypeVar("Answer")

EVERY_S = 30.0
_CHUNK = 64
_LINE = "{desc}: {n_fmt} of {total_fmt} {unit}, {elapsed} so far, {remaining} left"


class Bar(tqdm):  # type: ignore[misc]
    """A progress bar for terminals that writes plain lines where there is none.

    Args:
        total: how many steps there are.
        description: what is done.
        unit: what a step is called, in the plural.
        initial: steps that were done before.
        quiet: whether to show nothing at all.
        every_s: how often a line is written.
    """

    def __init__(
        self,
        total: int,
        description: str,
        unit: str,
        *,
        initial: int = 0,
        quiet: bool = False,
        every_s: float = EVERY_S,
    ) -> None:
        self._live = sys.stderr.isatty()
        shown: dict[str, Any] = {} if self._live else {"mininterval": every_s, "miniters": 1, "delay": every_s}
        super().__init__(
            total=total, desc=description, unit=f" {unit}", initial=initial, leave=False, disable=quiet, **shown
        )

    def display(self, msg: str | None = None, pos: int | None = None) -> None:
        """Draw the line, or log it."""
        if self._live:
            super().display(msg, pos)
        elif msg is None:
            logger.info("%s", self.format_meter(**{**self.format_dict, "bar_format": _LINE, "unit": self.unit.strip()}))

    def close(self) -> None:
        """End without a last line; lines in the log stay."""
        if not self._live:
            self.disable = True
        super().close()


def in_chunks(
    items: Items, answer: Callable[[Items], Sequence[Answer]], description: str, unit: str = "texts"
) -> list[Answer]:
    """Answer items some at a time, so that progress can be shown.

    Args:
        items: to be answered.
        answer: one answer for each of the items that it gets.
        description: what is done.
        unit: what an item is called, in the plural.
    """
    answers: list[Answer] = []
    with Bar(len(items), description, unit) as progress:
        for start in range(0, len(items), _CHUNK):
            chunk = cast(Items, items[start : start + _CHUNK])
            answers.extend(answer(chunk))
            progress.update(len(chunk))
    return answers
