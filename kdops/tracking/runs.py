"""Runs: opened, described, closed with an honest status, found again, and their files fetched."""

import contextlib
import json
import logging
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from kdops import process
from kdops.energy import POWERCAP, Meter
from kdops.errors import Stopped, UserError
from kdops.tracking import artifacts, host, names, server, store
from kdops.tracking.logged_models import LoggedModel, data_digest
from kdops.tracking.names import Role, Status

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure
    from mlflow.entities import RunData

    from kdops.data.corpus import Corpus

_log = logging.getLogger(__name__)

_RUN_ID = "MLFLOW_RUN_ID"  # set by `mlflow run` for its child
_GENERATED_NAME = re.compile(r"[a-z]+-[a-z]+-\d+")  # what MLflow calls a run that nobody named
_PARAMS_A_BATCH = 100  # MLflow's limit
_NO_SUCH_RUN = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")
_CONTEXTS = {"train": "training", "validation": "validation", "test": "test"}


class Run:
    """An open run; `tracked` makes it and closes it.

    Args:
        run_id: MLflow's name for it.
        subject: the model that its scores and costs belong to; None: to none.
    """

    def __init__(self, run_id: str, subject: LoggedModel | None = None) -> None:
        self.run_id = run_id
        self.subject = subject
        self.status: Status | None = None

    def metrics(self, values: Mapping[str, float], step: int | None = None) -> None:
        """Log metrics by name, at a step (an epoch, say) or as final values."""
        from mlflow.entities import Metric

        now_ms, metric = int(time.time() * 1000), self.subject.metric if self.subject else Metric
        metrics = [metric(name, float(value), now_ms, step or 0) for name, value in values.items()]
        with store.answering():
            store.client().log_batch(self.run_id, metrics=metrics)

    def params(self, values: Mapping[str, object]) -> None:
        """Log parameters by name; a parameter is written once and never changed."""
        from mlflow.entities import Param

        params = [Param(name, str(value)) for name, value in values.items()]
        with store.answering():
            for start in range(0, len(params), _PARAMS_A_BATCH):
                store.client().log_batch(self.run_id, params=params[start : start + _PARAMS_A_BATCH])

    def tags(self, values: Mapping[str, object]) -> None:
        """Set tags by name."""
        from mlflow.entities import RunTag

        tags = [RunTag(name, str(value)) for name, value in values.items()]
        with store.answering():
            store.client().log_batch(self.run_id, tags=tags)

    def folder(self, path: Path, artifact_path: str) -> None:
        """Log a folder with everything in it."""
        with artifacts.written(self.run_id, artifact_path):
            store.client().log_artifacts(self.run_id, str(path), artifact_path)

    def file(self, path: Path) -> None:
        """Log a file under its own name."""
        with artifacts.written(self.run_id, path.name):
            store.client().log_artifact(self.run_id, str(path))

    def figure(self, make: "Callable[[], Figure]", name: str) -> None:
        """Log a figure as `<name>.png`; a sheet that says so where it cannot be drawn."""
        from kdops.tracking.drawing import png

        with TemporaryDirectory() as folder:
            path = Path(folder, f"{name}.png")
            path.write_bytes(png(make, name))
            self.file(path)

    def text(self, text: str, name: str) -> None:
        """Log a text file."""
        with artifacts.written(self.run_id, name):
            store.client().log_text(self.run_id, text, name)

    def table(self, rows: "pd.DataFrame", name: str) -> None:
        """Log a table as `<name>.json`, which the UI shows beside those of other runs, and as `<name>.csv`."""
        with artifacts.written(self.run_id, name):
            store.client().log_table(self.run_id, rows, f"{name}.json")
            store.client().log_text(self.run_id, rows.to_csv(index=False), f"{name}.csv")

    def dataset(self, corpus: "Corpus") -> None:
        """Log the splits of a dataset as inputs of this run; their digests begin with the corpus's fingerprint."""
        import pandas as pd
        from mlflow.data.pandas_dataset import from_pandas
        from mlflow.entities import DatasetInput, InputTag
        from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT

        inputs = []
        for split, context in _CONTEXTS.items():
            frame = pd.DataFrame({"input": corpus.inputs(split), "label": corpus.gold(split)})
            # MLflow knows a dataset by name and digest, so without its name in it the splits would be one.
            digest = data_digest(corpus.fingerprint, split)
            dataset = from_pandas(frame, targets="label", name=corpus.name, digest=digest)
            inputs.append(DatasetInput(dataset._to_mlflow_entity(), [InputTag(MLFLOW_DATASET_CONTEXT, context)]))
        with store.answering():
            store.client().log_inputs(self.run_id, inputs)
        self.tags({names.DATASET: corpus.name, names.TASK: corpus.task})

    def finish(self, status: Status) -> None:
        """Set the status that this run ends with, however its block ends; a pruned trial is KILLED and no error."""
        self.status = status


