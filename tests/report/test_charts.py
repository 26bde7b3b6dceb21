from itertools import pairwise

import pandas as pd
import pytest
from finished_runs import HOSTILE, add_student, add_teacher
from hypothesis import given
from hypothesis import strategies as st

from kdops.models import student_kinds
from kdops.report.chart import Matrix, Panel
from kdops.report.choice import best_rows, over_seeds, records, teacher_records, undistilled_records
from kdops.report.classes import classes
from kdops.report.ladder import ladder
from kdops.report.quality_cost import pareto_front, quality_cost
from kdops.report.style import BASELINE, RECIPES, STUDENTS, VANILLA
from kdops.report.training import training
from kdops.report.tuning import importance, tuning
from kdops.tracking import names, runs
from kdops.tracking.results import read_results, read_trials
from kdops.training import recipes


def test_the_front_is_what_nobody_beats() -> None:
    assert pareto_front([(3, 0.9), (1, 0.5), (2, 0.4), (2, 0.8), (4, 0.9)]) == [(1, 0.5), (2, 0.8), (3, 0.9)]


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1))
def test_every_point_is_on_the_front_or_beaten_by_it(points: list[tuple[int, int]]) -> None:
    front = pareto_front(points)
    assert set(front) <= set(points)
    for cost, quality in points:
        beaten = any(c <= cost and q >= quality for c, q in front)
        assert beaten
    assert all(a[0] < b[0] and a[1] < b[1] for a, b in pairwise(front))


def test_a_student_stands_where_its_best_recipe_by_validation_is(store: str) -> None:
    results = read_results(["emot"])
    chart = quality_cost(results)
    assert [panel.title for panel in chart.panels] == ["F1 and latency", "F1 and RAM", "F1 and storage"]
    latency = chart.panels[0]
    assert isinstance(latency, Panel)
    points = {series.name: (list(series.x), list(series.y), series.filled) for series in latency.series}
    assert points["bilstm int8, kd-unlabeled"] == ([1.0], [0.81], True)
    assert points["cnn int8, baseline"] == ([0.5], [pytest.approx(0.6)], False)
    assert points["teacher"] == ([40.0], [0.9], True)
    assert points["best trade-offs"][1] == [0.7, 0.81, 0.9]
    assert all("(" in axis.title for panel in chart.panels if isinstance(panel, Panel) for axis in (panel.x, panel.y))


def test_what_a_teacher_costs_is_what_was_measured_beside_its_best_student(tracking_uri: str) -> None:
    teacher = add_teacher("emot")
    teachers_costs = f"{names.TEACHER_COST_PREFIX}latency_p50_ms", f"{names.INT8_TEACHER_PREFIX}cost.latency_p50_ms"
    for student, validation, ms in (("cnn", 0.7, 90.0), ("bilstm", 0.8, 20.0), ("bag", 0.6, 70.0)):
        run = runs.Run(add_student("emot", teacher, student, validation=validation, latency=0.5))
        run.metrics(dict(zip(teachers_costs, (ms, ms / 2), strict=True)))
    results = read_results()
    (told,), (int8,) = teacher_records(results), undistilled_records(results)
    assert (told["latency_p50_ms"], int8["latency_p50_ms"]) == (20.0, 10.0)
    best = next(row for row in records(over_seeds(results.students)) if row["student"] == "bilstm")
    assert best["times_latency"] == told["latency_p50_ms"] / best["latency_p50_ms"]


def test_the_ladder_has_a_bar_a_recipe_and_the_spread_over_seeds(tracking_uri: str) -> None:
    teacher = add_teacher("emot")
    for seed, test in ((1, 0.7), (2, 0.8)):
        add_student("emot", teacher, test=test, seed=seed, trials=1)
    panel = ladder(read_results()).panels[0]
    assert isinstance(panel, Panel)
    bars = {series.name: series for series in panel.series}
    assert list(bars) == ["baseline", "kd"]
    assert bars["kd"].y == [pytest.approx(0.75)]
    assert bars["kd"].spread == [pytest.approx(0.0707, abs=1e-4)]
    assert panel.level == ("teacher", 0.9)


