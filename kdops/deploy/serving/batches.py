"""Requests that wait go through the model together; none waits for others to come."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from kdops.deploy.predictor import MAX_TEXTS, Predictor
from kdops.deploy.serving.requests import Refusal, invalid

MOST_TEXTS = 64
"""The most texts of a batch; one request has at most half of it, so that a large one leaves room for others."""

MOST_WAITING = 2 * MAX_TEXTS
"""The most texts that may wait for an answer; a request beyond that is refused, to be sent again later."""

_SHARE = MOST_TEXTS // 2
_SHORT_S = 0.002
_MEMORY = 0.9  # of the mean seconds of a text: how much of it is older than the last batch


@dataclass(eq=False)
class _Job:
    """A request: its inputs, what of them is answered, and who waits for the rest."""

    inputs: Sequence[Any]
    done: asyncio.Future[list[Any]]
    answers: list[Any] = field(default_factory=list)

    @property
    def rest(self) -> int:
        return len(self.inputs) - len(self.answers)


class Batcher:
    """Answers requests by whatever model is current.

    While a batch is in the model, requests gather; the next batch is all of them, up to `MOST_TEXTS` texts. So nobody
    is kept waiting for company, and the busier it is, the larger the batches. Requests with more texts than their share
    are answered in parts, in turn with the others.

    A batch that by experience takes less than 2 ms is computed by the loop itself, since handing it to a thread costs
    as much as a third of a small model's answer; a longer one by a thread, so that the loop keeps on listening.

    Args:
        predictor: Gives the current model; asked anew for each batch.
        sized: called with the number of texts of each batch.
    """

    def __init__(self, predictor: Callable[[], Predictor], sized: Callable[[int], None]) -> None:
        self._predictor, self._sized = predictor, sized
        self._queue: deque[_Job] = deque()
        self._thread = ThreadPoolExecutor(1, "predictor")
        self._work: asyncio.Task[None] | None = None
        self._text_s = _SHORT_S
        self.waiting = 0

    @property
    def is_full(self) -> bool:
        """Whether a request of any size would be refused."""
        return self.waiting >= MOST_WAITING

    async def predict(self, inputs: Sequence[Any]) -> list[Any]:
        """Answer the texts of one request, in order.

        Raises:
            Refusal: The model does not take one of them, or too many wait already.
        """
        if self.waiting + len(inputs) > MOST_WAITING:
            raise Refusal(503, "RESOURCE_EXHAUSTED", f"{self.waiting:,} texts wait already; try again in a moment")
        job = _Job(inputs, asyncio.get_running_loop().create_future())
        self._queue.append(job)
        self.waiting += len(inputs)
        if self._work is None:
            self._work = asyncio.create_task(self._answer_all())
        try:
            return await job.done
        finally:
            self.waiting -= len(inputs)

    async def _answer_all(self) -> None:
        await asyncio.sleep(0)  # what came in with the first request joins it
        while jobs := self._take():
            outcomes = await self._answer(jobs)
            for job, outcome in zip(jobs, outcomes, strict=True):
                self._settle(job, outcome)
            await asyncio.sleep(0)
        self._work = None

    async def _answer(self, jobs: Sequence[_Job]) -> list[list[Any] | Exception]:
        starts = [len(job.answers) for job in jobs]
        parts = [job.inputs[start : start + _SHARE] for job, start in zip(jobs, starts, strict=True)]
        texts, began = sum(map(len, parts)), time.perf_counter()
        if texts * self._text_s < _SHORT_S:
            outcomes = answer(self._predictor(), parts, starts)
        else:
            work = partial(answer, self._predictor(), parts, starts)
            outcomes = await asyncio.get_running_loop().run_in_executor(self._thread, work)
        self._sized(texts)
        self._text_s = _MEMORY * self._text_s + (1 - _MEMORY) * (time.perf_counter() - began) / texts
        return outcomes

    def _take(self) -> list[_Job]:
        """The next batch: at least one request, from the front of the queue."""
        jobs: list[_Job] = []
        room = MOST_TEXTS
        while self._queue and (not jobs or room >= min(self._queue[0].rest, _SHARE)):
            job = self._queue.popleft()
            if not job.done.cancelled():
                jobs.append(job)
                room -= min(job.rest, _SHARE)
        return jobs

    def _settle(self, job: _Job, outcome: list[Any] | Exception) -> None:
        if job.done.cancelled():
            return
        if isinstance(outcome, Exception):
            job.done.set_exception(outcome)
            return
        job.answers += outcome
        if job.rest:
            self._queue.append(job)
        else:
            job.done.set_result(job.answers)

    def close(self) -> None:
        """End the thread; no request may follow."""
        self._thread.shutdown()


def answer(predictor: Predictor, parts: Sequence[Sequence[Any]], starts: Sequence[int]) -> list[list[Any] | Exception]:
    """Predict several requests in one batch.

    Args:
        predictor: The model.
        parts: Texts of each request.
        starts: Where in its request each part begins, for messages.

    Returns:
        Of each request its predictions, or why it has none: one that the model does not take spoils no other.
    """
    outcomes: list[Any] = []
    encoded: list[Any] = []
    for inputs, start in zip(parts, starts, strict=True):
        try:
            rows = predictor.encode(inputs, start)
        except TypeError as error:
            outcomes.append(invalid(str(error)))
        else:
            outcomes.append(slice(len(encoded), len(encoded) + len(rows)))
            encoded += rows
    try:
        predictions = predictor.decode(encoded, predictor.run(encoded))
    except Exception as error:
        return [outcome if isinstance(outcome, Exception) else error for outcome in outcomes]
    return [outcome if isinstance(outcome, Exception) else predictions[outcome] for outcome in outcomes]
