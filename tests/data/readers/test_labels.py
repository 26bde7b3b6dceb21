"""Labels that differ only where nobody sees it are one class; several labels in one are an error."""

import unicodedata
from pathlib import Path

import pytest

from kdops.data.corpus import load_corpus
from kdops.data.raw import Example
from kdops.data.readers.labels import check_labels, tidy_labels
from kdops.errors import UserError

PLACES = {"train": Path("train.csv"), "test": Path("test.csv")}
NFD = unicodedata.normalize("NFD", "café")


def texts(*labels: str) -> list[Example]:
    return [Example("teks", label, line) for line, label in enumerate(labels, 2)]


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("pos ", "pos"),
        ("\tpos", "pos"),
        ("pos\u00a0", "pos"),
        ("pos\u200b", "pos"),
        ("\ufeffpos", "pos"),
        ("\u200e pos \u2060", "pos"),
        ("very\u00a0good", "very good"),
        ("very  good", "very good"),
        (NFD, "café"),
        ("B-PER\u200b", "B-PER"),
    ],
)
def test_labels_and_tags_are_tidied_and_counted(label: str, expected: str) -> None:
    rows, notes = tidy_labels({"train": texts(label, expected, "neg"), "test": texts(label)}, PLACES)
    assert [row.gold for row in rows["train"]] == [expected, expected, "neg"]
    assert rows["test"] == texts(expected)
    assert len(notes) == 1
    assert notes[0].startswith("2 labels tidied")
    assert repr(expected) in notes[0]
    sentence = Example(["a", "b", "c"], [label, "O", expected], 1)
    rows, _ = tidy_labels({"train": [sentence]}, PLACES)
    assert rows["train"] == [Example(["a", "b", "c"], [expected, "O", expected], 1)]


def test_tidy_labels_are_left_alone() -> None:
    rows = {"train": texts("pos", "neg", "food, drinks", "$$", "café")}
    assert tidy_labels(rows, PLACES) == (rows, ())


def test_classes_that_differ_by_case_stay_two_and_are_named() -> None:
    rows = {"train": texts("pos", "Pos", "neg")}
    assert tidy_labels(rows, PLACES) == (rows, ("classes that differ by upper and lower case only: 'Pos' and 'pos'",))


@pytest.mark.parametrize(
    ("one", "other"), [("po\u200bs", "pos"), ("\uff30os", "Pos"), ("a\u2060b c", "ab\u200b c"), ("\u2460", "1")]
)
def test_labels_that_look_alike_are_an_error_that_names_both(one: str, other: str) -> None:
    with pytest.raises(UserError) as caught:
        tidy_labels({"train": texts("neg", one), "test": texts(other)}, PLACES)
    message = str(caught.value)
    assert "look alike, but are two classes" in message
    assert ascii(one) in message
    assert ascii(other) in message
    assert message.startswith(("train.csv:3", "test.csv:2"))


@pytest.mark.parametrize("mark", ["|", ",", ";", "+", "/", "&", ", ", " / "])
def test_several_labels_in_one_are_an_error(mark: str) -> None:
    mixed = f"joy{mark}anger"
    with pytest.raises(UserError) as caught:
        check_labels({"train": texts("joy", "anger", mixed)}, PLACES)
    assert str(caught.value).startswith(f"train.csv:4: label {mixed!r} reads as several labels")


@pytest.mark.parametrize("label", ["C++", "yes/no", "R&D", "food;drinks"])
def test_names_may_hold_such_marks(label: str) -> None:
    check_labels({"train": texts("C", "yes", "food", label)}, PLACES)


def test_a_file_with_untidy_labels_has_as_many_classes_as_a_person_sees(tmp_path: Path) -> None:
    rows = [("enak", "pos"), ("lagi", "pos "), ("sip", "pos\u200b"), ("buruk", "neg"), ("basi", "neg\u00a0")]
    for split in ("train", "validation", "test"):
        lines = ["text,label", *(f"{text} {split},{label}" for text, label in rows)]
        (tmp_path / f"{split}.csv").write_text("\n".join(lines), encoding="utf-8")
    corpus = load_corpus(str(tmp_path))
    assert corpus.labels == ("neg", "pos")
    assert corpus.gold("test") == ["pos", "pos", "pos", "neg", "neg"]
    assert any(note.startswith("9 labels tidied") for note in corpus.notes)
