"""An exam whose disks are full and whose tracking server is killed: the same command finishes when they are back."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import mlflow
import pytest
from mlflow.entities import Run
from place import Place, make_place, write_reviews
from servers import free_port

pytestmark = [pytest.mark.slow, pytest.mark.nightly, pytest.mark.timeout(1200)]

PATIENCE_S = 500
GRID = {"students": "cnn", "recipes": "kd", "seeds": 1, "workers": 1, "teacher": "scratch"}
BUDGET = {"trials": 1, "epochs": 1, "teacher_epochs": 1, "max_length": 32, "precision": "fp32", "cost_rounds": 1}


@contextlib.contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[None]:
    """A file system in memory; skips where one may not mount any."""
    folder.mkdir(parents=True)
    if os.geteuid() != 0:
        pytest.skip("only root may mount the small disks")
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", folder], capture_output=True)
    if done.returncode:
        pytest.skip(f"no disk can be mounted: {done.stderr.decode()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@contextlib.contextmanager
def full(folder: Path) -> Iterator[None]:
    """All that is left of a disk is taken."""
    ballast = folder / "ballast"
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(b"\0" * 4096)
    yield
    ballast.unlink()


class Server:
    """A tracking server that keeps artifacts itself."""

    def __init__(self, folder: Path, artifacts: Path) -> None:
        self._folder, self._artifacts = folder, artifacts
        self._port = free_port()
        self.uri = f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        command = [sys.executable, "-m", "mlflow", "server", "--port", str(self._port), "--workers", "1"]
        command += ["--backend-store-uri", f"sqlite:///{self._folder / 'mlflow.db'}"]
        command += ["--artifacts-destination", str(self._artifacts)]
        with (self._folder / "tracking.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        give_up = time.monotonic() + PATIENCE_S
        while not self._answers():
            assert self._process.poll() is None
            assert time.monotonic() < give_up
            time.sleep(0.5)

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{self.uri}/health") as answer:
            return bool(answer.status == 200)
        return False


@dataclass
class Story:
    """The output of each start of one exam, and how it ended."""

    place: Place
    server: Server
    said: dict[str, str] = field(default_factory=dict)
    ended: dict[str, int] = field(default_factory=dict)

    def exam(self, name: str, *, kill_the_server: bool = False) -> None:
        asked = {"datasets": self.place.folder / "reviews", **GRID, **BUDGET}
        log = self.place.folder / f"{name}.log"
        # The minute of patience, made shorter.
        settings = {"MLFLOW_TRACKING_URI": self.server.uri, "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"}
        with pytest.MonkeyPatch.context() as monkeypatch:
            monkeypatch.setattr(Place, "settings", {**self.place.settings, **settings})
            process = self.place.start("exam", log, **asked)
        try:
            while kill_the_server and not any(run.info.status == "RUNNING" for run in self.runs("trial")):
                assert process.poll() is None, log.read_text(encoding="utf-8")
                time.sleep(0.1)
            if kill_the_server:
                self.server.kill()
            self.ended[name] = process.wait(PATIENCE_S)
        finally:
            process.kill()
        self.said[name] = log.read_text(encoding="utf-8")

    def runs(self, role: str | None = None) -> list[Run]:
        return self.place.runs(role)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory, tracking_template: Path) -> Iterator[Story]:
    place = make_place(tmp_path_factory.mktemp("breaks"), tracking_template)
    write_reviews(place.folder / "reviews")
    logits, artifacts = place.home / "teacher-logits", place.folder / "artifacts"
    with small_disk(logits, 1), small_disk(artifacts, 100):
        server = Server(place.folder, artifacts)
        story = Story(place, server)
        try:
            server.start()
            with full(logits):
                story.exam("logits")
            story.exam("server", kill_the_server=True)
            server.start()
            with full(artifacts):
                story.exam("artifacts")
            story.exam("finished")
            yield story
        finally:
            server.kill()


def test_a_full_disk_fails_the_cell_in_one_line(story: Story) -> None:
    for name in ("logits", "artifacts"):
        assert story.ended[name] == 1
        lines = [line for line in story.said[name].splitlines() if line.startswith("error:")]
        assert lines[0].startswith("error: reviews cnn kd seed 1: ")
        # Tables of its own go to the full disk as well.
        assert [line.split(":")[1] for line in lines[1:]] == [" what was found could not be written"] * (
            name == "artifacts"
        )
        assert "Traceback" not in story.said[name]
    (logits,) = (story.place.home / "teacher-logits").glob("*-v*[0-9]")
    assert f"cannot write to {logits}: [Errno 28] No space left on device" in story.said["logits"]
    place = rf"mlflow-artifacts:/\S+ of tracking server {story.server.uri}"
    assert re.search(rf"cannot write curves.png to {place}: .*; is the disk of its artifacts full\?", lines[0])


def test_without_its_server_an_exam_stops_and_says_how_to_go_on(story: Story) -> None:
    assert story.ended["server"] == os.EX_TEMPFAIL
    (line,) = [line for line in story.said["server"].splitlines() if line.startswith("error:")]
    assert f"tracking server {story.server.uri} does not answer" in line
    assert "the same command goes on from there once it answers" in line
    assert "Traceback" not in story.said["server"]


def test_the_same_command_finishes(story: Story) -> None:
    assert story.ended["finished"] == 0, story.said["finished"]
    assert {run.info.status for run in story.runs()} <= {"FINISHED", "FAILED", "KILLED"}
    assert [run.info.status for run in story.runs("student")].count("FINISHED") == 1
    assert [run.info.status for run in story.runs("teacher")].count("FINISHED") == 1
    (run,) = [run for run in story.runs("student") if run.info.status == "FINISHED"]
    mlflow.set_tracking_uri(story.server.uri)
    assert {file.path for file in mlflow.MlflowClient().list_artifacts(run.info.run_id)} >= {"bundle"}
