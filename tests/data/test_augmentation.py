import json
import random
from collections import Counter
from pathlib import Path

import pytest

from kdops.data.augmentation import nearest_words, write_augmented
from kdops.data.inputs import Pair
from kdops.task import Task

TEXT = " ".join(f"kata{number}" for number in range(60))


def augmented(tmp_path: Path, inputs: list[str], **options: object) -> list[str]:
    known = {"mask_token": "[MASK]", "neighbours": {}, "copies": 2_000, "seed": 1} | options
    path = write_augmented(inputs, Task.TEXT, tmp_path / "more.jsonl", **known)  # type: ignore[arg-type]
    return [json.loads(line)["text"] for line in path.read_text(encoding="utf-8").splitlines()]


def test_each_rule_applies_with_its_probability(tmp_path: Path) -> None:
    neighbours = {word: ["LAIN"] for word in TEXT.split()}
    copies = augmented(tmp_path, [TEXT], neighbours=neighbours)
    whole = [copy.split() for copy in copies if len(copy.split()) == 60]
    parts = [copy.split() for copy in copies if len(copy.split()) < 60]
    counts = Counter(word if word in ("[MASK]", "LAIN") else "kept" for row in whole for word in row)
    assert counts["[MASK]"] / counts.total() == pytest.approx(0.1, abs=0.01)
    assert counts["LAIN"] / counts.total() == pytest.approx(0.1, abs=0.01)
    assert {len(row) for row in parts} == {1, 2, 3, 4, 5}
    # so long a text hardly ever stays as it is, or changes twice in the same way
    assert len(whole) / 2_000 == pytest.approx(0.75, abs=0.03)


def test_n_grams_are_neighbouring_words_with_the_spaces_between_them(tmp_path: Path) -> None:
    text = " Enak,  sekali (ya)! "
    copies = augmented(tmp_path, [text], mask_token=None)
    assert {"Enak,", ",  sekali", "sekali (ya)", ")!", "Enak,  sekali (ya"} <= set(copies)
    assert all(copy in text for copy in copies)


def test_marks_and_spaces_around_changed_words_stay(tmp_path: Path) -> None:
    copies = augmented(tmp_path, ["Enak,  sekali!"], neighbours={"sekali": ["benar"]})
    assert {"[MASK],  sekali!", "Enak,  benar!", "[MASK],  benar!"} <= set(copies)


def test_without_a_mask_token_nothing_is_masked(tmp_path: Path) -> None:
    copies = augmented(tmp_path, [TEXT], mask_token=None, neighbours={"kata3": ["LAIN"]})
    assert {word for copy in copies for word in copy.split()} == {*TEXT.split(), "LAIN"}


def test_both_texts_of_a_pair_change_and_neither_is_cut_down(tmp_path: Path) -> None:
    pair = Pair(text=TEXT, text_pair=" ".join(reversed(TEXT.split())))
    path = write_augmented([pair], Task.TEXT, tmp_path / "more.jsonl", mask_token="[MASK]", neighbours={}, copies=50)
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert len(rows) == 50
    for row in rows:
        assert [len(row[side].split()) for side in ("text", "text_pair")] == [60, 60]
        assert all("[MASK]" in row[side] for side in row)
    words = Pair(text=["siapa", "?"], text_pair=TEXT.split())
    write_augmented([words], Task.TOKEN, path, mask_token="[MASK]", neighbours={}, copies=1)
    (row,) = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    assert [len(row[side]) for side in ("tokens", "tokens_pair")] == [2, 60]


def test_the_same_seed_gives_the_same_file_without_repetitions(tmp_path: Path) -> None:
    inputs = [TEXT, "enak sekali", "", TEXT]
    first = augmented(tmp_path, inputs, copies=50)
    assert augmented(tmp_path, inputs, copies=50) == first
    assert augmented(tmp_path, inputs, copies=50, seed=2) != first
    assert len(set(first)) == len(first)
    assert not {"", "enak sekali", TEXT} & set(first)
    assert [path.name for path in tmp_path.iterdir()] == ["more.jsonl"]


def test_words_of_token_tasks_stay_whole(tmp_path: Path) -> None:
    words = ["Rp10.000", "New York", "di-", "👍"]
    path = write_augmented(
        [words],
        Task.TOKEN,
        tmp_path / "more.jsonl",
        mask_token="<mask>",
        neighbours={"di-": ["ke"]},
        copies=300,
    )
    rows = [json.loads(line)["tokens"] for line in path.read_text(encoding="utf-8").splitlines()]
    assert {word for row in rows for word in row} == {*words, "<mask>", "ke"}
    assert {len(row) for row in rows} == {1, 2, 3, 4}


@pytest.fixture(scope="module")
def sentences() -> list[list[str]]:
    rng = random.Random(0)
    topics = [["nasi", "ayam", "sambal", "goreng", "pedas"], ["bank", "kredit", "bunga", "saldo", "kartu"]]
    return [rng.choices(topics[at % 2], k=8) for at in range(400)]


def test_nearest_words_share_their_topic(sentences: list[list[str]]) -> None:
    nearest = nearest_words(sentences, seed=1)
    assert set(nearest) == {word for row in sentences for word in row}
    assert all(word not in found and len(set(found)) == 9 for word, found in nearest.items())


def test_nearest_words_are_the_same_every_time(sentences: list[list[str]]) -> None:
    texts = [" ".join(row) for row in sentences]
    assert nearest_words(texts, seed=1) == nearest_words(sentences, seed=1)


def test_only_the_ten_nearest_are_taken() -> None:
    rng = random.Random(0)
    topics = [[f"{name}{number}" for number in range(11)] for name in "abc"]
    nearest = nearest_words([rng.choices(topics[at % 3], k=10) for at in range(900)], seed=1)
    assert all(len(found) == 10 for found in nearest.values())
    same = sum(other[0] == word[0] for word, found in nearest.items() for other in found)
    assert same / 330 > 0.95


def test_texts_without_a_repeated_word_have_no_neighbours() -> None:
    assert nearest_words(["satu dua tiga"], seed=1) == {}
    assert nearest_words([""], seed=1) == {}
