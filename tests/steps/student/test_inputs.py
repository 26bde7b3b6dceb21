from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from taught import Taught

from kdops.data.corpus import load_corpus
from kdops.data.raw import DataOptions
from kdops.data.unlabeled import load_unlabeled
from kdops.steps.distill.config import DistillConfig
from kdops.steps.student.inputs import StudentInputs, student_inputs
from kdops.steps.student.keys import inputs_fingerprint, study_fingerprint
from kdops.steps.teacher.result import TeacherKeys
from kdops.training.losses import NO_LABEL
from kdops.training.recipes import RECIPES, VANILLA, Recipe
from kdops.training.stored_logits import centred
from kdops.workspace import TEACHER_LOGITS, Piece

KD, MORE = RECIPES["kd"], RECIPES["kd-unlabeled"]


def inputs_of(taught: Taught, recipe: Recipe, max_length: int = 32) -> StudentInputs:
    return student_inputs(taught.corpus, taught.teacher, recipe, taught.unlabeled, max_length)


def spelled(inputs: StudentInputs, row: int) -> str:
    """The text of a row as the student's tokenizer reads it."""
    encoded = inputs.training.encoded
    ids = encoded.ids[encoded.row_starts[row] : encoded.row_starts[row + 1]]
    return inputs.vocabulary.tokenizer.decode(ids.tolist())


def teacher_says(taught: Taught, text: str) -> np.ndarray:
    ids = torch.tensor([taught.teacher.model.tokenizer.encode(text).ids])
    with torch.inference_mode():
        logits: np.ndarray = taught.teacher.model.model.eval()(ids, torch.ones_like(ids)).numpy()
    return logits


class TestRows:
    @pytest.mark.usefixtures("float32_products")
    def test_labeled_texts_come_first_and_each_has_the_teachers_logits(self, taught: Taught) -> None:
        inputs = inputs_of(taught, MORE)
        texts = [*taught.corpus.inputs("train"), *taught.unlabeled.inputs()]
        assert (len(inputs.training), inputs.unlabeled_texts) == (21, 9)
        assert [spelled(inputs, row) for row in range(21)] == texts
        assert inputs.training.labels.tolist() == [0, 1] * 6 + [NO_LABEL] * 9
        assert inputs.training.teacher_logits is not None
        for row in (0, 11, 12, 20):
            logits = inputs.training.teacher_logits.gather(np.array([row]))
            np.testing.assert_allclose(logits, centred(teacher_says(taught, str(texts[row]))), atol=1e-5)

    def test_words_have_a_label_and_logits_each(self, tagged: Taught) -> None:
        inputs = inputs_of(tagged, MORE)
        sentence = [0, 1, 2, 0, 0]
        assert tagged.corpus.labels == ("O", "B-X", "I-X")
        assert inputs.training.labels.tolist() == sentence * 12 + [NO_LABEL] * 9 * 5
        assert inputs.training.teacher_logits is not None
        assert inputs.training.teacher_logits.gather(np.array([0, 20])).shape == (10, 3)

    def test_what_a_recipe_leaves_out(self, taught: Taught) -> None:
        assert len(inputs_of(taught, KD).training) == 12
        assert inputs_of(taught, KD).training.teacher_logits is not None
        vanilla = inputs_of(taught, VANILLA)
        assert (len(vanilla.training), vanilla.unlabeled_texts, vanilla.logits_computed) == (12, 0, 0)
        assert vanilla.training.teacher_logits is None

    def test_the_teacher_is_asked_once(self, taught: Taught, kdops_home: Path) -> None:
        assert inputs_of(taught, KD).logits_computed == 12
        assert inputs_of(taught, MORE).logits_computed == 9
        assert inputs_of(taught, MORE).logits_computed == 0
        stores = [path.name for path in (kdops_home / "teacher-logits").iterdir() if path.is_dir()]
        assert stores == [Piece(TEACHER_LOGITS, f"{taught.teacher.facts.weights}-32").path.name]

    def test_the_vocabulary_is_that_of_the_training_texts(self, taught: Taught) -> None:
        inputs = inputs_of(taught, MORE)
        assert inputs.vocabulary.size < taught.teacher.model.tokenizer.get_vocab_size()
        assert int(inputs.training.encoded.ids.max()) < inputs.vocabulary.size
        assert inputs.vocabulary.tokenizer.id_to_token(inputs.vocabulary.pad_id) == "[PAD]"
        assert inputs.validation.gold == taught.corpus.gold("validation")


