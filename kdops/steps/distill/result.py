"""The result of a distillation, as values and as text for people."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kdops import number_text
from kdops.data.inputs import Text
from kdops.data.one_answer import ConstantAnswer
from kdops.deploy.bundle import FP32, INT8
from kdops.deploy.tolerances import Parity
from kdops.measure.costs import Cost, Room, costs
from kdops.measure.steadiness import Steadiness
from kdops.metrics import AGREEMENT, is_agreement
from kdops.number_text import Interval, verdict
from kdops.steps.distill.precision import bundle_folder
from kdops.steps.limits import Limit, broken, said
from kdops.steps.next_steps import next_steps
from kdops.steps.student.result import StudentFacts
from kdops.steps.tables import aligned
from kdops.tracking import names
from kdops.tracking.places import how_to_look
from kdops.tracking.recorder import cost_metrics, score_metrics
from kdops.training.values import LinearBaseline, ModelScores


@dataclass(frozen=True)
class Baseline:
    """A student without distillation: the same one on gold labels at the same budget.

    Attributes:
        facts: what is known of it.
        scores: scores of its bundle in each precision that passed its gate.
        int8_parity: how far int8 is from fp32.
    """

    facts: StudentFacts
    scores: Mapping[str, ModelScores]
    int8_parity: Parity | None


@dataclass(frozen=True)
class ComparedBaseline:
    """A baseline as a student is compared with it.

    Attributes:
        precision: the student's, or fp32 where the baseline's int8 form does not pass its gate.
        scores: in that precision.
        cost: in that precision, measured in turns with the student.
        fp32: the cost of its fp32 form; None in results that are older than this.
    """

    precision: str
    scores: ModelScores
    cost: Cost
    fp32: Cost | None = None

    @property
    def fp32_costs(self) -> Mapping[str, float]:
        """The costs of its fp32 form by their names; empty in old results."""
        return self.fp32.metrics() if self.fp32 else {}


@dataclass(frozen=True)
class ComparedInt8Teacher:
    """The teacher by dynamic quantisation, which no gate has passed.

    Attributes:
        scores: its own.
        cost: measured in turns with the student.
    """

    scores: ModelScores
    cost: Cost


@dataclass(frozen=True)
class ComparedTeacher:
    """The teacher as a student is compared with it.

    Attributes:
        source: what it started from.
        scores: its own.
        cost: measured in turns with the student; None: it is a file of probabilities.
        parity: how far its bundle is from it; None: it has none.
        texts: different texts of the file that it is; None: it is an encoder.
        given_latency_ms: the latency of a file's own teacher, as the user gave it.
        int8: the same by dynamic quantisation; None: it is a file of probabilities.
        constant: the one answer of a teacher that learned nothing.
    """

    source: str
    scores: ModelScores
    cost: Cost | None
    parity: Parity | None
    texts: int | None = None
    given_latency_ms: float | None = None
    int8: ComparedInt8Teacher | None = None
    constant: ConstantAnswer | None = None

    @property
    def costs(self) -> Mapping[str, float]:
        """The known costs, by their names."""
        if self.cost:
            return self.cost.metrics()
        return {} if self.given_latency_ms is None else {"latency_p50_ms": self.given_latency_ms}


@dataclass(frozen=True)
class DistilledStudent:
    """Everything that a distillation computed, beside the bundles.

    Attributes:
        main_metric: what scores are compared by.
        facts: facts about the student.
        precision: the precision that it is deployed in.
        scores: scores of its deployed bundle.
        costs: costs in each precision that passed its gate.
        int8_parity: how far int8 is from fp32; None if int8 was not asked for.
        teacher: the teacher.
        baseline: the same student without distillation; None where this student is that.
        retained: the share of the teacher's test score that it keeps; None: the teacher has none.
        gain: points of test score above the baseline; None where there is none.
        steadiness: how steadily costs could be measured.
        seconds: how long each phase took.
        linear: the linear baseline.
        constant: the one answer of a student that learned nothing.
    """

    main_metric: str
    facts: StudentFacts
    precision: str
    scores: ModelScores
    costs: Mapping[str, Cost]
    int8_parity: Parity | None
    teacher: ComparedTeacher
    baseline: ComparedBaseline | None
    retained: Interval | None
    gain: Interval | None
    steadiness: Steadiness
    seconds: Mapping[str, float]
    linear: LinearBaseline
    constant: ConstantAnswer | None = None

    @property
    def cost(self) -> Cost:
        """The costs of the deployed bundle."""
        return self.costs[self.precision]

    @property
    def nothing_learned(self) -> str:
        """Who learned nothing, and what it answers; empty: nobody."""
        answers = {"teacher": self.teacher.constant, "student": self.constant}
        return " and ".join(f"the {who} learned nothing (it {answer})" for who, answer in answers.items() if answer)

    @property
    def verdict(self) -> str:
        """One sentence: what it keeps of the teacher's score, and what distillation brought."""
        if self.nothing_learned:
            return number_text.of_no_use(self.nothing_learned)
        agreement = self.scores.test[AGREEMENT] if is_agreement(self.main_metric) else None
        student = f"{self.facts.student} {self.precision}"
        return verdict(student, self.main_metric, self.retained, self.gain, agreement=agreement)

    @property
    def in_short(self) -> str:
        """Its test score and share of the teacher's, latency and size on disk, for the names of runs."""
        nothing = ["learned nothing"] if self.constant else []
        kept = f" ({number_text.share(self.retained.value)} of the teacher's)" if self.retained else ""
        score = f"{number_text.score(self.scores.test[self.main_metric])} {self.main_metric}{kept}"
        short = [cost for cost in costs() if names.COST_PREFIX + cost.name in (names.LATENCY_P50_MS, names.STORAGE_MB)]
        return ", ".join([*nothing, score, *(f"{cost.shown(self.cost.metrics())} {cost.unit}" for cost in short)])

    @property
    def int8_teacher(self) -> Mapping[str, float]:
        """The quantized teacher's scores and costs by the names that they are logged by; none for a file."""
        int8 = self.teacher.int8
        return score_metrics(int8.scores) | names.prefixed(names.COST_PREFIX, int8.cost.metrics()) if int8 else {}

    def metrics(self) -> dict[str, float]:
        """All of it as numbers, by the names that they are logged by."""
        gain = names.with_ends(names.KD_GAIN, self.gain) if self.gain else {}
        retained = names.with_ends(names.F1_RETAINED, self.retained) if self.retained else {}
        baseline = {}
        if self.baseline:
            baseline = names.prefixed(names.BASELINE_TEST_PREFIX, self.baseline.scores.test)
            baseline |= names.prefixed(names.BASELINE_COST_PREFIX, self.baseline.cost.metrics())
        by_precision = [
            names.prefixed(names.variant_cost_prefix(precision), cost.metrics())
            for precision, cost in self.costs.items()
        ]
        # What is logged first stands first on the run's page.
        return {
            **names.prefixed(names.TEST_PREFIX, self.scores.test),
            **gain,
            **retained,
            **cost_metrics(self.cost, self.teacher.costs),
            **score_metrics(self.scores),
            **names.prefixed(names.INT8_TEACHER_PREFIX, self.int8_teacher),
            **names.prefixed(names.LINEAR_PREFIX, score_metrics(self.linear.scores)),
            **baseline,
            **({} if self.steadiness.spread is None else {names.STEADINESS_SPREAD: self.steadiness.spread}),
            names.OTHER_CORES: self.steadiness.other_cores,
            **{name: value for values in by_precision for name, value in values.items()},
            **names.prefixed(names.PARITY_PREFIX, self.facts.parity.numbers()),
            **names.prefixed(names.INT8_PREFIX, self.int8_parity.numbers() if self.int8_parity else {}),
            **names.prefixed(names.TEACHER_PARITY_PREFIX, self.teacher.parity.numbers() if self.teacher.parity else {}),
            **self.facts.metrics(),
            **names.prefixed(names.PHASE_PREFIX, self.seconds),
        }


