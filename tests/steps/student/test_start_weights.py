from pathlib import Path

import pytest
import torch
from taught import Taught
from torch import Tensor, nn

from kdops.errors import UserError
from kdops.models.bert import BertStudent, start_from_teacher
from kdops.models.build import build_student, embedding_table
from kdops.models.embeddings import fit_width
from kdops.models.student_kinds import BERT_STUDENTS, STUDENTS
from kdops.steps.student import start_weights
from kdops.steps.student.inputs import StudentInputs, student_inputs
from kdops.steps.student.start_weights import StudentInit, student_init
from kdops.training.recipes import RECIPES, Recipe

each_student = pytest.mark.parametrize("name", STUDENTS)


def inputs_of(taught: Taught, embeddings: str) -> StudentInputs:
    recipe = RECIPES["kd-unlabeled"].with_embeddings(embeddings)
    return student_inputs(taught.corpus, taught.teacher, recipe, taught.unlabeled, 32)


def start(
    taught: Taught, name: str, embeddings: str, folder: Path, *, from_teacher: bool = False, seed: int = 1
) -> StudentInit:
    return student_init(name, inputs_of(taught, embeddings), from_teacher=from_teacher, seed=seed, folder=folder)


def made(init: StudentInit, dropout: float | None = None) -> nn.Module:
    torch.manual_seed(5)
    return init.new_student(dropout)


def at_random(name: str, inputs: StudentInputs) -> nn.Module:
    torch.manual_seed(5)
    return build_student(name, inputs.vocabulary.size, len(inputs.corpus.labels), inputs.corpus.task)


def same(first: nn.Module, second: nn.Module, without: Tensor | None = None) -> bool:
    pairs = zip(first.parameters(), second.parameters(), strict=True)
    return all(torch.equal(one, other) for one, other in pairs if one is not without)


def table_of(student: nn.Module) -> Tensor:
    return embedding_table(student).weight.detach()


@each_student
def test_at_random(name: str, taught: Taught, tmp_path: Path) -> None:
    begun = start(taught, name, "random", tmp_path)
    assert (begun.vectors, begun.coverage) == (None, None)
    assert same(made(begun), at_random(name, begun.inputs))
    assert not list(tmp_path.glob("fasttext*"))


@each_student
def test_the_teachers_table_in_the_students_own_scale(name: str, taught: Taught, tmp_path: Path) -> None:
    begun = start(taught, name, "teacher", tmp_path)
    student, plain = made(begun), at_random(name, begun.inputs)
    pieces = begun.inputs.vocabulary.teacher_ids
    table = table_of(student)
    expected = fit_width(taught.teacher.model.model.embedding_table[pieces], table.shape[1])
    torch.testing.assert_close(table, expected * (table_of(plain).std() / expected.std()))
    assert table.std().item() == pytest.approx(table_of(plain).std().item(), rel=1e-4)
    # All the rest starts as it would have.
    assert same(student, plain, without=embedding_table(student).weight)


def test_every_trial_starts_from_the_same_weights_with_its_own_dropout(taught: Taught, tmp_path: Path) -> None:
    begun = start(taught, "bilstm", "teacher", tmp_path)
    students = [made(begun, dropout) for dropout in (0.1, 0.4)]
    assert same(*students)
    dropouts = [{one.p for one in student.modules() if isinstance(one, nn.Dropout)} for student in students]
    assert dropouts == [{0.1}, {0.4}]


