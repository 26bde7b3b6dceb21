import json
import logging
from pathlib import Path

import pytest

from kdops.errors import UserError
from kdops.steps.setup import checked_corpus, gold_classes, inputs_of, unlabeled_texts
from kdops.task import Task

TEXTS = {
    "train": [("enak", "positive"), ("Enak!", "positive"), ("buruk", "negative")],
    "validation": [("enak", "positive"), ("lambat", "negative")],
    "test": [("ramah", "positive"), ("kotor", "negative")],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "reviews"
    made.mkdir()
    for split, rows in TEXTS.items():
        lines = [json.dumps({"text": text, "label": label}) for text, label in rows]
        (made / f"{split}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return made


def test_what_the_checks_counted_becomes_metrics(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="kdops"):
        checked = checked_corpus(str(folder))
    assert checked.counts == {
        "data.rows_train": 3,
        "data.rows_validation": 2,
        "data.rows_test": 2,
        "data.duplicates_train_validation": 1,
        "data.duplicates_train_test": 0,
        "data.duplicates_validation_test": 0,
        "data.duplicates_in_train": 0,
        "data.conflicting_in_train": 0,
        "data.repaired_tags": 0,
    }
    assert "dataset reviews (text-classification): train 3, validation 2, test 2" in caplog.messages
    assert "1 validation or test texts stand in train too; they are counted and kept" in caplog.messages
    assert gold_classes(checked.corpus, "train") == [1, 1, 0]


class TestUnlabeled:
    def test_lies_beside_the_data_set_or_is_named(self, folder: Path, tmp_path: Path) -> None:
        (folder / "unlabeled.jsonl").write_text('{"text": "beside"}\n', encoding="utf-8")
        (tmp_path / "named.jsonl").write_text('{"text": "named"}\n', encoding="utf-8")
        corpus = checked_corpus(str(folder)).corpus
        assert inputs_of(unlabeled_texts(corpus, None), Task.TEXT) == ["beside"]
        assert inputs_of(unlabeled_texts(corpus, str(tmp_path / "named.jsonl")), Task.TEXT) == ["named"]

    def test_never_holds_what_is_scored(self, folder: Path) -> None:
        held_out = "".join(f"{json.dumps({'text': text})}\n" for text in ("lambat", " RAMAH", "baru"))
        (folder / "unlabeled.jsonl").write_text(held_out, encoding="utf-8")
        assert inputs_of(unlabeled_texts(checked_corpus(str(folder)).corpus, None), Task.TEXT) == ["baru"]

    def test_may_be_missing_unless_it_is_named(self, folder: Path) -> None:
        corpus = checked_corpus(str(folder)).corpus
        assert unlabeled_texts(corpus, None) is None
        assert inputs_of(None, Task.TEXT) == []
        with pytest.raises(UserError, match=r"more\.jsonl: no such file"):
            unlabeled_texts(corpus, str(folder / "more.jsonl"))
