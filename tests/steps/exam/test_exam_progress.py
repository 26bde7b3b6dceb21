import io
import logging
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console

from kdops.steps.distill.config import DistillConfig
from kdops.steps.exam.grid import Cell
from kdops.steps.exam.plan import Plan, Planned
from kdops.steps.exam.progress import Progress
from kdops.steps.exam.work import Outcome

CELLS = [
    Cell("emot", DistillConfig(student=student, recipe="kd"), student)  # type: ignore[arg-type]
    for student in ("bilstm", "cnn", "bert-tiny", "bert-mini")
]


def plan(*seconds: float | None, workers: int) -> Plan:
    return Plan([Planned(cell, None, one) for cell, one in zip(CELLS, seconds, strict=False)], workers)


def test_progress_counts(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "kdops")
    cells = [Planned(CELLS[3], "run", 0.0), *plan(120.0, 120.0, 120.0, workers=2).cells]
    asked = Plan(cells, workers=2)
    assert asked.summary == "4 cells: 1 finished, 3 to do; time: about 3 min with 2 workers"
    progress = Progress(asked, lambda one: tmp_path / one.student)
    assert str(progress) == "1 finished, 3 left, 3 min"
    progress.ended(Outcome(CELLS[0], run_id="run", summary="test f1_macro 0.5000"))
    progress.ended(Outcome(CELLS[1], error="ValueError: no"))
    assert [record.getMessage() for record in caplog.records] == [
        "emot bilstm kd seed 1: test f1_macro 0.5000; 2 finished, 2 left, 2 min",
        "emot cnn kd seed 1: failed: ValueError: no; 2 finished, 1 failed, 1 left, 2 min",
    ]


def test_more_workers_than_cells_make_none_of_them_shorter(tmp_path: Path) -> None:
    one = plan(3600.0, workers=8)
    assert one.summary == "1 cells: 0 finished, 1 to do; time: about 1 h 0 min with 1 worker"
    assert str(Progress(one, lambda cell: tmp_path)) == "0 finished, 1 left, 1 h 0 min"
    uneven = plan(3600.0, 60.0, 60.0, workers=2)
    assert "time: about 1 h 0 min with 2 workers" in uneven.summary


def test_the_time_that_cells_had_already_is_not_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    progress = Progress(plan(None, 600.0, None, workers=2), lambda cell: tmp_path)
    progress.begins(CELLS[0])
    progress.begins(CELLS[1])
    now += 240
    assert str(progress) == "0 finished, 3 left, unknown"
    progress.ended(Outcome(CELLS[0], run_id="run"))
    # 6 minutes of the second are left, and what was never measured takes 4 as the first did.
    assert str(progress) == "1 finished, 2 left, 6 min"
    progress.begins(CELLS[2])
    now += 330
    assert str(progress) == "1 finished, 2 left, 30 s"


def test_in_a_terminal_what_is_logged_stands_above_the_live_lines(tmp_path: Path) -> None:
    screen, logger = io.StringIO(), logging.getLogger("kdops.somewhere")
    console = Console(file=screen, force_terminal=True, width=100)
    progress = Progress(plan(60.0, workers=1), lambda cell: tmp_path / f"{cell.student}.log")
    (tmp_path / "bilstm.log").write_text("epoch 1\nepoch 2\n", encoding="utf-8")
    handler = logging.StreamHandler(sys.stderr)
    logging.getLogger().addHandler(handler)
    try:
        with progress.shown(console):
            logger.warning("its worker process was killed")
            assert handler.stream is not sys.__stderr__
    finally:
        logging.getLogger().removeHandler(handler)
    assert "its worker process was killed\n" in screen.getvalue()
    assert "emot bilstm kd seed 1: epoch 2" in screen.getvalue()
    assert handler.stream is sys.stderr


def test_a_log_that_cannot_be_read_hides_its_line_alone(tmp_path: Path) -> None:
    screen = io.StringIO()
    progress = Progress(plan(60.0, workers=1), lambda cell: tmp_path)
    with progress.shown(Console(file=screen, force_terminal=True)):
        pass
    assert "0 finished, 1 left, 1 min" in screen.getvalue()
