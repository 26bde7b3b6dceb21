from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from transformers import (
    BertConfig,
    BertForTokenClassification,
    BertModel,
    DistilBertConfig,
    DistilBertModel,
    ElectraConfig,
    ElectraModel,
    PreTrainedModel,
    RobertaConfig,
    RobertaForSequenceClassification,
)

from kdops.errors import UserError
from kdops.models.bert import BertStudent, check_bert, check_teacher_layers, start_from_teacher
from kdops.models.student_kinds import BertShape
from kdops.task import Task

PIECES, CLASSES = 40, 3
SIZES = {"hidden_size": 32, "num_attention_heads": 4, "intermediate_size": 128, "initializer_range": 0.2}


def teacher_of(layers: int = 6) -> BertForTokenClassification:
    torch.manual_seed(0)
    config = BertConfig(vocab_size=PIECES, num_hidden_layers=layers, num_labels=CLASSES, **SIZES)
    return BertForTokenClassification(config).eval()


def student_of(shape: BertShape, pieces: int = PIECES, seed: int = 1) -> BertStudent:
    torch.manual_seed(seed)
    return BertStudent(pieces, CLASSES, Task.TOKEN, shape).eval()


def states_of(model: PreTrainedModel, ids: Tensor) -> Tensor:
    with torch.inference_mode():
        states: Tensor = model.base_model(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state
    return states


def layer_weights(model: PreTrainedModel, layer: int) -> dict[str, Tensor]:
    return model.base_model.get_submodule(f"encoder.layer.{layer}").state_dict()


def test_a_student_of_its_teachers_shape_becomes_a_copy() -> None:
    teacher, student = teacher_of(), student_of(BertShape(layers=6, width=32, heads=4))
    head = student.classifier.weight.clone()
    start_from_teacher(student, teacher, np.arange(PIECES))
    ids = torch.randint(0, PIECES, (3, 9))
    assert torch.equal(states_of(student.encoder, ids), states_of(teacher, ids))
    assert torch.equal(student.classifier.weight, head)


def test_pieces_keep_their_vectors_in_a_trimmed_vocabulary() -> None:
    teacher, kept = teacher_of(), np.array([0, 3, 4, 17, 39])
    student = student_of(BertShape(layers=6, width=32, heads=4), pieces=len(kept))
    start_from_teacher(student, teacher, kept)
    ids = torch.tensor([[0, 3, 2, 4, 1]])
    assert torch.equal(states_of(student.encoder, ids), states_of(teacher, torch.from_numpy(kept)[ids]))


@pytest.mark.parametrize(("layers", "expected"), [(1, [0]), (2, [0, 5]), (3, [0, 2, 5]), (4, [0, 2, 3, 5])])
def test_layers_are_evenly_spaced(layers: int, expected: list[int]) -> None:
    teacher, student = teacher_of(), student_of(BertShape(layers=layers, width=32, heads=4))
    start_from_teacher(student, teacher, np.arange(PIECES))
    for mine, its in enumerate(expected):
        taken = layer_weights(teacher, its)
        assert all(torch.equal(value, taken[name]) for name, value in layer_weights(student.encoder, mine).items())


def test_a_larger_student_keeps_its_random_start_beyond_its_teacher() -> None:
    teacher, shape = teacher_of(layers=2), BertShape(layers=3, width=48, heads=4)
    student, untouched = student_of(shape), student_of(shape).state_dict()
    start_from_teacher(student, teacher, np.arange(PIECES))
    name = "encoder.encoder.layer.1.intermediate.dense.weight"
    weights = student.state_dict()
    assert torch.equal(weights[name][:128, :32], layer_weights(teacher, 1)["intermediate.dense.weight"])
    assert torch.equal(weights[name][:, 32:], untouched[name][:, 32:])
    assert torch.equal(weights[name][128:], untouched[name][128:])
    third = [name for name in weights if "encoder.layer.2." in name]
    assert third
    assert all(torch.equal(weights[name], untouched[name]) for name in third)


def test_a_narrower_student_takes_the_same_parts_every_time() -> None:
    shape = BertShape(layers=2, width=16, heads=2)
    first, second = student_of(shape, seed=1), student_of(shape, seed=2)
    for student in (first, second):
        start_from_teacher(student, teacher_of(), np.arange(PIECES))
    others = second.encoder.state_dict()
    assert all(torch.equal(value, others[name]) for name, value in first.encoder.state_dict().items())


def test_a_narrower_student_says_what_its_teacher_says_where_nothing_is_lost() -> None:
    """Of a teacher that uses half of its dimensions and units, a student of half the width is the whole."""
    torch.manual_seed(0)
    sizes = SIZES | {"hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 64}
    small = BertModel(BertConfig(vocab_size=PIECES, num_hidden_layers=2, **sizes), add_pooling_layer=False).eval()
    teacher, student = teacher_of(layers=2), student_of(BertShape(layers=2, width=16, heads=2))
    used = torch.randperm(32)[:16].sort().values
    start = {name: torch.zeros_like(value) for name, value in teacher.base_model.state_dict().items()}
    for name, value in small.state_dict().items():
        target = start[name]
        if value.dim() == 2 and not name.endswith("output.dense.weight"):
            target[: len(value), used] = value
        elif name.endswith("output.dense.weight"):
            target[used, : value.shape[1]] = value
        elif "LayerNorm" in name or name.endswith("output.dense.bias"):
            target[used] = value
        else:
            target[: len(value)] = value
    teacher.base_model.load_state_dict(start)
    start_from_teacher(student, teacher, np.arange(PIECES))
    ids = torch.randint(0, PIECES, (2, 7))
    torch.testing.assert_close(states_of(student.encoder, ids), states_of(small, ids))


def test_a_roberta_teacher_counts_its_positions_differently() -> None:
    torch.manual_seed(0)
    config = RobertaConfig(
        vocab_size=PIECES, num_hidden_layers=2, max_position_embeddings=514, type_vocab_size=1, **SIZES
    )
    teacher = RobertaForSequenceClassification(config).eval()
    student = student_of(BertShape(layers=2, width=32, heads=4))
    start_from_teacher(student, teacher, np.arange(PIECES))
    ids = torch.randint(2, PIECES, (2, 30))
    torch.testing.assert_close(states_of(student.encoder, ids), states_of(teacher, ids))


def test_a_teacher_that_is_built_otherwise_is_refused() -> None:
    distilled = DistilBertModel(DistilBertConfig(vocab_size=PIECES, dim=32, n_layers=1, n_heads=2, hidden_dim=64))
    factorised = ElectraModel(ElectraConfig(vocab_size=PIECES, num_hidden_layers=1, embedding_size=16, **SIZES))
    for teacher, kind in ((distilled, "distilbert"), (factorised, "electra")):
        message = f"^init=teacher needs a teacher that is built as BERT is; this one is a {kind} model$"
        with pytest.raises(UserError, match=message):
            check_bert(teacher)
        with pytest.raises(UserError, match=message):
            start_from_teacher(student_of(BertShape(layers=2, width=16, heads=2)), teacher, np.arange(PIECES))
    check_bert(teacher_of())


def test_the_configuration_alone_tells_whether_a_teacher_fits(tmp_path: Path) -> None:
    check_teacher_layers("scratch")
    teacher_of(layers=1).config.save_pretrained(tmp_path / "bert")
    check_teacher_layers(str(tmp_path / "bert"))
    DistilBertConfig(vocab_size=PIECES, dim=8, hidden_dim=8, n_heads=2, n_layers=1).save_pretrained(tmp_path / "other")
    with pytest.raises(UserError, match=r"init=teacher needs .* built as BERT is; this one is a distilbert model"):
        check_teacher_layers(str(tmp_path / "other"))
    assert [path.name for path in (tmp_path / "other").iterdir()] == ["config.json"]
