"""The configuration of a teacher's encoder, and whether it says that the model can be used as it is."""

from collections.abc import Mapping, Sequence
from typing import Literal

from transformers import AutoConfig, PretrainedConfig

from kdops.errors import UserError
from kdops.models.teachers.label_names import labels_differ, matching_rows
from kdops.models.teachers.load_errors import cannot_load
from kdops.models.teachers.sources import PinnedSource, pinned_source
from kdops.models.transformers_log import quiet
from kdops.task import Task


def load_config(source: str | PinnedSource) -> PretrainedConfig:
    """The configuration of an encoder from a folder or a hub id.

    Raises:
        UserError: if it cannot be had, or is not an encoder's.
    """
    pinned = pinned_source(source) if isinstance(source, str) else source
    try:
        with quiet():
            config: PretrainedConfig = AutoConfig.from_pretrained(
                pinned.place, revision=pinned.revision, trust_remote_code=False
            )
    except Exception as error:  # whatever the file holds
        raise cannot_load(pinned.name, error) from error
    if config.is_encoder_decoder:
        raise UserError(f"teacher {pinned.name!r} is an encoder-decoder ({config.model_type}); give an encoder")
    return config


def check_as_is(source: str | PinnedSource, task: Task, labels: Sequence[str], label_names: Mapping[str, str]) -> None:
    """Find out from its configuration alone whether a model that is used as it is answers with the data's labels.

    Raises:
        UserError: if it does not, or as `load_config`.
    """
    pinned = pinned_source(source) if isinstance(source, str) else source
    config = load_config(pinned)
    known = (None, problem_type(task))
    if config.problem_type not in known and config.problem_type in ("multi_label_classification", "regression"):
        kind = config.problem_type.replace("_", " ")
        raise UserError(f"teacher {pinned.name!r} cannot be used as it is: it was trained for {kind}")
    if config.architectures and not any(name.endswith("Classification") for name in config.architectures):
        kind = ", ".join(config.architectures)
        raise UserError(
            f"teacher {pinned.name!r} cannot be used as it is: it has no classifier ({kind}); let it be trained"
        )
    if matching_rows(own_labels(config), labels, label_names) is None:
        raise labels_differ(pinned.name, own_labels(config), labels, label_names)


def problem_type(task: Task) -> Literal["multi_label_classification"] | None:
    """The problem type of transformers for a task whose labels do not exclude each other."""
    return "multi_label_classification" if task is Task.MULTI_LABEL else None


def own_labels(config: PretrainedConfig) -> dict[int, str]:
    """A model's own labels by row; those without names are LABEL_0 and so on."""
    return {int(row): str(name) for row, name in (config.id2label or {}).items()}
