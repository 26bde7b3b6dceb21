import json
from pathlib import Path
from typing import Any

from kdops.data.corpus import Corpus, load_corpus
from kdops.data.facts import inspect, summary
from kdops.data.raw import DataOptions


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
    assert set(report.repaired_tags.values()) == {0}


def test_inside_tags_without_a_beginning_are_counted_and_left_as_they_are(tmp_path: Path) -> None:
    good = {"tokens": ["a", "b", "c"], "tags": ["B-PER", "I-PER", "O"]}
    other = {"tokens": ["d", "e"], "tags": ["B-LOC", "I-LOC"]}
    bad = {"tokens": ["f", "g", "h", "i"], "tags": ["I-PER", "I-PER", "I-LOC", "O"]}
    corpus = load(tmp_path, train=[good, other, bad], validation=[good, other], test=[good, other])
    report = inspect(corpus)
    assert report.repaired_tags == {"train": 2, "validation": 0, "test": 0}
    assert corpus.gold("train")[2] == bad["tags"]


def test_plain_tags_have_no_spans_to_repair(tmp_path: Path) -> None:
    rows = [{"tokens": ["a", "b"], "tags": ["NN", "VB"]}, {"tokens": ["c", "d"], "tags": ["I-X", "JJ"]}]
    assert inspect(load(tmp_path, train=rows, validation=rows, test=rows)).repaired_tags["train"] == 0


def test_a_summary_shows_what_was_read(tmp_path: Path) -> None:
    for split in ("train", "validation", "test"):
        lines = ["review,stars", "enak sekali,5", f"{'hambar ' * 30},1", "lumayan,5"]
        (tmp_path / f"{split}.csv").write_text("\n".join(lines))
    corpus = load_corpus(str(tmp_path), DataOptions(text_column="review", label_column="stars"))
    assert summary(corpus).split("\n") == [
        "task: text-classification, compared by f1_macro",
        "columns: text 'review', label 'stars'",
        "labels: 2, by train texts: 5 2, 1 1",
        "row 1: 'enak sekali' is '5'",
        f"row 2: {('hambar ' * 30)[:97] + '...'!r} is '1'",
    ]


def test_a_summary_of_words_shows_their_tags(tmp_path: Path) -> None:
    row = {"tokens": ["Budi", "ke", "Solo"], "tags": ["B-PER", "O", "B-LOC"]}
    lines = summary(load(tmp_path, train=[row], validation=[row], test=[row])).split("\n")
    assert lines == [
        "task: token-classification, compared by f1_entity_macro",
        "columns: words 'tokens', tags 'tags'",
        "labels: 3, by train words: B-PER 1, O 1, B-LOC 1",
        "row 1: Budi [B-PER] ke Solo [B-LOC]",
    ]


def test_a_summary_of_many_labels_is_short(tmp_path: Path) -> None:
    many = rows(*((f"teks {number}", f"kelas{number}") for number in range(50)))
    assert ", and 30 more" in summary(load(tmp_path, train=many, validation=many, test=many))
    assert len(summary(load_corpus("sample")).split("\n")) == 4
