"""A team's server as docs/server.md starts it: PostgreSQL, MLflow with passwords before it, all on this machine."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
from place import ROOT

_START_S = 180
_HERE = "127.0.0.1"


@dataclass
class Team:
    """The server, and the settings of those who may use it."""

    folder: Path
    environment: dict[str, str]
    uri: str
    database_host: str = _HERE
    tracking: subprocess.Popen[bytes] | None = None
    people: dict[str, dict[str, str]] = field(default_factory=dict)

    def start(self) -> None:
        """Start the tracking server and wait until it answers."""
        with (self.folder / "tracking.log").open("ab") as log:
            self.tracking = subprocess.Popen(
                [ROOT / "server" / "tracking.sh"], env=self.environment, stdout=log, stderr=log, start_new_session=True
            )
        give_up = time.monotonic() + _START_S
        while not self._answers():
            assert self.tracking.poll() is None, (self.folder / "tracking.log").read_text(encoding="utf-8")
            assert time.monotonic() < give_up
            time.sleep(0.5)

    def kill(self) -> None:
        """Kill the tracking server with all its processes."""
        if self.tracking:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.tracking.pid, signal.SIGKILL)
            self.tracking.wait()

    def database(self, what: str) -> None:
        subprocess.run([ROOT / "server" / "database.sh", what], env=self.environment, check=True)

    def kill_database(self) -> None:
        """Kill PostgreSQL with all its processes, as a kernel without memory would."""
        file = self.folder / "database" / "data" / "postmaster.pid"
        postmaster = psutil.Process(int(file.read_text(encoding="utf-8").split()[0]))
        processes = [postmaster, *postmaster.children(recursive=True)]
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(processes, timeout=20)

    def add(self, name: str) -> None:
        """Give somebody a name and a password, as the admin does."""
        done = subprocess.run(
            [sys.executable, ROOT / "server" / "add_user.py", name],
            env=self.environment | {"MLFLOW_TRACKING_URI": self.uri},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        lines = (line.removeprefix("export ").partition("=") for line in done.stdout.splitlines())
        self.people[name] = {variable: value for variable, _, value in lines}

    @property
    def storage(self) -> str:
        """Where studies are kept: another database of the same PostgreSQL; libpq finds the password in `PGPASSFILE`."""
        return f"postgresql+psycopg://kdops@{self.database_host}:{self.environment['KDOPS_DATABASE_PORT']}/optuna"

    @property
    def password(self) -> str:
        """That of the database."""
        return (self.folder / "database" / "password").read_text(encoding="utf-8")

    def status(self, path: str, headers: Mapping[str, str]) -> int:
        """How the server answers a request."""
        try:
            with urllib.request.urlopen(urllib.request.Request(self.uri + path, headers=dict(headers))) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    def _answers(self) -> bool:
        with contextlib.suppress(OSError):
            return self.status("/health", {}) == 200
        return False


@contextlib.contextmanager
def team_database(host: str = _HERE) -> Iterator[Team]:
    """Start PostgreSQL alone on a free port, for others than this machine at `host`; skips where it cannot run."""
    if not (shutil.which("initdb") or list(Path("/usr/lib/postgresql").glob("*/bin/initdb"))):
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    pytest.importorskip("psycopg", reason="psycopg is not installed: pip install -e '.[server]'")
    # Not pytest's own folder, which the user that PostgreSQL runs as may not enter.
    folder = Path(tempfile.mkdtemp(prefix="kdops-server-"))
    folder.chmod(0o755)
    ports = _free_ports(2)
    settings = {
        "KDOPS_SERVER_HOME": str(folder),
        "KDOPS_DATABASE_HOST": "" if host == _HERE else host,
        "KDOPS_DATABASE_PORT": str(ports[0]),
        "KDOPS_SERVER_PORT": str(ports[1]),
        "KDOPS_SERVER_WORKERS": "1",
        "KDOPS_SERVER_NAMES": "mlflow.example.org",
        "KDOPS_PYTHON": sys.executable,
        "PGPASSFILE": str(folder / "database" / "pgpass"),
    }
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("KDOPS_", "MLFLOW_"))}
    environment = kept | {"MLFLOW_DISABLE_TELEMETRY": "true"} | settings
    team = Team(folder, environment, f"http://{_HERE}:{ports[1]}", host)
    try:
        team.database("start")
        yield team
    finally:
        team.database("stop")
        shutil.rmtree(folder)


@contextlib.contextmanager
def team_server() -> Iterator[Team]:
    """Start everything on free ports and stop it; skips where it cannot run."""
    pytest.importorskip("flask_wtf", reason="flask_wtf is not installed: pip install -e '.[server]'")
    with team_database() as team:
        try:
            team.start()
            yield team
        finally:
            team.kill()


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as open_until_all_are_known:
        sockets = [open_until_all_are_known.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]
