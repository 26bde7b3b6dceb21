"""The head of a fine-tuned model: its labels matched by name to the data's."""

from collections.abc import Sequence

import torch
from torch import nn
from transformers import AutoModelForSequenceClassification, AutoModelForTokenClassification, PreTrainedModel

from kdops.task import Task


def family(task: Task) -> type[AutoModelForSequenceClassification] | type[AutoModelForTokenClassification]:
    """The class of transformers' heads for a task: one vector of logits for each token, or for each text."""
    return AutoModelForTokenClassification if task.of_words else AutoModelForSequenceClassification


def head_names(model: PreTrainedModel) -> set[str]:
    """The names of the weights that are no part of the encoder, or are its pooler."""
    inside = f"{model.base_model_prefix}."
    return {name for name in model.state_dict() if not name.startswith(inside) or "pooler" in name}


def output_layer(model: PreTrainedModel, classes: int) -> tuple[str, nn.Linear] | None:
    """The layer that gives the logits, with its name: the last linear one of the head with as many rows as classes."""
    inside = f"{model.base_model_prefix}."
    found = [
        (name, module)
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and module.out_features == classes and not name.startswith(inside)
    ]
    return found[-1] if found else None


@torch.no_grad()
def reorder(layer: nn.Linear, rows: Sequence[int]) -> None:
    """Put the rows of an output layer into another order."""
    layer.weight.copy_(layer.weight[list(rows)].clone())
    if layer.bias is not None:
        layer.bias.copy_(layer.bias[list(rows)].clone())


@torch.no_grad()
def restart(layer: nn.Linear, std: float) -> None:
    """Give an output layer new weights."""
    nn.init.normal_(layer.weight, std=std)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
