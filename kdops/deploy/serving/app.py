"""The application that a worker serves, as ASGI: MLflow's routes, and those that operators want."""

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from kdops import __version__
from kdops.deploy.serving.batches import Batcher
from kdops.deploy.serving.current import Current
from kdops.deploy.serving.events import AccessLog, say
from kdops.deploy.serving.prometheus import Metrics
from kdops.deploy.serving.requests import MAX_BYTES, Refusal, check_content_type, read, too_large

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_JSON, _TEXT = b"application/json", b"text/plain; version=0.0.4; charset=utf-8"
_GET = ("/ping", "/health", "/ready", "/version", "/metrics")
_PREDICT = "/invocations"


@dataclass
class Answer:
    """A response, and its facts for the access log.

    Attributes:
        body: content.
        status: HTTP status code.
        kind: content type.
        facts: for the log: numbers of texts and characters, or the reason of a refusal; never a text.
    """

    body: bytes
    status: int = 200
    kind: bytes = _JSON
    facts: dict[str, object] = field(default_factory=dict)


class App:
    """One worker: a model, its batches, its counters.

    Args:
        path: A bundle, or a link to one that is followed.
        threads: CPU threads of a prediction.
        access_log: Whether each request is a line of JSON on standard output.
    """

    def __init__(self, path: Path, threads: int, *, access_log: bool) -> None:
        self._access_log, self._metrics = AccessLog() if access_log else None, Metrics()
        self._current = Current(path, threads, self._loaded)
        self._batches = Batcher(lambda: self._current.predictor, self._metrics.batch)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or go along with the server's start and end."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        started = time.perf_counter()
        answer = await self._answer(scope, receive)
        length = str(len(answer.body)).encode()
        headers = [(b"content-type", answer.kind), (b"content-length", length)]
        if answer.status == 413:  # the rest of its body is not read
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})
        self._log(scope, answer, time.perf_counter() - started)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        following = asyncio.create_task(self._current.follow())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        following.cancel()
        self._batches.close()
        if self._access_log:
            self._access_log.flush()
        await send({"type": "lifespan.shutdown.complete"})

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        method, path = scope["method"], scope["path"]
        if path == _PREDICT and method == "POST":
            return await self._predict(scope, receive)
        if path in _GET and method in ("GET", "HEAD"):
            return self._status(path)
        known = path == _PREDICT or path in _GET
        refusal = Refusal(405 if known else 404, "BAD_REQUEST", f"there is no {method} {path:.99}")
        return Answer(refusal.body(), refusal.status)

    def _status(self, path: str) -> Answer:
        if path == "/metrics":
            return Answer(self._metrics.exposition(), kind=_TEXT)
        if path == "/version":
            return Answer(__version__.encode())
        if path == "/ready":
            info, ready = self._current.predictor.info, not self._batches.is_full
            about = {"ready": ready, "digest": info.digest, "student": info.student, "dataset": info.dataset}
            return Answer(orjson.dumps(about), 200 if ready else 503)
        return Answer(b"\n")

    async def _predict(self, scope: Scope, receive: Receive) -> Answer:
        started, facts = time.perf_counter(), dict[str, object]()
        try:
            body = await _body(scope, receive)
            question = read(body)
            facts |= {"texts": len(question.inputs), "characters": question.characters}
            predictions = await self._batches.predict(question.inputs)
            answer = Answer(orjson.dumps({"predictions": predictions}))
        except Refusal as refusal:
            facts["refused"] = refusal.code
            answer = Answer(refusal.body(), refusal.status)
        except Exception as error:
            facts["error"] = type(error).__name__
            answer = Answer(Refusal(500, "INTERNAL_ERROR", "the model failed at this request").body(), 500)
            say("failed", error=f"{type(error).__name__}: {error}"[:400])
        answer.facts = facts
        texts = len(question.inputs) if answer.status == 200 else 0
        self._metrics.answered(answer.status, time.perf_counter() - started, texts)
        return answer

    def _loaded(self, well: bool, what: str) -> None:
        self._metrics.loaded(well=well)
        say("loaded" if well else "refused", **{"bundle" if well else "reason": what})

    def _log(self, scope: Scope, answer: Answer, seconds: float) -> None:
        if self._access_log:
            client, ms = (scope.get("client") or ("",))[0], round(seconds * 1000, 2)
            about = {"method": scope["method"], "path": scope["path"][:99], "status": answer.status, "ms": ms}
            self._access_log.add({"event": "request", **about, "client": client, **answer.facts})


async def _body(scope: Scope, receive: Receive) -> bytes:
    """The body of a request, of which no more is read than one may have.

    Raises:
        Refusal: It is too long, or the head says that it is, or that it is no JSON.
    """
    headers = dict(scope["headers"])
    check_content_type(headers.get(b"content-type", b"").decode("latin-1"))
    length = headers.get(b"content-length", b"")
    if length.isdigit() and int(length) > MAX_BYTES:
        raise too_large(int(length))
    parts, size, more = list[bytes](), 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refusal(400, "BAD_REQUEST", "the client went away")
        parts.append(message.get("body", b""))
        size, more = size + len(parts[-1]), message.get("more_body", False)
        if size > MAX_BYTES:
            raise too_large(None)
    return b"".join(parts)