def test_every_student_and_recipe_has_a_look() -> None:
    assert tuple(STUDENTS) == student_kinds.STUDENTS
    assert RECIPES.keys() == recipes.RECIPES.keys() - {VANILLA} | {BASELINE}


def test_students_and_recipes_differ_without_colour() -> None:
    assert len({mark.shape for mark in STUDENTS.values()}) == len(STUDENTS)
    assert len({(fill.hatch, fill.color in ("#FFFFFF", "#0072B2") and fill.color) for fill in RECIPES.values()}) == len(
        RECIPES
    )


def test_tuning_shows_trials_and_the_best_so_far(store: str) -> None:
    results = read_results(["emot"])
    charts = {chart.name: chart for chart in tuning(results, read_trials(results))}
    assert set(charts) == {"tuning", "importance"}
    panel = charts["tuning"].panels[0]
    assert isinstance(panel, Panel)
    names = [series.name for series in panel.series if series.name]
    assert {"cnn kd", "cnn baseline", "cnn kd, pruned"} <= set(names)
    only = read_results([HOSTILE])
    assert list(tuning(only, read_trials(only))) == []


def test_the_setting_that_decides_is_the_important_one() -> None:
    def trial(number: int) -> dict[str, object]:
        params = {"cfg.learning_rate": str(0.001 * (1 + number % 7)), "cfg.dropout": str(0.05 * (number % 5))}
        return {"trial_state": "complete", "validation": 0.1 * (number % 5), "params": params}

    shares = importance(pd.DataFrame([trial(number) for number in range(35)]))
    assert next(iter(shares)) == "dropout"
    assert shares["dropout"] > 0.8
    assert importance(pd.DataFrame([trial(number) for number in range(3)])) == {}


def test_training_curves_of_students_and_teacher(store: str) -> None:
    results = read_results(["emot"])
    (chart,) = training(results, read_trials(results))
    loss, score = chart.panels
    assert isinstance(loss, Panel)
    assert isinstance(score, Panel)
    assert [series.name for series in score.series][-1] == "teacher"
    assert list(loss.series[-1].y) == [1.0, 0.5]


def test_classes_of_the_best_student_beside_itself_alone_and_the_teacher(store: str) -> None:
    (chart,) = classes(read_results(["emot"]))
    panel, matrix = chart.panels
    assert isinstance(panel, Panel)
    assert isinstance(matrix, Matrix)
    assert [series.name for series in panel.series] == ["bilstm", "bilstm baseline", "teacher"]
    assert list(panel.series[0].x) == ["bad (10)", "good (10)"]
    assert matrix.counts == [[8, 2], [1, 9]]


def test_recipes_are_chosen_by_validation_never_by_test(tracking_uri: str) -> None:
    teacher = add_teacher("emot")
    add_student("emot", teacher, recipe="kd", validation=0.8, test=0.5, trials=1)
    add_student("emot", teacher, recipe="kd-unlabeled", validation=0.7, test=0.9, trials=1)
    students = read_results().students
    assert best_rows(students)["recipe"].tolist() == ["kd"]
    assert over_seeds(students)["seeds"].tolist() == [1, 1]


def test_seeds_in_two_precisions_are_not_called_by_one(tracking_uri: str) -> None:
    teacher = add_teacher("emot")
    for seed, precision, megabytes in ((1, "fp32", 3.0), (2, "int8", 1.0)):
        made = runs.Run(add_student("emot", teacher, seed=seed, trials=1))
        made.tags({names.PRECISION: precision})
        costs = {names.STORAGE_MB: megabytes, f"{names.TEACHER_COST_PREFIX}storage_mb": 12.0}
        made.metrics(costs | {f"{names.RATIO_PREFIX}storage": 12 / megabytes})
    (row,) = over_seeds(read_results().students).to_dict("records")
    assert (row["precision"], row["storage_mb"], row["times_storage"]) == ("fp32 and int8", 2.0, 6.0)
