"""The model registry: bundles in as served models, versions found, what is known of them, bundles out."""

import contextlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from kdops.deploy.predictor import INFO_FILE
from kdops.errors import UserError
from kdops.task import Task
from kdops.tracking import artifacts, host, names, runs, store
from kdops.tracking.registry.signature import signature_of
from kdops.workspace import home

if TYPE_CHECKING:
    import mlflow.entities.model_registry as entities
    from mlflow.models.model import ModelInfo

_log = logging.getLogger(__name__)

LONGEST_DESCRIPTION = 5000
"""Characters that MLflow's database keeps of a version's description."""

# What the served model imports; MLflow adds itself.
_SERVING_PACKAGES = ("numpy", "onnxruntime", "tokenizers")
# Not the name of the run's artifact: MLflow gives out both as one folder, and a bundle holds nothing else.
_MODEL = "model"
_BUNDLE = "bundle"
_PREDICTOR = "predictor"
EXAMPLE = "Pelayanannya ramah dan makanannya enak"
_VERSIONS_A_PAGE = 100
# What tells that two versions are the same thing; which precision is best is measured, so it may come out otherwise.
_SAME = (names.FINGERPRINT, names.PRECISION)


@dataclass(frozen=True)
class Version:
    """One version of a registered model."""

    model: str
    number: int
    run_id: str | None
    tags: Mapping[str, str]
    description: str = ""

    @property
    def uri(self) -> str:
        """The address that MLflow loads it from."""
        return f"models:/{self.model}/{self.number}"

    @property
    def main_metric(self) -> str:
        """The metric that it was chosen by, by its tags; empty where they do not say."""
        scores = [name for name in self.tags if name.startswith(names.VALIDATION_PREFIX)]
        return scores[0].removeprefix(names.VALIDATION_PREFIX) if scores else ""


@dataclass(frozen=True)
class Record:
    """The record of a version: from its run, and from its own tags where they say otherwise.

    Attributes:
        metrics: The latest value of each.
        host: The kind of host that its costs were measured on, None when nobody knows.
        threads: CPU threads that it was measured with.
    """

    metrics: Mapping[str, float]
    host: str | None
    threads: int


def register(
    bundle: Path,
    *,
    run: runs.Run,
    corpus_name: str,
    tags: Mapping[str, object],
    description: str,
    force: bool = False,
    challenges: bool = True,
) -> int:
    """Register a bundle as the newest version of its dataset's model, and make it the challenger if none is better.

    While there is no champion, the description of the model tells of the challenger.

    Better by the validation score among the tags, where there is one: champion and challenger so far are looked at.

    A version of the same work (tag `kdops.fingerprint`) in the same precision is taken instead of making another: it is
    left by a process that was cut off between registering it and finishing its run. What was not done for it then is
    done now.

    Args:
        bundle: The folder.
        run: The open run that made it.
        corpus_name: The dataset, which names the registered model.
        tags: Tags of the version: fingerprint, student, recipe, precision, and the validation score by the name of its
            metric. No more: the UI shows each on a line of its own.
        description: Shown with the version in the UI.
        force: Make another version in any case.
        challenges: Whether it may be the challenger at all.

    Returns:
        The number of the version.
    """
    client, model = store.client(), names.registered_model_name(corpus_name)
    written = {key: str(value) for key, value in tags.items()}
    version = None if force else _same_work(corpus_name, written)
    if version and _stands(version):
        _log.info("the same work is registered already, as version %d of %s", version.number, model)
    else:
        with artifacts.written(run.run_id, _MODEL):
            version = _add(bundle, model, written)
    if not version.description:
        client.update_model_version(model, str(version.number), description[:LONGEST_DESCRIPTION])
    if challenges and _challenges(version, corpus_name):
        client.set_registered_model_alias(model, names.CHALLENGER, str(version.number))
        if alias_of(model, names.CHAMPION) is None:
            in_short = description.partition("\n\n## ")[0]
            describe_model(model, f"**Challenger: version {version.number}**, no champion yet.\n\n{in_short}")
    return version.number


def _challenges(version: Version, corpus_name: str) -> bool:
    """Whether a version is to be the challenger: it is newer than the one so far, and nothing is known to be better."""
    others = [find_version(corpus_name, alias) for alias in (names.CHALLENGER, names.CHAMPION)]
    if others[0] and others[0].number >= version.number:
        return False
    scores = [_validation(other.tags) for other in others if other]
    own = _validation(version.tags)
    return own is None or all(score is None or score <= own for score in scores)


def _validation(tags: Mapping[str, str]) -> float | None:
    return next((float(value) for name, value in tags.items() if name.startswith(names.VALIDATION_PREFIX)), None)


def version_of(run_id: str, corpus_name: str) -> int | None:
    """The version that a finished run says it registered, if it still stands with its files; None: it does not."""
    from mlflow.exceptions import MlflowException

    number = runs.get_tags(run_id).get(names.VERSION)
    if number is None:
        return None
    model = names.registered_model_name(corpus_name)
    try:
        version = _version(store.client().get_model_version(model, number))
    except MlflowException as error:
        _log.warning("version %s of %s is not there any more (%s)", number, model, store.one_line(error))
        return None
    return version.number if _stands(version) else None


