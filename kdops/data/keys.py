"""Keys by which two inputs count as the same text."""

import re
import unicodedata

from kdops.data.inputs import Text, joined
from kdops.data.words import words_of_text

_NO_LETTERS = re.compile(r"[\W_]+")
# They choose how the character before them is drawn, as a letter's own marks do not.
_VARIATION_SELECTORS = range(0xFE00, 0xFE10)


def text_key(text: Text) -> str:
    """Return a key that is equal for inputs which differ only in case and spacing."""
    return " ".join(words_of_text(_folded(text)))


def content_key(text: Text) -> str:
    """Return a key that is equal for inputs with the same letters and digits, so that leaks between splits are found.

    Neither marks nor spacing hide a text, since they often come from how it was cut into words or cleaned. A text that
    has no letters or digits is compared by its marks, as `text_key` does.
    """
    return _NO_LETTERS.sub(_letter_marks, _folded(text)) or text_key(text)


def _folded(text: Text) -> str:
    return joined(text).casefold()


def _letter_marks(found: re.Match[str]) -> str:
    """The vowel signs and accents of a run without letters: they tell words apart, so they are kept."""
    run = found[0]
    if run.isascii():
        return ""
    return "".join(
        mark for mark in run if unicodedata.category(mark) in ("Mn", "Mc") and ord(mark) not in _VARIATION_SELECTORS
    )
