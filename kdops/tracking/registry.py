"""The model registry: bundles in as served models, versions found by alias, the champion moved."""

import contextlib
import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from kdops.errors import UserError
from kdops.home import home
from kdops.task import Task
from kdops.tracking import names, runs, store

if TYPE_CHECKING:
    from mlflow.models import ModelSignature

# What the served model imports; MLflow adds itself.
_SERVING_PACKAGES = ("numpy", "onnxruntime", "tokenizers")
_BUNDLE = "bundle"
_PREDICTOR = "predictor"
_EXAMPLE = "Pelayanannya ramah dan makanannya enak"


@dataclass(frozen=True)
class Version:
    """One version of a registered model."""

    model: str
    number: int
    run_id: str | None
    tags: Mapping[str, str]

    @property
    def uri(self) -> str:
        """The address that MLflow loads it from."""
        return f"models:/{self.model}/{self.number}"


def register(bundle: Path, *, run: runs.Run, corpus_name: str, tags: Mapping[str, object], description: str) -> int:
    """Register a bundle as the newest version of its dataset's model, and make it the challenger.

    Args:
        bundle: The folder.
        run: The open run that made it.
        corpus_name: The dataset, which names the registered model.
        tags: Tags of the version: student, recipe, precision, main metric, and costs by the names of their metrics.
        description: Shown with the version in the UI.

    Returns:
        The number of the version.
    """
    import mlflow
    import pandas as pd

    from kdops.deploy import predictor

    client = store.client()
    model = names.registered_model_name(corpus_name)
    info = mlflow.pyfunc.log_model(
        name=_BUNDLE,
        python_model=str(Path(__file__).with_name("served_model.py")),
        artifacts={_BUNDLE: str(bundle), _PREDICTOR: predictor.__file__},
        pip_requirements=[f"{package}=={metadata.version(package)}" for package in _SERVING_PACKAGES],
        signature=_signature(Task(predictor.read_info(bundle).task)),
        input_example=pd.DataFrame({"text": [_EXAMPLE]}),
    )
    version = mlflow.register_model(info.model_uri, model, tags={key: str(value) for key, value in tags.items()})
    client.update_model_version(model, version.version, description)
    client.set_registered_model_alias(model, names.CHALLENGER, version.version)
    return int(version.version)


def find_version(corpus_name: str, alias: str) -> Version | None:
    """Find the version that an alias names; None when there is no such alias, or no model of this dataset."""
    from mlflow.exceptions import MlflowException

    client = store.client()
    model = names.registered_model_name(corpus_name)
    try:
        number = client.get_registered_model(model).aliases.get(alias)
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return None
        raise
    if number is None:
        return None
    version = client.get_model_version(model, str(number))
    return Version(model, int(version.version), version.run_id, dict(version.tags))


def measured(version: Version) -> dict[str, float]:
    """Read what is known about a version: the metrics of its run, and its own tags where they say otherwise."""
    values = runs.get_metrics(version.run_id) if version.run_id else {}
    for name, value in version.tags.items():
        with contextlib.suppress(ValueError):
            values[name] = float(value)
    return values


def set_champion(version: Version, *, over: Version | None, reason: str) -> None:
    """Make a version the champion, and say on it since when, in whose place and why."""
    client = store.client()
    tags = {
        names.PROMOTED_OVER: str(over.number) if over else "none",
        names.PROMOTION_REASON: reason,
        names.PROMOTED_AT: datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }
    for key, value in tags.items():
        client.set_model_version_tag(version.model, str(version.number), key, value)
    # Last, so that a champion always has its tags.
    client.set_registered_model_alias(version.model, names.CHAMPION, str(version.number))


def download_bundle(model_uri: str) -> Path:
    """Fetch the bundle of a registered or logged model to this machine; it is kept for the next time.

    Args:
        model_uri: As MLflow writes it: `models:/kdops-sample@champion`, `models:/kdops-sample/3`, `models:/m-<id>`.

    Returns:
        The bundle's folder, below `kdops.home.home()`; not to be changed.

    Raises:
        UserError: There is no such model, or it carries no bundle.
    """
    import mlflow
    from mlflow.exceptions import MlflowException

    try:
        info = mlflow.models.get_model_info(model_uri)
    except (MlflowException, OSError) as error:
        raise UserError(f"no model {model_uri}: {store.one_line(error)}") from error
    artifacts = info.flavors.get("python_function", {}).get("artifacts", {})
    if _BUNDLE not in artifacts:
        raise UserError(f"model {model_uri} carries no kdops bundle")
    folder = runs.download(model_uri, home() / "registry" / info.model_id)
    return folder / str(artifacts[_BUNDLE]["path"])


def _signature(task: Task) -> "ModelSignature":
    from mlflow.models import ModelSignature
    from mlflow.types.schema import Array, ColSpec, DataType, Map, Object, Property, Schema, TensorSpec

    strings = Array(DataType.string)
    outputs: list[ColSpec | TensorSpec]
    if task is Task.TEXT:
        outputs = [ColSpec(DataType.string, "label"), ColSpec(Map(DataType.double), "probabilities")]
    else:
        span = [Property("type", DataType.string), Property("text", DataType.string)]
        span += [Property("start", DataType.long), Property("end", DataType.long)]
        outputs = [ColSpec(strings, "words"), ColSpec(strings, "tags"), ColSpec(Array(Object(span)), "spans")]
    outputs.append(ColSpec(DataType.boolean, "truncated"))
    # The input has no name: MLflow then takes plain lists of texts, and tables too.
    return ModelSignature(inputs=Schema([ColSpec(DataType.string)]), outputs=Schema(outputs))
