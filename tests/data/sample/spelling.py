"""Chat spelling: how one Indonesian word gets many surface forms."""

import random

ABBREVIATIONS = {
    "tidak": "tdk ga gak nggak ngga enggak gk g kagak ndak engga tak",
    "bukan": "bkn bukn",
    "yang": "yg yng",
    "banget": "bgt bngt bgtt bangett bangettt bener",
    "sekali": "skali skli bgt",
    "sangat": "sngt sgt",
    "tapi": "tp tpi tapii",
    "tetapi": "ttp tpi",
    "meskipun": "meski mskipun",
    "walaupun": "walau wlpn wlaupun",
    "dengan": "dgn dngan",
    "untuk": "utk buat bwt",
    "sudah": "udah udh dah sdh",
    "belum": "blm blom belom",
    "saya": "sy gue aku gw ane",
    "juga": "jg jga jugak",
    "karena": "krn karna krna",
    "dan": "n dn",
    "kalau": "klo kalo klu",
    "lagi": "lg lgi",
    "sama": "sm ama",
    "bisa": "bs bsa",
    "sekarang": "skrg skrang",
    "pelayanan": "pelayanannya service layanan plyanan",
    "barang": "brg brang",
    "tempat": "tmpt tempatnya",
    "makanan": "mknan makanannya",
    "harga": "hrg harganya",
    "kamar": "kmr kamarnya",
    "padahal": "pdhl padahl",
    "malah": "mlh malahh",
    "ternyata": "trnyata ternyta",
    "kurang": "krg kurg",
    "enak": "enk enakk nak",
    "bagus": "bgs baguss bagusss bagooos baguz",
    "mantap": "mantab mantep mantaap mntap manteb",
}

_VOWELS = "aeiou"


def respell(word: str, rng: random.Random) -> str:
    """One chat spelling of `word`: its usual abbreviation, or a stretched, clipped or mistyped form."""
    if word in ABBREVIATIONS and rng.random() < 0.8:
        return rng.choice(ABBREVIATIONS[word].split())
    if len(word) < 4 or not word.isalpha():
        return word
    return rng.choice((_stretch_end, _stretch_vowel, _drop_vowel, _swap, _double, _alay))(word, rng)


def _stretch_end(word: str, rng: random.Random) -> str:
    return word + word[-1] * rng.choice((1, 1, 2, 2, 3))


def _stretch_vowel(word: str, rng: random.Random) -> str:
    place = rng.choice([i for i, letter in enumerate(word) if letter in _VOWELS] or [len(word) - 1])
    return word[:place] + word[place] * rng.choice((2, 3)) + word[place + 1 :]


def _drop_vowel(word: str, rng: random.Random) -> str:
    places = [i for i, letter in enumerate(word[1:-1], 1) if letter in _VOWELS] or [len(word) - 1]
    place = rng.choice(places)
    return word[:place] + word[place + 1 :]


def _swap(word: str, rng: random.Random) -> str:
    place = rng.choice(range(1, len(word) - 1))
    return word[:place] + word[place + 1] + word[place] + word[place + 2 :]


def _double(word: str, rng: random.Random) -> str:
    place = rng.choice(range(1, len(word) - 1))
    return word[:place] + word[place] + word[place:]


def _alay(word: str, rng: random.Random) -> str:
    for plain, chat in rng.sample((("s", "z"), ("k", "q"), ("u", "oe"), ("ai", "e"), ("i", "ie"), ("au", "o")), 6):
        if plain in word[1:]:
            return word[0] + word[1:].replace(plain, chat, 1)
    return _stretch_end(word, rng)
