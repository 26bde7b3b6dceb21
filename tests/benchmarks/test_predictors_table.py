"""The table of predictors and the line below it, which says first where a peer is better than kdops' students."""

import pytest

from benchmarks.contest import Standing, Turn
from benchmarks.peers import Absent, Side
from benchmarks.predictors import absent_row, row_of, verdict
from benchmarks.tables import table

NOBODY = float("nan")
FIGURES = ("p50_ms", "p99_ms", "cpu_ms", "tokenizing", "per_cpu_s", "ram_mb", "disk_mb", "training_s")
SIDES = {
    "cnn": Side.STUDENT,
    "cnn int8": Side.STUDENT,
    "eager": Side.PEER,
    "teacher": Side.TEACHER,
    "fastText": Side.PEER,
    "SetFit": Side.PEER,
}


def standing(name: str, f1: float) -> Standing:
    return Standing(name, [Turn(1, 1, 1, dict.fromkeys(FIGURES, 1.0) | {"f1": f1})])


def cost(f1: str) -> str:
    return f"(macro F1 {f1}, 1.00 ms of CPU, 1.0 MB)"


@pytest.mark.parametrize(
    ("fasttext", "setfit", "first", "last"),
    [
        (0.7, 0.9, f"Peers win: SetFit {cost('0.900')}", f"; behind fastText {cost('0.700')}"),
        (0.85, 0.9, f"Peers win: SetFit {cost('0.900')}, fastText {cost('0.850')}", ""),
        (0.7, 0.8, "Nobody wins", f"; level SetFit {cost('0.800')}; behind fastText {cost('0.700')}"),
        (0.7, NOBODY, "The students win", f"; behind fastText {cost('0.700')}"),
    ],
)
def test_peers_that_are_ahead_of_the_best_student_are_named_first(
    fasttext: float, setfit: float, first: str, last: str
) -> None:
    scores = [0.8, 0.6, NOBODY, 0.95, fasttext, setfit]
    standings = [standing(name, score) for name, score in zip(SIDES, scores, strict=True)]
    assert verdict(standings, SIDES) == f"{first}; best student cnn {cost('0.800')}{last}."


def test_a_row_tells_quality_latency_throughput_memory_storage_and_training() -> None:
    row = row_of(standing("cnn", 0.8))
    assert list(row) == [
        "predictor",
        "test macro F1",
        "p50, ms",
        "p99, ms",
        "CPU, ms",
        "of it tokenizing",
        "texts/CPU s, batches of 32",
        "RAM, MB",
        "disk, MB",
        "training, CPU s",
    ]
    assert all(row.values())


def test_a_row_without_score_says_so() -> None:
    assert row_of(standing("eager", NOBODY))["test macro F1"] == "not scored"


def test_a_predictor_that_could_not_be_measured_keeps_its_row_and_says_why() -> None:
    row = row_of(standing("cnn", 0.8))
    shown = table([row, absent_row(Absent("SetFit", "uv pip: no | network"), list(row))])
    assert shown.splitlines()[-1].startswith("| SetFit | not measured: uv pip: no / network | ")
    assert len({line.count("|") for line in shown.splitlines()}) == 1
