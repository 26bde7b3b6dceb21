"""The same grid by processes of this machine, by a Ray of this machine, and by a Ray cluster of two hosts."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import optuna
import pytest
from mlflow.entities import Run
from place import ROOT, Place, make_place, options, write_reviews
from team import team_database

pytestmark = [pytest.mark.slow, pytest.mark.nightly, pytest.mark.timeout(1500)]

PATIENCE_S = 600
STUDENTS = ("bilstm", "cnn")
STUDIES = [(student, recipe) for student in STUDENTS for recipe in ("kd", "vanilla")]
GRID = {"students": ",".join(STUDENTS), "recipes": "kd", "seeds": 1, "workers": 2, "teacher": "scratch"}
BUDGET = {"trials": 1, "epochs": 1, "teacher_epochs": 2, "max_length": 32, "precision": "fp32", "cost_rounds": 1}
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "MLFLOW_DISABLE_TELEMETRY": "true"}
HOSTS = {"kdops-one": "10.77.30.1", "kdops-two": "10.77.30.2"}
BRIDGE, OUTSIDE = "kdops-bridge", "10.77.30.254"
SERVER_PORT, RAY_PORT = 5077, 6377


@dataclass(frozen=True)
class Exam:
    """How an exam ended."""

    place: Place
    code: int
    said: str

    def results(self) -> dict[str, dict[str, object]]:
        """The result of each student, except for what depends on the machine's load."""
        (teacher,) = finished(self.place, "teacher")
        students = finished(self.place, "student")
        found: dict[str, dict[str, object]] = {"teacher": _told(teacher)}
        return found | {run.data.tags["kdops.student"]: _told(run) for run in students}


def _told(run: Run) -> dict[str, object]:
    scores = {name: value for name, value in run.data.metrics.items() if name.startswith(("val.", "test."))}
    return {"fingerprint": run.data.tags["kdops.fingerprint"], **scores}


def finished(place: Place, role: str) -> list[Run]:
    return [one for one in place.runs(role) if one.info.status == "FINISHED"]


def asked(place: Place, **more: object) -> list[str]:
    return ["-m", "entrypoints.exam", *options(datasets=place.folder / "reviews", **GRID, **BUDGET, **more)]


def run(place: Place, command: list[str], settings: dict[str, str], *, kill_a_worker: bool = False) -> Exam:
    """Run a command to its end; a worker may be killed while it trains."""
    environment = place.environment | QUIET | {"PYTHONPATH": str(ROOT)} | settings
    log = place.folder / "said.log"
    with log.open("wb") as sink:
        process = subprocess.Popen(command, cwd=place.folder, env=environment, stdout=sink, stderr=sink)
    try:
        while kill_a_worker:
            assert process.poll() is None, log.read_text(encoding="utf-8")
            names = [run.data.tags["kdops.process"] for run in running(place)]
            if names:
                os.kill(int(names[0].split(":")[1]), signal.SIGKILL)
                break
            time.sleep(0.1)
        process.wait(PATIENCE_S)
    finally:
        process.kill()
    return Exam(place, process.returncode, log.read_text(encoding="utf-8"))


def running(place: Place) -> list[Run]:
    return [one for one in place.runs("trial") if one.info.status == "RUNNING" and "kdops.process" in one.data.tags]


def trial_states(storage: str) -> dict[str, list[str]]:
    """How the trials of each study ended, by its student and recipe."""
    named = {"-".join(name.split("-")[1:3]): name for name in optuna.get_all_study_names(storage)}
    trials = {study: optuna.load_study(study_name=name, storage=storage).trials for study, name in named.items()}
    return {study: [trial.state.name for trial in found] for study, found in trials.items()}


