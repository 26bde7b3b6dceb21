import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from unittest import mock

import mlflow
import psutil
import pytest

from kdops.tracking import names
from kdops.tracking.names import Status
from kdops.tracking.workarounds import mlflow_run

ROOT = Path(__file__).parents[3]
SECONDS = 30  # most of it imports, on a busy machine

PROJECT = """
name: tiny
entry_points:
  main:
    parameters:
      epochs: {type: float, default: 3}
    command: "python worker.py --epochs {epochs}"
"""
WORKER = """
import time
from pathlib import Path
from entrypoints import cli
from kdops.steps.parameters import Option
from kdops.tracking import runs
from kdops.tracking.names import Role

def work(epochs: str = "1") -> None:
    runs.connect()
    config = {"epochs": float(epochs)}
    with runs.tracked(Role.STUDENT, "parent", config=config), runs.tracked(Role.TRIAL, "child"):
        Path("working").touch()
        time.sleep(120)

cli.program(work, [Option("epochs", "", "a number", "1")])()
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """One with the plugin of kdops installed, and this Python first on the PATH."""
    plugin = tmp_path / "plugins" / "kdops_plugin-1.dist-info"
    plugin.mkdir(parents=True)
    (plugin / "METADATA").write_text("Metadata-Version: 2.1\nName: kdops_plugin\nVersion: 1\n", encoding="utf-8")
    (plugin / "entry_points.txt").write_text(
        "[mlflow.run_context_provider]\nkdops_status = kdops.tracking.workarounds.mlflow_run:StatusKeeper\n",
        encoding="utf-8",
    )
    return os.environ | {
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(plugin.parent)]),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
    }


@pytest.fixture
def project(tracking_uri: str, tmp_path: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """`mlflow run` of a project whose work has begun."""
    (tmp_path / "MLproject").write_text(PROJECT, encoding="utf-8")
    (tmp_path / "worker.py").write_text(WORKER, encoding="utf-8")
    started = subprocess.Popen(
        [sys.executable, "-m", "mlflow", "run", str(tmp_path), "--env-manager", "local"],
        env=environment,
        start_new_session=True,
    )
    deadline = time.monotonic() + 100
    while not (tmp_path / "working").exists():
        assert started.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return started


def statuses() -> dict[str, str]:
    found = mlflow.search_runs(search_all_experiments=True, output_format="list")
    return {run.info.run_name: run.info.status for run in found}


@pytest.mark.slow
def test_an_interrupted_project_ends_killed(project: subprocess.Popen[bytes]) -> None:
    children = psutil.Process(project.pid).children(recursive=True)
    os.killpg(project.pid, signal.SIGINT)  # as Ctrl-C does: to all processes of the group
    assert project.wait(timeout=60) != 0
    assert statuses() == {"parent": Status.KILLED, "child": Status.KILLED}
    assert psutil.wait_procs(children, timeout=1)[1] == []
    (parent,) = mlflow.search_runs(
        search_all_experiments=True, filter_string=f"tags.`{names.ROLE}` = 'student'", output_format="list"
    )
    assert parent.data.params == {"epochs": "3", "cfg.epochs": "3.0"}


@pytest.mark.slow
def test_a_project_whose_mlflow_run_is_killed_ends_with_it(project: subprocess.Popen[bytes]) -> None:
    children = psutil.Process(project.pid).children(recursive=True)
    project.kill()
    project.wait()
    assert psutil.wait_procs(children, timeout=30)[1] == []
    assert statuses() == {"parent": Status.KILLED, "child": Status.KILLED}


@pytest.mark.slow
def test_the_password_of_a_storage_is_refused_before_it_is_logged(
    tracking_uri: str, environment: dict[str, str]
) -> None:
    url = "postgresql+psycopg://me:secret@127.0.0.1:1/studies"
    command = [sys.executable, "-m", "mlflow", "run", str(ROOT), "-e", "distill", "-P", f"storage={url}"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "error: the Optuna storage on 127.0.0.1 is given with its password, and `mlflow run` logs all parameters: "
        "leave the password out, and keep it in ~/.pgpass or PGPASSWORD"
    ]
    assert statuses() == {}


def mlflow_command(*arguments: str, environment: dict[str, str]) -> tuple[subprocess.CompletedProcess[str], float]:
    """`mlflow ARGUMENTS`, with MLflow's own patience, and how many seconds it took."""
    kept = {name: value for name, value in environment.items() if name != "MLFLOW_HTTP_REQUEST_MAX_RETRIES"}
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "mlflow", *arguments], env=kept, capture_output=True, text=True, check=False, timeout=120
    )
    return done, time.monotonic() - started


def test_a_server_that_is_not_there_is_refused_before_mlflow_asks_it(closed: str, environment: dict[str, str]) -> None:
    wrong = environment | {"MLFLOW_TRACKING_URI": closed}
    done, seconds = mlflow_command("run", str(ROOT), "-e", "distill", environment=wrong)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: tracking server {closed} does not answer (")
    assert line.endswith("refused): is it running?")
    assert seconds < SECONDS


def test_a_wrong_password_is_refused_before_mlflow_asks_with_it(guarded: str, environment: dict[str, str]) -> None:
    wrong = environment | {"MLFLOW_TRACKING_URI": guarded, "MLFLOW_TRACKING_USERNAME": "alice"}
    done, seconds = mlflow_command("run", str(ROOT), "-e", "distill", environment=wrong)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: tracking server {guarded} refuses your name or password (status 401): ")
    assert "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD" in line
    assert seconds < SECONDS


# As `mlflow run` that fails by itself, after the server went away.
AT_ITS_END = """
import sys
sys.orig_argv = ["python", "-m", "mlflow", "run", "another-project"]
import mlflow
sys.exit(3)
"""


def test_a_server_that_went_away_is_not_waited_for_at_the_end(closed: str, environment: dict[str, str]) -> None:
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", AT_ITS_END],
        env=environment | {"MLFLOW_TRACKING_URI": closed},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 3
    (line,) = done.stderr.splitlines()
    assert line.startswith("runs that were interrupted may be left as FAILED: tracking server")
    assert time.monotonic() - started < SECONDS


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("python -m mlflow run . -e distill", [".", "-e", "distill"]),
        ("/usr/bin/python3 /usr/bin/mlflow --env-file .env run .", ["."]),
        ("python /usr/bin/mlflow --env-file=.env run .", ["."]),
        ("python -m mlflow server --host run .", None),
        ("python -m mlflow ui", None),
        ("python -m mlflow", None),
        ("python -m entrypoints.distill --dataset run", None),
        ("python -m uvicorn mlflow.server.fastapi_app:app run", None),
    ],
)
def test_mlflow_run_is_told_from_other_commands(command: str, arguments: list[str] | None) -> None:
    assert mlflow_run._arguments_of_run(command.split()) == arguments


@pytest.mark.parametrize(
    "arguments",
    [
        ["-m", "mlflow", "run", "{project}", "--help"],
        ["-m", "mlflow", "run", "{another}"],
        ["-m", "mlflow", "server", "{project}"],
        ["-m", "entrypoints.distill", "{project}"],
    ],
)
def test_only_runs_of_this_project_ask_the_server_first(
    arguments: list[str], closed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = [argument.format(project=ROOT, another=tmp_path) for argument in arguments]
    monkeypatch.setattr(sys, "orig_argv", ["python", *named])
    monkeypatch.setattr(mlflow_run, "atexit", mock.Mock())
    monkeypatch.setattr(mlflow_run.os, "_exit", lambda _: pytest.fail("refused"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", closed)
    mlflow_run.StatusKeeper()