class TestFingerprint:
    @staticmethod
    def of(taught: Taught, **changes: Any) -> str:
        given: Mapping[str, Any] = {
            "corpus": taught.corpus,
            "teacher": taught.teacher.keys,
            "recipe": MORE,
            "unlabeled": taught.unlabeled,
            "max_length": 32,
        }
        return inputs_fingerprint(**(given | changes))

    def test_it_is_that_of_the_inputs(self, taught: Taught) -> None:
        assert inputs_of(taught, MORE).fingerprint == self.of(taught) == self.of(taught)

    def test_it_changes_with_all_that_a_student_learns_from(self, taught: Taught) -> None:
        fewer = load_unlabeled(taught.corpus, None, max_texts=5)
        unfiltered = load_unlabeled(taught.corpus, None, length_filter=False)
        leakless = load_corpus(str(taught.folder), DataOptions(drop_leaks=True))
        assert leakless.fingerprint == taught.corpus.fingerprint
        marks = [
            self.of(taught),
            *(self.of(taught, recipe=recipe) for recipe in RECIPES.values() if recipe is not MORE),
            self.of(taught, recipe=MORE.with_embeddings("fasttext")),
            self.of(taught, unlabeled=fewer),
            self.of(taught, unlabeled=unfiltered),
            self.of(taught, unlabeled=None),
            self.of(taught, max_length=16),
            self.of(taught, teacher=TeacherKeys("other", taught.teacher.keys.tokenizer)),
            self.of(taught, corpus=replace(taught.corpus, fingerprint="beef")),
        ]
        assert len(set(marks)) == len(marks)

    def test_it_follows_the_content_of_a_vector_file_and_not_its_place(self, taught: Taught, tmp_path: Path) -> None:
        paths = [tmp_path / name for name in ("one.vec", "same.vec", "other.vec")]
        for path, content in zip(paths, ("1 1\nenak 1\n", "1 1\nenak 1\n", "1 1\nenak 2\n"), strict=True):
            path.write_text(content, encoding="utf-8")
        one, same, other = (self.of(taught, recipe=MORE.with_embeddings(str(path))) for path in paths)
        assert one == same
        assert len({one, other, self.of(taught)}) == 3

    def test_it_does_not_change_with_what_the_recipe_leaves_out(self, taught: Taught) -> None:
        assert self.of(taught, recipe=KD) == self.of(taught, recipe=KD, unlabeled=None)
        trained_otherwise = TeacherKeys("other", taught.teacher.keys.tokenizer)
        assert self.of(taught, recipe=VANILLA) == self.of(taught, recipe=VANILLA, teacher=trained_otherwise)

    def test_the_teachers_weights_count_wherever_a_student_starts_from_them(self, taught: Taught) -> None:
        trained_otherwise = TeacherKeys("other", taught.teacher.keys.tokenizer)
        recipe = VANILLA.with_embeddings("teacher")
        assert self.of(taught, recipe=recipe) != self.of(taught, recipe=recipe, teacher=trained_otherwise)
        for init, same in (("random", True), ("teacher", False)):
            budget = DistillConfig(recipe="kd", student="bert-tiny", init=init).budget(1_000)
            marks = {study_fingerprint("0", teacher, budget) for teacher in (taught.teacher.keys, trained_otherwise)}
            assert (len(marks) == 1) is same

    def test_a_study_goes_on_with_more_trials(self, taught: Taught) -> None:
        def mark(**changes: Any) -> str:
            return study_fingerprint(
                "0", taught.teacher.keys, DistillConfig(**{"recipe": "kd", **changes}).budget(1_000)
            )

        assert mark() == mark(trials=9) == mark(force=True) == mark(storage="sqlite:///other.db")
        marks = [mark(), mark(student="cnn"), mark(epochs=2), mark(batch_size=8), mark(seed=2)]
        assert len(set(marks)) == len(marks)
