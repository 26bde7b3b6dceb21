import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from taught import Taught
from transformers import BertConfig, BertModel

from entrypoints import cli
from kdops.data.corpus import load_corpus
from kdops.errors import UserError
from kdops.models.build import build_student
from kdops.steps.distill.config import DistillConfig
from kdops.steps.general_distillation.config import PretrainConfig
from kdops.steps.general_distillation.make import vocabulary_of
from kdops.steps.general_distillation.step import pretrain_student
from kdops.steps.student.inputs import student_inputs
from kdops.steps.student.start_weights import student_init
from kdops.tracking import runs, store
from kdops.tracking.recorder import Recorder
from kdops.training.recipes import RECIPES


@pytest.fixture(scope="module")
def encoder(taught: Taught, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny pre-trained encoder that nobody trained."""
    folder = tmp_path_factory.mktemp("encoder")
    tokens = taught.teacher.tokenizer.get_vocab_size()
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=tokens, hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64
    )
    BertModel(config).save_pretrained(folder)
    taught.teacher.model.processing.save_pretrained(folder)
    return folder


def config(taught: Taught, encoder: Path, **more: object) -> PretrainConfig:
    given = {"dataset": taught.folder, "teacher": encoder, "general_epochs": 1, "vocabulary_size": 120, **more}
    return cli.settings(PretrainConfig, **{name: str(value) for name, value in given.items()})


@pytest.mark.parametrize("student", ["bilstm", "cnn", "bert-tiny"])
def test_a_student_starts_from_the_general_one_in_its_own_tokens(
    student: str, taught: Taught, encoder: Path, tmp_path: Path
) -> None:
    made = pretrain_student(config(taught, encoder, student=student), Recorder())
    assert not made.reused
    asked = DistillConfig(
        dataset=str(taught.folder), teacher=str(encoder), student=student, recipe="general", general_epochs=1,
        vocabulary_size=120,
    )  # fmt: skip
    plan = asked.general_plan(taught.corpus)
    assert plan is not None
    assert plan.piece == made.plan.piece
    inputs = student_inputs(taught.corpus, taught.teacher, RECIPES["general"], None, 32, plan)
    assert inputs.vocabulary.size == vocabulary_of(plan).size <= 120
    assert inputs.vocabulary.tokenizer.id_to_token(inputs.vocabulary.pad_id) == "[PAD]"
    begun = student_init(student, inputs, from_teacher=False, seed=1, folder=tmp_path).new_student()
    body = begun.body_weights()
    assert body.keys() == made.student.weights.keys()
    assert all(torch.equal(body[name], weights) for name, weights in made.student.weights.items())


def test_it_is_made_once_and_recorded_where_it_is_not_yet(taught: Taught, encoder: Path, tracking_uri: str) -> None:
    first = pretrain_student(config(taught, encoder))
    second = pretrain_student(config(taught, encoder))
    assert (first.reused, second.reused, second.run_id) == (False, True, first.run_id)
    metrics = runs.get_metrics(first.run_id)
    assert metrics["explained_variance"] == pytest.approx(first.student.explained_variance)
    assert metrics["texts.kept"] == first.student.texts + min(2_000, round(0.02 * metrics["texts.kept"]))
    assert len(store.search("tags.`kdops.role` = 'general'")) == 1
    assert first.run_id in str(first)
    assert f"{first.run_id} (reused)" in str(second)


def test_logits_find_the_words_of_a_student_with_other_tokens(tagged: Taught, encoder: Path) -> None:
    asked = DistillConfig(
        dataset=str(tagged.folder), teacher=str(encoder), vocabulary="own", vocabulary_size=120, recipe="kd"
    )
    plan = asked.general_plan(tagged.corpus)
    assert plan is not None
    own = student_inputs(tagged.corpus, tagged.teacher, RECIPES["kd"], None, 32, plan)
    theirs = student_inputs(tagged.corpus, tagged.teacher, RECIPES["kd"], None, 32)
    assert own.vocabulary.tokenizer.get_vocab() != theirs.vocabulary.tokenizer.get_vocab()
    rows = torch.arange(12).numpy()
    assert own.training.teacher_logits is not None
    assert theirs.training.teacher_logits is not None
    said = own.training.teacher_logits.gather(rows)
    assert said.tolist() == theirs.training.teacher_logits.gather(rows).tolist()
    assert own.training.labels.tolist() == theirs.training.labels.tolist()


def test_what_stands_for_it_changes_with_all_that_it_is_made_from(
    taught: Taught, encoder: Path, tmp_path: Path
) -> None:
    more = tmp_path / "more.jsonl"
    more.write_text(json.dumps({"text": "teh manis"}), encoding="utf-8")
    changes: list[dict[str, object]] = [
        {}, {"student": "cnn"}, {"vocabulary": "teacher", "vocabulary_size": 8000}, {"vocabulary_size": 130},
        {"vocabulary_case": "keep"},
        {"general_texts": more}, {"general_epochs": 2}, {"max_length": 16},
    ]  # fmt: skip
    keys = {config(taught, encoder, **change).plan_of(taught.corpus).piece.key for change in changes}
    assert len(keys) == len(changes)
    assert config(taught, encoder, force="true").plan_of(taught.corpus).piece.key in keys


def test_names_keep_their_case_in_tags_only(taught: Taught, tagged: Taught, encoder: Path) -> None:
    assert config(taught, encoder).plan_of(taught.corpus).vocabulary.lowercase
    assert not config(tagged, encoder).plan_of(tagged.corpus).vocabulary.lowercase
    assert config(tagged, encoder, vocabulary_case="lower").plan_of(tagged.corpus).vocabulary.lowercase


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"teacher": "scratch", "recipe": "general"}, "a teacher from scratch has no pre-trained encoder"),
        (
            {"teacher": "scratch", "recipe": "kd", "init": "general"},
            "a teacher from scratch has no pre-trained encoder",
        ),
        ({"recipe": "kd", "vocabulary": "own", "init": "teacher"}, "need the teacher's tokens: vocabulary=teacher"),
        ({"recipe": "kd-unlabeled-teacher", "vocabulary": "own"}, "need the teacher's tokens: vocabulary=teacher"),
    ],
)
def test_choices_that_exclude_each_other(choice: dict[str, str], message: str, taught: Taught, encoder: Path) -> None:
    asked = DistillConfig(**{"dataset": str(taught.folder), "teacher": str(encoder), **choice})
    with pytest.raises(UserError, match=message):
        asked.general_plan(taught.corpus)


def test_the_recipe_suits_the_teacher(taught: Taught, encoder: Path) -> None:
    corpus = load_corpus(str(taught.folder))
    assert corpus.unlabeled, "texts without labels lie beside these data"
    asked = DistillConfig(teacher=str(encoder))
    assert asked.resolved(corpus).recipe == "general-kd-unlabeled"
    assert asked.resolved(replace(corpus, unlabeled=None)).recipe == "general-kd"
    assert DistillConfig(teacher="scratch").resolved(corpus).recipe == "kd-unlabeled-teacher"
    assert DistillConfig(teacher=str(encoder), recipe="kd").resolved(corpus).recipe == "kd"
    assert DistillConfig(teacher="scratch", recipe="kd").general_plan(corpus) is None


def test_a_general_student_fits_its_own_kind_only(taught: Taught, encoder: Path) -> None:
    made = pretrain_student(config(taught, encoder), Recorder())
    other = replace(made.plan, training=replace(made.plan.training, student="cnn"))
    assert other.piece != made.plan.piece
    tokens = vocabulary_of(made.plan).size
    assert made.student.weights["embedding.weight"].shape[0] == tokens
    assert build_student("bilstm", tokens, 2, taught.corpus.task).body_weights().keys() == made.student.weights.keys()
