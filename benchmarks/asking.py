"""The clean process of one client of a server, or of a predictor without any: the same texts again and again.

`python -m benchmarks.asking` reads one JSON request (the fields of `Request`) from standard input and writes one JSON
answer (the fields of `Answer`) to standard output.
"""

import json
import socket
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

_WARM_UP = 5
_MOST_BYTES = 1 << 20


@dataclass(frozen=True)
class Request:
    """A load of requests.

    Attributes:
        texts: of each request, together.
        seconds: how long.
        port: of a server on this machine; 0: ask the bundle itself.
        bundle: folder of the bundle, if there is no server.
    """

    texts: Sequence[str]
    seconds: float
    port: int = 0
    bundle: str = ""


@dataclass(frozen=True)
class Answer:
    """The answers to a load, as measured.

    Attributes:
        per_s: requests that were answered, a second.
        ms: of each.
        cpu_s: CPU time of this process in all of them.
    """

    per_s: float
    ms: list[float]
    cpu_s: float


def answer(request: Request) -> Answer:
    """Ask until the time is up."""
    call = _over_http(request) if request.port else _alone(request)
    for _ in range(_WARM_UP):
        call()
    ms: list[float] = []
    began, cpu_began = time.perf_counter(), time.process_time()
    while (at := time.perf_counter()) < began + request.seconds:
        call()
        ms.append((time.perf_counter() - at) * 1000)
    return Answer(len(ms) / (time.perf_counter() - began), ms, time.process_time() - cpu_began)


def _alone(request: Request) -> Callable[[], object]:
    from kdops.deploy.predictor import Predictor

    predictor = Predictor.load(request.bundle)
    return lambda: predictor.predict(request.texts)


def _over_http(request: Request) -> Callable[[], object]:
    """One connection that stays; by hand, since a library for HTTP takes longer than the server does."""
    body = json.dumps({"inputs": request.texts}).encode()
    head = ["POST /invocations HTTP/1.1", "Host: localhost", "Content-Type: application/json"]
    message = "\r\n".join([*head, f"Content-Length: {len(body)}", "", ""]).encode() + body
    connection = socket.create_connection(("127.0.0.1", request.port), timeout=120)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def call() -> None:
        connection.sendall(message)
        said = connection.recv(_MOST_BYTES)
        head, _, content = said.partition(b"\r\n\r\n")
        if b" 200 " not in head.partition(b"\r\n")[0]:
            raise RuntimeError(said.decode(errors="replace"))
        missing = int(head.lower().partition(b"content-length:")[2].split()[0]) - len(content)
        while missing > 0:
            missing -= len(connection.recv(_MOST_BYTES))

    return call


if __name__ == "__main__":
    print(json.dumps(asdict(answer(Request(**json.loads(sys.stdin.read()))))))