@dataclass(frozen=True)
class Distilled:
    """A finished distillation on this machine.

    Attributes:
        dataset: the data set's name.
        folder: of the workspace; it holds the bundles.
        result: everything that was computed.
        run_id: the student's run; empty where nothing is recorded.
        version: the registered version; None where nothing is recorded.
        challenger: the version that is the challenger.
        reused: whether all of it was there already.
        example: a validation text, its words, or a pair.
        limits: the limits that were on.
    """

    dataset: str
    folder: Path
    result: DistilledStudent
    run_id: str
    version: int | None
    challenger: int | None
    reused: bool
    example: Text
    limits: tuple[Limit, ...] = ()

    @property
    def bundle(self) -> Path:
        """The bundle that is deployed."""
        return bundle_folder(self.folder, self.result.precision, self.result.precision)

    @property
    def scores(self) -> ModelScores:
        """Those of the deployed bundle."""
        return self.result.scores

    @property
    def costs(self) -> Cost:
        """The costs of the deployed bundle."""
        return self.result.cost

    @property
    def teacher(self) -> Mapping[str, float]:
        """The teacher's scores and costs by the names that they are logged by."""
        teacher = self.result.teacher
        return score_metrics(teacher.scores) | names.prefixed(names.COST_PREFIX, teacher.costs)

    @property
    def baseline(self) -> Mapping[str, float]:
        """The baseline's; empty for a student that is its own baseline."""
        baseline = self.result.baseline
        if baseline is None:
            return {}
        return score_metrics(baseline.scores) | names.prefixed(names.COST_PREFIX, baseline.cost.metrics())

    @property
    def student(self) -> Mapping[str, float]:
        """All of the student's metrics."""
        return self.result.metrics()

    @property
    def broken(self) -> str:
        """The student's costs beside the limits that they break, in words; empty: it holds them all."""
        return said(broken(self.limits, self.student), self.student)

    def __str__(self) -> str:
        model = names.registered_model_name(self.dataset)
        lines = ["", self.table(), ""]
        if self.version is not None:
            lines.append(f"registered: {model} version {self.version}{self._alias()}")
        lines.append(f"precision: {self._precision()}")
        if self.run_id:
            lines.append(f"run: {self.run_id}{' (reused)' if self.reused else ''}")
        served = None if self.version is None else f"models:/{model}/{self.version}"
        lines += next_steps(self.bundle, self.example, served)
        if self.run_id:
            lines.append(f"look at the runs: {how_to_look({self.dataset: [self.run_id]})}")
        return "\n".join(lines)

    def _alias(self) -> str:
        if self.challenger == self.version:
            return f", alias {names.CHALLENGER}"
        if self.result.constant:
            return f"; not {names.CHALLENGER}, since it learned nothing"
        if self.broken:
            return f"; not {names.CHALLENGER}, since it breaks the limits"
        return "" if self.challenger is None else f"; challenger stays version {self.challenger}, which is better"

    def _precision(self) -> str:
        costs = self.result.costs
        facts = [f"{one} {costs[one].latency_p50_ms:.3f} ms p50" for one in (FP32, INT8) if one in costs]
        if self.result.int8_parity:
            facts.append(f"int8 gives {number_text.share(self.result.int8_parity.label_agreement)} of fp32's labels")
        return f"{self.result.precision} ({', '.join(facts)})"

    def table(self) -> str:
        """Teacher, baseline and student side by side, and how many times cheaper the student is."""
        main = names.TEST_PREFIX + self.result.main_metric
        columns = {
            f"teacher {FP32}" if self.result.teacher.cost else "teacher": self.teacher,
            f"teacher {INT8}": self.result.int8_teacher,
            "linear": score_metrics(self.result.linear.scores),
            f"baseline {self.result.baseline.precision}" if self.result.baseline else "": self.baseline,
            f"student {self.result.precision}": self.student,
        }
        columns = {title: column for title, column in columns.items() if column}
        scored = (number_text.score(column[main]) if main in column else "" for column in columns.values())
        # Of a file of probabilities no cost is known that the student's could be compared with.
        ratios = ["teacher / student"] if self.result.teacher.costs else []
        rows = [["", *columns, *ratios], [f"test {self.result.main_metric}", *scored, *("" for _ in ratios)]]
        for cost in costs(Room.SOME, self.student, names.COST_PREFIX):
            values = [cost.shown(column, names.COST_PREFIX) for column in columns.values()]
            rows.append([cost.heading, *values, *(cost.times(self.student, names.RATIO_PREFIX) for _ in ratios)])
        said_at_last = f"{self.result.verdict}{self._linear_verdict()}{self._limits_verdict()}"
        return f"{aligned(rows)}\n\n{self.result.steadiness}\n{said_at_last}"

    def _linear_verdict(self) -> str:
        """The sentence that the linear baseline wins, if its validation score is no lower."""
        main, linear = self.result.main_metric, self.result.linear
        if linear.scores.validation[main] < self.result.scores.validation[main]:
            return ""
        theirs, own = (one.scores.validation[main] for one in (linear, self.result))
        return f"\n{number_text.linear_is_no_worse(main, theirs, own)}"

    def _limits_verdict(self) -> str:
        """The line that says whether the student holds the limits, and if not whether it does in another precision."""
        if not self.limits:
            return ""
        if not self.broken:
            return f"\nIt holds the limits: {', '.join(map(str, self.limits))}."
        known = {one: names.prefixed(names.COST_PREFIX, cost.metrics()) for one, cost in self.result.costs.items()}
        able = [f" With precision={one} it holds them." for one in known if not broken(self.limits, known[one])]
        return f"\nIt breaks the limits: {self.broken}.{''.join(able)}"