def test_fasttext_vectors_are_trained_once_and_kept(
    taught: Taught, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = start(taught, "bilstm", "fasttext", tmp_path)
    assert begun.vectors is not None
    width = begun.vectors.shape[1]
    assert begun.vectors.shape == (begun.inputs.vocabulary.size, embedding_table(made(begun)).embedding_dim)
    assert [path.name for path in tmp_path.glob("fasttext*")] == [f"fasttext-{width}.safetensors"]

    def never(*_: object, **__: object) -> Tensor:
        raise AssertionError("trained again")

    monkeypatch.setattr(start_weights, "fasttext_table", never)
    again = start(taught, "bilstm", "fasttext", tmp_path)
    assert again.vectors is not None
    assert torch.equal(again.vectors, begun.vectors)
    assert same(made(again), made(begun))


def test_vectors_that_were_cut_off_while_written_are_trained_again(taught: Taught, tmp_path: Path) -> None:
    width = embedding_table(build_student("cnn", 1, 2, taught.corpus.task)).embedding_dim
    (tmp_path / f".fasttext-{width}.safetensors.0123.part").write_bytes(b"half of it")
    assert start(taught, "cnn", "fasttext", tmp_path).vectors is not None
    assert [path.suffix for path in tmp_path.glob("fasttext*")] == [".safetensors"]


class TestVectorFile:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        path = tmp_path / "own.vec"
        path.write_text("3 3\nkamar 1 0 0\nenak 0 2 0\nmobil 0 0 3\n", encoding="utf-8")
        return path

    def test_its_share_of_the_vocabulary_is_told(self, path: Path, taught: Taught, tmp_path: Path) -> None:
        begun = start(taught, "bilstm", str(path), tmp_path)
        # Of its words, kamar and enak are pieces of the vocabulary.
        assert begun.coverage == 2 / begun.inputs.vocabulary.size
        table = table_of(made(begun))
        assert table.std().item() == pytest.approx(table_of(at_random("bilstm", begun.inputs)).std().item(), rel=1e-4)
        rooms, tasty = (table[begun.inputs.vocabulary.tokenizer.token_to_id(word)] for word in ("kamar", "enak"))
        # Two vectors, centred, point in opposite directions.
        torch.testing.assert_close(rooms, -tasty)
        assert rooms.norm() > 0

    def test_a_file_without_any_of_its_pieces(self, path: Path, taught: Taught, tmp_path: Path) -> None:
        path.write_text("1 3\nmobil 0 0 3\n", encoding="utf-8")
        with pytest.raises(UserError, match=r"own\.vec: none of its 1 words is a token of the vocabulary"):
            start(taught, "bilstm", str(path), tmp_path)


class TestLayersOfTheTeacher:
    @pytest.mark.parametrize("name", BERT_STUDENTS)
    @pytest.mark.parametrize("embeddings", ["random", "teacher"])
    def test_its_embeddings_come_with_its_layers(
        self, name: str, embeddings: str, taught: Taught, tmp_path: Path
    ) -> None:
        begun = start(taught, name, embeddings, tmp_path, from_teacher=True)
        assert begun.vectors is None
        student, expected = made(begun), at_random(name, begun.inputs)
        assert isinstance(expected, BertStudent)
        pieces = begun.inputs.vocabulary.teacher_ids
        start_from_teacher(expected, taught.teacher.model.model.encoder, pieces)
        assert same(student, expected)
        if name == "bert-tiny":
            # As wide as its teacher.
            assert torch.equal(table_of(student), taught.teacher.model.model.embedding_table[pieces])

    def test_other_vectors_take_the_scale_that_its_layers_know(self, taught: Taught, tmp_path: Path) -> None:
        begun = start(taught, "bert-tiny", "fasttext", tmp_path, from_teacher=True)
        assert begun.vectors is not None
        table = table_of(made(begun))
        kept = taught.teacher.model.model.embedding_table[begun.inputs.vocabulary.teacher_ids]
        assert table.std().item() == pytest.approx(kept.std().item(), rel=1e-4)
        torch.testing.assert_close(table / table.std(), begun.vectors / begun.vectors.std())


def test_a_recipe_keeps_its_name_whatever_the_embeddings() -> None:
    recipe = RECIPES["kd"].with_embeddings("teacher")
    assert recipe == Recipe("kd", distills=True, unlabeled=False, embeddings="teacher")
