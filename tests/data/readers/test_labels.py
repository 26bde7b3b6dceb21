"""Labels that differ only where nobody sees it are one class; several labels in one cell are told apart."""

import unicodedata
from pathlib import Path

import pytest

from kdops.data.corpus import load_corpus
from kdops.data.raw import Example
from kdops.data.readers.labels import split_labels, tidy_labels
from kdops.errors import UserError
from kdops.task import Task

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
def test_several_labels_in_one_cell_are_told_apart_in_all_splits(mark: str) -> None:
    given = {"train": texts("joy", "anger", f"joy{mark}anger"), "test": texts("joy")}
    rows, notes = split_labels(given, None, PLACES)
    assert [row.gold for row in rows["train"]] == [["joy"], ["anger"], ["joy", "anger"]]
    assert [row.gold for row in rows["test"]] == [["joy"]]
    assert rows["test"][0].task is Task.MULTI_LABEL
    assert notes == (f"texts have any number of labels, which {mark.strip()!r} stands between: 1 do not have just one",)


def test_several_labels_in_one_cell_are_an_error_where_one_is_asked_for() -> None:
    with pytest.raises(UserError) as caught:
        split_labels({"train": texts("joy", "anger", "joy|anger")}, Task.TEXT, PLACES)
    assert str(caught.value) == (
        "train.csv:4: label 'joy|anger' reads as several labels, and task=text-classification is for one name per "
        "text; task=multi-label-classification is for several"
    )


def test_the_task_alone_makes_a_mark_stand_between_labels() -> None:
    rows, _ = split_labels({"train": texts("joy|anger", "fear")}, Task.MULTI_LABEL, PLACES)
    assert [row.gold for row in rows["train"]] == [["joy", "anger"], ["fear"]]
    with pytest.raises(UserError, match=r"train\.csv:3: an empty label in 'fear\|'"):
        split_labels({"train": texts("joy", "fear|")}, Task.MULTI_LABEL, PLACES)


@pytest.mark.parametrize("label", ["C++", "yes/no", "R&D", "food;drinks"])
def test_names_may_hold_such_marks(label: str) -> None:
    rows = {"train": texts("C", "yes", "food", label)}
    assert split_labels(rows, None, PLACES) == (rows, ())


def test_a_file_with_untidy_labels_has_as_many_classes_as_a_person_sees(tmp_path: Path) -> None:
    rows = [("enak", "pos"), ("lagi", "pos "), ("sip", "pos\u200b"), ("buruk", "neg"), ("basi", "neg\u00a0")]
    for split in ("train", "validation", "test"):
        lines = ["text,label", *(f"{text} {split},{label}" for text, label in rows)]
        (tmp_path / f"{split}.csv").write_text("\n".join(lines), encoding="utf-8")
    corpus = load_corpus(str(tmp_path))
    assert corpus.labels == ("neg", "pos")
    assert corpus.gold("test") == ["pos", "pos", "pos", "neg", "neg"]
    assert any(note.startswith("9 labels tidied") for note in corpus.notes)
