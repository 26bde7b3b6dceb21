"""The models that a student is compared with: teacher, quantised teacher, baseline, linear model."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kdops.data.corpus import Corpus
from kdops.data.one_answer import constant_answer
from kdops.deploy.bundle import FP32
from kdops.measure.costs import Cost
from kdops.measure.steadiness import Steadiness
from kdops.measure.turns import measure_side_by_side
from kdops.number_text import Interval
from kdops.resampling import Scores, bootstrap_scores, interval
from kdops.steps.distill.baseline import FoundBaseline
from kdops.steps.distill.config import DistillConfig
from kdops.steps.distill.result import ComparedBaseline, ComparedInt8Teacher, ComparedTeacher
from kdops.steps.teacher.bundle import int8_teacher, teacher_bundle
from kdops.steps.teacher.result import TrainedTeacher
from kdops.training.values import LinearBaseline, ModelScores
from kdops.workspace import LINEAR_BASELINES, Piece, find_or_make, load_result, save_result

_TEACHER, _INT8_TEACHER, _STUDENT, _BASELINE = "teacher", "teacher int8", "student ", "baseline "


@dataclass(frozen=True)
class Comparison:
    """The costs of a student and of what stands beside it, measured in turns.

    Attributes:
        student: of the student by precision.
        baseline: of its baseline by precision; empty where it has none.
        teacher: the teacher with its scores and costs.
        steadiness: how steadily all of them could be measured.
    """

    student: Mapping[str, Cost]
    baseline: Mapping[str, Cost]
    teacher: ComparedTeacher
    steadiness: Steadiness


def compare(
    config: DistillConfig,
    corpus: Corpus,
    bundles: Mapping[str, Path],
    teacher: TrainedTeacher,
    baseline: FoundBaseline | None,
) -> Comparison:
    """Measure the bundles of a student beside those of its teacher and its baseline.

    Args:
        config: the parameters.
        corpus: the data, whose validation texts are answered.
        bundles: of the student by precision.
        teacher: its teacher; a file of probabilities has no bundle, and so no costs but those that the user gives.
        baseline: its baseline; None where the student is that.
    """
    theirs = teacher_bundle(teacher, corpus)
    int8 = int8_teacher(theirs, corpus) if theirs else None
    asked = {_STUDENT + precision: bundle for precision, bundle in bundles.items()}
    asked |= {_BASELINE + precision: bundle for precision, bundle in (baseline.bundles if baseline else {}).items()}
    if theirs and int8:
        asked |= {_TEACHER: theirs.path, _INT8_TEACHER: int8.path}
    measured = measure_side_by_side(
        [*asked.values()], corpus.inputs("validation"), threads=config.threads, rounds=config.cost_rounds
    )
    costs = dict(zip(asked, measured.costs, strict=True))

    def by_precision(whose: str) -> dict[str, Cost]:
        return {name.removeprefix(whose): cost for name, cost in costs.items() if name.startswith(whose)}

    return Comparison(
        student=by_precision(_STUDENT),
        baseline=by_precision(_BASELINE),
        teacher=ComparedTeacher(
            source=teacher.facts.source,
            scores=teacher.facts.scores,
            cost=costs.get(_TEACHER),
            parity=theirs.parity if theirs else None,
            texts=teacher.facts.texts,
            given_latency_ms=config.teacher_latency_ms,
            int8=ComparedInt8Teacher(int8.scores, costs[_INT8_TEACHER]) if int8 else None,
            constant=constant_answer(corpus.task, corpus.gold("validation"), teacher.facts.scores.validation_labels),
        ),
        steadiness=measured.steadiness,
    )


def baseline_in(precision: str, found: FoundBaseline, costs: Mapping[str, Cost]) -> ComparedBaseline:
    """A baseline in the student's precision, or in fp32 where its int8 form did not pass its gate."""
    same = precision if precision in costs else FP32
    return ComparedBaseline(same, found.baseline.scores[same], costs[same], costs[FP32])


def linear_of(corpus: Corpus) -> LinearBaseline:
    """The linear baseline of a data set, made once."""
    piece = Piece(LINEAR_BASELINES, corpus.fingerprint)

    def make(folder: Path) -> None:
        # Seconds to import, and of no use where it is made.
        from kdops.training.linear import linear_baseline

        save_result(folder, linear_baseline(corpus))

    return load_result(find_or_make(piece, make), LinearBaseline)


def share_retained(corpus: Corpus, student: ModelScores, teacher: ModelScores) -> Interval | None:
    """The share of the teacher's test score that a student keeps; None: the teacher has no score there."""
    if corpus.main_metric not in teacher.test:
        return None
    (own, theirs), drawn = _bootstrapped(corpus, student, teacher)
    # Of a teacher that is never right there is no share.
    shares = drawn[:, 0] / np.where(drawn[:, 1] > 0, drawn[:, 1], np.inf)
    return interval(own / theirs if theirs else 0.0, shares)


def gain_in_points(corpus: Corpus, student: ModelScores, baseline: ModelScores) -> Interval:
    """The points of test score that a student lies above its baseline."""
    (own, theirs), drawn = _bootstrapped(corpus, student, baseline)
    return interval(100 * (own - theirs), 100 * (drawn[:, 0] - drawn[:, 1]))


def _bootstrapped(corpus: Corpus, first: ModelScores, second: ModelScores) -> tuple[list[float], Scores]:
    labels = [first.test_labels, second.test_labels]
    whole, drawn = bootstrap_scores(corpus.task, corpus.labels, corpus.gold("test"), labels)
    return whole.tolist(), drawn
