"""Grammar of the synthetic reviews: short texts whose sentiment hangs on scope, contrast and rare words."""

import random
import re
from collections.abc import Callable
from itertools import accumulate

import review_words as words
from spelling import respell

LABELS = ("negative", "neutral", "positive")
_SHARES = (0.36, 0.26, 0.38)
_FLIP = {"positive": "negative", "negative": "positive"}

# {same} is an opinion word of the clause's own polarity, {other} one of the opposite polarity, of the same aspect
_PLAIN = {
    "{aspect} {same}": 20,
    "{aspect} {same} {very}": 11,
    "{aspect} {before} {same}": 8,
    "{same} {very} {aspect}": 6,
    "{aspect} {same} dan {same}": 12,
    "{aspect} {same} , {same} dan {same}": 8,
}
_NEGATED = {
    "{aspect} tidak {other}": 10,
    "{aspect} kurang {other}": 4,
    "{aspect} sama sekali tidak {other}": 4,
    "{aspect} jauh dari kata {other}": 2,
    "{aspect} bukannya {other} malah {same}": 5,
    "kirain {aspect} {other} ternyata {same}": 5,
    "{aspect} tidak hanya {same} tapi juga {same}": 5,
    "makin lama {aspect} makin {same}": 3,
}
_NEGATED_SHARE, _BESIDE_SHARE = 0.24, 0.1  # the second: where a contrast is at work already
_WISHES = ("harusnya {aspect} lebih {good} lagi", "coba kalau {aspect} {good}", "andai saja {aspect} {good}")
_OPINIONS = {
    "{win}": 10,
    "{win} , {win}": 22,
    "{win} dan {win} , {closer}": 12,
    "{win} , {closer}": 12,
    "{closer} , {win}": 5,
    "{fact} , {win} , {win}": 8,
    "{win} . {fact}": 8,
    "{lose} tapi {still}": 8,
    "{lose} tapi {still} , {closer}": 5,
    "memang {lose} , tapi {still} dan {still}": 5,
    "meskipun {lose} , {still}": 5,
    "meskipun {lose} , {still} , {closer}": 4,
    "{still} walaupun {lose}": 2,
    "{lose} tapi tetap {closer}": 3,
}
_NEUTRALS = {
    "{fact}": 14,
    "{fact} , {fact}": 16,
    "{question}": 14,
    "{fact} , {question}": 8,
    "{hearsay}": 10,
    "{fact} . {hearsay}": 6,
    "{middle}": 12,
    "{middle} , {fact}": 8,
    "{still} tapi {lose} , {balance}": 6,
}
_SLOTS = {
    "fact": (
        "pesan {number} {meal} buat {day}|beli {item} warna {colour} hari {day}|barang sampai hari {day}|"
        "menginap {number} malam di dekat {place}|datang hari {day} bareng {who}|lokasinya di sebelah {place}|"
        "pesan {item} lewat aplikasi|bayar pakai transfer {day}|beli {item} untuk {who}|ke sini {day} sama {who}|"
        "{item} ukuran sedang warna {colour}|check in hari {day} jam {number}|tempatnya {number} kilo dari {place}|"
        "ini ulasan {day}|pesanan saya {meal} dan {meal}|paket dikirim dari dekat {place}|"
        "belum sempat dicoba , titipan {who}|buka sampai jam {number} malam|ini {item} pesanan {who}|"
        "antar {who} makan {meal}|kamarnya di lantai {number}|isi paket {number} buah"
    ),
    "question": (
        "apakah {aspect} {mixed}|{aspect} {mixed} tidak ya|ada yang tahu {aspect} {mixed} atau tidak|"
        "mau tanya , {aspect} {mixed} tidak kak|lebih {good} mana dibanding yang dekat {place}|"
        "kalau {item} {mixed} bisa diretur tidak|gimana caranya supaya {item} tidak {bad}|"
        "ada {item} warna {colour} tidak|biar {aspect} {good} harus bagaimana"
    ),
    "hearsay": (
        "kata {who} {aspect} {mixed} , saya belum coba|menurut {who} {aspect} {mixed}|"
        "di iklan tertulis {aspect} {good}|belum bisa bilang {aspect} {mixed}|{who} bertanya apakah {aspect} {mixed}|"
        "belum tahu {aspect} {mixed} atau tidak|saya cari yang {good} , semoga sesuai|"
        "tergantung selera , ada yang bilang {good} ada yang bilang {bad}"
    ),
    "middle": (
        "{aspect} biasa saja|{aspect} standar|tidak {good} tidak {bad} , biasa saja|{aspect} ya begitu saja|"
        "{aspect} tidak {good} tapi juga tidak {bad}|{aspect} rata rata|{aspect} seperti pada umumnya|"
        "{aspect} sama seperti di tempat lain|{aspect} so so|{aspect} b aja"
    ),
    "balance": (
        "ya imbang lah|jadi biasa saja|ada plus minusnya|nilainya tengah tengah|fifty fifty|tiga bintang saja|"
        "jadi netral|begitulah adanya|sedang sedang saja"
    ),
    "who": words.WHO.replace(" ", "|"),
    "item": words.ITEMS.replace(" ", "|"),
    "meal": words.MEALS.replace(" ", "|"),
    "day": words.DAYS.replace(" ", "|"),
    "place": words.PLACES.replace(" ", "|"),
    "colour": words.COLOURS.replace(" ", "|"),
    "number": words.NUMBERS.replace(" ", "|"),
    "very": words.VERY.replace(" ", "|"),
    "before": words.BEFORE.replace(" ", "|"),
}
_BY_POLARITY = {
    "closer": {"positive": words.CLOSERS_GOOD, "negative": words.CLOSERS_BAD},
    "feeling": {"positive": words.JOY.replace(" ", "|"), "negative": words.REGRET.replace(" ", "|")},
}
# people disagree about faint praise; so do these rows, in every split
_FAINT = (
    "{aspect} lumayan",
    "{aspect} lumayan lah , {fact}",
    "{aspect} not bad",
    "{aspect} oke lah",
    "{fact} , {aspect} lumayan sih",
)
_FAINT_SHARE = 0.03


