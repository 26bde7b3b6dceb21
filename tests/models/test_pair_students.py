"""Students of pairs: each text read on its own, whatever stands around it."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from test_students import padded
from torch import nn

from kdops.deploy.onnx import export
from kdops.models.base import Student, start_from_general
from kdops.models.build import build_student, embedding_table, parameter_counts
from kdops.models.pairs import PairStudent
from kdops.models.student_kinds import BERT_STUDENTS, STUDENTS
from kdops.task import Task

PIECES, FIRST, SEPARATOR = 50, 1, 2

each_reader = pytest.mark.parametrize("name", [name for name in STUDENTS if name not in BERT_STUDENTS])


def pair_student(name: str, **settings: float) -> PairStudent:
    torch.manual_seed(0)
    student = build_student(name, PIECES, 3, Task.TEXT, separator_id=SEPARATOR, **settings).eval()
    assert isinstance(student, PairStudent)
    return student


def joined(first: list[int], second: list[int]) -> list[int]:
    return [FIRST, *first, SEPARATOR, *second, SEPARATOR]


@each_reader
@torch.inference_mode()
def test_it_compares_the_mean_states_of_the_two_texts(name: str) -> None:
    student = pair_student(name)
    first, second = [5, 6, 7], [8, 9, 10, 11, 12]
    u, v = (
        student.states(*padded([[FIRST, *text, SEPARATOR]]))[0].mean(dim=0, keepdim=True) for text in (first, second)
    )
    compared = torch.cat([u, v, (u - v).abs(), u * v], dim=-1)
    expected = student.classifier(student.hidden(compared).relu())
    torch.testing.assert_close(student(*padded([joined(first, second)])), expected)


@each_reader
@torch.inference_mode()
def test_logits_do_not_depend_on_neighbours_or_padding(name: str) -> None:
    student = pair_student(name)
    draw = torch.Generator().manual_seed(1)

    def text(length: int) -> list[int]:
        return torch.randint(3, PIECES, (length,), generator=draw).tolist()

    rows = [joined(text(one), text(other)) for one, other in ((1, 1), (20, 2), (2, 20), (0, 3), (3, 0))]
    rows += [[FIRST, 7, 8], [FIRST]]  # cut before the separator
    for extra, pad_id in ((0, 0), (3, SEPARATOR), (30, PIECES - 1)):
        for row, logits in zip(rows, student(*padded(rows, extra, pad_id)), strict=True):
            torch.testing.assert_close(logits, student(*padded([row]))[0], atol=2e-5, rtol=1e-5)


@each_reader
@torch.inference_mode()
def test_a_later_separator_belongs_to_the_second_text(name: str) -> None:
    student = pair_student(name)
    plain, marked = student(*padded([joined([5, 6], [7, 8, 9]), joined([5, 6], [7, SEPARATOR, 9])]))
    assert not torch.allclose(plain, marked)


@each_reader
def test_every_weight_learns_and_a_row_without_tokens_harms_nobody(name: str) -> None:
    student = pair_student(name)
    ids, mask = padded([joined([5, 6], [7]), joined([8], [9, 10, 11]), [3]])
    mask[2] = 0
    student(ids, mask).square().sum().backward()
    gradients = {key: value.grad for key, value in student.named_parameters()}
    assert [key for key, grad in gradients.items() if grad is None or not grad.any() or not grad.isfinite().all()] == []


@each_reader
def test_it_starts_from_a_general_student_of_single_texts(name: str) -> None:
    torch.manual_seed(1)
    general = build_student(name, PIECES, 1, Task.TOKEN)
    student = pair_student(name)
    start_from_general(student, general.body_weights())
    assert torch.equal(embedding_table(student).weight, embedding_table(general).weight)
    batch = padded([[FIRST, 5, 6, SEPARATOR]])
    assert torch.equal(student.states(*batch), general.eval().states(*batch))
    whole, outside = parameter_counts(student)
    assert whole - outside == embedding_table(student).weight.numel()


@each_reader
@torch.inference_mode()
def test_its_graph_computes_what_it_computes(name: str, tmp_path: Path) -> None:
    student = pair_student(name)
    export(student, tmp_path / "model.onnx", Task.TEXT, max_length=64)
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"))
    for rows in ([joined([5, 6, 7], [8])], [joined([9], [10] * 20), joined([11] * 30, [12, 13]), [FIRST, 5]]):
        ids, mask = padded(rows, extra=4)
        (logits,) = session.run(["logits"], {"input_ids": ids.numpy(), "attention_mask": mask.numpy()})
        np.testing.assert_allclose(logits, student(ids, mask).numpy(), atol=1e-5)


@each_reader
def test_it_learns_whether_two_texts_are_the_same(name: str) -> None:
    torch.manual_seed(0)
    student: Student = build_student(name, PIECES, 2, Task.TEXT, separator_id=SEPARATOR, dropout=0.0)
    words = list(range(3, 23))
    rows = [joined([word], [word if same else words[(place + 7) % 20]]) for place, word in enumerate(words)
            for same in (0, 1)]  # fmt: skip
    gold = torch.tensor([0, 1] * 20)
    optimizer = torch.optim.AdamW(student.parameters(), lr=5e-3)
    for _ in range(60):
        loss = nn.functional.cross_entropy(student(*padded(rows)), gold)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.05


def test_bert_reads_a_pair_as_one_text() -> None:
    student = build_student("bert-tiny", PIECES, 3, Task.TEXT, separator_id=SEPARATOR)
    assert not isinstance(student, PairStudent)