def _stands(version: Version) -> bool:
    """Whether the files of a version are still there."""
    import mlflow.artifacts
    from mlflow.exceptions import MlflowException

    try:
        carried = _model_info(version.uri).flavors["python_function"]["artifacts"][_BUNDLE]["path"]
        files = mlflow.artifacts.list_artifacts(artifact_uri=f"{version.uri}/{carried}")
    except (MlflowException, UserError, OSError, KeyError) as error:
        _log.warning("the files of version %d of %s are gone: %s", version.number, version.model, store.one_line(error))
        return False
    if not any(file.path.endswith(INFO_FILE) for file in files):
        _log.warning("the files of version %d of %s are gone", version.number, version.model)
        return False
    return True


def _same_work(corpus_name: str, tags: Mapping[str, str]) -> Version | None:
    """The newest version of the same work; None too for work that nothing names."""
    if names.FINGERPRINT not in tags:
        return None
    same = [one for one in versions(corpus_name) if all(one.tags.get(key) == tags.get(key) for key in _SAME)]
    return same[-1] if same else None


def _add(bundle: Path, model: str, tags: dict[str, str]) -> Version:
    """A new version, which has its tags from the first moment."""
    import mlflow
    import pandas as pd

    from kdops.deploy import predictor

    told = predictor.read_info(bundle)
    info = mlflow.pyfunc.log_model(
        name=_MODEL,
        python_model=str(Path(__file__).with_name("served_model.py")),
        artifacts={_BUNDLE: str(bundle), _PREDICTOR: predictor.__file__},
        pip_requirements=[f"{package}=={metadata.version(package)}" for package in _SERVING_PACKAGES],
        signature=signature_of(Task(told.task), pairs=told.pairs),
        input_example=pd.DataFrame(_example(pairs=told.pairs)),
    )
    return _version(mlflow.register_model(info.model_uri, model, tags=tags))


def find_version(corpus_name: str, alias: str) -> Version | None:
    """Find the version that an alias names; None when there is no such alias, or no model of this dataset."""
    model = names.registered_model_name(corpus_name)
    number = alias_of(model, alias)
    return None if number is None else _version(store.client().get_model_version(model, str(number)))


def alias_of(model: str, alias: str) -> int | None:
    """The number of the version that an alias of a registered model names; None when there is no such alias."""
    from mlflow.exceptions import MlflowException

    try:
        number = store.client().get_registered_model(model).aliases.get(alias)
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return None
        raise
    return None if number is None else int(number)


def versions(corpus_name: str) -> list[Version]:
    """All versions of a dataset's model, oldest first."""
    wanted = f"name = '{names.registered_model_name(corpus_name)}'"
    found: list[Version] = []
    token: str | None = None
    while token != "":
        page = store.client().search_model_versions(wanted, max_results=_VERSIONS_A_PAGE, page_token=token)
        found += map(_version, page)
        token = page.token or ""
    return sorted(found, key=lambda version: version.number)


def record(version: Version) -> Record:
    """Read what is known of a version; its run may have been deleted since."""
    from mlflow.exceptions import MlflowException

    values: dict[str, float] = {}
    tags: dict[str, str] = {}
    threads = "1"
    if version.run_id:
        try:
            data = store.client().get_run(version.run_id).data
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
        else:
            values, tags = dict(data.metrics), dict(data.tags)
            threads = data.params.get(f"{names.CONFIG_PREFIX}threads", threads)
    for name, value in version.tags.items():
        with contextlib.suppress(ValueError):
            values[name] = float(value)
    return Record(values, host.kind(tags), int(threads))


def describe(version: Version, tags: Mapping[str, object], description: str) -> None:
    """Set tags of a version, and its description, which is Markdown and cut where MLflow's database would refuse it.

    Args:
        version: The version.
        tags: By name; those that are None are taken away, by emptying them: on a server with passwords only the owner
            of a model may delete a tag.
        description: Its description from now on; who writes one that must be whole keeps to `LONGEST_DESCRIPTION`.
    """
    client, number = store.client(), str(version.number)
    there = client.get_model_version(version.model, number).tags
    for key, value in tags.items():
        if value is not None or key in there:
            client.set_model_version_tag(version.model, number, key, "" if value is None else str(value))
    client.update_model_version(version.model, number, description[:LONGEST_DESCRIPTION])


def describe_model(model: str, description: str) -> None:
    """Set the description of a registered model, which is Markdown."""
    store.client().update_registered_model(model, description[:LONGEST_DESCRIPTION])


def try_out(version: Version) -> None:
    """Load a version from the registry as a server does, past everything kept on this machine, and ask it something.

    Raises:
        UserError: It does not load, or does not answer.
    """
    import mlflow
    import pandas as pd

    try:
        model = mlflow.pyfunc.load_model(version.uri)
        pairs = model.unwrap_python_model().predictor.info.pairs
        model.predict(pd.DataFrame(_example(pairs=True)) if pairs else [EXAMPLE])
    except Exception as error:  # it runs the model's own code
        raise UserError(f"version {version.number} does not serve: {store.one_line(error)}") from error


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


def run_of(model_uri: str) -> str | None:
    """The run that made a registered or logged model; None when it was made outside of any.

    Raises:
        UserError: There is no such model.
    """
    run_id: str | None = _model_info(model_uri).run_id
    return run_id


def _model_info(model_uri: str) -> "ModelInfo":
    import mlflow
    from mlflow.exceptions import MlflowException

    try:
        return mlflow.models.get_model_info(model_uri)
    except (MlflowException, OSError) as error:
        raise UserError(f"no model {model_uri}: {store.one_line(error)}") from error


def _version(found: "entities.ModelVersion") -> Version:
    tags = {key: value for key, value in found.tags.items() if value}
    return Version(found.name, int(found.version), found.run_id, tags, found.description or "")
