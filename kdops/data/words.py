"""Rules that cut plain text into words as the words of the training data were cut.

The rule is a regular expression that a bundle carries along, so that the predictor cuts as the data did.
"""

import functools
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain

# Escaped, as they stand in a regular expression: a pattern in a file that people read shows all of its characters.
_JOINERS = r"\u200c\u200d"  # zero width: between letters of Persian and Hindi words, and between the parts of an emoji
_SKIN_TONES = r"\U0001f3fb-\U0001f3ff"
_MAY_BE_MARKS = (range(0x300, 0x20000), range(0xE0100, 0xE01F0))  # the other planes have none
_LEAST_SHARE = 0.01  # of a mark's occurrences inside words, beside those as a word of its own
_MOST_LEADING = 4
# The first words of the Unicode names of letters that are written without spaces between words.
_WITHOUT_SPACES = {
    "BALINESE": "Balinese",
    "CJK": "Chinese or Japanese",
    "HIRAGANA": "Japanese",
    "JAVANESE": "Javanese",
    "KATAKANA": "Japanese",
    "KHMER": "Khmer",
    "LAO": "Lao",
    "MYANMAR": "Burmese",
    "THAI": "Thai",
    "TIBETAN": "Tibetan",
}
_SPOKEN_OF_FROM = 0.1


@dataclass(frozen=True)
class WordRule:
    """The rule that cuts plain text into words: the characters of a word besides letters, digits and combining marks.

    By default every other visible character is a word of its own.

    Attributes:
        leading: characters that stay with the word after them, as # may in #tag.
        trailing: characters that stay with the word before them, as the full stop may in Dr.
        between_letters: characters that stay inside a word, as the hyphen may in Al-Azhar.
        between_digits: characters that stay between two digits, as the comma may in 1,000.
        repeated: characters of which several in a row are one word, as the full stop may in an ellipsis.
        pattern: a regular expression that matches one word after the other.
    """

    leading: str = ""
    trailing: str = ""
    between_letters: str = ""
    between_digits: str = ""
    repeated: str = ""
    pattern: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        leading = f"{_one_of(self.leading)}{{0,{_MOST_LEADING}}}" if self.leading else ""
        repeated = rf"({_one_of(self.repeated)})\2+|" if self.repeated else ""
        inside = rf"|{_one_of(self.between_letters)}(?=\w)" if self.between_letters else ""
        inside += rf"|(?<=\d){_one_of(self.between_digits)}(?=\d)" if self.between_digits else ""
        trailing = f"(?(1){_one_of(self.trailing)}*)" if self.trailing else ""
        # group 1 is there when the word has a letter or digit; its marks follow, as those of any other character do
        rest = rf"(?:(?(1)(?:\w++{inside})|(?<=\u200d)[^\w\s])|[{_marks()}])*"
        object.__setattr__(self, "pattern", rf"(?:{leading}(\w)|{repeated}[^\w\s]){rest}{trailing}")

    def cut(self, text: str) -> list[str]:
        """The words of a text, in its order."""
        return [text[start:end] for start, end in self.offsets(text)]

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """Where each word of a text begins and ends, in characters."""
        return [found.span() for found in _compiled(self.pattern).finditer(text)]


@functools.cache
def default_rule() -> WordRule:
    """The rule that knows no training words."""
    return WordRule()


def words_of_text(text: str) -> list[str]:
    """The words and marks of a text: runs of letters and digits, and every other visible character."""
    return default_rule().cut(text)


def parts_of_text(text: str) -> list[str]:
    """The words and marks of a text and the spaces between them: joined again they are the text."""
    return [found[0] for found in _compiled(rf"{default_rule().pattern}|\s+").finditer(text)]


