"""Tune a student, export the best trial, prove the export: with distillation and without, all the same."""

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import cast

from optuna.trial import FrozenTrial

from kdops.data.corpus import Corpus
from kdops.data.unlabeled import Unlabeled
from kdops.data.words import cutting_warnings, share_cut_differently
from kdops.deploy.bundle import FP32, write_bundle
from kdops.deploy.parity import Parity, check_parity
from kdops.deploy.predictor import BundleInfo, Predictor
from kdops.fingerprint import fingerprint
from kdops.metrics import Gold, score
from kdops.models.students import parameter_counts
from kdops.steps.general.plan import GeneralPlan
from kdops.steps.student.init import student_init
from kdops.steps.student.inputs import StudentInputs, inputs_fingerprint
from kdops.steps.student.tuning import Budget, tuned_student
from kdops.steps.teacher.result import TeacherKeys
from kdops.tracking.recorder import Recorder
from kdops.training.recipes import Recipe
from kdops.workspace import STUDIES, Piece

logger = logging.getLogger(__name__)

BUNDLE = "bundle"
"""The folder of a student's fp32 bundle, in the workspace and in its run."""

_NOT_COMPUTED = ("trials", "storage", "workers", "force")
"""The fields of a budget that do not change what one of its trials computes."""


@dataclass(frozen=True)
class StudentFacts:
    """The facts of a tuned student whose fp32 bundle agrees with it.

    Attributes:
        student: which one.
        recipe: what it learned from.
        study: its Optuna study.
        best_trial: the number of the trial that it is.
        best_value: the validation score of that trial.
        best_parameters: what that trial chose, by name.
        parameters: weights in all.
        parameters_without_embeddings: those outside the table of token embeddings.
        vocabulary_size: tokens that it knows.
        unlabeled_texts: texts without labels that it learned from.
        logits_computed: texts that went through the teacher for it; the others were known.
        embedding_coverage: share of the tokens that the user's vector file holds; None without such a file.
        parity: how far its bundle is from it.
        words_cut_differently: share of the validation sentences that plain text is cut into other words than the data
            has; None for texts.
    """

    student: str
    recipe: str
    study: str
    best_trial: int
    best_value: float
    best_parameters: Mapping[str, float | str]
    parameters: int
    parameters_without_embeddings: int
    vocabulary_size: int
    unlabeled_texts: int
    logits_computed: int
    embedding_coverage: float | None
    parity: Parity
    words_cut_differently: float | None

    def metrics(self) -> dict[str, float]:
        """Its sizes, by the names that they are logged by."""
        sizes: dict[str, float] = {
            "parameters": self.parameters,
            "parameters_without_embeddings": self.parameters_without_embeddings,
            "vocabulary_size": self.vocabulary_size,
            "unlabeled_texts": self.unlabeled_texts,
            "teacher_logits_computed": self.logits_computed,
        }
        shares = {
            "embedding_coverage": self.embedding_coverage,
            "words_cut_differently": self.words_cut_differently,
        }
        return sizes | {name: share for name, share in shares.items() if share is not None}


def student_fingerprint(
    corpus: Corpus,
    teacher: TeacherKeys,
    recipe: Recipe,
    unlabeled: Unlabeled | None,
    budget: Budget,
    max_length: int,
    plan: GeneralPlan | None = None,
) -> str:
    """The key of a tuned student, whether it exists or not."""
    inputs = inputs_fingerprint(corpus, teacher, recipe, unlabeled, max_length, plan)
    return fingerprint(study_fingerprint(inputs, teacher, budget), budget.trials)


def study_fingerprint(inputs: str, teacher: TeacherKeys, budget: Budget) -> str:
    """The key of a study: of all but the number of trials, which may grow, and where and by how many workers it is run.

    Args:
        inputs: the fingerprint of the student's inputs.
        teacher: what stands for the teacher.
        budget: what may be spent.
    """
    kept = {key: value for key, value in asdict(budget).items() if key not in _NOT_COMPUTED}
    if budget.init == "teacher":
        # Without distillation its weights are no part of the inputs.
        kept["init"] = teacher.work
    return fingerprint(STUDIES.version, inputs, kept)


