"""Teachers that cannot teach several labels per text, aspects or pairs are refused before any training."""

import json
from pathlib import Path

import pytest

from kdops.errors import UserError
from kdops.steps.teacher.config import TeacherConfig
from kdops.steps.teacher.step import check_teachers


def _config(folder: Path, answer: dict[str, object], **given: object) -> TeacherConfig:
    for split in ("train", "validation", "test"):
        rows = (
            {"text": f"{split} {number}", **answer, "labels": names} for number, names in enumerate((["a"], ["a", "b"]))
        )
        (folder / f"{split}.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return TeacherConfig(dataset=str(folder), **given)  # type: ignore[arg-type]


def test_several_teachers(tmp_path: Path) -> None:
    config = _config(tmp_path, {}, teacher="one/a,two/b")
    with pytest.raises(UserError, match="multi-label-classification has one teacher: the mean of several is for one"):
        check_teachers(config, config.corpus())


def test_a_file_of_probabilities(tmp_path: Path) -> None:
    file = tmp_path / "said.jsonl"
    file.write_text('{"text": "a", "probabilities": {"a": 1.0}}')
    data = tmp_path / "data"
    data.mkdir()
    config = _config(data, {}, teacher=str(file))
    with pytest.raises(UserError, match="which does not teach multi-label-classification; give an encoder"):
        check_teachers(config, config.corpus())
    config = _config(data, {"text_pair": "b"}, teacher=str(file))
    with pytest.raises(UserError, match="which does not teach pairs; give an encoder"):
        check_teachers(config, config.corpus())