def logits_asked(exam: Exam) -> list[int]:
    """How many texts each cell asked the teacher about, smallest first."""
    logs = [log.read_text(encoding="utf-8") for log in exam.place.home.glob("exam/*/*.log")]
    return sorted(int(count) for log in logs for count in re.findall(r"teacher logits: (\d+) texts asked", log))


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory, tracking_template: Path) -> Place:
    """Where there is a teacher: the words of one that is made from scratch differ from one training to the next."""
    place = make_place(tmp_path_factory.mktemp("taught"), tracking_template)
    dataset = write_reviews(place.folder / "reviews")
    budget = {"epochs": BUDGET["teacher_epochs"], "max_length": BUDGET["max_length"], "seed": 1}
    command = ["-m", "entrypoints.train_teacher", *options(dataset=dataset, teacher="scratch", **budget)]
    done = run(place, [sys.executable, *command], {})
    assert done.code == 0, done.said
    return place


def like(taught: Place, folder: Path) -> Place:
    """A place with the same data and the same teacher."""
    for part in ("reviews", "kdops-home"):
        shutil.copytree(taught.folder / part, folder / part)
    return make_place(folder, taught.folder / "mlflow.db")


@pytest.fixture(scope="module")
def here(taught: Place, tmp_path_factory: pytest.TempPathFactory) -> Exam:
    """By processes of this machine."""
    place = like(taught, tmp_path_factory.mktemp("loky"))
    return run(place, [sys.executable, *asked(place)], {})


def test_a_ray_of_this_machine_gives_the_same_though_a_worker_is_killed(
    here: Exam, taught: Place, tmp_path: Path
) -> None:
    pytest.importorskip("ray", reason="ray is not installed: pip install 'kdops[ray]'")
    place = like(taught, tmp_path)
    command = [sys.executable, *asked(place, backend="ray", resources="num_cpus=0.5")]
    exam = run(place, command, {}, kill_a_worker=True)
    assert (here.code, exam.code) == (0, 0), here.said + exam.said
    assert exam.said.count("its worker process was killed; it is begun again in another") == 1
    assert exam.results() == here.results()
    assert exam.results().keys() == {"teacher", *STUDENTS}
    assert {run.info.status for run in place.runs()} == {"FINISHED", "KILLED"}
    for trials in trial_states(f"sqlite:///{place.folder / 'optuna.db'}").values():
        assert trials in (["COMPLETE"], ["FAIL", "COMPLETE"])


def test_a_cluster_that_is_none_is_told_of_at_once(here: Exam, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="ray is not installed: pip install 'kdops[ray]'")
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        address = f"127.0.0.1:{nobody.getsockname()[1]}"
    began = time.monotonic()
    command = [sys.executable, *asked(here.place, backend="ray")]
    exam = run(here.place, command, {"RAY_ADDRESS": address})
    assert exam.code == 2
    assert (
        f"error: RAY_ADDRESS={address} does not answer (Connection refused): is the Ray cluster running?" in exam.said
    )
    assert time.monotonic() - began < 60


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


def _remove_hosts() -> None:
    for name in HOSTS:
        subprocess.run(["ip", "netns", "del", name], capture_output=True)
    subprocess.run(["ip", "link", "del", BRIDGE], capture_output=True)


@pytest.fixture
def hosts() -> Iterator[None]:
    """Two network namespaces and a bridge between them and this one; skips where one may not make any."""
    pytest.importorskip("ray", reason="ray is not installed: pip install 'kdops[ray]'")
    try:
        _remove_hosts()  # of a test that was killed
        _ip("link", "add", BRIDGE, "type", "bridge")
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no network namespaces can be made here (that needs root and iproute2)")
    try:
        _ip("addr", "add", f"{OUTSIDE}/24", "dev", BRIDGE)
        _ip("link", "set", BRIDGE, "up")
        for number, (name, address) in enumerate(HOSTS.items()):
            _ip("netns", "add", name)
            _ip("link", "add", f"kdops-v{number}", "type", "veth", "peer", "name", "eth0", "netns", name)
            _ip("link", "set", f"kdops-v{number}", "master", BRIDGE, "up")
            _ip("-n", name, "addr", "add", f"{address}/24", "dev", "eth0")
            _ip("-n", name, "link", "set", "eth0", "up")
            _ip("-n", name, "link", "set", "lo", "up")
        yield
    finally:
        _remove_hosts()


