import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import Timeout

from kdops import workspace
from kdops.workspace import Piece, Stage, find_or_make, written_whole

STAGE = Stage("things", 7)

# Makes a piece slowly: says when it has begun, and ends when it is told to.
MAKER = """
import sys
from pathlib import Path
from kdops.workspace import Piece, Stage, find_or_make

def make(folder: Path) -> None:
    (folder / "half").write_text("done")
    print("begun", flush=True)
    sys.stdin.readline()
    (folder / "rest").write_text("done")

print(find_or_make(Piece(Stage("things", 7), "slow"), make), flush=True)
"""


def filled(text: str) -> "Maker":
    return Maker(text)


class Maker:
    """Writes a text, and counts how often it was asked to."""

    def __init__(self, text: str) -> None:
        self.text, self.calls = text, 0

    def __call__(self, folder: Path) -> bool:
        self.calls += 1
        (folder / "text").write_text(self.text, encoding="utf-8")
        return True


def maker() -> subprocess.Popen[str]:
    command = [sys.executable, "-c", MAKER]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def go_on(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def test_a_piece_is_made_once(kdops_home: Path) -> None:
    make = filled("first")
    folder = find_or_make(Piece(STAGE, "key"), make)
    assert folder == kdops_home / "things" / "key-v7"
    assert find_or_make(Piece(STAGE, "key"), filled("second")) == folder
    assert ((folder / "text").read_text(encoding="utf-8"), make.calls) == ("first", 1)


def test_another_key_or_another_version_is_another_piece() -> None:
    pieces = [Piece(STAGE, "key"), Piece(STAGE, "other"), Piece(Stage("things", 8), "key")]
    assert len({find_or_make(piece, filled("it")) for piece in pieces}) == 3


def test_what_stands_elsewhere_is_fetched_and_not_made() -> None:
    fetch, make = filled("fetched"), filled("made")
    folder = find_or_make(Piece(STAGE, "key"), make, fetch=fetch)
    assert ((folder / "text").read_text(encoding="utf-8"), make.calls) == ("fetched", 0)
    find_or_make(Piece(STAGE, "key"), make, fetch=fetch)
    assert fetch.calls == 1


def test_what_is_not_to_be_had_elsewhere_is_made(kdops_home: Path) -> None:
    folder = find_or_make(Piece(STAGE, "key"), filled("made"), fetch=lambda folder: False)
    assert (folder / "text").read_text(encoding="utf-8") == "made"
    assert left_in(kdops_home) == ["key-v7"]


def test_it_is_made_anew_when_that_is_asked_for() -> None:
    piece = Piece(STAGE, "key")
    find_or_make(piece, filled("first"))
    folder = find_or_make(piece, filled("second"), fetch=filled("fetched"), force=True)
    assert (folder / "text").read_text(encoding="utf-8") == "second"


def test_a_failure_leaves_nothing_but_what_the_next_try_goes_on_from(kdops_home: Path) -> None:
    piece = Piece(STAGE, "key")

    def fail(folder: Path) -> None:
        (folder / "text").write_text("half", encoding="utf-8")
        piece.scratch.mkdir(parents=True)
        (piece.scratch / "checkpoint").touch()
        raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space left"):
        find_or_make(piece, fail)
    assert left_in(kdops_home) == ["key-v7.scratch"]
    find_or_make(piece, filled("made"))
    assert left_in(kdops_home) == ["key-v7"]


def test_two_processes_make_it_once(kdops_home: Path) -> None:
    first = maker()
    assert said(first) == "begun"
    second = maker()
    with pytest.raises(Timeout), Piece(STAGE, "slow").locked(wait=False):
        pass
    go_on(first)
    folder = said(first)
    # The second one finds it, and so begins nothing.
    assert said(second) == folder
    assert sorted(path.name for path in Path(folder).iterdir()) == ["half", "rest"]
    assert (first.wait(30), second.wait(30)) == (0, 0)


def test_after_kill_9_it_is_made_again_and_nothing_half_done_is_found(kdops_home: Path) -> None:
    killed = maker()
    assert said(killed) == "begun"
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait(30)
    piece = Piece(STAGE, "slow")
    with piece.locked(wait=False):
        assert piece.find() is None
    folder = find_or_make(piece, filled("made"))
    assert [path.name for path in folder.iterdir()] == ["text"]
    assert left_in(kdops_home) == ["slow-v7"]


def left_in(kdops_home: Path) -> list[str]:
    return sorted(path.name for path in (kdops_home / "things").iterdir() if path.suffix != ".lock")


def test_a_file_appears_whole_and_replaces_the_one_before(tmp_path: Path) -> None:
    target = tmp_path / "folder" / "file"
    for text in ("first", "second"):
        with written_whole(target) as unfinished:
            unfinished.write_text(text, encoding="utf-8")
            assert not target.exists() or target.read_text(encoding="utf-8") == "first"
        assert target.read_text(encoding="utf-8") == text


def test_a_file_that_could_not_be_written_leaves_the_one_before(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_text("second", encoding="utf-8")
    with contextlib.suppress(RuntimeError), written_whole(target) as unfinished:
        unfinished.write_text("third", encoding="utf-8")
        raise RuntimeError
    assert target.read_text(encoding="utf-8") == "second"
    assert [path.name for path in target.parent.iterdir()] == ["file"]


def test_the_home_is_named_by_the_environment(kdops_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert workspace.home() == kdops_home
    monkeypatch.delenv("KDOPS_HOME")
    assert workspace.home() == Path.home() / ".cache" / "kdops"
