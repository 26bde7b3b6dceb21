import json
from pathlib import Path
from typing import Any

import pytest

from kdops.data.checks import check_split, content_key, inspect, text_key, words_of_text
from kdops.data.corpus import Corpus, load_corpus
from kdops.data.parsers import Example
from kdops.errors import UserError


def load(folder: Path, **splits: list[Any]) -> Corpus:
    for split, rows in splits.items():
        (folder / f"{split}.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return load_corpus(str(folder))


def rows(*pairs: tuple[str, str]) -> list[dict[str, str]]:
    return [{"text": text, "label": label} for text, label in pairs]


def test_duplicates_and_conflicts_are_counted(tmp_path: Path) -> None:
    corpus = load(
        tmp_path,
        train=rows(("enak", "good"), ("Enak ", "bad"), ("basi", "bad"), ("basi", "bad"), ("segar", "good")),
        validation=rows(("ENAK", "good"), ("pahit", "bad")),
        test=rows(("basi", "bad"), ("segar .", "good"), ("pahit", "bad"), ("gurih", "good")),
    )
    report = inspect(corpus)
    assert report.rows == {"train": 5, "validation": 2, "test": 4}
    assert report.duplicates_train_validation == 1
    assert report.duplicates_train_test == 2
    assert report.duplicates_validation_test == 1
    assert report.duplicates_in_train == 2
    assert report.conflicting_in_train == 1
    assert report.class_shares["train"] == pytest.approx({"bad": 0.6, "good": 0.4})
    assert set(report.repaired_tags.values()) == {0}


def test_inside_tags_without_a_beginning_are_counted_and_left_as_they_are(tmp_path: Path) -> None:
    good = {"tokens": ["a", "b", "c"], "tags": ["B-PER", "I-PER", "O"]}
    other = {"tokens": ["d", "e"], "tags": ["B-LOC", "I-LOC"]}
    bad = {"tokens": ["f", "g", "h", "i"], "tags": ["I-PER", "I-PER", "I-LOC", "O"]}
    corpus = load(tmp_path, train=[good, other, bad], validation=[good, other], test=[good, other])
    report = inspect(corpus)
    assert report.repaired_tags == {"train": 2, "validation": 0, "test": 0}
    assert corpus.gold("train")[2] == bad["tags"]
    assert sum(report.class_shares["train"].values()) == pytest.approx(1)


def test_plain_tags_have_no_spans_to_repair(tmp_path: Path) -> None:
    rows = [{"tokens": ["a", "b"], "tags": ["NN", "VB"]}, {"tokens": ["c", "d"], "tags": ["I-X", "JJ"]}]
    assert inspect(load(tmp_path, train=rows, validation=rows, test=rows)).repaired_tags["train"] == 0


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "test.csv: no rows in test"),
        ([Example("a", "good", 3), Example("b", "neutral", 4)], "test.csv:4: unknown label 'neutral'"),
        ([Example("a", "rare", 5)], "test.csv:5: label 'rare' never stands in train, which has: bad, good"),
        ([Example(["a"], ["good"], 6)], "test.csv:6: a row for token-classification, but the first row of train is"),
        ([Example("a", "good", 7), Example("b", "good", 8)], "test.csv: every label of test is 'good'; are its real"),
    ],
)
def test_faults_that_training_could_not_survive(rows: list[Example], message: str) -> None:
    train = [Example("a", "good", 1), Example("b", "bad", 2)]
    with pytest.raises(UserError) as caught:
        check_split("test", rows, train, ("bad", "good", "rare"), Path("test.csv"))
    assert str(caught.value).startswith(message)


def test_words_and_keys_of_texts() -> None:
    assert words_of_text("Nggak  enak, deh! (100%)") == ["Nggak", "enak", ",", "deh", "!", "(", "100", "%", ")"]
    assert text_key(" Nggak enak ,deh") == text_key(["nggak", "enak", ",", "DEH"])
    assert text_key("tidak enak") != text_key("enak tidak")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Enak sekali!", "enak sekali ."),
        ("makanan-nya #enak", ["makanan", "-", "nya", "enak"]),
        ("enak_sekali", "enaksekali"),
        ("enak \u2764\ufe0f", "enak"),
        ("STRASSE 5", "straße5"),
    ],
)
def test_same_letters_and_digits_are_the_same_text(first: str, second: str | list[str]) -> None:
    assert content_key(first) == content_key(second)


@pytest.mark.parametrize(
    ("first", "second"), [("enak", "enak 2"), ("!", "?"), ("😀", "🔥"), ("\u2764\ufe0f", "😀"), ("कि", "का"), ("", "!")]
)
def test_other_letters_digits_or_marks_alone_are_another_text(first: str, second: str) -> None:
    assert content_key(first) != content_key(second)
