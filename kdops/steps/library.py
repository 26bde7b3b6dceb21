"""The functions for Python programs, which `import kdops` offers."""

from pathlib import Path
from typing import Literal

from kdops.data.corpus import Corpus
from kdops.steps.data_config import DataConfig
from kdops.steps.distill.config import DistillConfig
from kdops.steps.distill.result import Distilled
from kdops.steps.distill.step import distill as run_distill
from kdops.steps.parameters import from_text
from kdops.tracking.recorder import MlflowRecorder, Recorder

Tracking = Literal["mlflow"]


def distill(
    dataset: str | Path = "sample", *, tracking: Tracking | None = "mlflow", **parameters: str | float | Path | None
) -> Distilled:
    """Distill a teacher into a student, as `mlflow run . -e distill` does; what is finished is found and reused.

    >>> import kdops
    >>> result = kdops.distill(  # doctest: +SKIP
    ...     dataset="reviews.csv", teacher="indobenchmark/indobert-base-p1", student="bilstm"
    ... )
    >>> kdops.Predictor.load(result.bundle).predict(["makanannya enak"])  # doctest: +SKIP

    Args:
        dataset: a catalogue name, a folder or file of your own, or a hub id.
        tracking: `mlflow` writes runs and registers the student where `MLFLOW_TRACKING_URI` says; None writes nothing.
        parameters: those of `distill`, by name; the README and `python -m entrypoints.distill --help` list them.

    Returns:
        The student: `bundle` is its folder, `scores` and `costs` are its results, `str()` is the table.

    Raises:
        UserError: for anything wrong with the parameters, the data, the teacher or the tracking server.
        NothingFits: if the student's weights alone are larger than `max_storage_mb`.
    """
    given = {name: str(value) for name, value in parameters.items() if value is not None}
    config = from_text(DistillConfig, given | {"dataset": str(dataset)})
    return run_distill(config, MlflowRecorder() if tracking == "mlflow" else Recorder())


def load_dataset(dataset: str | Path, **parameters: str | bool | None) -> Corpus:
    """Read a data set as `distill` does: found, parsed, split, checked.

    >>> import kdops
    >>> corpus = kdops.load_dataset("sample")
    >>> corpus.labels
    ('negative', 'neutral', 'positive')
    >>> len(corpus.inputs("train"))
    1500

    Args:
        dataset: a catalogue name, a folder or file of your own, or a hub id.
        parameters: how it is read: `name`, `text_column`, `label_column`, `scheme`, `drop_leaks`.

    Raises:
        UserError: for an unknown name, or files that cannot be had or used, naming file and line.
    """
    given = {name: str(value) for name, value in parameters.items() if value is not None}
    return from_text(DataConfig, given | {"dataset": str(dataset)}).corpus()
