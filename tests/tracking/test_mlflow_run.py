import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import mlflow
import psutil
import pytest

from kdops.tracking import names
from kdops.tracking.names import Status

ROOT = Path(__file__).parents[2]

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
from kdops.tracking import runs
from kdops.tracking.names import Role

def work(epochs: str = "1") -> None:
    runs.connect()
    config = {"epochs": float(epochs)}
    with runs.tracked(Role.STUDENT, "parent", config=config), runs.tracked(Role.TRIAL, "child"):
        Path("working").touch()
        time.sleep(120)

cli.program(work)()
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """One with the plugin of kdops installed, and this Python first on the PATH."""
    plugin = tmp_path / "plugins" / "kdops_plugin-1.dist-info"
    plugin.mkdir(parents=True)
    (plugin / "METADATA").write_text("Metadata-Version: 2.1\nName: kdops_plugin\nVersion: 1\n", encoding="utf-8")
    (plugin / "entry_points.txt").write_text(
        "[mlflow.run_context_provider]\nkdops_status = kdops.tracking.mlflow_run:StatusKeeper\n", encoding="utf-8"
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
