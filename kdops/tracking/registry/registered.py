"""The model registry: registers bundles as served models, finds versions and their records, fetches bundles."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kdops.tracking import artifacts, host, names, runs, store
from kdops.tracking.logged_models import latest_metrics
from kdops.tracking.registry import bundles

if TYPE_CHECKING:
    import mlflow.entities.model_registry as entities

_log = logging.getLogger(__name__)

LONGEST_DESCRIPTION = 5000
"""Characters that MLflow's database keeps of a version's description."""

_LOGGED = "models:/"
_VERSIONS_A_PAGE = 100
# The tags by which two versions are the same; the best precision is measured, so it may differ from time to time.
_SAME = (names.FINGERPRINT, names.PRECISION)


@dataclass(frozen=True)
class Version:
    """One version of a registered model.

    Attributes:
        model: the registered model's name.
        number: its own.
        run_id: the run that made it.
        tags: by name.
        description: its card.
        model_id: the logged model that it is; None where it is none.
    """

    model: str
    number: int
    run_id: str | None
    tags: Mapping[str, str]
    description: str = ""
    model_id: str | None = None

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
    """The record of a version.

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

    A version of the same work (tag `kdops.fingerprint`) in the same precision is taken instead of making another: it is
    left by a process that was cut off between registering it and finishing its run. What was not done for it then is
    done now.

    Args:
        bundle: The folder.
        run: The open run that made it; where its logged model is open, that becomes the version.
        corpus_name: The dataset, which names the registered model.
        tags: Tags of the version: fingerprint, student, recipe, precision, and the validation score by the name of its
            metric. No more: the UI shows each on a line of its own.
        description: Shown with the version in the UI.
        force: Make another version in any case.
        challenges: Whether it may be the challenger at all.

    Returns:
        The number of the version.
    """
    import mlflow

    client, model = store.client(), names.registered_model_name(corpus_name)
    written = {key: str(value) for key, value in tags.items()}
    version = None if force else _same_work(corpus_name, written)
    if version and bundles.files_stand(version.uri):
        _log.info("the same work is registered already, as version %d of %s", version.number, model)
    else:
        model_id = run.subject.model_id if run.subject else bundles.log_bundle(bundle, run, corpus_name)
        with artifacts.written(run.run_id, f"a version of {model}"):
            version = _version(mlflow.register_model(f"models:/{model_id}", model, tags=written))
    if not version.description:
        client.update_model_version(model, str(version.number), description[:LONGEST_DESCRIPTION])
    if challenges:
        challenge(corpus_name, version.number)
    return version.number


def challenge(corpus_name: str, number: int) -> None:
    """Make a version the challenger, unless the one so far is newer, or that or the champion is known to be better.

    Better by the validation score among the tags. While there is no champion, the description of the model tells of the
    challenger.
    """
    client, model = store.client(), names.registered_model_name(corpus_name)
    version = _version(client.get_model_version(model, str(number)))
    if not _challenges(version, corpus_name):
        return
    client.set_registered_model_alias(model, names.CHALLENGER, str(number))
    if alias_of(model, names.CHAMPION) is None:
        in_short = version.description.partition("\n\n## ")[0]
        describe_model(model, f"**Challenger: version {number}**, no champion yet.\n\n{in_short}")


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
    return version.number if bundles.files_stand(version.uri) else None


def _same_work(corpus_name: str, tags: Mapping[str, str]) -> Version | None:
    """The newest version of the same work; None too for work that nothing names."""
    if names.FINGERPRINT not in tags:
        return None
    same = [one for one in versions(corpus_name) if all(one.tags.get(key) == tags.get(key) for key in _SAME)]
    return same[-1] if same else None


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
    """Read what is known of a version: of its run, or where that was deleted of its logged model."""
    from mlflow.exceptions import MlflowException

    try:
        data = store.client().get_run(version.run_id or "").data
    except MlflowException as error:
        if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise
        return Record(latest_metrics(version.model_id) if version.model_id else {}, None, 1)
    return Record(data.metrics, host.kind(data.tags), int(data.params.get(f"{names.CONFIG_PREFIX}threads", "1")))


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


def _version(found: "entities.ModelVersion") -> Version:
    tags = {key: value for key, value in found.tags.items() if value}
    logged = (found.source or "").removeprefix(_LOGGED)
    model_id = None if logged == found.source or "/" in logged else logged
    return Version(found.name, int(found.version), found.run_id, tags, found.description or "", model_id)