def connect() -> None:
    """Make sure that the tracking store answers, and close the runs that dead processes of this machine left open.

    The store is `MLFLOW_TRACKING_URI`, by default `mlflow.db` in the working folder, artifacts in `mlruns` beside it.

    Raises:
        UserError: The address cannot be used, nothing answers there, or it refuses.
    """
    _log.info("connecting to MLflow's tracking store")
    import mlflow
    from mlflow.exceptions import MlflowException

    uri = mlflow.get_tracking_uri()
    server.check(uri)
    store.be_patient()
    try:
        store.close_orphans()
        store.restore_statuses()
    except MlflowException as error:
        raise UserError(f"tracking store {uri} refuses: {store.one_line(error)}") from error


@contextlib.contextmanager
def tracked(
    role: Role,
    name: str,
    *,
    fingerprint: str = "",
    tags: Mapping[str, object] | None = None,
    config: Mapping[str, object] | None = None,
    parent_run_id: str | None = None,
    kind: type[Run] = Run,
) -> Iterator[Run]:
    """Open a run around a piece of work.

    The outermost run of a process is the one that `mlflow run` made, where there is one; a run within a run is its
    child. It ends FINISHED; FAILED with tag `kdops.error` on an exception; KILLED on an interruption; or as
    `Run.finish` said.

    Args:
        role: What the run is for.
        name: Its name in the MLflow UI.
        fingerprint: Names the work, for `find_finished`; empty for work that is never reused.
        tags: More tags.
        config: The configuration. What has a value is logged as parameters `cfg.<key>`: the plain names belong to
            `mlflow run`. Where that is not all of it, all of it is logged as `config.json`. With `system_metrics` the
            run has what the machine does meanwhile, too.
        parent_run_id: The parent in another process, for workers.
        kind: The class of the run in the block: `Run`, or one that adds to it.

    Raises:
        Stopped: The tracking server went away; what is finished is kept.
    """
    import mlflow
    from mlflow.exceptions import MlflowException

    outermost = mlflow.active_run() is None
    described: dict[str, object] = {names.ROLE: role, names.PROCESS: process.identity(), names.USER: user()}
    if fingerprint:
        described[names.FINGERPRINT] = fingerprint
    watched = bool(config and config.get("system_metrics"))
    with store.answering():
        run = kind(_start(name, parent_run_id, host.facts() | described | dict(tags or {}), watched=watched))
    try:
        _describe(run, config or {})
        with store.answering(), _energy(run) if watched else contextlib.nullcontext():
            yield run
    except Stopped:
        # The next start finds it open and closes it.
        with contextlib.suppress(MlflowException, Stopped), store.answering():
            mlflow.end_run(Status.KILLED)
        raise
    except Exception as error:
        _end(run, run.status or Status.FAILED, None if run.status else error, outermost)
        raise
    except BaseException as error:
        _end(run, Status.KILLED, error, outermost)
        raise
    _end(run, run.status or Status.FINISHED, None, outermost)


@contextlib.contextmanager
def _energy(run: Run) -> Iterator[None]:
    """Around work that ends well: the energy that the machine used meanwhile, where it tells that."""
    with Meter() as meter:
        yield
    if meter.joules is None:
        _log.info("energy: %s does not tell this user what the machine uses", POWERCAP)
    else:
        run.metrics({names.ENERGY_WH: meter.joules / 3600})


def chosen(config: Mapping[str, object]) -> dict[str, object]:
    """The part of a configuration with values: neither none, nor auto, nor false, nor an empty list."""
    return {key: value for key, value in config.items() if str(value) not in names.NO_VALUE}


def _describe(run: Run, config: Mapping[str, object]) -> None:
    described = chosen(config)
    run.params({names.CONFIG_PREFIX + key: _as_typed(value) for key, value in described.items()})
    if len(described) < len(config):
        run.text(json.dumps(config, indent=1, default=str) + "\n", "config.json")


