from collections.abc import Sequence
from pathlib import Path

import pytest
from encoders import FAMILIES, TEXTS

from kdops.data.encoding import encode
from kdops.errors import UserError
from kdops.models.teachers.loading import load_teacher
from kdops.models.teachers.model import Teacher
from kdops.task import Task
from kdops.training.teacher_checks import TeacherCheck, check_teacher_reads

TAGS = ("O", "B-LOC", "I-LOC")


def checked(teacher: Teacher, texts: Sequence[str], max_length: int = 32) -> TeacherCheck:
    encoded = encode(teacher.tokenizer, [text.split() for text in texts], Task.TOKEN, max_length)
    return check_teacher_reads(teacher, "mine", encoded, max_length)


@pytest.fixture
def bert(tmp_path: Path) -> Teacher:
    return load_teacher(str(FAMILIES["BERT"].write(tmp_path)), Task.TOKEN, TAGS)


def test_texts_in_its_own_tokens_pass(bert: Teacher) -> None:
    assert checked(bert, TEXTS) == TeacherCheck(unknown_share=0.0, float32_only=False)


def test_a_few_unknown_tokens_are_counted(bert: Teacher) -> None:
    # 22 words of two tokens and more, and the special ones.
    facts = checked(bert, [*TEXTS, "Привет"])
    assert 0 < facts.unknown_share < 0.05


def test_many_unknown_tokens_are_refused(bert: Teacher) -> None:
    with pytest.raises(UserError, match=r"teacher 'mine' does not know 33\.3% of the training tokens, more than 5%"):
        checked(bert, ["Привет"])


def test_texts_longer_than_it_reads_are_refused(tmp_path: Path) -> None:
    roberta = load_teacher(str(FAMILIES["RoBERTa"].write(tmp_path)), Task.TOKEN, TAGS)
    assert checked(roberta, [" ".join(TEXTS * 3)], 64).unknown_share == 0
    with pytest.raises(UserError, match="max_length=65 is more than teacher 'mine' reads: 64"):
        checked(roberta, TEXTS, 65)


def test_logits_that_depend_on_padding_are_refused(tmp_path: Path) -> None:
    leaking = load_teacher(str(FAMILIES["ConvBERT"].write(tmp_path)), Task.TOKEN, TAGS)
    with pytest.raises(UserError, match="is a convbert whose logits change with the padding of a batch"):
        checked(leaking, TEXTS)
    assert not leaking.model.training
