import json

import mlflow
import numpy as np
import pytest
from finished_runs import add_student, add_teacher

from kdops.report.chart import Panel
from kdops.report.exam import (
    Comparison,
    compare_students,
    comparison_frame,
    exam_frame,
    recommendations,
    significance_table,
)
from kdops.report.ladder import ladder
from kdops.report.quality_cost import quality_cost
from kdops.report.tables import dataset_table
from kdops.report.verdict import verdict
from kdops.steps.exam.tables import students_table
from kdops.tracking import names, runs
from kdops.tracking.results import Results, read_results


def log_labels(run_id: str, right: float, seed: int) -> None:
    """Test labels of which about such a share is right."""
    drawn = np.random.default_rng(seed)
    gold = ["bad", "good"] * 100
    said = [one if drawn.random() < right else {"bad": "good", "good": "bad"}[one] for one in gold]
    rows = [json.dumps({"gold": one, "predicted": other}) for one, other in zip(gold, said, strict=True)]
    runs.Run(run_id).text("\n".join(rows), names.PREDICTIONS)


@pytest.fixture
def three(tracking_uri: str) -> Results:
    """Two students that are alike, the worse one twice as fast, and one that guesses; two seeds of each."""
    teacher = add_teacher("emot")
    for seed in (1, 2):
        for student, right, latency in (("bert-small", 0.91, 4.0), ("cnn", 0.9, 2.0), ("bilstm", 0.5, 1.0)):
            made = add_student(
                "emot", teacher, student, seed=seed, validation=right, test=right, latency=latency, trials=1
            )
            runs.Run(made).metrics({names.LATENCY_P95_MS: latency, names.RAM_PEAK_MB: 10 * latency**2})
            log_labels(made, right, seed=seed + 10 * len(student))
    return read_results()


def test_pairs_of_students_are_compared_over_all_seeds(three: Results) -> None:
    found = {(one.first, one.second): one for one in compare_students(three)}
    assert len(found) == 3
    near = next(one for one in found.values() if one.of("cnn", "bert-small"))
    far = [one for one in found.values() if one.of("cnn", "bilstm") or one.of("bert-small", "bilstm")]
    assert not near.clear
    assert near.low < 0 < near.high
    assert near.p_holm == near.p_value > 0.05
    for one in far:
        assert one.clear
        assert abs(one.difference) == pytest.approx(0.4, abs=0.1)
    assert sorted(one.p_holm / one.p_value for one in far) == pytest.approx([3, 3])
    assert list(comparison_frame(list(found.values()))["clear"]).count(True) == 2


def test_the_cheapest_within_noise_is_recommended(three: Results) -> None:
    (sentence,) = recommendations(three, compare_students(three))
    assert sentence.startswith(
        "emot: cnn by kd is within noise of bert-small by kd (test f1_macro 0.900 against 0.910, p "
    )
    assert sentence.endswith(") at half of the latency and a quarter of the RAM")


def test_the_best_is_recommended_where_no_other_is_near(three: Results) -> None:
    clear = [Comparison("emot", "bert-small", other, 0.1, 0.05, 0.15, 0.001, 0.001) for other in ("cnn", "bilstm")]
    assert list(recommendations(three, clear)) == [
        "emot: bert-small by kd is best by validation f1_macro (0.910; test 0.910, 101.1% of the teacher's); "
        "no other student is within noise of it"
    ]


def test_a_linear_model_that_is_no_worse_is_recommended_instead_of_a_network(three: Results) -> None:
    assert three.undistilled.empty
    run_id = str(three.students.index[0])
    linear = {"linear.val.f1_macro": 0.92, "linear.test.f1_macro": 0.9}
    runs.Run(run_id).metrics(linear | {"teacher.int8.test.f1_macro": 0.88, "teacher.int8.cost.latency_p50_ms": 9.0})
    results = read_results()
    (sentence,) = recommendations(results, compare_students(results))
    assert sentence.endswith(
        "; no network is needed: a linear model of words is no worse than the best student (validation f1_macro 0.920 "
        "against 0.910, test 0.900)"
    )
    assert verdict(results).endswith(
        " A linear model needs no network and is no worse: validation f1_macro 0.920 against 0.910."
    )
    rows = {row["student"]: row for row in dataset_table(results).rows}
    assert rows["linear"]["test F1"] == "0.900"
    assert (rows["teacher int8"]["test F1"], rows["teacher int8"]["latency p50, ms"]) == ("0.880", "9.000")
    told = students_table(results).splitlines()
    assert [line.split()[:7] for line in told[-2:]] == [
        ["emot", "teacher", "int8", "-", "-", "-", "0.880"],
        ["emot", "linear", "-", "-", "0.920", "0.900", "-"],
    ]
    latency = quality_cost(results).panels[0]
    assert isinstance(latency, Panel)
    points = {series.name: (list(series.x), list(series.y)) for series in latency.series}
    assert points["teacher int8"] == ([9.0], [0.88])
    runs.Run(run_id).metrics({"linear.val.f1_macro": 0.9})
    assert "no network" not in next(recommendations(read_results(), []))


def test_runs_without_test_labels_are_told_of(store: str) -> None:
    results = read_results(["emot"])
    assert compare_students(results) == []
    assert "not compared" in significance_table(results, []).rows[0]["students"]
    (sentence,) = recommendations(results, [])
    assert sentence.endswith("is unknown, their test labels were not logged")


def test_the_table_has_means_and_spread_over_seeds(three: Results) -> None:
    table = exam_frame(three).set_index("student")
    assert list(table["seeds"]) == [2, 2, 2]
    assert table.loc["cnn", "test"] == pytest.approx(0.9)
    assert table.loc["cnn", "test_spread"] == pytest.approx(0)
    assert table.loc["cnn", "kd_gain"] == 10


def test_teachers_of_different_settings_are_told_apart_and_never_averaged(tracking_uri: str) -> None:
    for student, epochs, test in (("cnn", 3, 0.4), ("bilstm", 15, 0.8)):
        teacher = add_teacher("emot", test)
        mlflow.MlflowClient().log_param(teacher, f"{names.CONFIG_PREFIX}epochs", epochs)
        run_id = add_student("emot", teacher, student, validation=test, test=test)
        runs.Run(run_id).metrics({"teacher.int8.test.f1_macro": test - 0.1, "teacher.int8.cost.latency_p50_ms": 9.0})
    results = read_results()
    rows = {row["student"]: row["test F1"] for row in dataset_table(results).rows if not row["recipe"]}
    assert rows == {
        "teacher (epochs 3)": "0.400",
        "teacher (epochs 15)": "0.800",
        "teacher int8 (epochs 3)": "0.300",
        "teacher int8 (epochs 15)": "0.700",
    }
    panel = ladder(results).panels[0]
    assert isinstance(panel, Panel)
    assert panel.level == ("teacher", 0.8)
