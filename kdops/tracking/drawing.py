"""Rules of all matplotlib figures: labels are plain text in a font that has them; a failed figure ends no run."""

import functools
import io
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font

logger = logging.getLogger(__name__)

LONGEST_LABEL = 40
_DEFAULT = "DejaVu Sans"  # comes with matplotlib
# Families that have what the default has not, where they are installed.
_MORE_LETTERS = (
    "Noto Sans CJK JP",
    "Noto Sans CJK SC",
    "Source Han Sans",
    "WenQuanYi Micro Hei",
    "Microsoft YaHei",
    "PingFang SC",
    "Malgun Gothic",
    "Noto Sans Devanagari",
    "Noto Sans Thai",
    "Nirmala UI",
    "Arial Unicode MS",
    "Unifont",
)


def plain_text(text: str) -> str:
    """A text as matplotlib shall draw it: no part of it is math, none of its letters is missing.

    Characters that no font at hand has are written as escapes, as Python does.
    """
    known = _characters()
    drawn = "".join(one if one == "\n" or ord(one) in known else _escaped(one) for one in text)
    return drawn.replace("$", r"\$")


def label_text(text: str) -> str:
    """The same of a label, of which no more than the beginning is drawn where it is long."""
    return plain_text(text if len(text) <= LONGEST_LABEL else f"{text[: LONGEST_LABEL - 1]}…")


@functools.cache
def font_families() -> list[str]:
    """The default family, and those at hand that have more letters."""
    there = {font.name for font in font_manager.fontManager.ttflist}
    return [_DEFAULT, *(name for name in _MORE_LETTERS if name in there)]


def png(make: Callable[[], Figure], name: str, dots_per_inch: int = 100) -> bytes:
    """Draw a figure; in place of one that cannot be drawn, with a warning, a sheet that says so.

    Args:
        make: makes the figure.
        name: what it shows, for the warning.
        dots_per_inch: how fine it is drawn.
    """
    try:
        return _drawn(make(), dots_per_inch)
    except Exception:  # a figure must not cost a training, whatever its labels bring about in matplotlib
        logger.warning("%s cannot be drawn", name, exc_info=True)
        sheet = Figure(figsize=(5, 1))
        sheet.text(0.5, 0.5, f"{label_text(name)} could not be drawn", ha="center", va="center")
        return _drawn(sheet, dots_per_inch)


def _drawn(figure: Figure, dots_per_inch: int) -> bytes:
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=dots_per_inch)
    return image.getvalue()


@dataclass(frozen=True, slots=True)
class ConfusedPair:
    """Two classes of which one is taken for the other.

    Attributes:
        gold: the label of the rows.
        predicted: the label that was predicted instead.
        times: how often.
        of: how often the gold label occurs.
    """

    gold: str
    predicted: str
    times: int
    of: int


def most_confused(counts: Sequence[Sequence[int]], labels: Sequence[str], most: int = 20) -> list[ConfusedPair]:
    """The pairs of classes that are taken for each other most often, frequent ones first.

    Args:
        counts: of predictions (columns) by gold label (rows).
        labels: of the classes, in their order.
        most: how many pairs.
    """
    pairs = [
        ConfusedPair(gold, predicted, int(count), int(sum(row)))
        for gold, row in zip(labels, counts, strict=True)
        for predicted, count in zip(labels, row, strict=True)
        if gold != predicted and count
    ]
    return sorted(pairs, key=lambda pair: (-pair.times, pair.gold, pair.predicted))[:most]


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()


@functools.cache
def _characters() -> frozenset[int]:
    paths = (font_manager.findfont(name, fallback_to_default=False) for name in font_families())
    return frozenset(code for path in paths for code in FT2Font(path).get_charmap())