def learn_word_rule(sentences: Iterable[Sequence[str]]) -> WordRule:
    """The rule by which the words of sentences seem to have been cut.

    A character leads or trails words if it does so more often than it stands alone. It stays inside of words, or is
    repeated in one, if it does so at all, and at least once for every hundred times that it stands alone.

    Args:
        sentences: the words of each.
    """
    alone, leading, trailing, letters, digits, repeated = (Counter[str]() for _ in range(6))
    for word, times in Counter(chain.from_iterable(sentences)).items():
        if word.isalnum():
            continue
        kinds = [_is_letter(character) for character in word]
        if not any(kinds):
            (repeated if len(word) > 1 and len({*word}) == 1 else alone)[word[0]] += times
            continue
        first, last = kinds.index(True), len(kinds) - 1 - kinds[::-1].index(True)
        leading.update(dict.fromkeys(word[:first], times))
        trailing.update(dict.fromkeys(word[last + 1 :], times))
        for before, one, after in _inner(word, kinds, first, last):
            (digits if before.isdecimal() and after.isdecimal() else letters)[one] += times
    return WordRule(
        leading=_sorted(one for one in leading if leading[one] > alone[one]),
        trailing=_sorted(one for one in trailing if trailing[one] > alone[one]),
        **{
            name: _sorted(one for one in counts if counts[one] >= _LEAST_SHARE * alone[one])
            for name, counts in (("between_letters", letters), ("between_digits", digits), ("repeated", repeated))
        },
    )


def share_cut_differently(sentences: Iterable[Sequence[str]], rule: WordRule) -> float:
    """The share of sentences, 0 to 1, that a rule cuts into other words when theirs are joined by spaces."""
    different = [rule.cut(" ".join(words)) != [*words] for words in sentences]
    return sum(different) / max(1, len(different))


def script_without_spaces(sentences: Iterable[Sequence[str]]) -> str | None:
    """The language of a script without spaces, if at least a tenth of the words is written in one; else None.

    No rule can cut plain text of these into words: they must be given as lists.
    """
    found = Counter(map(_script, chain.from_iterable(sentences)))
    total = found.total()
    del found[""]
    return found.most_common(1)[0][0] if found and found.total() >= _SPOKEN_OF_FROM * total else None


def cutting_warnings(sentences: Sequence[Sequence[str]], rule: WordRule) -> tuple[str, ...]:
    """Warnings, a sentence each, about plain text as the input of a model of words.

    Args:
        sentences: the words of each, of the validation split, say.
        rule: how plain text is going to be cut.
    """
    warnings = []
    if script := script_without_spaces(sentences):
        warnings.append(f"{script} is written without spaces between words: give the model lists of words, not texts")
    if share := share_cut_differently(sentences, rule):
        warnings.append(
            f"{share:.1%} of the sentences are cut into other words when they come as text than they have in the data: "
            "give the model lists of words where that matters"
        )
    return tuple(warnings)


def _script(word: str) -> str:
    if word.isascii():
        return ""
    names = (unicodedata.name(character, "").partition(" ")[0].partition("-")[0] for character in word)
    return next((_WITHOUT_SPACES[name] for name in names if name in _WITHOUT_SPACES), "")


def _inner(word: str, kinds: Sequence[bool], first: int, last: int) -> Iterator[tuple[str, str, str]]:
    """Each single mark of a word between two letters or digits, with these."""
    for place in range(first + 1, last):
        if not kinds[place] and kinds[place - 1] and kinds[place + 1]:
            yield word[place - 1], word[place], word[place + 1]


def _is_letter(character: str) -> bool:
    """Whether a character is part of a word by itself: a letter, a digit, an underscore, or a mark of these."""
    return character.isalnum() or character in "_\u200c\u200d" or unicodedata.category(character)[0] == "M"


def _sorted(characters: Iterable[str]) -> str:
    return "".join(sorted(one for one in characters if not one.isspace()))


def _one_of(characters: str) -> str:
    return f"[{re.escape(characters)}]"


@functools.cache
def _marks() -> str:
    """All combining marks and what joins or colours characters, as the inside of a character class."""
    codes = [code for code in chain(*_MAY_BE_MARKS) if unicodedata.category(chr(code))[0] == "M"]
    ranges: list[list[int]] = []
    for code in codes:
        gap = range(ranges[-1][1] + 1, code) if ranges else None
        if gap is not None and len(gap) < 64 and all(unicodedata.category(chr(one)) == "Cn" for one in gap):
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return "".join(rf"\U{low:08x}-\U{high:08x}" for low, high in ranges) + _JOINERS + _SKIN_TONES


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)