def _as_typed(value: object) -> object:
    """A list of names as it is typed, with commas."""
    if isinstance(value, tuple) and all(isinstance(one, str) for one in value):
        return ",".join(value)
    return value


def name_unused(run_id: str, name: str) -> None:
    """Name a run that was made for work that logs nothing; a store that does not answer leaves it as it is."""
    from mlflow.exceptions import MlflowException

    with contextlib.suppress(MlflowException, OSError):
        store.be_impatient()
        store.client().set_tag(run_id, names.RUN_NAME, name)


def user() -> str:
    """The user's name on the tracking server, else on this machine."""
    import getpass

    from mlflow.utils.credentials import read_mlflow_creds

    try:
        return read_mlflow_creds().username or getpass.getuser()
    except KeyError:
        # A container may run under a number that has no name.
        return str(os.getuid())


def is_signed_in() -> bool:
    """Whether it is the tracking server that knows who is working, by name and password."""
    import mlflow
    from mlflow.utils.credentials import read_mlflow_creds

    return mlflow.get_tracking_uri().startswith(("http://", "https://")) and read_mlflow_creds().username is not None


def find_finished(role: Role, fingerprint: str) -> str | None:
    """Find the newest finished run that did a piece of work, in any experiment.

    Returns:
        Its run id, or None.
    """
    found = store.search(
        f"tags.`{names.ROLE}` = '{role}' and tags.`{names.FINGERPRINT}` = '{fingerprint}' "
        f"and attributes.status = '{Status.FINISHED}'"
    )
    return found[0].info.run_id if found else None


def get_metrics(run_id: str) -> dict[str, float]:
    """Read the latest value of each metric of a run; UserError where there is no such run."""
    return dict(_data(run_id).metrics)


def get_tags(run_id: str) -> dict[str, str]:
    """Read the tags of a run; UserError where there is no such run."""
    return dict(_data(run_id).tags)


def get_params(run_id: str) -> dict[str, str]:
    """Read the parameters of a run, those of its configuration as `cfg.<key>`; UserError where there is no such run."""
    return dict(_data(run_id).params)


def _data(run_id: str) -> "RunData":
    from mlflow.exceptions import MlflowException

    try:
        return store.client().get_run(run_id).data
    except MlflowException as error:
        if error.error_code not in _NO_SUCH_RUN:
            raise
        raise UserError(f"no run {run_id!r}: {store.one_line(error)}") from error


def _start(name: str, parent_run_id: str | None, described: Mapping[str, object], *, watched: bool) -> str:
    import mlflow

    # A new run has its tags from the first moment: without that of its process, nobody could close it after a kill.
    tags = {key: str(value) for key, value in described.items()}
    active = mlflow.active_run()
    # Taken out of the environment, so that worker processes do not adopt it as well.
    adopted = os.environ.pop(_RUN_ID, None)
    if adopted and not (active or parent_run_id):
        chosen = mlflow.get_run(adopted).info.run_name or ""
        run_name = name if _GENERATED_NAME.fullmatch(chosen) else None
        run = mlflow.start_run(run_id=adopted, run_name=run_name, tags=tags, log_system_metrics=watched or None)
        return str(run.info.run_id)
    if active or parent_run_id:
        parent = active or mlflow.get_run(str(parent_run_id))
        experiment_id = parent.info.experiment_id
    else:
        experiment_id = store.experiment_id()
    started = mlflow.start_run(
        experiment_id=experiment_id,
        run_name=name,
        nested=active is not None,
        parent_run_id=parent_run_id,
        tags=tags,
        log_system_metrics=watched or None,  # else as MLflow's own setting has it
    )
    return str(started.info.run_id)


def _end(run: Run, status: Status, error: BaseException | None, outermost: bool) -> None:
    import mlflow
    from mlflow.exceptions import MlflowException

    closing: dict[str, object] = {}
    if error is not None:
        closing[names.ERROR] = store.one_line(error)
    if status is Status.KILLED:
        closing[names.STATUS] = status
    try:
        run.tags(closing)
        if outermost or status is not Status.FINISHED:
            store.close_children(run.run_id)
    except MlflowException as failure:
        _log.warning("cannot describe how run %s ended: %s", run.run_id, store.one_line(failure))
    finally:
        mlflow.end_run(status)
