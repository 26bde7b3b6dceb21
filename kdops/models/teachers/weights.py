"""A teacher's weights: all of its encoder, or an error that names what is missing."""

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from transformers import PretrainedConfig, PreTrainedModel

from kdops.errors import UserError
from kdops.models.teachers import adapters
from kdops.models.teachers.config import check_as_is, load_config, own_labels, problem_type
from kdops.models.teachers.heads import family, head_names, output_layer, reorder, restart
from kdops.models.teachers.label_names import matching_rows
from kdops.models.teachers.load_errors import cannot_load
from kdops.models.teachers.sources import PinnedSource
from kdops.models.transformers_log import quiet
from kdops.task import Task

logger = logging.getLogger(__name__)

_WRAPPERS = r"^(?:module\.|model\.|_orig_mod\.)+"
"""Prefixes that DataParallel, Lightning and torch.compile put before the names of weights."""
_OF_A_LAYER = re.compile(r"layers?\.\d+\.")


@dataclass(frozen=True)
class _Loaded:
    model: PreTrainedModel
    missing: frozenset[str]
    mismatched: Mapping[str, str]
    unexpected: frozenset[str]

    def misfits(self) -> list[str]:
        """Weights of the encoder that differ from the file or are missing in it, pooler and head aside."""
        head = head_names(self.model)
        missing = [f"{name} is missing" for name in sorted(self.missing - head)]
        return missing + [f"{name} is {sizes}" for name, sizes in sorted(self.mismatched.items()) if name not in head]


def load_encoder(
    pinned: PinnedSource,
    task: Task,
    labels: Sequence[str],
    *,
    as_is: bool,
    label_names: Mapping[str, str],
    brought: bool = True,
) -> PreTrainedModel:
    """A model with a head for the labels: its own head, its rows in the order of the labels, or a new one.

    Args:
        pinned: where it is.
        task: decides which kind of head.
        labels: the data's labels.
        as_is: whether it must have a head for these labels.
        label_names: what labels of the model are called in the data; see `matching_rows`.
        brought: whether the user is told what becomes of its head.

    Raises:
        UserError: if it cannot be loaded, its weights do not fit its configuration, or `as_is` and it has other labels.
    """
    config = load_config(pinned)
    own = own_labels(config)
    rows = matching_rows(own, labels, label_names)
    if as_is:
        check_as_is(pinned, task, labels, label_names)
    names = dict(enumerate(labels))
    settings = {} if rows else {"num_labels": len(names)}
    loaded = _load(pinned, task, settings)
    model = loaded.model
    _name_labels(model.config, names)
    model.config.problem_type = problem_type(task)
    found = output_layer(model, len(labels))
    if found is None:
        raise UserError(f"teacher {pinned.name!r} is a {model.config.model_type} whose head kdops does not know")
    name, layer = found
    absent = loaded.missing | loaded.mismatched.keys()
    if as_is and (lost := sorted(absent & head_names(model))):
        raise UserError(f"teacher {pinned.name!r} cannot be used as it is: its file has no {lost[0]}")
    if f"{name}.weight" in absent:
        return model
    if rows is None:
        restart(layer, getattr(model.config, "initializer_range", 0.02))
        said = "its head is for other labels (%s): it gets a new one"
    else:
        reorder(layer, rows)
        said = "it keeps its head (labels: %s)"
    if brought:
        logger.info(f"teacher %s: {said}", pinned.name, ", ".join(own.values()))
    return model


def _load(pinned: PinnedSource, task: Task, settings: Mapping[str, Any]) -> _Loaded:
    loaded = _load_once(pinned, task, settings)
    if loaded.misfits() and loaded.unexpected:
        unwrapped = _load_once(pinned, task, {**settings, "key_mapping": {_WRAPPERS: ""}})
        if not unwrapped.misfits():
            logger.warning("teacher %s: prefixes such as module. are left out of its weights' names", pinned.name)
            return unwrapped
    if misfits := loaded.misfits():
        more = f" and {len(misfits) - 1} more" if len(misfits) > 1 else ""
        raise UserError(f"teacher {pinned.name!r}: its weights do not fit its config.json: {misfits[0]}{more}")
    if left_out := sorted(name for name in loaded.unexpected if _OF_A_LAYER.search(name)):
        logger.warning(
            "teacher %s: its config.json leaves out %d weights of its file, %s for one",
            pinned.name, len(left_out), left_out[0],
        )  # fmt: skip
    return loaded


def _load_once(pinned: PinnedSource, task: Task, settings: Mapping[str, Any]) -> _Loaded:
    folder = Path(pinned.place)
    if not (folder / adapters.CONFIG).is_file():
        return _load_plain(pinned, task, settings)
    with adapters.without_adapter(folder) as base:
        loaded = _load_plain(replace(pinned, folder=str(base)), task, settings)
    try:
        model = adapters.merged(loaded.model, folder)
    except Exception as error:  # whatever peft raises for an adapter of another model
        raise cannot_load(pinned.name, error) from error
    logger.info("teacher %s: its adapter is merged into its weights", pinned.name)
    whole = adapters.replaced_modules(folder)
    missing = frozenset(name for name in loaded.missing if not name.startswith(whole))
    return replace(loaded, model=model, missing=missing)


def _load_plain(pinned: PinnedSource, task: Task, settings: Mapping[str, Any]) -> _Loaded:
    try:
        # Its report of new weights in the head would worry users without need.
        with quiet():
            model, report = family(task).from_pretrained(
                pinned.place,
                revision=pinned.revision,
                trust_remote_code=False,
                # Else weights that were published in half precision would be trained in it.
                dtype=torch.float32,
                ignore_mismatched_sizes=True,
                output_loading_info=True,
                **settings,
            )
    except Exception as error:  # files of others: broken ones raise whatever they like
        raise cannot_load(pinned.name, error) from error
    sizes = {
        name: f"{tuple(theirs)} in the file, not {tuple(ours)}" for name, theirs, ours in report["mismatched_keys"]
    }
    return _Loaded(model, frozenset(report["missing_keys"]), sizes, frozenset(report["unexpected_keys"]))


def _name_labels(config: PretrainedConfig, names: Mapping[int, str]) -> None:
    config.id2label = dict(names)
    config.label2id = {label: index for index, label in names.items()}
