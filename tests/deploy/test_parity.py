import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer
from torch import nn

from kdops.deploy.bundle import write_bundle
from kdops.deploy.parity import check_int8, check_parity
from kdops.deploy.predictor import BundleInfo, Predictor
from kdops.deploy.tolerances import Parity
from kdops.task import Task


def gold_of(task: Task, texts: list[str]) -> list[str] | list[list[str]]:
    if task is Task.TEXT:
        return ["positive"] * len(texts)
    return [["B-PER"] + ["O"] * (len(text.split()) - 1) for text in texts]


def inputs_of(task: Task, texts: list[str]) -> list[str] | list[list[str]]:
    return texts if task is Task.TEXT else [text.split() for text in texts]


@pytest.mark.parametrize("task", [Task.TEXT, Task.TOKEN])
def test_a_bundle_is_on_par_with_its_model(
    predictors: dict[Task, Predictor], student: Callable[..., nn.Module], texts: list[str], task: Task
) -> None:
    many = texts * 10
    parity = check_parity(student(task), predictors[task], inputs_of(task, many), gold_of(task, many), max_texts=50)
    assert parity.passed, parity.reason
    assert parity.texts == 50
    assert 0 <= parity.max_logit_difference < 1e-5
    assert (parity.label_agreement, parity.metric_difference) == (1, 0)


@pytest.mark.parametrize("task", [Task.TEXT, Task.TOKEN])
def test_a_bundle_is_not_on_par_with_another_model(
    predictors: dict[Task, Predictor], student: Callable[..., nn.Module], texts: list[str], task: Task
) -> None:
    other = student(task)
    with torch.no_grad():
        next(other.parameters()).add_(torch.randn(12))
    parity = check_parity(other, predictors[task], inputs_of(task, texts), gold_of(task, texts))
    assert not parity.passed
    assert parity.reason.startswith("logits differ by up to")


@pytest.mark.parametrize("task", [Task.TEXT, Task.TOKEN])
def test_parity_notices_logits_that_depend_on_padding(
    tmp_path: Path,
    tokenizer: Tokenizer,
    student: Callable[..., nn.Module],
    info: Callable[..., BundleInfo],
    texts: list[str],
    task: Task,
) -> None:
    leaking = student(task, leaking=True)
    write_bundle(tmp_path / "leaking", model=leaking, tokenizer=tokenizer, info=info(task))
    predictor = Predictor.load(tmp_path / "leaking")
    many = [text for text in texts for _ in range(6)]
    assert not check_parity(leaking, predictor, inputs_of(task, many), gold_of(task, many)).passed


def test_parity_needs_texts(predictors: dict[Task, Predictor], student: Callable[..., nn.Module]) -> None:
    with pytest.raises(ValueError, match="at least one text"):
        check_parity(student(Task.TEXT), predictors[Task.TEXT], [], [])


def test_a_failed_parity_says_why() -> None:
    fine = Parity(texts=10, max_logit_difference=1e-6, label_agreement=1.0, metric=0.8, metric_difference=0.0)
    assert fine.passed
    assert fine.reason == ""
    assert replace(fine, max_logit_difference=0.5).reason == "logits differ by up to 5.00e-01, more than 1e-04"
    assert "99.0000%" in replace(fine, label_agreement=0.99).reason
    assert "0.0200" in replace(fine, metric_difference=0.02).reason
    for field in ("max_logit_difference", "label_agreement", "metric_difference"):
        assert not replace(fine, **{field: math.nan}).passed


def test_int8_may_differ_a_little() -> None:
    fine = Parity(100, 3.0, 0.98, 0.795, 0.005, logit_tolerance=math.inf, agreement_needed=0.98, metric_tolerance=0.005)
    assert fine.passed
    assert replace(fine, metric_difference=-0.02).passed
    assert replace(fine, label_agreement=0.979).reason == "only 97.9000% of the labels agree, 98.0000% needed"
    assert replace(fine, metric_difference=0.0051).reason == "the main metric differs by 0.0051, more than 0.0050"
    assert fine.numbers() == {
        **{"texts": 100, "max_logit_difference": 3.0},
        **{"label_agreement": 0.98, "metric_difference": 0.005},
    }


@pytest.mark.parametrize("task", [Task.TEXT, Task.TOKEN])
def test_the_gate_of_int8_holds_for_itself_and_not_for_another(
    tmp_path: Path,
    tokenizer: Tokenizer,
    predictors: dict[Task, Predictor],
    student: Callable[..., nn.Module],
    info: Callable[..., BundleInfo],
    texts: list[str],
    task: Task,
) -> None:
    inputs, gold = inputs_of(task, texts), gold_of(task, texts)
    same = check_int8(predictors[task], predictors[task], inputs, gold)
    assert (same.passed, same.label_agreement, same.metric_difference, same.texts) == (True, 1, 0, len(texts))
    other = student(task)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.normal_()
    write_bundle(tmp_path / "other", model=other, tokenizer=tokenizer, info=info(task))
    assert not check_int8(predictors[task], Predictor.load(tmp_path / "other"), inputs, gold).passed
