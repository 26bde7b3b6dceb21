"""Loading a teacher from a folder or the Hugging Face hub."""

import logging
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import torch
from transformers import PreTrainedModel, TokenizersBackend

from kdops.errors import UserError
from kdops.models.teachers.ensemble import mean_teacher
from kdops.models.teachers.model import Teacher, TeacherModel, embedding_table
from kdops.models.teachers.pairs import separator_of_types
from kdops.models.teachers.sources import member_sources, pinned_source
from kdops.models.teachers.tokenizers import load_processing
from kdops.models.teachers.weights import load_encoder
from kdops.task import Task

logger = logging.getLogger(__name__)

_NO_NAMES: Mapping[str, str] = MappingProxyType({})


def load_teacher(
    source: str,
    task: Task,
    labels: Sequence[str],
    *,
    as_is: bool = False,
    label_names: Mapping[str, str] = _NO_NAMES,
    brought: bool = True,
    pairs: bool = False,
) -> Teacher:
    """A teacher from a folder or a hub id, in evaluation mode, its logits in the order of the labels.

    The head of a model that was fine-tuned for these labels is kept, matched by name whatever the order of its rows;
    any other model gets a new head. No code from its repository is run.

    Args:
        source: a folder, also one that an ensemble was saved to; a hub id, also with its commit, branch or tag
            (`owner/name@revision`).
        task: decides the kind of head.
        labels: the data's labels.
        as_is: whether it is to be used without training, so that it must have a head for these labels.
        label_names: what labels of the model are called in the data, where the names differ: `{"LABEL_0": "negative"}`.
        brought: whether the user brings it as a teacher, and is told what becomes of its head.
        pairs: whether it is to read pairs.

    Raises:
        UserError: if it cannot be had, cannot be loaded whole, or `as_is` and it was trained for other labels.
    """
    members = member_sources(source)
    if len(members) > 1:
        return mean_teacher(
            [
                load_teacher(one, task, labels, as_is=as_is, label_names=label_names, brought=brought, pairs=pairs)
                for one in members
            ]
        )
    pinned = pinned_source(source)
    processing = load_processing(pinned, task)
    encoder = load_encoder(pinned, task, labels, as_is=as_is, label_names=label_names, brought=brought)
    return assembled(encoder, processing, source, pairs=pairs)


def assembled(encoder: PreTrainedModel, processing: TokenizersBackend, source: str, *, pairs: bool = False) -> Teacher:
    """A teacher from its parts, in evaluation mode.

    Raises:
        UserError: if its tokenizer gives ids that its embeddings do not have, or it cannot read a row of tokens.
    """
    pad_id, rows = int(processing.pad_token_id), len(embedding_table(encoder))
    largest = max(processing.get_vocab().values())
    if largest >= rows:
        raise UserError(
            f"teacher {source!r} has a tokenizer with ids up to {largest} but embeddings for {rows} tokens: "
            "these files do not belong together"
        )
    config = encoder.config
    if config.pad_token_id is None:
        config.pad_token_id = pad_id
    if config.model_type == "big_bird":
        # Its sparse attention is for texts of thousands of tokens, draws at random, and cannot be exported.
        encoder.base_model.set_attention_type("original_full")  # type: ignore[operator]
    model = TeacherModel(encoder, pad_id).eval()
    model.separator_id = separator_of_types(encoder, processing, source) if pairs else None
    try:
        _read(model)
    except Exception as error:  # whatever the code of a kind of encoder raises for a row that it cannot read
        reason = " ".join(str(error).split())
        raise UserError(f"teacher {source!r} is a {config.model_type} that cannot read a text: {reason}") from error
    if not _multiplies_in_bfloat16(model):
        logger.warning("teacher %s (%s) cannot multiply in bfloat16: float32 is used", source, config.model_type)
        model.float32_only = True
    return Teacher(model, processing.backend_tokenizer, pad_id, processing)


def _multiplies_in_bfloat16(model: TeacherModel) -> bool:
    """Whether a model gives logits in bfloat16; some mix it with float32 and fail."""
    try:
        with torch.autocast("cpu", torch.bfloat16):
            _read(model)
    except RuntimeError:  # which torch raises for mixed number types
        return False
    return True


@torch.inference_mode()
def _read(model: TeacherModel) -> None:
    """Let a model in evaluation mode read one short row."""
    row = torch.tensor([[model.pad_id, 0, 1]])
    model(row, torch.ones_like(row))
