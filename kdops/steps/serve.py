"""Step `serve`: a bundle, or a registered model and whatever its alias names next, behind HTTP."""

import itertools
import shutil
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

from kdops.deploy.serving.events import say
from kdops.deploy.serving.link import point
from kdops.errors import UserError
from kdops.tracking.registry.fetch import alias_of, is_registered, server

POLL_S = 10.0
POLL_DATABASE_S = 60.0
"""Without a server to ask, each look at the registry is a process that imports MLflow: seconds of CPU time."""

_FETCH = "kdops.tracking.registry.fetch"
_FETCH_LIMIT_S = 600
_KEPT = 2  # bundles: the one that answers, and the one before it, which a worker may be reading


@dataclass(frozen=True)
class ServeConfig:
    """How to serve a model.

    Attributes:
        model: a bundle's folder or a link to one, or a registered model: `models:/NAME@ALIAS`, `models:/NAME/VERSION`.
        host: the address to listen on.
        port: the port to listen on.
        workers: processes that answer.
        threads: CPU threads of a prediction, in each of them.
        poll_s: seconds between looks at what the alias names; None: as often as it costs little.
        access_log: whether each request is a line on standard output.
    """

    model: str
    host: str
    port: int
    workers: int
    threads: int
    poll_s: float | None
    access_log: bool


def serve(config: ServeConfig) -> None:
    """Serve until told to stop.

    Raises:
        UserError: The model cannot be had, or the address not be listened on.
    """
    from kdops.deploy.serving.server import Settings, serve

    with tempfile.TemporaryDirectory(prefix="kdops-serve-") as folder:
        place = Path(folder)
        counts = place / "counts"
        counts.mkdir()
        bundle = _registered(config, place) if is_registered(config.model) else fetched(config.model, place)
        serve(Settings(bundle, config.host, config.port, config.workers, config.threads, config.access_log), counts)


def _registered(config: ServeConfig, place: Path) -> Path:
    """Fetch a registered model, and go on looking what its alias names.

    Returns:
        A link to its bundle.
    """
    follower = Follower(config.model, place)
    follower.look()
    if alias_of(config.model):
        pause_s = config.poll_s or (POLL_S if server() else POLL_DATABASE_S)
        threading.Thread(target=follower.follow, args=[pause_s], daemon=True).start()
    return follower.link


class Follower:
    """Keeps a link at the bundle of a registered model.

    Args:
        model: its address.
        place: a folder for the link and for bundles.
    """

    def __init__(self, model: str, place: Path) -> None:
        self.link = place / "bundle"
        self._model, self._place = model, place
        self._numbers = itertools.count()
        self._version = ""
        self._trouble = ""

    def look(self) -> None:
        """Point the link at the bundle that the model's address names now.

        Raises:
            UserError: That cannot be known, or had, or does not answer.
        """
        model, version = self._model, ""
        asked, named = server(), alias_of(model)
        if asked and named:
            version = asked.version(*named)
            if version == self._version:
                return
            model = f"models:/{named[0]}/{version}"
        folder = fetched(model, self._place / f"fetched-{next(self._numbers):06}").resolve()
        if not self.link.exists() or folder != self.link.resolve():
            point(self.link, folder)
            say("moved", model=self._model, version=version or None, bundle=str(folder))
        self._version = version
        for old in sorted(self._place.glob("fetched-*"))[:-_KEPT]:
            shutil.rmtree(old)

    def follow(self, pause_s: float) -> None:
        """Look again and again; a repeated error is logged once."""
        while not threading.Event().wait(pause_s):
            try:
                self.look()
                self._trouble = ""
            except UserError as error:
                if str(error) != self._trouble:
                    say("not moved", model=self._model, reason=str(error))
                self._trouble = str(error)


def fetched(model: str, target: Path) -> Path:
    """Fetch a bundle and try it, in a process of its own, whose memory goes away with it.

    Args:
        model: its address, or its own folder.
        target: where it is put if it comes from elsewhere; not there yet.

    Returns:
        The bundle's folder.

    Raises:
        UserError: It cannot be had, or it does not answer.
    """
    command = [sys.executable, "-m", _FETCH, model, str(target)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_FETCH_LIMIT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise UserError(f"{model} was not there after {_FETCH_LIMIT_S} s") from error
    if done.returncode:
        shutil.rmtree(target, ignore_errors=True)
        raise UserError((done.stderr.strip() or "it ended without a word").splitlines()[-1])
    return Path(done.stdout.splitlines()[-1])
