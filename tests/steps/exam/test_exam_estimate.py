import pytest

from kdops.steps.distill.config import DistillConfig
from kdops.steps.exam.estimate import Estimator, in_words, side_by_side
from kdops.steps.exam.grid import Cell
from kdops.tracking.finished import FinishedWork

SECONDS = {"teacher_s": 5.0, "student_logits_s": 10.0, "student_tuning_s": 50.0, "measure_s": 20.0}
SOURCES = {"emot": "indobert", "smsa": "indobert"}
BASELINE = {"baseline_encoding_s": 1.0, "baseline_tuning_s": 30.0}


def cell(recipe: str = "kd", seed: int = 1, student: str = "cnn", dataset: str = "emot") -> Cell:
    return Cell(dataset, DistillConfig(student=student, recipe=recipe, seed=seed), f"{recipe}{seed}{student}{dataset}")  # type: ignore[arg-type]


def work(one: Cell, seconds: dict[str, float], **changed: object) -> FinishedWork:
    described = one.config.model_dump() | {"teacher": SOURCES[one.dataset]} | changed
    params = {f"cfg.{name}": str(value) for name, value in described.items()}
    return FinishedWork("run", "work", one.dataset, params, seconds)


TEACHER = FinishedWork(
    "run", "work", "emot",
    {"cfg.epochs": "10", "cfg.max_length": "128", "cfg.learning_rate": "None", "cfg.teacher": "indobert"},
    {"teacher_s": 1000.0},
)  # fmt: skip


def test_what_was_never_measured_is_unknown() -> None:
    one = cell()
    others = [
        work(cell(student="bilstm"), SECONDS),
        work(cell(), SECONDS, trials=9),
        work(cell(), SECONDS, teacher="scratch"),
    ]
    assert Estimator(others, [], {("emot", 1)}, SOURCES, {one: None}).seconds(one) is None


def test_another_data_set_tells_where_the_same_was_never_measured() -> None:
    one = cell()
    elsewhere = work(cell(dataset="smsa"), {"student_tuning_s": 500.0} | BASELINE)
    assert Estimator([elsewhere], [], {("emot", 1)}, SOURCES, {one: None}).seconds(one) == 531
    known = [elsewhere, work(cell(seed=2), SECONDS | BASELINE)]
    assert Estimator(known, [], {("emot", 1)}, SOURCES, {one: None}).seconds(one) == 111


def test_shared_work_counts_once() -> None:
    cells = [cell("kd", 2), cell("kd-unlabeled", 2), cell("vanilla", 2)]
    students = [
        *(work(cell(recipe), SECONDS | BASELINE) for recipe in ("kd", "kd-unlabeled")),
        work(cell("vanilla"), SECONDS),
        # It found its baseline, which says nothing of how long that takes.
        work(cell("kd", 3), SECONDS),
    ]
    small = FinishedWork("run", "work", "emot", {**TEACHER.params, "cfg.teacher": "scratch"}, {"teacher_s": 1.0})
    estimator = Estimator(students, [small, TEACHER], set(), SOURCES, dict.fromkeys(cells))
    assert [estimator.seconds(one) for one in cells] == [80 + 1000 + 31, 80 + 31, 80]


def test_finished_cells_take_no_time_and_their_shared_work_is_there() -> None:
    done, left = cell("kd", 1), cell("kd", 1)
    left = Cell(left.dataset, left.config.model_copy(update={"embeddings": "teacher"}), "other")
    estimator = Estimator([work(done, SECONDS | BASELINE)], [], {("emot", 1)}, SOURCES, {done: "run", left: None})
    assert (estimator.seconds(done), estimator.seconds(left)) == (0, 80)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, "unknown"), (8.4, "8 s"), (59.6, "1 min"), (90, "2 min"), (3600 * 3 + 1260, "3 h 21 min")],
)
def test_times_in_words(seconds: float | None, words: str) -> None:
    assert in_words(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "workers", "together"), [([3600], 8, 3600), ([60, 60, 60, 60], 2, 120), ([300, 60], 2, 300), ([], 2, 0)]
)
def test_no_cell_is_shared_by_workers(seconds: list[float], workers: int, together: float) -> None:
    assert side_by_side(seconds, workers) == together
