"""The wheel and the source distribution, each in an environment that knows nothing of this checkout."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from dataclasses import dataclass
from pathlib import Path

import mlflow
import pytest
from bundles import write_mean_bundle

ROOT = Path(__file__).parents[2]
PACKAGES = Path(sysconfig.get_paths()["purelib"])
SERVES = ("numpy", "numpy.libs", "onnxruntime", "tokenizers")
BUILD = """
import sys, setuptools.build_meta as backend
target = sys.argv[1]  # the backend makes arguments of its own
print(backend.build_sdist(target), backend.build_wheel(target))
"""
PREDICT = """
import sys
from kdops.deploy.predictor import Predictor
print(Predictor.load(sys.argv[1]).predict(["nasi goreng enak"])[0])
"""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@dataclass(frozen=True)
class Installed:
    """An environment with the wheel of kdops in it, away from the checkout."""

    folder: Path

    @property
    def programs(self) -> Path:
        return self.folder / "bin"

    def run(self, *command: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment's, without conda, in the folder that holds the environment."""
        kept = {name: value for name, value in os.environ.items() if "CONDA" not in name and name != "PYTHONPATH"}
        kept.pop("PYTEST_CURRENT_TEST", None)
        path = os.pathsep.join([str(self.programs), kept["PATH"]])
        return subprocess.run(
            [str(self.programs / command[0]), *command[1:]],
            env=kept | {"PATH": path} | more,
            cwd=self.folder.parent,
            capture_output=True,
            text=True,
            check=False,
        )


def sources(folder: Path) -> Path:
    """A copy of what is built, so that building leaves nothing in the checkout."""
    for name in ("pyproject.toml", "setup.py", "LICENSE", "README.md", "MLproject", "conda.yaml", "constraints.txt"):
        shutil.copy(ROOT / name, folder)
    for name in ("kdops", "entrypoints"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the source distribution and the wheel, made by the build backend itself."""
    target = tmp_path_factory.mktemp("dist")
    code = [sys.executable, "-c", BUILD, str(target)]
    subprocess.run(code, cwd=sources(tmp_path_factory.mktemp("sources")), check=True, capture_output=True)
    return target


def install(built: Path, folder: Path, packages: Path) -> Installed:
    """The wheel in a fresh environment, which finds its dependencies in a folder: no network is needed."""
    venv.create(folder, with_pip=False)
    site = next(folder.glob("lib/python3*/site-packages"))
    (wheel,) = built.glob("*.whl")
    command = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), "install", "--quiet"]
    subprocess.run([*command, "--no-deps", "--no-index", str(wheel)], check=True)
    (site / "dependencies.pth").write_text(f"{packages}\n", encoding="utf-8")
    return Installed(folder)


@pytest.fixture(scope="module")
def serving(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The packages of `pip install kdops`: three packages."""
    folder = tmp_path_factory.mktemp("serving")
    packages = folder / "packages"
    packages.mkdir()
    for name in SERVES:
        if (PACKAGES / name).exists():
            (packages / name).symlink_to(PACKAGES / name)
    return install(built, folder / "venv", packages)


@pytest.fixture(scope="module")
def training(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The packages of `pip install kdops[train]`: everything that is installed here, kdops as a wheel."""
    return install(built, tmp_path_factory.mktemp("training") / "venv", PACKAGES)


def test_the_source_distribution_holds_what_a_wheel_is_made_of(built: Path) -> None:
    (sdist,), (wheel,) = built.glob("*.tar.gz"), built.glob("*.whl")
    with tarfile.open(sdist) as archive:
        there = {name.partition("/")[2] for name in archive.getnames()}
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert packed
    assert {name.replace("kdops/entrypoints/", "entrypoints/") for name in packed} <= there
    code = {str(path.relative_to(ROOT)) for path in (ROOT / "kdops").rglob("*.py")}
    code |= {f"kdops/{path.relative_to(ROOT)}" for path in (ROOT / "entrypoints").glob("*.py")}
    assert code | {"kdops/py.typed", "kdops/report/page.html.jinja"} <= packed
    # PyPI has a package of the name `entrypoints`.
    assert {name.partition("/")[0] for name in packed} == {"kdops"}


def test_three_packages_serve(serving: Installed, tmp_path: Path) -> None:
    bundle = write_mean_bundle(tmp_path / "bundle", labels=["negative", "positive"])
    done = serving.run("python", "-c", PREDICT, str(bundle))
    assert done.returncode == 0, done.stderr
    assert "positive" in done.stdout or "negative" in done.stdout


def test_without_the_training_extra_the_command_says_what_to_install(serving: Installed) -> None:
    done = serving.run("kdops", "distill")
    assert done.returncode == 2
    assert done.stderr.endswith("are not installed: pip install 'kdops[train]'\n")
    assert serving.run("kdops", "--version").stdout.startswith("kdops ")


def test_the_command_distills(training: Installed, tmp_path: Path) -> None:
    here = {"MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path / 'mlflow.db'}", "KDOPS_HOME": str(tmp_path / "home")}
    small = (
        "--trials",
        "1",
        "--epochs",
        "1",
        "--teacher-epochs",
        "1",
        "--unlabeled-max",
        "50",
        "--precision",
        "fp32",
        "--cost-rounds",
        "1",
    )
    done = training.run("kdops", "distill", "--student", "cnn", *small, **here)
    assert done.returncode == 0, done.stderr
    assert "kdops-sample version 1" in done.stdout
    assert str(ROOT) not in done.stderr


def test_a_projects_address_is_enough(training: Installed, tmp_path: Path) -> None:
    """`mlflow run https://.../kdops.git`, for which git takes a clone of the checkout here."""
    repository = sources(tmp_path)
    author = ("-c", "user.name=kdops", "-c", "user.email=kdops@localhost")
    for command in (["init", "--quiet"], ["add", "."], [*author, "commit", "--quiet", "--message", "all"]):
        subprocess.run(["git", *command], cwd=repository, check=True)
    address = "https://git.invalid/kdops.git"
    here = {"MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path / 'mlflow.db'}", "GIT_CONFIG_VALUE_0": address}
    instead = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": f"url.{repository}.insteadOf"}
    done = training.run("python", "-m", "mlflow", "run", address, "-e", "list_datasets", **here, **instead)
    assert done.returncode == 0, done.stderr
    assert "smsa" in done.stdout
    assert "so this runs in the current environment" in done.stderr
    runs = mlflow.MlflowClient(tracking_uri=here["MLFLOW_TRACKING_URI"]).search_runs(["0"])
    assert [run.info.status for run in runs] == ["FINISHED"]
    assert runs[0].data.tags["mlflow.source.name"] == address
