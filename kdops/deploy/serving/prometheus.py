"""The Prometheus metrics of a server, over all its workers."""

import os
from typing import Any

SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""Environment variable: where workers count together; prometheus_client reads it when it is imported."""

_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
_TEXTS = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """The counters of one worker; names and help are what `GET /metrics` says."""

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry, Counter, Histogram

        self._registry = registry = CollectorRegistry()
        self._requests = Counter(
            "kdops_requests", "Requests for predictions, by status of the answer.", ["status"], registry=registry
        )
        self._seconds = Histogram(
            "kdops_request_seconds", "From a request's head to its answer.", buckets=_SECONDS, registry=registry
        )
        self._texts = Counter("kdops_texts", "Texts that were answered.", registry=registry)
        self._batches = Histogram(
            "kdops_batch_texts", "Texts that went through the model together.", buckets=_TEXTS, registry=registry
        )
        self._loads = Counter(
            "kdops_loads",
            "Models that workers loaded, and such as they could not load.",
            ["outcome"],
            registry=registry,
        )
        self._by_status: dict[int, Any] = {}

    def answered(self, status: int, seconds: float, texts: int) -> None:
        """Count a request for predictions, and the texts that it was answered."""
        if status not in self._by_status:  # finding a label takes longer than counting
            self._by_status[status] = self._requests.labels(str(status))
        self._by_status[status].inc()
        self._seconds.observe(seconds)
        self._texts.inc(texts)

    def batch(self, texts: int) -> None:
        """Count a batch."""
        self._batches.observe(texts)

    def loaded(self, *, well: bool) -> None:
        """Count a model that answers from now on, or that could not be loaded."""
        self._loads.labels("loaded" if well else "refused").inc()

    def exposition(self) -> bytes:
        """All of it in Prometheus's text format."""
        from prometheus_client import CollectorRegistry, generate_latest
        from prometheus_client.multiprocess import MultiProcessCollector

        registry = self._registry
        if SHARED_FOLDER in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)
        text: bytes = generate_latest(registry)
        return text
