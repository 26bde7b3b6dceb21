import json
from pathlib import Path
from typing import Any

from kdops.data.corpus import Corpus, load_corpus
from kdops.data.facts import inspect


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
