"""`mlflow run` with `conda_env`, where conda is missing and where it is not."""

import os
import shutil
import stat
import subprocess
import sys
import textwrap
import zipfile
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

import mlflow
import pytest

from kdops.mlflow_plugin import CONDA_HOME, CondaFallback

ROOT = Path(__file__).parents[2]
MLPROJECT = """\
name: kdops
conda_env: conda.yaml
entry_points:
  main:
    command: python -c 'import sys; print(sys.executable)'
"""
FOREIGN = "name: other\ndependencies:\n  - python=3.11.7\n"
SAID_SO = "kdops: conda is not installed, so this runs in the current environment"

Run = Callable[..., subprocess.CompletedProcess[str]]


def _executable(path: Path, script: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(script))
    path.chmod(0o755)


def _without_conda() -> dict[str, str]:
    environment = {name: value for name, value in os.environ.items() if "CONDA" not in name}
    folders = environment["PATH"].split(os.pathsep)
    environment["PATH"] = os.pathsep.join(folder for folder in folders if not (Path(folder) / "conda").exists())
    # MLflow captures what conda says when it believes itself under test.
    environment.pop("PYTEST_CURRENT_TEST", None)
    return environment


@pytest.fixture
def run(tmp_path: Path, tracking_uri: str) -> Run:
    """Runs a project with a tiny entry point and this conda.yaml or another, a wrong `python` first on the PATH."""
    if not entry_points(group="mlflow.run_context_provider", name="kdops"):
        pytest.skip("kdops is not installed here, so MLflow does not load its plugin")

    def mlflow_run(
        conda_yaml: str | None = None, path: Path | None = None, **extra: str
    ) -> subprocess.CompletedProcess[str]:
        project = tmp_path / "project"
        project.mkdir()
        (project / "conda.yaml").write_text(conda_yaml or (ROOT / "conda.yaml").read_text())
        (project / "MLproject").write_text(MLPROJECT)
        _executable(tmp_path / "wrong" / "python", "#!/bin/sh\nexit 9\n")
        environment = _without_conda() | {"MLFLOW_TRACKING_URI": tracking_uri} | extra
        environment["PATH"] = os.pathsep.join(
            [*([str(path)] if path else []), str(tmp_path / "wrong"), environment["PATH"]]
        )
        return subprocess.run(
            [sys.executable, "-m", "mlflow", "run", str(project)],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    return mlflow_run


def _states(tracking_uri: str) -> list[str]:
    return [found.info.status for found in mlflow.MlflowClient(tracking_uri=tracking_uri).search_runs(["0"])]


@pytest.mark.slow
def test_without_conda_the_project_runs_in_the_environment_of_mlflow_and_says_so(run: Run, tracking_uri: str) -> None:
    done = run()
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == sys.executable
    assert done.stderr.count(SAID_SO) == 1
    assert _states(tracking_uri) == ["FINISHED"]


@pytest.mark.parametrize("off", ["0", "off"])
def test_the_switch_leaves_mlflow_as_it_is(monkeypatch: pytest.MonkeyPatch, off: str) -> None:
    monkeypatch.setattr(os, "environ", _without_conda() | {"KDOPS_CONDA_FALLBACK": off})
    CondaFallback()
    assert "MLFLOW_CONDA_HOME" not in os.environ


@pytest.mark.slow
@pytest.mark.nightly
def test_switched_off_mlflow_says_itself_that_conda_is_missing(run: Run) -> None:
    done = run(KDOPS_CONDA_FALLBACK="0")
    assert done.returncode != 0
    assert "Could not find Conda executable at conda" in done.stderr


@pytest.mark.slow
@pytest.mark.nightly
def test_another_projects_conda_yaml_is_refused(run: Run) -> None:
    done = run(conda_yaml=FOREIGN)
    assert done.returncode != 0
    assert "conda is not installed, and " in done.stderr
    assert SAID_SO not in done.stderr


@pytest.mark.slow
@pytest.mark.nightly
def test_a_conda_on_the_path_is_used(run: Run, tmp_path: Path, tracking_uri: str) -> None:
    real = tmp_path / "real"
    _executable(
        real / "conda",
        f"""\
        #!/bin/sh
        echo "$*" >> {tmp_path}/calls
        if [ "$1 $2" = "env list" ]; then echo '{{"envs": []}}'; fi
        """,
    )
    _executable(real / "activate", f"PATH={Path(sys.executable).parent}:$PATH\n")
    done = run(path=real)
    assert done.returncode == 0, done.stderr
    assert "env create" in (tmp_path / "calls").read_text()
    assert SAID_SO not in done.stderr
    assert _states(tracking_uri) == ["FINISHED"]


@pytest.mark.parametrize("setting", ["MLFLOW_CONDA_HOME", "MLFLOW_CONDA_CREATE_ENV_CMD", "CONDA_EXE"])
def test_a_conda_that_the_environment_names_is_left_alone(monkeypatch: pytest.MonkeyPatch, setting: str) -> None:
    monkeypatch.setattr(os, "environ", _without_conda() | {setting: "/opt/conda/bin/conda"})
    before = dict(os.environ)
    CondaFallback()
    assert dict(os.environ) == before


@pytest.mark.parametrize("arguments", [["create", "-n", "x", "python"], ["run", "ls"], []])
def test_stands_in_for_nothing_else(arguments: list[str]) -> None:
    done = subprocess.run([CONDA_HOME / "bin" / "conda", *arguments], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "conda is not installed\n")


def test_the_wheel_carries_the_stand_in_ready_to_run(tmp_path: Path) -> None:
    for name in ("pyproject.toml", "setup.py", "LICENSE", "README.md"):
        shutil.copy(ROOT / name, tmp_path)
    for name in ("kdops", "entrypoints"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", "wheels", "."],
        cwd=tmp_path,
        check=True,
    )
    (wheel,) = (tmp_path / "wheels").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        mode = archive.getinfo("kdops/mlflow_plugin/conda/bin/conda").external_attr >> 16
        assert "kdops/mlflow_plugin/conda/etc/profile.d/conda.sh" in archive.namelist()
    assert mode & stat.S_IXUSR
