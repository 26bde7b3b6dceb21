"""Names of labels: those of a teacher matched to those of the data."""

import re
from collections.abc import Mapping, Sequence

from kdops.errors import UserError

_GENERIC = re.compile(r"label_\d+", re.IGNORECASE)
_PREFIXED = re.compile(r"([bi])[-_ ](.+)")
_SUFFIXED = re.compile(r"(.+)[-_ ]([bi])")


def matching_rows(own: Mapping[int, str], labels: Sequence[str], label_names: Mapping[str, str]) -> list[int] | None:
    """The row of a model's head that stands for each of the data's labels; None if the names are not the same.

    Names are the same whatever their case, and however B- and I- are joined to them: `b_per` and `PER-B` are `B-PER`.

    Args:
        own: the model's labels by row.
        labels: the data's labels.
        label_names: what labels of the model are called in the data, where the names differ: `{"LABEL_0": "negative"}`.

    Raises:
        UserError: if `label_names` names a label that the model or the data do not have.
    """
    for theirs in label_names:
        if theirs not in own.values():
            raise UserError(f"label_names: the teacher has no label {theirs!r}; it has: {', '.join(own.values())}")
    check_names(labels, label_names)
    rows = {plain_label(label_names.get(name, name)): row for row, name in own.items()}
    wanted = [plain_label(label) for label in labels]
    if len(rows) != len(own) or len(set(wanted)) != len(wanted) or rows.keys() != set(wanted):
        return None
    return [rows[name] for name in wanted]


def check_names(labels: Sequence[str], label_names: Mapping[str, str]) -> None:
    """Find out whether all names are labels of the data.

    Raises:
        UserError: if one is not.
    """
    for ours in label_names.values():
        if ours not in labels:
            raise UserError(f"label_names: the data have no label {ours!r}; they have: {', '.join(labels)}")


def labels_differ(
    source: str, own: Mapping[int, str], labels: Sequence[str], label_names: Mapping[str, str]
) -> UserError:
    """The error for a model that is used as it is, but knows other labels than the data."""
    theirs = list(own.values())
    if len(theirs) != len(labels):
        advice = "give one with as many labels"
    elif nameless := [label for label in theirs if _GENERIC.fullmatch(label) and label not in label_names]:
        advice = f"give {', '.join(nameless)} names by label_names"
    else:
        advice = "give one fine-tuned so"
    return UserError(
        f"teacher {source!r} cannot be used as it is: its labels are {', '.join(theirs)}; the data's are "
        f"{', '.join(labels)}; {advice}, or let it be trained"
    )


def plain_label(label: str) -> str:
    """A label's name in the form in which names are compared: `b_per`, `PER-B` and `B-PER` are one."""
    name = label.strip().casefold()
    if found := _PREFIXED.fullmatch(name):
        return f"{found[1]}-{found[2]}"
    if found := _SUFFIXED.fullmatch(name):
        return f"{found[2]}-{found[1]}"
    return name
