"""Requests over HTTP: JSON in the forms that MLflow's own server takes, up to a size."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from kdops.deploy.predictor import TooLarge, check_size

MAX_BYTES = 32 * 2**20
"""The most bytes of a body: room for as many characters as a request may have, of six bytes each in JSON."""

_FORMS = ("inputs", "instances", "dataframe_records", "dataframe_split")
_COLUMN, _SECOND = "text", "text_pair"
_BAD, _INVALID, _TOO_LARGE = "BAD_REQUEST", "INVALID_PARAMETER_VALUE", "REQUEST_LIMIT_EXCEEDED"


class Refusal(Exception):
    """A request that is not answered.

    Attributes:
        status: HTTP status code.
        code: of the error, as MLflow names it.
        message: for whoever asked; one line.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message

    def body(self) -> bytes:
        """JSON as MLflow writes errors."""
        content: bytes = orjson.dumps({"error_code": self.code, "message": self.message})
        return content


def too_large(size: int | None) -> Refusal:
    """The refusal of a body that is too long; `size` in bytes, or None where the request does not give its length."""
    number = "more" if size is None else f"{size:,}"
    return Refusal(413, _TOO_LARGE, f"{number} bytes: the body of a request may have {MAX_BYTES:,} at most")


def invalid(message: str) -> Refusal:
    """The refusal of JSON that holds no texts."""
    return Refusal(400, _INVALID, message)


@dataclass(frozen=True)
class Question:
    """The texts of a request, in order.

    Attributes:
        inputs: As the predictor takes them; that each is a text, or a list of words, it looks at itself.
        characters: In all of them.
    """

    inputs: list[Any]
    characters: int


def check_content_type(content_type: str) -> None:
    """Refuse what says that it is something other than JSON in UTF-8."""
    kind, *parameters = (part.strip() for part in content_type.lower().split(";"))
    if kind not in ("", "application/json"):
        raise Refusal(415, _BAD, f"application/json is taken, not {kind:.50}")
    if any(parameter not in ("charset=utf-8", 'charset="utf-8"') for parameter in parameters):
        raise Refusal(415, _BAD, f"JSON in UTF-8 is taken, not {'; '.join(parameters):.50}")


def read(body: bytes) -> Question:
    """Read the body of a request.

    Raises:
        Refusal: It is not JSON, not in one of the forms, or of more texts or characters than one request may have.
    """
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Refusal(400, _BAD, f"not JSON: {error}") from error
    forms = [form for form in _FORMS if form in given] if isinstance(given, dict) else []
    if len(forms) != 1:
        raise Refusal(400, _BAD, f"the request must be a JSON object with exactly one of {', '.join(_FORMS)}")
    inputs = _inputs(forms[0], given[forms[0]])
    if not inputs:
        raise invalid("there is no text in the request")
    try:
        return Question(inputs, check_size(inputs))
    except TooLarge as error:
        raise invalid(str(error)) from error


def _inputs(form: str, value: object) -> list[Any]:
    if form == "dataframe_split":
        return _column(value)
    if form == "dataframe_records" or (form == "instances" and _are_records(value)):
        return _records(value)
    if isinstance(value, Mapping) and len(value) == 1:
        _check_name(next(iter(value)))
        value = next(iter(value.values()))
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list):
        raise invalid(f"{form} must be a list of texts, not {value!r:.50}")
    return value


def _are_records(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) for one in value)


def _records(value: object) -> list[Any]:
    if not isinstance(value, list) or not all(isinstance(record, dict) and record for record in value):
        raise invalid("records must be a list of objects with a text each")
    if value:
        _check_name(next(iter(value[0])))
    return [_pair(record) if _SECOND in record else record.get(_COLUMN) for record in value]


def _pair(record: Mapping[str, Any]) -> dict[str, Any]:
    return {name: record.get(name) for name in (_COLUMN, _SECOND)}


def _column(value: object) -> list[Any]:
    columns, rows = (value.get("columns"), value.get("data")) if isinstance(value, dict) else (None, None)
    if not isinstance(rows, list) or not all(isinstance(row, list) and row for row in rows):
        raise invalid("dataframe_split must be an object with columns, and rows as data")
    if columns is not None:
        if not isinstance(columns, list) or any(len(row) != len(columns) for row in rows):
            raise invalid("each row of data must have a value for each of columns")
        _check_name(columns[0] if columns else None)
        if _SECOND in columns:
            return [_pair(dict(zip(columns, row, strict=True))) for row in rows]
    return [row[0] for row in rows]


def _check_name(name: object) -> None:
    if name != _COLUMN:
        raise invalid(f"the first column must be {_COLUMN!r}, not {name!r:.50}")
