"""Teachers read pairs as they were pre-trained to: with their separators, and type ids where they have them."""

from pathlib import Path

import pytest
import torch
from tokenizers.processors import TemplateProcessing

from kdops.errors import UserError
from kdops.models.teachers.loading import load_teacher
from kdops.models.teachers.model import Teacher
from kdops.models.teachers.pairs import separator_of_types
from kdops.models.teachers.scratch import scratch_teacher
from kdops.task import Task

LABELS = ("no", "yes")
PAIR = ("hujan turun", "jalan basah")


@pytest.fixture(scope="module")
def teacher() -> Teacher:
    torch.manual_seed(0)
    return scratch_teacher(["hujan turun di jalan", "jalan basah hujan"] * 3, Task.TEXT, LABELS, pairs=True)


def test_type_ids_are_those_of_the_tokenizer(teacher: Teacher) -> None:
    encoding = teacher.tokenizer.encode(*PAIR)
    assert set(encoding.type_ids) == {0, 1}
    ids, mask = torch.tensor([encoding.ids]), torch.ones(1, len(encoding.ids), dtype=torch.int64)
    with torch.inference_mode():
        expected = teacher.model.encoder(
            input_ids=ids, attention_mask=mask, token_type_ids=torch.tensor([encoding.type_ids])
        ).logits
        without = teacher.model.encoder(input_ids=ids, attention_mask=mask).logits
        torch.testing.assert_close(teacher.model(ids, mask), expected)
        assert not torch.allclose(expected, without)
        padded = torch.nn.functional.pad(ids, (0, 4)), torch.nn.functional.pad(mask, (0, 4))
        torch.testing.assert_close(teacher.model(*padded), expected)


def test_a_saved_teacher_reads_pairs_again(teacher: Teacher, tmp_path: Path) -> None:
    teacher.save(tmp_path / "model")
    again = load_teacher(str(tmp_path / "model"), Task.TEXT, LABELS, pairs=True)
    assert again.model.separator_id == teacher.model.separator_id == teacher.tokenizer.token_to_id("[SEP]")
    assert load_teacher(str(tmp_path / "model"), Task.TEXT, LABELS).model.separator_id is None


def test_a_model_without_types_is_told_none(teacher: Teacher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(teacher.model.encoder.config, "type_vocab_size", 1)
    assert separator_of_types(teacher.model.encoder, teacher.processing, "it") is None


def test_types_that_do_not_follow_from_separators_are_refused(teacher: Teacher, tmp_path: Path) -> None:
    teacher.save(tmp_path / "model")
    again = load_teacher(str(tmp_path / "model"), Task.TEXT, LABELS)
    ends = [(token, again.tokenizer.token_to_id(token)) for token in ("[CLS]", "[SEP]")]
    again.processing.backend_tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS]:1 $A [SEP] $B:1 [SEP]", special_tokens=ends
    )
    with pytest.raises(UserError, match="numbers the types of a pair in a way that kdops does not know"):
        separator_of_types(again.model.encoder, again.processing, "it")
