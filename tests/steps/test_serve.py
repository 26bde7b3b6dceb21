"""`kdops serve` as users run it: a process that answers over HTTP, follows its model, and ends without losing any."""

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psutil
import pytest
from bundles import write_mean_bundle
from servers import free_port, serving

from kdops.deploy.predictor import read_info
from kdops.deploy.serving.link import point

for package in ("uvicorn", "orjson", "prometheus_client"):
    pytest.importorskip(package, reason="the extra `serve` is not installed")

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
CLIENTS, MINUTES = 4, 10
TEXT = json.dumps({"inputs": ["nasi goreng rahasia"]}).encode()
BAD = (b"{oops", b'{"inputs": []}', b'{"inputs": [3]}', b'{"dataframe_records": [{"text": null}]}')


class Running:
    """A server that runs."""

    def __init__(self, process: subprocess.Popen[str], port: int, said: Path) -> None:
        self.process, self.port, self.said = process, port, said

    def ask(self, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("GET" if body is None else "POST", path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()

    def claim(self, length: int) -> int:
        """The status for a body of so many bytes, none of which is sent."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.putrequest("POST", "/invocations")
        connection.putheader("Content-Length", str(length))
        connection.endheaders()
        return connection.getresponse().status

    def events(self, name: str) -> list[dict[str, Any]]:
        lines = map(json.loads, self.said.read_text(encoding="utf-8").splitlines())
        return [line for line in lines if line["event"] == name]

    def until(self, true: Callable[[], bool], seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < end, self.said.read_text(encoding="utf-8")
            time.sleep(0.1)

    @contextmanager
    def load(self) -> Iterator[Counter[object]]:
        """Clients that ask, good and bad, on connections that stay; counts statuses, digests, and what was lost."""
        stop, seen = threading.Event(), Counter[object]()

        def ask_on() -> None:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
            for number in range(1_000_000):
                if stop.is_set():
                    return
                bad = number % 5 == 4
                try:
                    connection.request("POST", "/invocations", BAD[number // 5 % len(BAD)] if bad else TEXT)
                    answer = connection.getresponse()
                    answer.read()
                except OSError as error:
                    seen["lost", type(error).__name__] += 1
                    return
                seen["bad" if bad else "good", answer.status] += 1

        clients = [threading.Thread(target=ask_on) for _ in range(CLIENTS)]
        for client in clients:
            client.start()
        try:
            yield seen
        finally:
            stop.set()
            for client in clients:
                client.join()


@contextmanager
def server(model: str, folder: Path, *options: str, **environment: str) -> Iterator[Running]:
    port, said = free_port(), folder / "said.jsonl"
    command = [sys.executable, "-m", "entrypoints.console", "serve", model, "--port", str(port), *options]
    with said.open("w") as output:
        process = subprocess.Popen(command, cwd=ROOT, stdout=output, text=True, env=os.environ | environment)
    running = Running(process, port, said)

    def answers() -> bool:
        assert process.poll() is None
        try:
            return running.ask("/ping")[0] == 200
        except OSError:
            return False

    try:
        running.until(answers, 120)
        yield running
    finally:
        process.terminate()
        process.wait(60)


@pytest.fixture
def link(tmp_path: Path) -> Path:
    """A link to the first of two bundles, beside the second."""
    write_mean_bundle(tmp_path / "first")
    write_mean_bundle(tmp_path / "second", labels=("worse", "better"))
    point(tmp_path / "link", tmp_path / "first")
    return tmp_path / "link"


def rss_mb(process: int) -> float:
    status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    return int(status.split("VmRSS:")[1].split()[0]) / 1000


def test_workers_answer_as_mlflow_does_and_say_what_they_do(link: Path, tmp_path: Path) -> None:
    with server(str(link), tmp_path, "--workers", "2") as running:
        # One that answers may be the only one yet.
        running.until(lambda: len(running.events("loaded")) == 2)

        def answered() -> list[dict[str, Any]]:
            lines = running.events("request")
            return [line for line in lines if (line["path"], line["status"]) == ("/invocations", 200)]

        status, said = running.ask("/invocations", TEXT, **{"Content-Type": "application/json"})
        assert status == 200
        (prediction,) = json.loads(said)["predictions"]
        assert prediction["label"] in ("bad", "good")
        assert sum(prediction["probabilities"].values()) == pytest.approx(1)
        assert json.loads(running.ask("/ready")[1])["digest"] == read_info(link).digest
        assert running.ask("/health")[0] == 200
        assert [running.ask(path)[0] for path in ("/version", "/nothing", "/invocations")] == [200, 404, 405]
        assert running.ask("/invocations", TEXT, **{"Content-Type": "text/csv"})[0] == 415
        assert running.claim(32 * 2**20 + 1) == 413
        for bad in BAD:
            status, said = running.ask("/invocations", bad)
            assert status == 400
            assert json.loads(said)["message"]
        for _ in range(20):  # of both workers
            assert running.ask("/invocations", TEXT)[0] == 200
        counted = running.ask("/metrics")[1].decode()
        assert 'kdops_requests_total{status="200"} 21.0' in counted
        assert 'kdops_requests_total{status="400"} 4.0' in counted
        assert "kdops_texts_total 21.0" in counted
        running.until(lambda: len(answered()) == 21)
        assert {"method", "path", "status", "ms", "client", "texts", "characters"} <= answered()[0].keys()
        assert "rahasia" not in running.said.read_text(encoding="utf-8")


def test_under_load_a_model_is_replaced_and_the_server_ended_and_nothing_is_lost(link: Path, tmp_path: Path) -> None:
    with server(str(link), tmp_path, "--no-access-log", "--workers", "1") as running:
        with running.load() as seen:
            running.until(lambda: seen["good", 200] > 100)
            before_mb = rss_mb(running.process.pid)
            point(link, tmp_path / "second")
            running.until(lambda: len(running.events("loaded")) == 2)
            point(link, tmp_path / "first")
            running.until(lambda: len(running.events("loaded")) == 3)
            (tmp_path / "broken").mkdir()
            point(link, tmp_path / "broken")
            running.until(lambda: len(running.events("refused")) == 1)
            asked = seen.total()
            running.until(lambda: seen.total() > asked + 100)
        assert set(seen) == {("good", 200), ("bad", 400)}
        assert rss_mb(running.process.pid) < before_mb + 20
        assert before_mb < 150
        assert json.loads(running.ask("/ready")[1])["digest"] == read_info(tmp_path / "first").digest
        with running.load() as seen:
            running.until(lambda: seen["good", 200] > 20)
            running.process.send_signal(signal.SIGTERM)
            assert running.process.wait(60) in (0, -signal.SIGTERM)
        assert {kind for kind, _ in seen} <= {"good", "bad", "lost"}
        # A connection may close between two requests; none that was answered was answered wrongly.
        assert {status for kind, status in seen if kind != "lost"} == {200, 400}
        assert seen["lost", "TimeoutError"] == 0


@pytest.mark.nightly
@pytest.mark.timeout(900)
def test_ten_minutes_of_load_with_bad_requests_and_moving_models(link: Path, tmp_path: Path) -> None:
    names = ["second", "first"] * 5
    with server(str(link), tmp_path, "--no-access-log") as running, running.load() as seen:
        running.until(lambda: seen["good", 200] > 1_000)
        parent = psutil.Process(running.process.pid)
        processes = [parent.pid, *(child.pid for child in parent.children())]
        workers = max(1, sum(b"spawn_main" in Path(f"/proc/{one}/cmdline").read_bytes() for one in processes))
        before_mb = sum(map(rss_mb, processes))
        for name in names:
            time.sleep(MINUTES * 60 / len(names))
            point(link, tmp_path / name)
        running.until(lambda: len(running.events("loaded")) == (1 + len(names)) * workers)
        after_mb = sum(map(rss_mb, processes))
    assert set(seen) == {("good", 200), ("bad", 400)}
    assert after_mb < before_mb + 20 * workers


@contextmanager
def registry(bundles: dict[str, Path], current: list[str]) -> Iterator[str]:
    """A tracking server with the versions of a model; the alias names the last of `current`."""

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(url.query).items()}
            if url.path.endswith("registered-models/alias"):
                self.reply({"model_version": {"version": current[-1]}})
            elif url.path.endswith("get-download-uri"):
                self.reply({"artifact_uri": f"mlflow-artifacts:/1/{query['version']}"})
            elif url.path.endswith("mlflow-artifacts/artifacts"):
                folder = query["path"].split("/")
                if len(folder) == 2:
                    self.reply({"files": [{"path": "MLmodel"}, {"path": "bundle", "is_dir": True}]})
                else:
                    self.reply({"files": [{"path": file.name} for file in bundles[folder[1]].iterdir()]})
            else:
                version, _, name = url.path.split("/")[-3:]
                self.send((bundles[version] / name).read_bytes())

        def reply(self, content: object) -> None:
            self.send(json.dumps(content).encode())

        def send(self, content: bytes) -> None:
            assert self.headers["Authorization"] == "Bearer secret"
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    with serving(Answers) as address:
        yield address


def test_an_alias_is_followed_without_mlflow(link: Path, tmp_path: Path) -> None:
    shutil.copytree(tmp_path / "second", tmp_path / "broken")
    (tmp_path / "broken" / "model.onnx").write_bytes(b"")
    bundles = {"1": tmp_path / "first", "2": tmp_path / "broken", "3": tmp_path / "second"}
    current = ["1"]
    settings = {"MLFLOW_TRACKING_TOKEN": "secret", "PYTHONDONTWRITEBYTECODE": "1"}
    with (
        registry(bundles, current) as address,
        server(
            "models:/m@champion", tmp_path, "--poll-s", "1", "--workers", "1", **settings, MLFLOW_TRACKING_URI=address
        ) as running,
        running.load() as seen,
    ):
        running.until(lambda: seen["good", 200] > 20)
        current.append("2")
        running.until(lambda: len(running.events("not moved")) == 1)
        current.append("3")
        running.until(lambda: len(running.events("loaded")) == 2)
        assert json.loads(running.ask("/ready")[1])["digest"] == read_info(bundles["3"]).digest
    assert set(seen) == {("good", 200), ("bad", 400)}
    assert "model.onnx" in running.events("not moved")[0]["reason"]


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ("nowhere", "nowhere is not a bundle that can be read"),
        ("models:/m@champion", "http://127.0.0.1:1 does not answer"),
    ],
)
def test_what_cannot_be_served_is_told_in_one_line(model: str, says: str) -> None:
    command = [sys.executable, "-m", "entrypoints.console", "serve", model]
    environment = os.environ | {"MLFLOW_TRACKING_URI": "http://127.0.0.1:1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert says in done.stderr
    assert done.stderr.count("\n") == 1
