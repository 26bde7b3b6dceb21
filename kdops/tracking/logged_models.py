"""Logged models: scores and costs belong to them, so that one search of MLflow compares teacher, baseline, student."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kdops.tracking import artifacts, names, store
from kdops.tracking.names import Role

if TYPE_CHECKING:
    from mlflow.entities import Metric

    from kdops.data.corpus import Corpus

_MEASURED_ON = {
    names.VALIDATION_PREFIX: "validation",
    names.TEST_PREFIX: "test",
    names.COST_PREFIX: "validation",
    names.RATIO_PREFIX: "validation",
}
"""The split that a model's scores, or its costs, are measured on, by how their names begin."""


@dataclass(frozen=True)
class LoggedModel:
    """A logged model, and the data set that it is measured on.

    Attributes:
        model_id: MLflow's name for it.
        dataset: the data set's name.
        data: its fingerprint.
    """

    model_id: str
    dataset: str
    data: str

    def metric(self, name: str, value: float, time_ms: int, step: int) -> "Metric":
        """A metric, which is this model's too if it is a score or a cost."""
        from mlflow.entities import Metric

        split = next((split for prefix, split in _MEASURED_ON.items() if name.startswith(prefix)), None)
        if split is None:
            return Metric(name, value, time_ms, step)
        digest = data_digest(self.data, split)
        return Metric(name, value, time_ms, step, self.model_id, self.dataset, digest)


def data_digest(fingerprint: str, split: str) -> str:
    """The digest by which MLflow knows a split of a data set; it begins with the data set's fingerprint."""
    return f"{fingerprint}-{split}"


def logged_name(*parts: str) -> str:
    """The name of a logged model of these parts; characters that MLflow refuses in names become hyphens."""
    return re.sub(r"[^\w]+", "-", "-".join(parts)).strip("-")


def described(params: Mapping[str, object]) -> dict[str, str]:
    """Parameters of a logged model, which MLflow shows beside those of its run, and finds models by."""
    return {names.MODEL_PREFIX + key: str(value) for key, value in params.items()}


def create(run_id: str, role: Role, corpus: "Corpus", name: str, params: Mapping[str, object]) -> LoggedModel:
    """Make the logged model of a teacher or a baseline, whose files its run keeps."""
    import mlflow
    from mlflow.entities import LoggedModelOutput

    with artifacts.written(run_id, "its model"):
        made = mlflow.create_external_model(
            name=logged_name(name),
            source_run_id=run_id,
            params=described(params),
            model_type=role,
        )
        store.client().log_outputs(run_id, [LoggedModelOutput(made.model_id, step=0)])
    return LoggedModel(made.model_id, corpus.name, corpus.fingerprint)


def of_run(run_id: str, corpus: "Corpus") -> LoggedModel | None:
    """The logged model that a run made; None of a run that is older than they are."""
    with store.answering():
        outputs = store.client().get_run(run_id).outputs
    if not (outputs and outputs.model_outputs):
        return None
    return LoggedModel(outputs.model_outputs[-1].model_id, corpus.name, corpus.fingerprint)


def latest_metrics(model_id: str) -> dict[str, float]:
    """The latest value of each metric of a logged model; none where there is no such model any more."""
    from mlflow.exceptions import MlflowException

    try:
        found = store.client().get_logged_model(model_id).metrics or []
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return {}
    return {metric.key: metric.value for metric in sorted(found, key=lambda one: (one.timestamp, one.step))}