class ReviewWriter:
    """Writes reviews.

    Args:
        rng: the source of every choice.
        tail: how often rare words come, in [0, 1]: 0 is mostly the common ones, 1 is all alike.
        emotion: the share of clauses with an exclamation in them, which tells what an unknown word beside it means.
    """

    def __init__(self, rng: random.Random, tail: float, emotion: float) -> None:
        self._rng = rng
        self._exponent = 1.6 * (1.0 - tail)
        self._emotion = emotion
        self._kind = "all"
        self._aspect = ""

    def write(self) -> tuple[str, str]:
        """One review and its label."""
        rng = self._rng
        if rng.random() < _FAINT_SHARE:
            text, label = self._fill(rng.choice(_FAINT), "positive"), rng.choices(LABELS, (0, 0.4, 0.6))[0]
        else:
            label = rng.choices(LABELS, _SHARES)[0]
            polarity = rng.choice(("positive", "negative")) if label == "neutral" else label
            text = self._fill(self._weighted(_NEUTRALS if label == "neutral" else _OPINIONS), polarity)
        return self._restyle(text.replace("_", " ")), label

    def _fill(self, template: str, polarity: str) -> str:
        return re.sub(r"\{(\w+)\}", lambda slot: self._slot(slot[1], polarity), template)

    def _slot(self, slot: str, polarity: str) -> str:
        other = _FLIP[polarity]
        writers: dict[str, Callable[[], str]] = {
            "win": lambda: self._clause(polarity),
            "still": lambda: self._clause(polarity, _BESIDE_SHARE),
            "lose": lambda: self._clause(other, _BESIDE_SHARE),
            "aspect": self._pick_aspect,
            "same": lambda: self._opinion(polarity),
            "other": lambda: self._opinion(other),
            "good": lambda: self._opinion("positive"),
            "bad": lambda: self._opinion("negative"),
            "mixed": lambda: self._opinion(self._rng.choice(("positive", "negative"))),
        }
        if slot in writers:
            return writers[slot]()
        if slot in _BY_POLARITY:
            return self._rng.choice(_BY_POLARITY[slot][polarity].split("|"))
        return self._fill(self._rng.choice(_SLOTS[slot].split("|")), polarity)

    def _clause(self, polarity: str, negated_share: float = _NEGATED_SHARE) -> str:
        rng = self._rng
        template = self._weighted(_NEGATED if rng.random() < negated_share else _PLAIN)
        if polarity == "negative" and rng.random() < 0.05:
            template = rng.choice(_WISHES)
        if rng.random() < self._emotion:
            template = template.replace("{same}", "{feeling} {same}", 1)
        # the aspect decides which opinion words fit, wherever it stands in the clause
        aspect = self._pick_aspect()
        return self._fill(template.replace("{aspect}", aspect), polarity)

    def _pick_aspect(self) -> str:
        rng = self._rng
        if rng.random() < 0.03:
            self._aspect, good, bad = rng.choice(words.TURNING.split("|")).split()
            self._kind = f"{good} {bad}"
            return self._aspect
        self._kind = rng.choices(tuple(words.OPINIONS), (22, 17, 18, 18, 8, 17))[0]
        return self._zipf(words.OPINIONS[self._kind][0].split(), 0.5)

    def _opinion(self, polarity: str) -> str:
        place = 0 if polarity == "positive" else 1
        if self._kind not in words.OPINIONS:
            return self._kind.split()[place]
        kind = "all" if self._kind != "price" and self._rng.random() < 0.2 else self._kind
        return self._zipf(words.OPINIONS[kind][1 + place].split(), self._exponent)

    def _zipf(self, choices: list[str], exponent: float) -> str:
        weights = [1.0 / (rank + 1) ** exponent for rank in range(len(choices))]
        return self._rng.choices(choices, cum_weights=list(accumulate(weights)))[0]

    def _weighted(self, templates: dict[str, int]) -> str:
        return self._rng.choices(tuple(templates), tuple(templates.values()))[0]

    def _restyle(self, text: str) -> str:
        rng = self._rng
        rate = rng.choice((0.0, 0.0, 0.06, 0.15))
        return " ".join(respell(word, rng) if rng.random() < rate else word for word in text.split())
