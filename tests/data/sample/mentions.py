"""Grammar of the synthetic entity data: short news and chat sentences with BIO tags."""

import random
import re

import mention_words as words
from spelling import respell

_TYPES = {"P": "PERSON", "L": "PLACE", "O": "ORGANISATION", "C": "ORGANISATION", "W": "PERSON"}
_CHAT_SHARE = 0.5
_SLOT = re.compile(r"\{(\w+|\*)\}")


class MentionWriter:
    """Writes tagged sentences.

    Args:
        rng: the source of every choice.
        reach: the share of every name list that is in use, in (0, 1]; the rest never occurs.
    """

    def __init__(self, rng: random.Random, reach: float) -> None:
        self._rng = rng
        self._reach = reach

    def write(self) -> tuple[list[str], list[str]]:
        """One sentence: tokens, and one BIO tag per token. Tokens are words or single marks."""
        rng = self._rng
        chat = rng.random() < _CHAT_SHARE
        tokens: list[str] = []
        tags: list[str] = []
        for piece in rng.choice(words.SENTENCES).split():
            slot = _SLOT.fullmatch(piece)
            kind = rng.choice("WLC") if piece == "{*}" else slot[1] if slot else ""
            if kind in _TYPES:
                name = self._name(kind).split()
                tokens += name if chat else [_capitalised(part) for part in name]
                tags += [f"{'I' if place else 'B'}-{_TYPES[kind]}" for place in range(len(name))]
            else:
                plain = self._plain(kind).split() if slot else [piece]
                tokens += [respell(word, rng) if chat and rng.random() < 0.15 else word for word in plain]
                tags += ["O"] * len(plain)
        if not chat:
            tokens[0] = tokens[0].capitalize()
        return tokens, tags

    def _plain(self, kind: str) -> str:
        choices = {"D": words.DOUBLES, "food": words.FOODS, "city": words.CITIES, **words.PLAIN}[kind]
        return self._one(choices)

    def _one(self, choices: str) -> str:
        return self._rng.choice(choices.split()).replace("_", " ")

    def _listed(self, choices: str) -> str:
        names = choices.split()
        # the square makes some names frequent and most of them rare
        return names[int(len(names) * self._reach * self._rng.random() ** 2)].replace("_", " ")

    def _joined(self, heads: str, tails: str) -> str:
        return self._listed(heads) + self._listed(tails)

    def _name(self, kind: str) -> str:
        return {"P": self._person, "L": self._place, "O": self._organisation, "C": self._city, "W": self._word}[kind]()

    def _person(self) -> str:
        match self._rng.choices(("first", "full", "built", "double", "double last"), (22, 34, 18, 14, 12))[0]:
            case "first":
                return self._listed(words.FIRST)
            case "full":
                return f"{self._listed(words.FIRST)} {self._listed(words.LAST)}"
            case "built":
                return self._joined(words.PERSON_HEADS, words.PERSON_TAILS)
            case "double":
                return self._one(words.DOUBLES)
            case _:
                return f"{self._one(words.DOUBLES)} {self._listed(words.LAST)}"

    def _city(self) -> str:
        return self._listed(words.CITIES)

    def _word(self) -> str:
        return self._one(words.DOUBLES)

    def _place(self) -> str:
        match self._rng.choices(("city", "village", "kind", "double", "person"), (38, 24, 18, 12, 8))[0]:
            case "city":
                return self._listed(words.CITIES)
            case "village":
                return self._joined(words.PLACE_HEADS, words.PLACE_TAILS)
            case "kind":
                return f"{self._listed(words.PLACE_KINDS)} {self._joined(words.PLACE_HEADS, words.PLACE_TAILS)}"
            case "double":
                return f"{self._rng.choice(('hotel', 'jalan', 'taman', 'gang', 'wisma'))} {self._one(words.DOUBLES)}"
            case _:
                return f"jalan {self._listed(words.LAST)}"

    def _organisation(self) -> str:
        match self._rng.choices(("company", "office", "short", "double", "city"), (30, 28, 18, 14, 10))[0]:
            case "company":
                count = self._rng.choice((1, 2, 2))
                return " ".join(
                    (self._listed(words.COMPANY_KINDS), *(self._listed(words.COMPANY_WORDS) for _ in range(count)))
                )
            case "office":
                return f"{self._listed(words.OFFICE_KINDS)} {self._listed(words.CITIES)}"
            case "short":
                return self._listed(words.SHORT_NAMES)
            case "double":
                return f"{self._listed(words.COMPANY_KINDS)} {self._one(words.DOUBLES)}"
            case _:
                return f"{self._rng.choice(('persatuan', 'bank', 'universitas'))} {self._listed(words.CITIES)}"


def _capitalised(word: str) -> str:
    initials = len(word) < 3 or (len(word) < 6 and word in words.SHORT_NAMES.split())
    return word.upper() if initials else word.capitalize()


def spoil(tags: list[str], share: float, rng: random.Random) -> list[str]:
    """`tags` with about `share` of their entities missed or given another type, as hurried annotators do."""
    spoiled: list[str] = []
    wrong = ""
    for tag in tags:
        if tag.startswith("B-"):
            others = [name for name in (_TYPES["P"], _TYPES["L"], _TYPES["O"]) if name != tag[2:]]
            wrong = rng.choice(["O", *others]) if rng.random() < share else tag[2:]
        spoiled.append(tag if tag == "O" or wrong == tag[2:] else "O" if wrong == "O" else tag[:2] + wrong)
    return spoiled