def finish_student(
    inputs: StudentInputs, budget: Budget, folder: Path, recorder: Recorder, run_id: str
) -> StudentFacts:
    """Tune a student, write its fp32 bundle, and check that the bundle agrees with the student.

    Args:
        inputs: what it is made from.
        budget: what may be spent.
        folder: gets the bundle.
        recorder: where the runs of its trials go.
        run_id: the open run that these belong to.

    Raises:
        RuntimeError: if the exported graph does not agree with the trained student.
    """
    name = f"{inputs.corpus.name}-{budget.student}-{inputs.recipe.name}-"
    name += study_fingerprint(inputs.fingerprint, inputs.teacher.keys, budget)
    with Piece(STUDIES, name).locked() as study:
        study.mkdir(exist_ok=True)
        from_teacher = budget.init == "teacher"
        init = student_init(
            budget.student,
            inputs,
            from_teacher=from_teacher,
            seed=budget.seed,
            folder=study,
            residual=budget.residual,
        )
        student, best = tuned_student(init, budget, name, study, recorder, run_id)
    info = _info(inputs, budget, best, name)
    bundle = write_bundle(folder / BUNDLE, model=student, tokenizer=inputs.vocabulary.tokenizer, info=info)
    corpus = inputs.corpus
    _warn_of_nothing_learned(corpus, budget.student, best)
    parity = check_parity(student, Predictor.load(bundle), corpus.inputs("validation"), corpus.gold("validation"))
    if not parity.passed:
        raise RuntimeError(f"the ONNX bundle does not match the trained student and is not registered: {parity.reason}")
    total, outside = parameter_counts(student)
    assert best.value is not None
    return StudentFacts(
        student=budget.student,
        recipe=inputs.recipe.name,
        study=name,
        best_trial=best.number,
        best_value=best.value,
        best_parameters=best.params,
        parameters=total,
        parameters_without_embeddings=outside,
        vocabulary_size=inputs.vocabulary.size,
        unlabeled_texts=inputs.unlabeled_texts,
        logits_computed=inputs.logits_computed,
        embedding_coverage=init.coverage,
        parity=parity,
        words_cut_differently=_words_cut_differently(corpus),
    )


def _warn_of_nothing_learned(corpus: Corpus, student: str, best: FrozenTrial) -> None:
    """Say so if the student is no better than the commonest label for everything."""
    gold = corpus.gold("validation")
    of_words = corpus.task.of_words
    labels = chain.from_iterable(corpus.gold("train")) if of_words else corpus.gold("train")
    commonest = Counter(labels).most_common(1)[0][0]
    constant = [[commonest] * len(row) if of_words else commonest for row in gold]
    least = score(corpus.task, corpus.labels, gold, cast(Gold, constant))[corpus.main_metric]
    assert best.value is not None
    if best.value <= least:
        logger.warning(
            "%s learned nothing yet: validation %s %.4f, and %.4f with %r for everything; give it more epochs",
            student,
            corpus.main_metric,
            best.value,
            least,
            commonest,
        )


def _words_cut_differently(corpus: Corpus) -> float | None:
    """The share of validation sentences that the bundle cuts otherwise when it gets them as plain text; it is said."""
    if not corpus.task.of_words:
        return None
    sentences, rule = cast(list[list[str]], corpus.inputs("validation")), corpus.word_rule()
    for warning in cutting_warnings(sentences, rule):
        logger.warning("%s", warning)
    return share_cut_differently(sentences, rule)


def _info(inputs: StudentInputs, budget: Budget, best: FrozenTrial, study_name: str) -> BundleInfo:
    corpus = inputs.corpus
    assert best.value is not None
    return BundleInfo(
        task=corpus.task,
        labels=corpus.labels,
        max_length=inputs.max_length,
        pad_id=inputs.vocabulary.pad_id,
        student=budget.student,
        dataset=corpus.name,
        licence=corpus.licence,
        teacher=inputs.teacher.facts.source,
        recipe=inputs.recipe.name,
        precision=FP32,
        main_metric=corpus.main_metric,
        main_metric_value=best.value,
        fingerprint=study_name.rpartition("-")[2],
        word_pattern=corpus.word_rule().pattern,
    )
