"""Worker processes that serve one port, replaced when one dies, stopped without losing a request.

uvicorn does that, and HTTP; what is served is `app.py`.
"""

import os
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import uvicorn
from uvicorn.supervisors import Multiprocess

from kdops.deploy.serving.prometheus import SHARED_FOLDER
from kdops.errors import UserError

_GRACE_S = 30
_IDLE_S = 75  # longer than most proxies keep a connection, so that it is they who close it
_MOST_CONNECTIONS = 2_000
_SWITCH_S = 0.0005


@dataclass(frozen=True)
class Settings:
    """How a bundle is served.

    Attributes:
        bundle: its folder, or a link to one that is followed.
        host: the address to listen on.
        port: the port to listen on.
        workers: processes.
        threads: CPU threads of a prediction, in each worker.
        access_log: whether each request is a line of JSON on standard output.
    """

    bundle: Path
    host: str
    port: int
    workers: int
    threads: int
    access_log: bool


def serve(settings: Settings, place: Path) -> None:
    """Serve until SIGTERM or SIGINT: then requests that came are answered, and no new ones taken.

    Args:
        settings: What, where, how.
        place: A folder of this server's own, where workers count together.

    Raises:
        UserError: The address cannot be listened on.
    """
    config = uvicorn.Config(
        partial(_application, settings),
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        log_level="warning",
        access_log=False,
        ws="none",
        lifespan="on",
        server_header=False,
        proxy_headers=False,
        backlog=_MOST_CONNECTIONS,
        limit_concurrency=_MOST_CONNECTIONS,
        timeout_keep_alive=_IDLE_S,
        timeout_graceful_shutdown=_GRACE_S,
    )
    try:
        listening = config.bind_socket()
    except SystemExit as error:  # uvicorn says why, and ends
        raise UserError(f"cannot listen on {settings.host}:{settings.port}") from error
    if settings.workers == 1:
        uvicorn.Server(config).run([listening])
        return
    os.environ[SHARED_FOLDER] = str(place)
    Multiprocess(config, [listening]).run()


def _application(settings: Settings) -> object:
    from kdops.deploy.serving.app import App

    # A computing thread gives way this often, 5 ms by default: a new request waits as long.
    sys.setswitchinterval(_SWITCH_S)
    return App(settings.bundle, settings.threads, access_log=settings.access_log)
