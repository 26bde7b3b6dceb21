"""Parameters of steps: each is a field of a frozen model, and written nowhere else.

The option with type, choices, default and help, the line in `MLproject`, the logged name `cfg.<name>`,
and whether runs that differ in it may be averaged all follow from the field.
"""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo

from kdops.errors import UserError, misspelt

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

Config = TypeVar("Config", bound="StepConfig")

DEFAULT = "default"
"""The word that stands for any parameter's default."""
NONE = "none"
"""The word that stands for None."""
AUTO = "auto"
"""How a default is shown that depends on the data, on the machine or on other parameters."""

_TYPES = {int: "INTEGER", float: "NUMBER", bool: "true|false", Path: "PATH"}


class StepConfig(BaseModel):
    """The parameters of a step, checked."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @classmethod
    def settings(cls) -> tuple[str, ...]:
        """The parameters that change the result: only runs that agree in them may be averaged."""
        return tuple(name for name, field in cls.model_fields.items() if _extra(field, "setting"))


def parameter(default: Any, help: str, *, setting: bool = True, shown: str | None = None, **field: Any) -> Any:
    """A parameter of a step: the default value of a field of its `StepConfig`.

    Args:
        default: `...` where there is none.
        help: One or two sentences for users.
        setting: Whether it changes the result, as `trials` does and `workers` does not. Of a data set it is the
            content that counts, which runs log by itself, and seeds are what is averaged over.
        shown: The word that stands for the default. By default its value as text, and `auto` for None.
        field: Bounds and everything else that `pydantic.Field` takes; `exclude=True` keeps a value from being logged.
    """
    return Field(default, description=help, json_schema_extra={"setting": setting, "shown": shown}, **field)


@dataclass(frozen=True)
class Option:
    """A parameter as the command line and `MLproject` have it.

    Attributes:
        name: Of the parameter; the option has hyphens for its underscores.
        help: For users.
        values: The possible values: a type, or the choices.
        default: As text; None: it must be given.
    """

    name: str
    help: str
    values: str
    default: str | None


def options(model: type[StepConfig], leave_out: Collection[str] = ()) -> list[Option]:
    """The parameters of a step, in the order of its fields."""
    return [
        Option(name, field.description or "", _values(field.annotation), _default(field))
        for name, field in model.model_fields.items()
        if field.description and name not in leave_out
    ]


def from_text(model: type[Config], given: Mapping[str, object]) -> Config:
    """Make a configuration of parameters that are text, as `MLproject` and the command line hand them on, or values.

    `default` and the word that a default is shown as stand for the default, `none` for None; numbers and `true`,
    `false` are read from text.

    Raises:
        UserError: One line for each parameter that is wrong.
    """
    shown = {name: _default(field) for name, field in model.model_fields.items()}
    kept = {
        name: None if value == NONE else value
        for name, value in given.items()
        if value != DEFAULT and (name not in shown or value != shown[name])
    }
    try:
        return model.model_validate(kept)
    except ValidationError as error:
        problems = error.errors(include_url=False)
        raise UserError("\n".join(_line(problem, model.model_fields) for problem in problems)) from error


def _extra(field: FieldInfo, name: str) -> Any:
    return field.json_schema_extra.get(name) if isinstance(field.json_schema_extra, dict) else None


def _default(field: FieldInfo) -> str | None:
    """The default as it is shown; None where there is none."""
    if field.is_required():
        return None
    default = field.get_default(call_default_factory=True)
    return _extra(field, "shown") or (AUTO if default is None else _text(default))


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _values(kind: Any) -> str:
    if get_origin(kind) in (Union, UnionType):
        kind = next(one for one in get_args(kind) if one is not type(None))
    if get_origin(kind) is Literal:
        return "|".join(map(str, get_args(kind)))
    return _TYPES.get(kind, "TEXT")


_NO_NUMBER = ("int_parsing", "float_parsing")


def _line(problem: "ErrorDetails", known: Mapping[str, FieldInfo]) -> str:
    """A problem that pydantic found with one parameter, as a line for users."""
    field = ".".join(map(str, problem["loc"]))
    if problem["type"] == "literal_error":
        choices = problem["ctx"]["expected"].replace("'", "").replace(" or ", ", ")
        return f"unknown {field} {problem['input']!r}; choose one of: {choices}"
    if problem["type"] == "extra_forbidden":
        return str(misspelt("parameter", field, known, f"choose one of: {', '.join(known)}"))
    if problem["type"] == "missing":
        return f"{field} must be given"
    message = problem["msg"].removeprefix("Value error, ")
    asked = known.get(field)  # None: a part of a parameter
    if problem["type"] in _NO_NUMBER and asked and asked.default is None:
        message += f", or {_default(asked)}"
    return f"{field}={problem['input']}: {message}" if field else message


def _named(value: object) -> object:
    if not isinstance(value, str):
        return value
    named = tuple(dict.fromkeys(name.strip() for name in value.split(",") if name.strip()))
    if not named:
        raise ValueError("no name is given")
    return named


def _range(value: object) -> object:
    """Two numbers of `1..5`, or of `2`, which is a range of one number."""
    if not isinstance(value, str):
        return value
    low, dots, high = value.partition("..")
    try:
        ends = float(low), float(high if dots else low)
    except ValueError as error:
        raise ValueError("give a number, or the ends of a range as in 1..5") from error
    if not all(map(math.isfinite, ends)):
        raise ValueError("it must be finite")
    if not ends[0] <= ends[1]:
        raise ValueError("the range ends before it begins")
    return ends


Range = Annotated[tuple[float, float], BeforeValidator(_range)]
"""A parameter that is a number, or the least and the most that is tried, as in `1..5`."""

Names = Annotated[tuple[str, ...], BeforeValidator(_named)]
"""A parameter that holds names with commas between them, each counted once."""
