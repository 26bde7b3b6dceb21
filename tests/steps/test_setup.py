import json
import logging
from pathlib import Path

import pytest

from kdops.errors import UserError
from kdops.steps.data_config import DataConfig, TrainingDataConfig
from kdops.steps.setup import check_alone, checked_corpus

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
        checked = checked_corpus(DataConfig(dataset=str(folder)))
    assert checked.counts == {
        "data.rows_train": 3,
        "data.rows_validation": 2,
        "data.rows_test": 2,
        "data.duplicates_train_validation": 1,
        "data.duplicates_train_test": 0,
        "data.duplicates_validation_test": 0,
        "data.duplicates_in_train": 1,
        "data.conflicting_in_train": 0,
        "data.repaired_tags": 0,
    }
    assert "dataset reviews (text-classification): train 3, validation 2, test 2" in caplog.messages
    assert any("1 validation or test texts stand in train too" in message for message in caplog.messages)
    few = "validation or test has 2 rows only: scores of so few are uncertain by some 69 points"
    assert any(message.startswith(few) for message in caplog.messages)


def test_enough_rows_are_not_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    checked_corpus(DataConfig(dataset="sample"))
    assert "uncertain" not in caplog.text


class TestUnlabeled:
    @staticmethod
    def texts(folder: Path, **parameters: object) -> list[object] | None:
        config = TrainingDataConfig(dataset=str(folder), teacher="scratch", **parameters)
        found = config.unlabeled_texts(checked_corpus(config).corpus)
        return list(found.inputs()) if found else None

    def test_lies_beside_the_data_set_or_is_named(self, folder: Path, tmp_path: Path) -> None:
        (folder / "unlabeled.jsonl").write_text('{"text": "beside"}\n', encoding="utf-8")
        (tmp_path / "named.txt").write_text("named\nagain\n", encoding="utf-8")
        assert self.texts(folder) == ["beside"]
        assert self.texts(folder, unlabeled=str(tmp_path / "named.txt")) == ["named", "again"]
        assert len(self.texts(folder, unlabeled=str(tmp_path / "named.txt"), unlabeled_max=1) or []) == 1

    def test_of_another_length_is_kept_by_wish(self, folder: Path) -> None:
        (folder / "unlabeled.jsonl").write_text('{"text": "short"}\n{"text": "this one is long"}\n', encoding="utf-8")
        assert self.texts(folder) == ["short"]
        assert self.texts(folder, length_filter=False) == ["short", "this one is long"]

    def test_may_be_missing_unless_it_is_named(self, folder: Path) -> None:
        assert self.texts(folder) is None
        with pytest.raises(UserError, match=r"more\.jsonl: no such file"):
            self.texts(folder, unlabeled=str(folder / "more.jsonl"))

    def test_that_nothing_takes_is_told_of(self, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
        config = TrainingDataConfig(dataset=str(folder))
        corpus = config.corpus()
        assert config.unlabeled_texts(corpus, wanted=False) is None
        assert caplog.messages == []
        named = config.model_copy(update={"unlabeled": "more.jsonl"})
        assert named.unlabeled_texts(corpus, wanted=False) is None
        assert caplog.messages == ["unlabeled=more.jsonl is not used: this recipe and teacher take no unlabeled text"]

    def test_masks_are_the_teachers(self, tmp_path: Path) -> None:
        rows = [f"kamar nomor {number} sangat bersih dan luas sekali" for number in range(30)]
        for split, part in (("train", rows[:20]), ("validation", rows[20:25]), ("test", rows[25:])):
            lines = [json.dumps({"text": text, "label": "ab"[place % 2]}) for place, text in enumerate(part)]
            (tmp_path / f"{split}.jsonl").write_text("\n".join(lines), encoding="utf-8")
        made = self.texts(tmp_path, unlabeled="augmented")
        assert made
        assert any("[MASK]" in str(text) for text in made)


def test_a_step_that_is_started_several_times_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    check_alone("distill")
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "0")
    with pytest.raises(UserError, match=r"distill runs in one process: .* Start train_teacher by accelerate launch"):
        check_alone("distill")
    monkeypatch.setenv("RANK", "1")
    with pytest.raises(SystemExit):
        check_alone("distill")
