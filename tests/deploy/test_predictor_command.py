"""`python -m kdops.deploy.predictor` and the same as one copied file."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import kdops.deploy.predictor as predictor_module
from kdops.deploy.predictor import Predictor
from kdops.task import Task

Run = Callable[..., subprocess.CompletedProcess[bytes]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs the copied file."""
    script = Path(shutil.copy(predictor_module.__file__, tmp_path / "predictor.py"))

    def command(*arguments: object, lines: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        words = [sys.executable, str(script), *map(str, arguments)]
        return subprocess.run(words, input=lines, capture_output=True, cwd=tmp_path, check=False, timeout=60)

    return command


def test_a_line_in_a_line_out(run: Run, bundles: dict[Task, Path], predictors: dict[Task, Predictor]) -> None:
    done = run(bundles[Task.TEXT], "--batch-size", 2, lines="biasa saja\n\nnasi\u2028goreng\r\nenak".encode())
    assert (done.returncode, done.stderr) == (0, b"")
    expected = predictors[Task.TEXT].predict(["biasa saja", "", "nasi\u2028goreng", "enak"])
    found = [json.loads(line) for line in done.stdout.decode().split("\n")[:-1]]
    assert [one["label"] for one in found] == [one.label for one in expected]
    assert found[0]["probabilities"] == pytest.approx(expected[0].probabilities, abs=1e-5)


def test_a_list_of_words_is_read_as_words(run: Run, bundles: dict[Task, Path], tmp_path: Path) -> None:
    file = tmp_path / "lines"
    file.write_text('["Budi Santoso", "di\\ud800"]\nBudi di\n[SEP]\n[]\n')
    done = run(bundles[Task.TOKEN], file)
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["words"] for one in found] == [
        ["Budi Santoso", "di\ud800"],
        ["Budi", "di"],
        ["[", "SEP", "]"],
        ["[", "]"],
    ]
    assert all({"type", "text", "start", "end"} == set(span) for one in found for span in one["spans"])


@pytest.mark.parametrize(
    ("arguments", "lines", "code", "message"),
    [
        (["--threads", "0"], b"", 2, "must be at least 1"),
        (["--batch-size", "-3"], b"", 2, "must be at least 1"),
        (["missing.txt"], b"", 1, "error: [Errno 2] No such file or directory: 'missing.txt'"),
        (["--batch-size", "1"], b"a\n\xff\n", 1, "error: line 2: 'utf-8' codec can't decode"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    run: Run, bundles: dict[Task, Path], arguments: list[str], lines: bytes, code: int, message: str
) -> None:
    done = run(bundles[Task.TEXT], *arguments, lines=lines)
    assert done.returncode == code
    assert message in done.stderr.decode().splitlines()[-1]
    assert len(done.stdout.splitlines()) == lines.count(b"a")


def test_lines_before_a_bad_one_are_answered(run: Run, bundles: dict[Task, Path]) -> None:
    lines = b'Budi\n["di", "Jakarta"]\n\n["Budi", 3]\nBudi\n'
    for size in (1, 2, 32):
        done = run(bundles[Task.TOKEN], "--batch-size", size, lines=lines)
        assert done.returncode == 1
        assert [json.loads(line)["words"] for line in done.stdout.splitlines()] == [["Budi"], ["di", "Jakarta"], []]
        assert done.stderr.decode().startswith("error: line 4: ")
        assert "int found" in done.stderr.decode()


def test_a_folder_that_is_no_bundle(run: Run, tmp_path: Path) -> None:
    done = run(tmp_path)
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.decode().startswith(f"error: {tmp_path} is not a bundle")


def test_a_reader_that_has_seen_enough_ends_it_quietly(bundles: dict[Task, Path]) -> None:
    command = f"yes enak | {sys.executable} -m kdops.deploy.predictor {bundles[Task.TEXT]} | head -n 1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, check=False, timeout=60)
    assert done.stderr == b""
    assert len(done.stdout.splitlines()) == 1
