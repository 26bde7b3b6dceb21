import logging
import threading
import time
from pathlib import Path

import pytest
from filelock import FileLock

from kdops.errors import Stopped
from kdops.home import home
from kdops.steps.distill import DistillConfig
from kdops.steps.exam import work
from kdops.steps.exam.grid import Cell
from kdops.steps.exam.plan import Plan, Planned
from kdops.steps.exam.progress import Progress
from kdops.steps.exam.work import Outcome, Workshop
from kdops.steps.summary import Distilled


def cell(student: str) -> Cell:
    return Cell("emot", DistillConfig(student=student), student)  # type: ignore[arg-type]


CELLS = [cell("bilstm"), cell("cnn"), cell("bert-tiny")]


def made(config: DistillConfig, *, exam_run: str) -> Distilled:
    if config.student == "cnn":
        raise ValueError("this one\nfails")
    scores = {"test.f1_macro": 0.5}
    return Distilled("emot", "f1_macro", f"{exam_run}-{config.student}", {}, {}, scores, 1, "fp32", reused=False)


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    monkeypatch.setattr(work, "distill", made)
    return Workshop("exam", tmp_path / "logs", "loky", workers=1)


def test_a_cell_that_fails_keeps_no_other_up(workshop: Workshop) -> None:
    outcomes = list(workshop.outcomes(CELLS))
    assert [one.run_id for one in outcomes] == ["exam-bilstm", None, "exam-bert-tiny"]
    assert [one.error for one in outcomes] == ["", "ValueError: this one fails", ""]
    assert outcomes[0].said == "test f1_macro 0.5000"
    assert "Traceback" in workshop.log_of(CELLS[1]).read_text(encoding="utf-8")


def test_what_another_exam_works_on_comes_last(workshop: Workshop, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "kdops")
    (home() / "exam").mkdir(parents=True)
    taken = threading.Event()

    def another_exam() -> None:
        with FileLock(home() / "exam" / "bilstm.lock"):
            taken.set()
            time.sleep(1)

    threading.Thread(target=another_exam).start()
    taken.wait()
    assert [one.cell.student for one in workshop.outcomes(CELLS)] == ["cnn", "bert-tiny", "bilstm"]
    assert "waiting for what another exam works on: emot bilstm" in caplog.text


def test_a_server_that_went_away_ends_all(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(config: DistillConfig, *, exam_run: str) -> Distilled:
        raise Stopped("the server went away")

    monkeypatch.setattr(work, "distill", gone)
    with pytest.raises(Stopped, match="the server went away"):
        list(workshop.outcomes(CELLS))


def test_progress_counts(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "kdops")
    done = cell("bert-mini")
    plan = Plan([Planned(done, "run", 0.0), *(Planned(one, None, 120.0) for one in CELLS)], workers=2)
    assert plan.summary == "4 cells: 1 finished, 3 to do; time: about 3 min with 2 workers"
    progress = Progress(plan, lambda one: tmp_path / one.student)
    assert str(progress) == "1 finished, 3 left, 3 min"
    progress.ended(Outcome(CELLS[0], run_id="run", said="test f1_macro 0.5000"))
    progress.ended(Outcome(CELLS[1], error="ValueError: no"))
    assert [record.getMessage() for record in caplog.records] == [
        "emot bilstm kd-unlabeled-teacher seed 1: test f1_macro 0.5000; 2 finished, 2 left, 2 min",
        "emot cnn kd-unlabeled-teacher seed 1: failed: ValueError: no; 2 finished, 1 failed, 1 left, 1 min",
    ]
