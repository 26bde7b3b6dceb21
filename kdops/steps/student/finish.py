"""Tune a student, export the best trial, check the export, with distillation or without."""

import logging
from pathlib import Path

from optuna.trial import FrozenTrial

from kdops.data.corpus import Corpus
from kdops.data.inputs import words_tagged
from kdops.data.one_answer import constant_answer
from kdops.data.words import cutting_warnings, share_cut_differently
from kdops.deploy.bundle import FP32, write_bundle
from kdops.deploy.parity import check_parity
from kdops.deploy.predictor import BundleInfo, Predictor
from kdops.models.build import parameter_counts
from kdops.steps.student.budget import Budget
from kdops.steps.student.inputs import StudentInputs
from kdops.steps.student.keys import study_fingerprint
from kdops.steps.student.result import BUNDLE, StudentFacts
from kdops.steps.student.start_weights import student_init
from kdops.steps.student.trials import tuned_student
from kdops.tracking.recorder import Recorder
from kdops.training.values import Thresholds
from kdops.workspace import STUDIES, Piece

logger = logging.getLogger(__name__)


def finish_student(
    inputs: StudentInputs, budget: Budget, folder: Path, recorder: Recorder, run_id: str
) -> StudentFacts:
    """Tune a student, write its fp32 bundle, and check that the bundle agrees with the student.

    Args:
        inputs: its inputs.
        budget: its training budget.
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
    logits = inputs.validation.logits(student)
    thresholds = inputs.validation.thresholds(logits)
    info = _info(inputs, budget, best, name, thresholds)
    bundle = write_bundle(folder / BUNDLE, model=student, tokenizer=inputs.vocabulary.tokenizer, info=info)
    corpus = inputs.corpus
    gold = corpus.gold("validation")
    if nothing := constant_answer(corpus.task, gold, inputs.validation.named(logits, thresholds)):
        logger.warning("%s learned nothing yet: it %s; give it more epochs or another rate", budget.student, nothing)
    parity = check_parity(student, Predictor.load(bundle), corpus.inputs("validation"), gold)
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


def _words_cut_differently(corpus: Corpus) -> float | None:
    """The share of validation sentences that the bundle cuts into other words as plain text; warnings are logged."""
    if not corpus.task.of_words:
        return None
    sentences, rule = [words_tagged(text) for text in corpus.inputs("validation")], corpus.word_rule()
    for warning in cutting_warnings(sentences, rule):
        logger.warning("%s", warning)
    return share_cut_differently(sentences, rule)


def _info(
    inputs: StudentInputs, budget: Budget, best: FrozenTrial, study_name: str, thresholds: Thresholds
) -> BundleInfo:
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
        thresholds=thresholds,
        pairs=corpus.pairs,
    )
