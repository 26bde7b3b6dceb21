"""The common ground of all tests: no network, one thread, and homes and stores of its own."""

import contextlib
import os
import random
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest

# A busy machine takes longer than 200 ms now and then, which says nothing of the code.
hypothesis.settings.register_profile("kdops", deadline=None)
hypothesis.settings.load_profile("kdops")

# These are read when the libraries are imported, so they are set before anything is.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
# A run that was started in the background ignores Ctrl-C, and so would the programs that tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)


def _isolate(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _mlflow_settings():
        monkeypatch.delenv(name)
    monkeypatch.setenv("KDOPS_HOME", str(folder / "kdops-home"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder / 'mlflow.db'}")


def _mlflow_settings() -> list[str]:
    return [name for name in os.environ if name.startswith("MLFLOW_") and name != "MLFLOW_DISABLE_TELEMETRY"]


@pytest.fixture(scope="session", autouse=True)
def _isolated_from_user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what is made once for several tests out of the user's caches and tracking store too."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        _isolate(tmp_path_factory.mktemp("session"), monkeypatch)
        yield


@pytest.fixture(autouse=True)
def _isolated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test sees or fills the caches and tracking store of another test."""
    _isolate(tmp_path, monkeypatch)
    yield
    if "mlflow" in sys.modules:
        import mlflow

        while mlflow.active_run() is not None:
            mlflow.end_run()
        # MLflow keeps the address for the life of the process; None forgets it, whatever its annotation says.
        mlflow.set_tracking_uri(None)  # type: ignore[arg-type]
    # It hands its settings on to child processes, and so to later tests, by the environment.
    for name in _mlflow_settings():
        del os.environ[name]


@pytest.fixture
def kdops_home(tmp_path: Path) -> Path:
    """The test's own `KDOPS_HOME`."""
    return tmp_path / "kdops-home"


@pytest.fixture(scope="session")
def tracking_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty tracking database: MLflow takes seconds to make one, so each test gets a copy of this."""
    import mlflow

    folder = tmp_path_factory.mktemp("tracking-template")
    # The default experiment keeps the path of the folder that it was made in.
    with contextlib.chdir(folder):
        mlflow.MlflowClient(tracking_uri=f"sqlite:///{folder / 'mlflow.db'}").search_experiments()
    return folder / "mlflow.db"


@pytest.fixture
def tracking_uri(tmp_path: Path, tracking_template: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of the test's own tracking database, also as `MLFLOW_TRACKING_URI`; the working folder is new."""
    shutil.copyfile(tracking_template, tmp_path / "mlflow.db")
    # MLflow puts the artifacts of new experiments below the working folder.
    monkeypatch.chdir(tmp_path)
    return f"sqlite:///{tmp_path / 'mlflow.db'}"


@pytest.fixture(scope="session")
def _store_template(tmp_path_factory: pytest.TempPathFactory, tracking_template: Path) -> Path:
    """A tracking database with finished runs; making them takes seconds, so each test gets a copy."""
    import mlflow
    from finished_runs import fill

    folder = tmp_path_factory.mktemp("store-template")
    shutil.copyfile(tracking_template, folder / "mlflow.db")
    with pytest.MonkeyPatch.context() as monkeypatch, contextlib.chdir(folder):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder / 'mlflow.db'}")
        fill()
    mlflow.set_tracking_uri(None)  # type: ignore[arg-type]
    return folder / "mlflow.db"


@pytest.fixture
def store(_store_template: Path, tracking_uri: str, tmp_path: Path) -> str:
    """The address of a tracking database of the test's own, with the runs of `finished_runs.fill` in it."""
    shutil.copyfile(_store_template, tmp_path / "mlflow.db")
    return tracking_uri


@pytest.fixture
def float32_products(monkeypatch: pytest.MonkeyPatch) -> None:
    """Matrix products of float32 on any CPU, for what must come out the same to five digits."""
    import torch

    from kdops.training import devices

    monkeypatch.setattr(devices, "product_type", lambda device: torch.float32)


def _folder_of(variable: str, what: str) -> Path:
    value = os.environ.get(variable)
    if not value:
        pytest.skip(f"{variable} is not set: it names {what}")
    return Path(value)


@pytest.fixture(scope="session")
def mirror() -> Path:
    """A folder with copies of the public datasets' files."""
    return _folder_of("KDOPS_DATA_MIRROR", "a folder with copies of the public datasets")


@pytest.fixture(scope="session")
def encoder() -> Path:
    """A real pretrained encoder in a folder."""
    return _folder_of("KDOPS_TEST_ENCODER", "a folder with a small pretrained encoder")


@pytest.fixture
def make_bundle(tmp_path: Path) -> Callable[..., Path]:
    """Writes bundles of a known size: `make_bundle(name, pieces=10, width=4)`."""
    from bundles import write_mean_bundle

    return lambda name, **size: write_mean_bundle(tmp_path / name, **size)


@pytest.fixture
def tagged() -> tuple[list[list[str]], list[list[str]], list[list[str]]]:
    """Gold tags of 80 sentences, and the tags of two models: one wrong at about 8% of the words, one at 32%."""
    tags, rng = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC"), random.Random(1)

    def noisy(noise: float) -> list[list[str]]:
        return [[rng.choice(tags) if rng.random() < noise else tag for tag in row] for row in gold]

    gold = [[rng.choice(tags) for _ in range(rng.randint(1, 12))] for _ in range(80)]
    return gold, noisy(0.1), noisy(0.4)