def on(host: str) -> list[str]:
    """The prefix that makes a command run on a host of that name and address."""
    rename = f'hostname {host} && exec "$@"'
    return ["ip", "netns", "exec", host, "unshare", "--uts", "sh", "-c", rename, "sh"]


@contextlib.contextmanager
def started(command: list[str], log: Path, **settings: str) -> Iterator[None]:
    with log.open("wb") as sink:
        process = subprocess.Popen(
            command, env=os.environ | QUIET | settings, stdout=sink, stderr=sink, start_new_session=True
        )
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait_for(happened: Callable[[], bool], log: Path) -> None:
    give_up = time.monotonic() + PATIENCE_S
    while not happened():
        assert time.monotonic() < give_up, log.read_text(encoding="utf-8")
        time.sleep(0.5)


def _connects(host: str, port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=2):
        return True
    return False


def _answers(url: str) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(url) as answer:
        return bool(answer.status == 200)
    return False


def test_a_cluster_of_two_hosts_gives_the_same(
    here: Exam, taught: Place, hosts: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They share a folder and nothing else; runs and studies go over the network to a third host."""
    place = like(taught, tmp_path)
    one, two = HOSTS
    uri = f"http://{OUTSIDE}:{SERVER_PORT}"
    server = [sys.executable, "-m", "mlflow", "server", "--host", OUTSIDE, "--port", str(SERVER_PORT), "--workers", "1"]
    server += ["--backend-store-uri", place.tracking_uri, "--allowed-hosts", f"{OUTSIDE}:{SERVER_PORT}"]
    server += ["--artifacts-destination", str(place.folder / "artifacts")]
    ray = [*on(one), sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--num-cpus", "1"]
    ray += ["--object-store-memory", "100000000"]
    head = [*ray, "--head", "--port", str(RAY_PORT), "--node-ip-address", HOSTS[one], "--include-dashboard", "false"]
    worker = [*on(two), *ray[len(on(one)) :], "--address", f"{HOSTS[one]}:{RAY_PORT}", "--node-ip-address", HOSTS[two]]
    monkeypatch.setenv("PGPASSFILE", str(place.folder / "pgpass"))
    # Ray asks for its token only where it is told to.
    hosts_settings = {"PYTHONPATH": str(ROOT), "RAY_TMPDIR": "/tmp", "RAY_AUTH_MODE": "token"}
    address = f"{HOSTS[one]}:{RAY_PORT}"
    with (
        team_database(OUTSIDE) as database,
        started(server, place.folder / "server.log"),
    ):
        (place.folder / "pgpass").write_text(f"{OUTSIDE}:*:*:kdops:{database.password}\n", encoding="utf-8")
        (place.folder / "pgpass").chmod(0o600)
        with started(head, place.folder / "head.log", **hosts_settings):
            _wait_for(lambda: _answers(f"{uri}/health"), place.folder / "server.log")
            _wait_for(lambda: _connects(HOSTS[one], RAY_PORT), place.folder / "head.log")
            log = place.folder / "worker.log"
            with started(worker, log, **hosts_settings):
                _wait_for(lambda: "Ray runtime started" in log.read_text(), log)
                exam = run(
                    place,
                    [*on(one), sys.executable, *asked(place, backend="ray", storage=database.storage)],
                    {"RAY_ADDRESS": address, "MLFLOW_TRACKING_URI": uri, "RAY_AUTH_MODE": "token"},
                )
        assert (here.code, exam.code) == (0, 0), here.said + exam.said
        assert trial_states(database.storage) == {f"{student}-{recipe}": ["COMPLETE"] for student, recipe in STUDIES}
    assert exam.results() == here.results()
    students = finished(place, "student")
    assert {run.data.tags["kdops.process"].split(":")[0] for run in students} == set(HOSTS)
    assert {run.info.status for run in place.runs()} == {"FINISHED"}
    assert not (place.home / "optuna.db").exists()
    # The teacher is found, and asked about each text once, by whichever host is first.
    asked_first = max(logits_asked(here))
    assert logits_asked(exam) == logits_asked(here) == [0, asked_first]
    assert asked_first > 0
