import random
import time
from collections import Counter
from pathlib import Path

import pytest

from kdops.data.raw import Example
from kdops.data.splits import drop_leaks, make_missing, near_identical
from kdops.errors import UserError

PLACE = Path("train.csv")
_SYLLABLES = [first + last for first in "bcdfghjklmnpqrstvwxyz" for last in "aeiou"]
WORDS = [first + last for first in _SYLLABLES for last in _SYLLABLES]


def texts(count: int, seed: int = 0) -> list[str]:
    """Texts of twelve random words: no two are nearly the same."""
    rng = random.Random(seed)
    return [" ".join(rng.choices(WORDS, k=12)) for _ in range(count)]


def rows(count: int, labels: dict[str, int]) -> list[Example]:
    names = [name for name, share in labels.items() for _ in range(count * share // 100)]
    return [
        Example(text, name, line) for line, (text, name) in enumerate(zip(texts(len(names)), names, strict=True), 1)
    ]


def same_group(first: str, second: str) -> bool:
    groups = near_identical([first, "lain sama sekali dari yang dua itu", second])
    assert groups[1] not in (groups[0], groups[2])
    return bool(groups[0] == groups[2])


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Harga emas hari ini Rp 754.000", "harga EMAS hari ini: rp 757.500!!"),
        ("@budi enak sekali https://t.co/a1", "USER enak sekali URL"),
        ("[USERNAME] enak [URL]", "enak"),
        ("a b c d", "a b c d e"),  # 4 of 5 words
        ("12 345", "12 345"),
        ("12 345", "12.345!"),
        ("USER USER", "user: USER!!"),  # nothing but placeholders
        ("@budi 😂", "@Budi"),
        ("", ""),
    ],
)
def test_near_identical(first: str, second: str) -> None:
    assert same_group(first, second)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("a b c d", "a b c e"),
        ("a b c", "a b c d"),
        ("enak", "enak sekali"),
        ("12", "345"),
        ("!", "?"),
        ("USER", "URL"),
        ("USER 😂", "😂"),
    ],
)
def test_not_near_identical(first: str, second: str) -> None:
    assert not same_group(first, second)


def test_a_chain_of_pairs_is_one_group() -> None:
    groups = near_identical(["a b c d e f g h i j", "a b c d e f g h i k", "a b c d e f g h l k"])
    assert len(set(groups)) == 1


def test_words_of_token_tasks_are_compared_likewise() -> None:
    assert len(set(near_identical([["Budi", "ke", "Solo"], ["budi", "ke", "solo", "."], ["Ani", "ke", "Solo"]]))) == 2


def test_prefixes_miss_no_pair() -> None:
    rng = random.Random(3)
    some = [rng.sample("abcdefghij", rng.randint(1, 9)) for _ in range(300)]
    groups = near_identical(some)
    for first in range(len(some)):
        for second in range(first):
            a, b = set(some[first]), set(some[second])
            if 5 * len(a & b) >= 4 * len(a | b):
                assert groups[first] == groups[second]


def test_a_tenth_each_in_proportion() -> None:
    train = rows(1000, {"good": 70, "bad": 25, "rare": 5})
    made, notes = make_missing({"train": train}, PLACE, 1)
    counts = {split: Counter(row.gold for row in those) for split, those in made.items()}
    assert counts["validation"] == counts["test"] == {"good": 70, "bad": 25, "rare": 5}
    assert counts["train"] == {"good": 560, "bad": 200, "rare": 40}
    lines = [row.line for those in made.values() for row in those]
    assert sorted(lines) == [row.line for row in train]
    assert all(those == sorted(those, key=lambda row: row.line) for those in made.values())
    assert notes == (
        "made from train: validation (100 rows) and test (100 rows); labels in proportion, nearly identical texts in "
        "one split, seed 1",
    )


@pytest.mark.parametrize("given", ["validation", "test"])
def test_only_what_is_missing_is_made(given: str) -> None:
    mine = rows(20, {"good": 50, "bad": 50})
    made, (note,) = make_missing({"train": rows(200, {"good": 50, "bad": 50}), given: mine}, PLACE, 1)
    missing = "test" if given == "validation" else "validation"
    assert made[given] is mine
    assert (len(made["train"]), len(made[missing])) == (180, 20)
    assert note.startswith(f"made from train: {missing} (20 rows);")


