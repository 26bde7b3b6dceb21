"""Rows that annotation tools export, as plain rows: a text and its label, or a text and its spans."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_SPANS = ("entities", "spans")
_NO_ANSWER = "rows left out: nobody answered them, or the answer was rejected"
_SEVERAL = "rows with several annotations: the first of each is read"


@dataclass(frozen=True, slots=True)
class PlainRow:
    """A row of an annotation tool, made plain.

    Attributes:
        row: the plain row; None if it is left out.
        note: why it was changed or left out, to be counted; empty if it was not.
    """

    row: Mapping[str, Any] | None
    note: str = ""


def plain_row(row: Mapping[str, Any]) -> PlainRow:
    """A row of an annotation tool as a plain one; a row of no such tool as it is.

    Known are Label Studio (JSON and JSON-MIN), Prodigy, doccano, and spaCy's pairs of a text and its annotations.
    """
    if isinstance(row.get("data"), Mapping) and isinstance(row.get("annotations", row.get("completions")), list):
        return _label_studio(row["data"], row.get("annotations", row.get("completions")))
    if isinstance(row.get("answer"), str) and {"accept", "_input_hash", "_task_hash", "spans", "label"} & row.keys():
        return _prodigy(row)
    if {"annotation_id", "lead_time", "annotator"} <= row.keys():
        return PlainRow(_label_studio_min(row))
    spans = next((name for name in _SPANS if isinstance(row.get(name), list)), None)
    if spans is not None and isinstance(row.get("text"), str):
        return PlainRow({"text": row["text"], "spans": row[spans]})
    return PlainRow(row)


def spacy_row(pair: Sequence[Any]) -> Mapping[str, Any] | None:
    """A pair of a text and its annotations, as spaCy's training data has them; None for anything else."""
    if len(pair) != 2 or not isinstance(pair[0], str) or not isinstance(pair[1], Mapping):
        return None
    text, facts = pair
    if isinstance(facts.get("entities"), list):
        return {"text": text, "spans": facts["entities"]}
    cats = facts.get("cats")
    if isinstance(cats, Mapping):
        return {"text": text, "label": [name for name, value in cats.items() if value]}
    return None


def _prodigy(row: Mapping[str, Any]) -> PlainRow:
    if row["answer"] != "accept":
        return PlainRow(None, _NO_ANSWER)
    text = {"text": row.get("text")}
    if isinstance(row.get("accept"), list):
        return PlainRow(text | {"label": row["accept"]})
    if isinstance(row.get("label"), str) and not isinstance(row.get("spans"), list):
        return PlainRow(text | {"label": row["label"]})
    return PlainRow(text | {"spans": row.get("spans", [])})


def _label_studio(data: Mapping[str, Any], annotations: Sequence[Any]) -> PlainRow:
    done = [one for one in annotations if isinstance(one, Mapping) and not one.get("was_cancelled")]
    if not done or not isinstance(done[0].get("result"), list):
        return PlainRow(None, _NO_ANSWER)
    results = [one for one in done[0]["result"] if isinstance(one, Mapping) and isinstance(one.get("value"), Mapping)]
    texts = {name: value for name, value in data.items() if isinstance(value, str)}
    named = next((str(one["to_name"]) for one in results if one.get("to_name") in texts), None)
    text = texts[named] if named else texts.get("text", next(iter(texts.values()), None))
    choices = [choice for one in results for choice in one["value"].get("choices", ())]
    spans = [one["value"] for one in results if "start" in one["value"]]
    return PlainRow({"text": text} | ({"label": choices} if choices else {"spans": spans}), _SEVERAL * (len(done) > 1))


def _label_studio_min(row: Mapping[str, Any]) -> Mapping[str, Any]:
    own = {"annotation_id", "lead_time", "annotator", "id", "created_at", "updated_at"}
    rest = {name: _choice(value) for name, value in row.items() if name not in own}
    spans = next((name for name, value in rest.items() if isinstance(value, list)), None)
    if spans is not None and "text" in rest:
        return {"text": rest["text"], "spans": rest[spans]}
    return rest


def _choice(value: Any) -> Any:
    return value["choices"] if isinstance(value, Mapping) and "choices" in value else value
