"""`mlflow models serve` from an environment that holds what the registered version asks for, and nothing else."""

import http.client
import json
import os
import signal
import subprocess
import threading
import time
import venv
from collections.abc import Iterator
from pathlib import Path

import mlflow
import psutil
import pytest
from place import Place, make_place, write_reviews
from servers import free_port

pytestmark = [pytest.mark.slow, pytest.mark.nightly, pytest.mark.timeout(900)]
LOAD_SECONDS, CLIENTS = 10, 2


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory, tracking_template: Path) -> Path:
    """The artifacts of a version that a distillation has registered."""
    place: Place = make_place(tmp_path_factory.mktemp("served"), tracking_template)
    dataset = write_reviews(place.folder / "reviews")
    place.mlflow_run("distill", dataset=dataset, teacher="scratch", trials=1, epochs=1, max_length=32, cost_rounds=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", place.tracking_uri)
        patch.chdir(place.folder)
        mlflow.set_tracking_uri(place.tracking_uri)
        return Path(mlflow.artifacts.download_artifacts("models:/kdops-reviews@challenger"))


@pytest.fixture(scope="module")
def python(version: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a new environment with the version's own requirements."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "-r", str(version / "requirements.txt")]
    subprocess.run(pip, check=True, timeout=600)
    return folder / "bin" / "python"


@pytest.fixture(scope="module")
def server(version: Path, python: Path) -> Iterator[tuple[int, int]]:
    """Port and process id of the server's parent process."""
    port = free_port()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "PYTHON"))}
    environment = kept | {"PATH": os.pathsep.join([str(python.parent), kept["PATH"]])}
    command = [str(python.parent / "mlflow"), "models", "serve", "-m", str(version), "--env-manager", "local"]
    served = subprocess.Popen([*command, "--port", str(port)], env=environment, start_new_session=True)
    try:
        for _ in range(240):
            try:
                if ask(port, "/ping")[0] == 200:
                    break
            except OSError:
                time.sleep(0.5)
        yield port, served.pid
    finally:
        os.killpg(served.pid, signal.SIGTERM)
        served.wait(30)


def ask(port: int, path: str, body: bytes | None = None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST" if body is not None else "GET", path, body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    return answer.status, answer.read()


def memory_mb(pid: int) -> float:
    processes = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return sum(process.memory_info().rss for process in processes) / 1e6


def test_the_environment_holds_no_training_library(python: Path) -> None:
    code = (
        "import importlib.util as u; print([n for n in ('torch', 'transformers', 'kdops', 'onnx') if u.find_spec(n)])"
    )
    done = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_load_and_bad_requests_leave_the_server_as_it_was(server: tuple[int, int]) -> None:
    port, pid = server
    text = json.dumps({"inputs": ["makanan di sini enak sekali"]}).encode()
    for _ in range(100):
        assert ask(port, "/invocations", text)[0] == 200
    before_mb, statuses = memory_mb(pid), []
    end = time.monotonic() + LOAD_SECONDS

    def load() -> None:
        while time.monotonic() < end:
            statuses.append(ask(port, "/invocations", text)[0])

    threads = [threading.Thread(target=load) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(statuses) == {200}
    assert memory_mb(pid) < before_mb + 15
    for bad in (b"{oops", b'{"inputs": []}', b'{"inputs": ["\xff"]}', b'{"dataframe_records": [{"text": null}]}'):
        status, said = ask(port, "/invocations", bad)
        assert status == 400
        assert b"Traceback" not in said
    status, said = ask(port, "/invocations", text)
    assert status == 200
    assert set(json.loads(said)["predictions"][0]["probabilities"]) == {"positive", "negative"}