def test_nothing_is_missing() -> None:
    three = {split: rows(10, {"good": 50, "bad": 50}) for split in ("train", "validation", "test")}
    assert make_missing(three, PLACE, 1) == (three, ())


def test_the_seed_decides_and_the_order_of_rows_does_not() -> None:
    train = rows(300, {"good": 50, "bad": 50})

    def test_lines(train: list[Example], seed: int) -> set[int]:
        return {row.line for row in make_missing({"train": train}, PLACE, seed)[0]["test"]}

    assert test_lines(train, 1) == test_lines(train[::-1], 1) != test_lines(train, 2)


def test_near_identical_texts_stay_in_one_split() -> None:
    train = [
        Example(f"{row.input} {copy}", row.gold, 3 * row.line + copy)
        for row in rows(300, {"good": 50, "bad": 50})
        for copy in range(3)
    ]
    made, _ = make_missing({"train": train}, PLACE, 1)
    origins = {split: {row.line // 3 for row in those} for split, those in made.items()}
    assert not origins["train"] & origins["validation"]
    assert not origins["train"] & origins["test"]
    assert not origins["validation"] & origins["test"]
    assert len(made["test"]) == 90


def test_a_rare_label_comes_into_every_split_if_there_is_enough_of_it() -> None:
    some = texts(206)
    golds = ["good"] * 100 + ["bad"] * 100 + ["three"] * 3 + ["two"] * 2 + ["one"]
    made, _ = make_missing({"train": [Example(t, g, 1) for t, g in zip(some, golds, strict=True)]}, PLACE, 1)
    counts = {split: Counter(row.gold for row in those) for split, those in made.items()}
    assert {split: counts[split]["three"] for split in counts} == {"train": 1, "validation": 1, "test": 1}
    assert (counts["train"]["two"], counts["train"]["one"]) == (2, 1)


def test_sentences_are_shared_out_by_their_rarest_tag() -> None:
    tags = [["O", "O"]] * 60 + [["B-PER", "O"]] * 30 + [["B-PER", "B-LOC"]] * 10
    train = [Example(text.split()[:2], gold, 1) for text, gold in zip(texts(100), tags, strict=True)]
    made, _ = make_missing({"train": train}, PLACE, 1)
    for split in ("validation", "test"):
        counts = Counter(tag for row in made[split] for tag in row.gold)
        assert (len(made[split]), counts["B-PER"], counts["B-LOC"]) == (10, 4, 1)


@pytest.mark.parametrize(
    "train",
    [
        [Example("enak", "good", 1), Example("hambar", "bad", 2)],
        [Example("enak sekali", "good", 1)] * 50 + [Example("hambar", "bad", 2)] * 50,
    ],
)
def test_too_little_to_share_out(train: list[Example]) -> None:
    with pytest.raises(
        UserError,
        match=rf"train\.csv: {len(train)} rows are too few, or too much alike, to make validation and test from",
    ):
        make_missing({"train": train}, PLACE, 1)


def test_leaks_are_dropped_from_train() -> None:
    split_rows = {
        "train": [Example("Enak  sekali!", "good", 1), Example("hambar", "bad", 2), Example("biasa", "bad", 3)],
        "validation": [Example("enak, sekali .", "good", 1)],
        "test": [Example("BIASA", "bad", 1)],
    }
    kept, notes = drop_leaks(split_rows, PLACE)
    assert kept == {**split_rows, "train": [Example("hambar", "bad", 2)]}
    assert notes == ("dropped from train: 2 rows whose texts stand in validation or test",)
    with pytest.raises(UserError, match=r"train\.csv: every text stands in validation or test too"):
        drop_leaks({split: split_rows["train"] for split in split_rows}, PLACE)


def test_fifteen_thousand_texts_take_seconds() -> None:
    train = [Example(text, "good" if line % 3 else "bad", line) for line, text in enumerate(texts(15_000))]
    start = time.process_time()
    make_missing({"train": train}, PLACE, 1)
    assert time.process_time() - start < 5
