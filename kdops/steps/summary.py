"""What a distillation came to, in words and figures for people."""

from collections.abc import Mapping
from dataclasses import dataclass

from kdops.deploy.bundle import FP32, INT8
from kdops.steps.tables import aligned
from kdops.tracking import names
from kdops.tracking.places import how_to_look

COSTS = (
    ("latency p50, ms", "latency_p50_ms", "latency", ".3f"),
    ("latency p95, ms", "latency_p95_ms", None, ".3f"),
    ("CPU a text, ms", "cpu_ms_per_text", "cpu", ".3f"),
    ("RAM peak, MB", "ram_peak_mb", "ram", ".0f"),
    ("storage, MB", "storage_mb", "storage", ".1f"),
    ("parameters, M", "parameters", None, ".2f"),
)


@dataclass(frozen=True)
class Distilled:
    """What a distillation came to.

    Attributes:
        dataset: the data set's name.
        main_metric: what scores are compared by.
        run_id: the student's run.
        teacher: the teacher's metrics.
        baseline: those of the same student without distillation.
        student: the student's.
        version: the registered version.
        precision: of that version, fp32 or int8.
        reused: whether all of it was there already.
    """

    dataset: str
    main_metric: str
    run_id: str
    teacher: Mapping[str, float]
    baseline: Mapping[str, float]
    student: Mapping[str, float]
    version: int
    precision: str
    reused: bool

    def __str__(self) -> str:
        model = names.registered_model_name(self.dataset)
        return "\n".join(
            [
                "",
                self.table(),
                "",
                f"registered: {model} version {self.version}, alias {names.CHALLENGER}",
                f"precision: {self._precision()}",
                f"run: {self.run_id}{' (reused)' if self.reused else ''}",
                f"look at the runs: {how_to_look(self.run_id)}",
            ]
        )

    def _precision(self) -> str:
        costs = [
            f"{precision} {self.student[metric]:.3f} ms p50"
            for precision in (FP32, INT8)
            if (metric := f"{names.variant_cost_prefix(precision)}latency_p50_ms") in self.student
        ]
        agreement = self.student.get(f"{names.INT8_PREFIX}label_agreement")
        agreeing = [] if agreement is None else [f"int8 gives {agreement:.2%} of fp32's labels"]
        return f"{self.precision} ({', '.join([*costs, *agreeing])})" if costs else self.precision

    def table(self) -> str:
        """Teacher, student without distillation and student side by side, and how many times cheaper the student is."""
        main = names.TEST_PREFIX + self.main_metric
        columns = (self.teacher, self.baseline, self.student)
        rows = [
            ("", "teacher", "student alone", "student", "teacher / student"),
            (f"test {self.main_metric}", *(f"{column[main]:.4f}" for column in columns), ""),
        ]
        for title, cost, ratio, form in COSTS:
            unit = 1e6 if cost == "parameters" else 1
            values = (f"{column[names.COST_PREFIX + cost] / unit:{form}}" for column in columns)
            times = f"{self.student[names.RATIO_PREFIX + ratio]:.1f} x" if ratio else ""
            rows.append((title, *values, times))
        kept = f"The student keeps {self.student[names.F1_RETAINED]:.1%} of the teacher's {self.main_metric}"
        gain = self.student.get(names.KD_GAIN)
        brought = "" if gain is None else f"; distillation brought {gain:+.2f} points"
        return f"{aligned(rows)}\n\n{kept}{brought}."
