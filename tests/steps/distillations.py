"""Results of distillations that nobody had to do."""

from pathlib import Path

from kdops.deploy.tolerances import Parity
from kdops.measure.costs import Cost
from kdops.measure.steadiness import Steadiness
from kdops.number_text import Interval
from kdops.steps.distill.result import (
    ComparedBaseline,
    ComparedInt8Teacher,
    ComparedTeacher,
    Distilled,
    DistilledStudent,
)
from kdops.steps.student.result import StudentFacts
from kdops.training.values import LinearBaseline, ModelScores

PARITY = Parity(6, 1e-6, 1.0, 0.8, 0.0)
INT8_PARITY = Parity(6, 0.1, 0.999, 0.8, 0.0)


def cost(latency_ms: float = 0.4, megabytes: float = 44.0, parameters: int = 11_000_000) -> Cost:
    return Cost(
        latency_p50_ms=latency_ms,
        latency_p95_ms=2 * latency_ms,
        latency_p99_ms=3 * latency_ms,
        throughput_per_s=1000 / latency_ms,
        cpu_ms_per_text=latency_ms / 2,
        ram_peak_mb=40.0,
        ram_model_mb=20.0,
        storage_mb=megabytes,
        load_ms=5.0,
        cold_start_ms=500.0,
        parameters=parameters,
    )


def scores(validation: float, test: float) -> ModelScores:
    labels = ("a", "b", "a", "b", "a", "b")
    return ModelScores({"f1_macro": validation}, {"f1_macro": test}, labels, labels)


def facts(recipe: str = "kd-unlabeled") -> StudentFacts:
    return StudentFacts(
        student="bilstm",
        recipe=recipe,
        study="study",
        best_trial=1,
        best_value=0.8,
        best_parameters={"learning_rate": 0.001},
        parameters=11_000_000,
        parameters_without_embeddings=1_000_000,
        vocabulary_size=100,
        unlabeled_texts=9,
        logits_computed=21,
        embedding_coverage=None,
        parity=PARITY,
        words_cut_differently=None,
    )


def compared_baseline(test: float, measured: Cost) -> ComparedBaseline:
    return ComparedBaseline("int8" if measured.storage_mb < 44 else "fp32", scores(0.72, test), measured)


def result(
    *, test: float = 0.76, baseline: float | None = 0.7, int8: bool = True, linear: float = 0.6
) -> DistilledStudent:
    """A student beside a teacher of test 0.8 that is ten times slower; its baseline is itself where there is none."""
    costs = {"fp32": cost(0.5), "int8": cost(0.25, 11.0)} if int8 else {"fp32": cost()}
    return DistilledStudent(
        main_metric="f1_macro",
        facts=facts("vanilla" if baseline is None else "kd-unlabeled"),
        precision="int8" if int8 else "fp32",
        scores=scores(0.78, test),
        costs=costs,
        int8_parity=INT8_PARITY if int8 else None,
        teacher=ComparedTeacher(
            source="scratch",
            scores=scores(0.82, 0.8),
            cost=cost(4.0, 440.0, 110_000_000),
            parity=PARITY,
            int8=ComparedInt8Teacher(scores(0.81, 0.79), cost(2.0, 110.0, 110_000_000)),
        ),
        baseline=None if baseline is None else compared_baseline(baseline, cost(0.25, 11.0) if int8 else cost()),
        retained=Interval(test / 0.8, 0.9, 0.99),
        gain=None if baseline is None else Interval(100 * (test - baseline), 2.0, 10.0),
        steadiness=Steadiness(3, 0.04, 0.2),
        seconds={"measure_s": 20.0},
        linear=LinearBaseline(scores(linear, linear), 2.0),
    )


def distilled(
    *,
    run_id: str = "0123",
    test: float = 0.76,
    baseline: float | None = 0.7,
    int8: bool = True,
    challenger: int | None = 3,
) -> Distilled:
    made = result(test=test, baseline=baseline, int8=int8)
    return Distilled(
        "smsa", Path("/students/one"), made, run_id, 3, challenger=challenger, reused=False, example="enak sekali"
    )
