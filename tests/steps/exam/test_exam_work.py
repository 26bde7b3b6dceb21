import logging
import os
import shutil
import signal
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from distillations import distilled

from kdops import process
from kdops.errors import Stopped
from kdops.steps.distill.config import DistillConfig
from kdops.steps.distill.result import Distilled
from kdops.steps.exam import work
from kdops.steps.exam.grid import Cell
from kdops.steps.exam.work import Outcome, Workshop
from kdops.training.workers import Workers
from kdops.workspace import EXAM_CELLS, Piece, home

run_cell = work.run_cell


def cell(student: str, seed: int = 1) -> Cell:
    return Cell("emot", DistillConfig(student=student, seed=seed), f"{student}-{seed}")  # type: ignore[arg-type]


GOOD, FAILS, DIES, HANGS, NEEDS_THE_SERVER = (
    cell("bilstm"),
    cell("cnn"),
    cell("bert-tiny"),
    cell("bert-mini"),
    cell("bert-small"),
)
CELLS = [GOOD, FAILS, cell("bilstm", 2)]


def made(config: DistillConfig, *, exam_run: str) -> Distilled:
    """A stand-in for `distill` in the worker processes."""
    first = home() / f"{config.student} was begun"
    if config.student == FAILS.student:
        raise ValueError("this one\nfails")
    if config.student == DIES.student:
        os.kill(os.getpid(), signal.SIGKILL)
    if config.student == NEEDS_THE_SERVER.student:
        raise Stopped("the server went away")
    if config.student == HANGS.student and not first.exists():
        first.touch()
        time.sleep(60)
    return distilled(run_id=f"{exam_run}-{config.student}", test=0.5)


def run_made(*given: object) -> Outcome:
    work.distill, process._BEAT_S = made, 0.2  # type: ignore[assignment]
    return run_cell(*given)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def _nothing_is_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "run_cell", run_made)


def test_the_other_cells_go_on_whatever_becomes_of_one(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """One fails, one does so with its log on a full disk, one kills its worker each time, one hangs the first time."""
    on_full_disk = cell("cnn", 2)
    with Workers(2) as processes:
        shop = Workshop("exam", tmp_path / "logs", processes, hung_after_s=6)
        shop.logs.mkdir()
        shop.log_of(on_full_disk).symlink_to("/dev/full")
        ended = {one.cell: one for one in shop.outcomes([FAILS, on_full_disk, HANGS, DIES, GOOD])}
    assert (ended[GOOD].run_id, ended[GOOD].summary) == ("exam-bilstm", "test f1_macro 0.500")
    assert ended[FAILS].error == "ValueError: this one fails"
    assert ended[on_full_disk].error == ended[FAILS].error
    assert "Traceback" in shop.log_of(FAILS).read_text(encoding="utf-8")
    assert ended[DIES].error == "2 worker processes did not get through it; the last was killed"
    assert ended[HANGS].run_id == "exam-bert-mini"
    assert sorted(caplog.messages) == [
        f"{HANGS}: its worker process hung for 0.1 min; it is begun again in another",
        f"{DIES}: its worker process was killed; it is begun again in another",
    ]


def test_what_another_exam_works_on_comes_last_and_a_server_that_went_away_ends_all(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "kdops")
    done = []
    another_exam = ExitStack()
    another_exam.enter_context(Piece(EXAM_CELLS, GOOD.key).locked())
    with Workers(1) as processes, another_exam:
        shop = Workshop("exam", tmp_path / "logs", processes, hung_after_s=60)
        for outcome in shop.outcomes(CELLS):
            done.append(outcome.cell)
            if len(done) == len(CELLS) - 1:
                another_exam.close()
        assert done == [*CELLS[1:], GOOD]
        assert f"waiting for what another exam works on: {GOOD}" in caplog.text
        with pytest.raises(Stopped, match="the server went away"):
            list(shop.outcomes([NEEDS_THE_SERVER]))


def test_no_lock_or_no_log_is_that_cells_failure(tmp_path: Path) -> None:
    """Both are found out before this process would be given over to the cell."""
    outcome = run_cell(GOOD, "exam", tmp_path, logging.INFO, False)
    assert (outcome.cell, outcome.error.partition(":")[0]) == (GOOD, "IsADirectoryError")
    shutil.rmtree(home() / "exam-cells")
    (home() / "exam-cells").touch()
    outcome = run_cell(GOOD, "exam", tmp_path / "log", logging.INFO, False)
    assert (outcome.cell, outcome.error.partition(":")[0]) == (GOOD, "FileExistsError")


class BrokenProcesses:
    """One cell after the other comes back as an error, some cannot even be begun."""

    count = 1
    deaths: tuple[type[Exception], ...] = (EOFError,)

    def __init__(self, *errors: Exception) -> None:
        self._errors = iter(errors)

    def start(self, work: Callable[..., Outcome], *args: Any) -> Future[Outcome]:
        error = next(self._errors)
        if isinstance(error, OSError):
            raise error
        future: Future[Outcome] = Future()
        future.set_exception(error)
        return future

    def kill(self, work: Future[Any]) -> None:
        raise AssertionError("nothing hangs")


def test_whatever_comes_back_instead_of_an_outcome_is_that_cells_failure(tmp_path: Path) -> None:
    processes = BrokenProcesses(
        OSError("no more processes"), RuntimeError("the raylet\nis gone"), EOFError(), TypeError("no outcome")
    )
    begun: list[Cell] = []
    ended = list(Workshop("exam", tmp_path, processes, hung_after_s=60).outcomes(CELLS, begun.append))
    assert [one.error for one in ended] == [
        "OSError: no more processes",
        "RuntimeError: the raylet is gone",
        "TypeError: no outcome",
    ]
    # The last one's worker died first.
    assert begun == [*CELLS, CELLS[-1]]
