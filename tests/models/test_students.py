"""The contract of every student, for both tasks."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from kdops.errors import UserError
from kdops.models.bag import Bag
from kdops.models.base import Student, start_from_general
from kdops.models.bert import BertStudent
from kdops.models.bilstm import BiLSTM
from kdops.models.build import build_student, embedding_table, parameter_counts
from kdops.models.cnn import CNN
from kdops.models.student_kinds import BERT_STUDENTS, STUDENTS, check_student
from kdops.task import Task

PIECES, CLASSES = 50, 4

# Parameters at the study's vocabulary and three classes, outside the embedding, and in the study's table 2 if there.
SIZES: dict[str, tuple[int, int, float | None]] = {
    "bilstm": (3_227_715, 297_603, 3.35e6),
    "cnn": (4_011_907, 105_091, 4.02e6),
    "bert-tiny": (4_369_795, 462_979, 4.40e6),
    "bert-mini": (11_105_539, 3_291_907, 11.19e6),
    "bert-small": (28_502_531, 12_875_267, 28.81e6),
    "bag": (3_920_132, 13_316, None),
}

each_student = pytest.mark.parametrize("name", STUDENTS)
each_task = pytest.mark.parametrize("task", [Task.TEXT, Task.TOKEN])


def student_of(name: str, task: Task, **settings: float) -> Student:
    torch.manual_seed(0)
    student = build_student(name, PIECES, CLASSES, task, **settings).eval()
    # Far from uniform attention and from small logits, so that whatever leaks shows.
    with torch.no_grad():
        for weights in student.parameters():
            if weights.dim() == 2 and isinstance(student, BertStudent):
                weights.mul_(4)
    return student


def padded(rows: list[list[int]], extra: int = 0, pad_id: int = 0) -> tuple[Tensor, Tensor]:
    ids = pad_sequence([torch.tensor(row) for row in rows], batch_first=True, padding_value=pad_id)
    mask = pad_sequence([torch.ones(len(row), dtype=torch.int64) for row in rows], batch_first=True)
    filler = torch.full((len(rows), extra), pad_id)
    return torch.cat([ids, filler], dim=1), torch.cat([mask, torch.zeros_like(filler)], dim=1)


@each_student
@each_task
def test_logits_do_not_depend_on_neighbours_or_padding(name: str, task: Task) -> None:
    student = student_of(name, task)
    generator = torch.Generator().manual_seed(1)
    lengths = (1, 2, 5, 17, 40)
    rows = [torch.randint(1, PIECES, (length,), generator=generator).tolist() for length in lengths]
    with torch.inference_mode():
        for extra, pad_id in ((0, 0), (3, 7), (30, PIECES - 1)):
            together = student(*padded(rows, extra, pad_id))
            assert together.shape == ((5, CLASSES) if task is Task.TEXT else (5, 40 + extra, CLASSES))
            for row, logits in zip(rows, together, strict=True):
                alone = student(*padded([row]))[0]
                mine = logits if task is Task.TEXT else logits[: len(row)]
                torch.testing.assert_close(mine, alone, atol=2e-5, rtol=1e-5)


@each_student
@each_task
def test_a_row_without_tokens_harms_nobody(name: str, task: Task) -> None:
    student = student_of(name, task).train()
    ids, mask = padded([[1, 2, 3], [4]])
    mask[1] = 0
    logits = student(ids, mask)
    assert logits.isfinite().all()
    logits.square().sum().backward()
    assert all(value.grad is not None and value.grad.isfinite().all() for value in student.parameters())


@each_student
@each_task
def test_every_weight_learns(name: str, task: Task) -> None:
    student = student_of(name, task)
    student(*padded([[1, 2, 3], [4, 5, 6, 7, 0]])).square().sum().backward()
    gradients = {key: value.grad for key, value in student.named_parameters()}
    # All attention scores of a query shift alike by a key's bias, which BERT has all the same.
    without = [key for key, grad in gradients.items() if grad is None or not grad.any()]
    assert [key for key in without if not key.endswith("key.bias")] == []
    learned = embedding_table(student).weight.grad
    assert learned is not None
    # Whatever piece has the number 0, which Hugging Face takes for padding.
    assert learned[:8].any(dim=1).all()


@each_student
@each_task
def test_word_order_matters(name: str, task: Task) -> None:
    logits = student_of(name, task)(*padded([[1, 2, 3, 4], [1, 4, 3, 2]]))
    assert (logits[0] - logits[1]).abs().max() > 1e-4


# The larger BERTs are the same code as bert-tiny.
@pytest.mark.parametrize("name", ["bilstm", "cnn", "bert-tiny", "bag"])
@each_task
def test_it_learns_a_few_texts_by_heart(name: str, task: Task) -> None:
    torch.manual_seed(0)
    student = build_student(name, PIECES, CLASSES, task, dropout=0.0)
    rows = torch.randint(1, PIECES, (8, 6)).tolist()
    ids, mask = padded([row[: 3 + index % 4] for index, row in enumerate(rows)])
    gold = torch.randint(0, CLASSES, (8,) if task is Task.TEXT else (8, 6))
    if task is Task.TOKEN:
        gold[mask == 0] = -100
    rate = 5e-4 if name in BERT_STUDENTS else 5e-3
    optimizer = torch.optim.AdamW(student.parameters(), lr=rate, fused=True)
    for _ in range(60):
        loss = nn.functional.cross_entropy(student(ids, mask).flatten(0, -2), gold.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.05


@each_student
def test_dropout_is_off_in_evaluation_and_can_be_set(name: str) -> None:
    batch = padded([[1, 2, 3, 4, 5]])
    for dropout, differs in ((None, True), (0.5, True), (0.0, False)):
        torch.manual_seed(0)
        student = build_student(name, PIECES, CLASSES, Task.TEXT, dropout=dropout)
        rates = {module.p for module in student.modules() if isinstance(module, nn.Dropout)}
        assert rates == {dropout if dropout is not None else 0.1 if name in BERT_STUDENTS else 0.3}
        assert torch.equal(student(*batch), student(*batch)) is not differs
        student.eval()
        assert torch.equal(student(*batch), student(*batch))


@each_student
def test_sizes_are_those_of_the_study_and_as_documented(name: str) -> None:
    with torch.device("meta"):
        student = build_student(name, 30_522, 3, Task.TEXT)
    total, outside, study = SIZES[name]
    assert parameter_counts(student) == (total, outside)
    assert study is None or total == pytest.approx(study, rel=0.15)
    assert embedding_table(student).weight.numel() == total - outside
    documented = type(student).__doc__
    assert documented is not None
    sizes = f"{total / 1e6:.2f}M", f"{outside / 1e6:.2f}M"
    if isinstance(student, BertStudent):
        assert study is not None
        (row,) = [line for line in documented.splitlines() if f"| {name} |" in line]
        assert f"| {sizes[0]} | {sizes[1]} | {study / 1e6:.2f}M |" in row
    else:
        assert "With 30,522 tokens it has {} parameters, {} of them outside".format(*sizes) in documented


def test_students_are_what_they_are_called() -> None:
    kinds = {name: type(build_student(name, PIECES, CLASSES, Task.TEXT)) for name in STUDENTS}
    assert kinds == {"bilstm": BiLSTM, "cnn": CNN, "bag": Bag} | dict.fromkeys(BERT_STUDENTS, BertStudent)


def test_an_unknown_student_is_refused() -> None:
    message = f"unknown student 'lstm'; choose one of: {', '.join(STUDENTS)}"
    with pytest.raises(UserError, match=message):
        build_student("lstm", PIECES, CLASSES, Task.TEXT)
    with pytest.raises(UserError, match=message):
        check_student("lstm", 128)


@each_student
def test_what_a_student_cannot_do_is_said_before_training(name: str) -> None:
    check_student(name, 512)
    if name in BERT_STUDENTS:
        check_student(name, 512, from_teacher=True)
        with pytest.raises(UserError, match=f"^max_length=513 is too long for {name}: it reads at most 512 tokens$"):
            check_student(name, 513)
    else:
        check_student(name, 4096)
        with pytest.raises(UserError, match=f"^init=teacher is for bert-tiny, bert-mini, bert-small; {name} can start"):
            check_student(name, 128, from_teacher=True)


@each_student
@each_task
def test_states_of_real_tokens_do_not_depend_on_neighbours_or_padding(name: str, task: Task) -> None:
    student = student_of(name, task)
    rows = [list(range(1, length + 1)) for length in (1, 2, 5, 17, 40)]
    with torch.inference_mode():
        for extra, pad_id in ((0, 0), (30, PIECES - 1)):
            together = student.states(*padded(rows, extra, pad_id))
            assert together.shape[:2] == (5, 40 + extra)
            for row, states in zip(rows, together, strict=True):
                torch.testing.assert_close(states[: len(row)], student.states(*padded([row]))[0], atol=2e-5, rtol=1e-5)


@each_student
def test_both_tasks_have_the_same_states_and_read_them(name: str) -> None:
    text, token = student_of(name, Task.TEXT), student_of(name, Task.TOKEN)
    start_from_general(text, token.body_weights())
    batch = padded([[1, 2, 3], [4, 5, 6, 7, 0]])
    with torch.inference_mode():
        states = token.states(*batch)
        real = batch[1].bool()
        torch.testing.assert_close(text.states(*batch)[real], states[real])
        before = token(*batch)
        for weights in token.body_weights().values():
            weights.zero_()
        assert not torch.equal(token(*batch), before)


@each_student
@each_task
def test_a_start_from_a_general_student_keeps_the_head_and_the_rest_is_copied(name: str, task: Task) -> None:
    student, general = student_of(name, task), build_student(name, PIECES, 7, Task.TOKEN)
    before = {key: value.clone() for key, value in student.state_dict().items()}
    weights = general.body_weights()
    start_from_general(student, weights)
    after = student.state_dict()
    assert any(key.startswith("classifier.") for key in after.keys() - weights.keys())
    assert all(torch.equal(after[key], before[key]) for key in after.keys() - weights.keys())
    assert all(torch.equal(after[key], weights[key]) for key in weights)
    for value in weights.values():
        value.zero_()
    assert any(after[key].any() for key in weights), "the copies are the student's own"


def test_a_start_from_another_student_is_refused() -> None:
    student = student_of("bilstm", Task.TEXT)
    before = {key: value.clone() for key, value in student.state_dict().items()}
    with pytest.raises(
        ValueError, match=r"embedding.weight: the student has \[50, 96\], the general student \[60, 96\]"
    ):
        start_from_general(student, build_student("bilstm", 60, 2, Task.TOKEN).body_weights())
    with pytest.raises(ValueError, match=r"bias_hh_l0: the student has \[384\], the general student None"):
        start_from_general(student, build_student("cnn", 50, 2, Task.TOKEN).body_weights())
    assert all(torch.equal(value, before[key]) for key, value in student.state_dict().items())
