"""Bundles as MLflow models: logged, tried out, fetched."""

import logging
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from kdops.deploy.predictor import INFO_FILE
from kdops.errors import UserError
from kdops.task import Task
from kdops.tracking import artifacts, runs, store
from kdops.tracking.logged_models import described, logged_name
from kdops.tracking.names import Role
from kdops.tracking.registry.signature import signature_of
from kdops.workspace import home

if TYPE_CHECKING:
    from mlflow.models.model import ModelInfo

_log = logging.getLogger(__name__)

# What the served model imports; MLflow adds itself.
_SERVING_PACKAGES = ("numpy", "onnxruntime", "tokenizers")
_BUNDLE = "bundle"
_PREDICTOR = "predictor"
EXAMPLE = "Pelayanannya ramah dan makanannya enak"


def log_bundle(bundle: Path, run: runs.Run, name: str, params: Mapping[str, object] = MappingProxyType({})) -> str:
    """Log a bundle as a model that MLflow serves; it is the open run's, and has its parameters too.

    MLflow gives a new model the metrics of its run, so this comes before those.

    Args:
        bundle: the folder.
        run: the open run that made it.
        name: what the UI calls it.
        params: what it is, by name.

    Returns:
        The id of the logged model.

    Raises:
        OSError: its files could not be written.
        Stopped: the tracking store went away.
    """
    import mlflow
    import pandas as pd

    from kdops.deploy import predictor

    told = predictor.read_info(bundle)
    with artifacts.written(run.run_id, "the model"):
        info = mlflow.pyfunc.log_model(
            name=logged_name(name),
            python_model=str(Path(__file__).with_name("served_model.py")),
            artifacts={_BUNDLE: str(bundle), _PREDICTOR: predictor.__file__},
            pip_requirements=[f"{package}=={metadata.version(package)}" for package in _SERVING_PACKAGES],
            signature=signature_of(Task(told.task), pairs=told.pairs),
            input_example=pd.DataFrame(_example(pairs=told.pairs)),
            params=described(params),
            model_type=Role.STUDENT,
        )
    return str(info.model_id)


def files_stand(model_uri: str) -> bool:
    """Whether the files of a bundle that was logged are still there."""
    import mlflow.artifacts
    from mlflow.exceptions import MlflowException

    try:
        carried = _model_info(model_uri).flavors["python_function"]["artifacts"][_BUNDLE]["path"]
        files = mlflow.artifacts.list_artifacts(artifact_uri=f"{model_uri}/{carried}")
    except (MlflowException, UserError, OSError, KeyError) as error:
        _log.warning("the files of %s are gone: %s", model_uri, store.one_line(error))
        return False
    if not any(file.path.endswith(INFO_FILE) for file in files):
        _log.warning("the files of %s are gone", model_uri)
        return False
    return True


def try_out(model_uri: str) -> None:
    """Load a model from the registry as a server does, past everything kept on this machine, and ask it something.

    Raises:
        UserError: It does not load, or does not answer.
    """
    import mlflow
    import pandas as pd

    try:
        model = mlflow.pyfunc.load_model(model_uri)
        pairs = model.unwrap_python_model().predictor.info.pairs
        model.predict(pd.DataFrame(_example(pairs=True)) if pairs else [EXAMPLE])
    except Exception as error:  # it runs the model's own code
        raise UserError(f"{model_uri} does not serve: {store.one_line(error)}") from error


def _example(*, pairs: bool) -> dict[str, list[str]]:
    return {"text": [EXAMPLE], **({"text_pair": [EXAMPLE]} if pairs else {})}


def download_bundle(model_uri: str) -> Path:
    """Fetch the bundle of a registered or logged model to this machine; it is kept for the next time.

    Args:
        model_uri: As MLflow writes it: `models:/kdops-sample@champion`, `models:/kdops-sample/3`, `models:/m-<id>`.

    Returns:
        The bundle's folder, below `kdops.workspace.home()`; not to be changed.

    Raises:
        UserError: There is no such model, or it carries no bundle.
    """
    info = _model_info(model_uri)
    carried = info.flavors.get("python_function", {}).get("artifacts", {})
    if _BUNDLE not in carried:
        raise UserError(f"model {model_uri} carries no kdops bundle")
    folder = artifacts.download(model_uri, home() / "registry" / info.model_id)
    return folder / str(carried[_BUNDLE]["path"])


def origin_of(model_uri: str) -> tuple[str | None, str | None]:
    """The run that made a registered or logged model, and the logged model; None where it was made without.

    Raises:
        UserError: There is no such model.
    """
    info = _model_info(model_uri)
    return info.run_id, info.model_id


def _model_info(model_uri: str) -> "ModelInfo":
    import mlflow
    from mlflow.exceptions import MlflowException

    try:
        return mlflow.models.get_model_info(model_uri)
    except (MlflowException, OSError) as error:
        raise UserError(f"no model {model_uri}: {store.one_line(error)}") from error
