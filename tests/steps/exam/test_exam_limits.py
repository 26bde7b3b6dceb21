"""An exam recommends only students that hold the limits."""

from collections.abc import Mapping
from math import nan

import pandas as pd
import pytest
from finished_runs import add_student, add_teacher
from typer.testing import CliRunner

import entrypoints.exam
from kdops.report.exam import Comparison, recommendations
from kdops.steps.distill.config import DistillConfig
from kdops.steps.exam import step
from kdops.steps.exam.config import ExamConfig
from kdops.steps.exam.fitting import fitting
from kdops.steps.exam.grid import Cell
from kdops.steps.exam.plan import Plan, Planned
from kdops.steps.exam.step import exam
from kdops.steps.exam.tables import students_table
from kdops.steps.limits import LimitsConfig
from kdops.tracking import names
from kdops.tracking.results import Results, columns

LIMITS = LimitsConfig(max_latency_p95_ms=1, max_storage_mb=5)
BOTH = "(latency p95 at most 1.000 ms and storage at most 5.0 MB)"


def results(*rows: Mapping[str, object]) -> Results:
    """Results of students that nobody trained; each row says what is not as usual."""
    usual = {
        **{"dataset": "emot", "recipe": "kd", "seed": 1, "validation": 0.8, "test": 0.8, "metric": "f1_macro"},
        **{"latency_p50_ms": 0.4, "latency_p95_ms": 0.5, "ram_peak_mb": 90.0, "storage_mb": 3.0},
    }
    students = pd.DataFrame([{**usual, "started": number, **row} for number, row in enumerate(rows)])
    unknown = dict.fromkeys([f"{name}{end}" for name in ("f1_retained", "kd_gain") for end in ("", *names.ENDS)], nan)
    filled = students.reindex(columns=columns()).assign(user="", baseline=nan, **unknown)
    filled.index = pd.Index([f"run{number}" for number in range(len(rows))], name="run_id")
    return Results(filled, filled.iloc[:0], filled.iloc[:0])


FOUND = results(
    {"student": "bert-small", "validation": 0.9, "latency_p95_ms": 4.0, "storage_mb": 9.0},
    {"student": "cnn", "recipe": "general", "validation": 0.85, "storage_mb": 6.0},
    {"student": "cnn"},
    {"student": "bilstm", "validation": 0.7},
    {"student": "bag", "validation": 0.6, "latency_p95_ms": 1.5},
)


def test_only_what_holds_all_limits_is_recommended_and_the_others_are_told_of() -> None:
    fits = fitting(FOUND, LIMITS.limits)
    assert list(fits.results.students["student"] + " " + fits.results.students["recipe"]) == ["cnn kd", "bilstm kd"]
    clear = [Comparison("emot", "cnn", "bilstm", 0.1, 0.05, 0.15, 0.001, 0.001)]
    (sentence,) = recommendations(fits.results, clear, "within the limits, ")
    assert sentence.startswith("emot: within the limits, cnn by kd is best by validation f1_macro (0.800; test 0.800)")
    assert fits.sentences == [
        f"emot: 2 of 4 students break the limits {BOTH}: bag by kd (latency p95 1.500 ms, must be at most 1.000 ms), "
        "bert-small by kd (latency p95 4.000 ms, must be at most 1.000 ms; storage 9.0 MB, must be at most 5.0 MB)"
    ]
    assert fits.nothing == []


def test_seeds_are_judged_by_their_mean() -> None:
    seeds = results(*({"student": "cnn", "seed": seed, "storage_mb": 4.0 + seed} for seed in (0, 1, 2)))
    assert len(fitting(seeds, LimitsConfig(max_storage_mb=5).limits).results.students) == 3
    assert fitting(seeds, LimitsConfig(max_storage_mb=4.9).limits).results.students.empty


def test_where_nothing_holds_them_the_nearest_is_named() -> None:
    found = results(
        {"student": "cnn", "latency_p95_ms": 2.0},
        {"student": "bag", "latency_p95_ms": 1.2},
        {"student": "bilstm", "latency_p95_ms": nan},
        {"dataset": "smsa", "student": "cnn"},
    )
    fits = fitting(found, LIMITS.limits)
    assert fits.sentences == [
        f"emot: no student holds the limits {BOTH}; the nearest is bag by kd (latency p95 1.200 ms, must be at most "
        "1.000 ms)",
        f"smsa: all students hold the limits {BOTH}",
    ]
    assert fits.nothing == fits.sentences[:1]
    assert fits.results.datasets == ["smsa"]
    assert "not measured" in fitting(found.of("emot"), LimitsConfig(max_latency_p95_ms=1.5).limits).sentences[0]


def test_without_limits_all_students_are_looked_at() -> None:
    fits = fitting(FOUND, ())
    assert (fits.results, fits.sentences, fits.nothing) == (FOUND, (), ())


def test_the_table_marks_what_breaks_a_limit() -> None:
    head, _, *rows = students_table(FOUND, LIMITS.limits).splitlines()
    assert "latency p95, ms" in head
    by_name = {tuple(row.split()[1:3]): row for row in rows}
    assert "4.000 NO" in by_name["bert-small", "kd"]
    assert by_name["bert-small", "kd"].endswith(" 9.0 NO")
    assert "0.500 ok" in by_name["cnn", "general"]
    assert by_name["cnn", "general"].endswith(" 6.0 NO")
    assert by_name["bilstm", "kd"].endswith(" 3.0 ok")
    assert "latency p95" not in students_table(FOUND)
    assert " ok" not in students_table(FOUND)


@pytest.mark.usefixtures("tracking_uri")
def test_an_exam_tells_what_holds_the_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    teacher = add_teacher("emot")
    runs = {student: add_student("emot", teacher, student, trials=1) for student in ("cnn", "bilstm")}
    cells = {student: Cell("emot", DistillConfig(student=student), student) for student in runs}
    plan = Plan([Planned(cells[student], run, None) for student, run in runs.items()], workers=1)
    monkeypatch.setattr(step, "check_exam", lambda config: {})
    monkeypatch.setattr(step, "make_plan", lambda *_: plan)
    found = exam(ExamConfig(each=DistillConfig(max_storage_mb=5)))
    assert isinstance(found, step.Examined)
    line = "emot: no student holds the limits (storage at most 5.0 MB); the nearest is "
    assert found.nothing[0].startswith(line)
    assert line in str(found)
    assert "is best" not in str(found)


def test_nothing_within_the_limits_has_the_exit_code_of_promote(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[ExamConfig] = []

    def found(config: ExamConfig) -> step.Examined:
        given.append(config)
        return step.Examined("0123", "a table", [], ["emot: no student holds it", "smsa: no student holds it"])

    monkeypatch.setattr(step, "exam", found)
    done = CliRunner().invoke(entrypoints.exam.main, ["--max-storage-mb", "5"])
    assert given[0].each.max_storage_mb == 5
    assert (done.exit_code, done.stdout) == (3, "a table\n")
    assert done.stderr.splitlines()[-2:] == ["error: emot: no student holds it", "error: smsa: no student holds it"]
