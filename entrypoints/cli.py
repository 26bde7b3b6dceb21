"""What entry points share: parameters as MLproject writes them, one-line errors, logging, a clean end on signals."""

import functools
import logging
import os
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, TypeVar

import typer

from kdops.errors import Failed, Stopped, UserError
from kdops.machine import check_system
from kdops.process import end_with_parent
from kdops.threads import use_threads
from kdops.training.memory import keep_freed_memory

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

Config = TypeVar("Config")

_FAILED = 1
_USER_ERROR = 2
_STOPPED = 75  # EX_TEMPFAIL of sysexits.h, which Windows lacks
_INTERRUPTED = 128 + signal.SIGINT
_TERMINATED = 128 + signal.SIGTERM


class Terminated(KeyboardInterrupt):
    """SIGTERM came: it ends the work as Ctrl-C does, so that runs are closed and children stopped."""


def program(command: Callable[..., None]) -> typer.Typer:
    """Make a command-line program of a function whose parameters are typer options.

    It exits with 0, with 2 and one line on a mistake of the user's, with 75 and one line when something that it needs
    went away, with 130 on Ctrl-C, 143 on SIGTERM, with 1 and a line for each part of the work that failed, and with 1
    and a traceback on anything else.
    """

    @functools.wraps(command)
    def guarded(**parameters: object) -> None:
        _log_to_stderr()
        _end_cleanly_on_signals()
        try:
            check_system()
            use_threads()
            keep_freed_memory()
            command(**parameters)
        except UserError as error:
            print(*(f"error: {line}" for line in str(error).splitlines()), sep="\n", file=sys.stderr)
            raise SystemExit(_USER_ERROR) from error
        except Failed as error:
            print(*(f"error: {line}" for line in str(error).splitlines()), sep="\n", file=sys.stderr)
            raise SystemExit(_FAILED) from error
        except Stopped as error:
            print(f"error: {error}", file=sys.stderr)
            raise SystemExit(_STOPPED) from error
        except Terminated as error:
            raise SystemExit(_TERMINATED) from error
        except KeyboardInterrupt as error:
            raise SystemExit(_INTERRUPTED) from error

    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    app.command()(guarded)
    return app


def settings(kind: type[Config], **values: object) -> Config:
    """Make a configuration from the parameters of an entry point.

    Args:
        kind: A pydantic model or a dataclass.
        values: Its fields, as text or already as values. `default` stands for the field's own default and `none` for
            None; numbers and `true`, `false` are read from text.

    Raises:
        UserError: One line for each field that is wrong.
    """
    from pydantic import TypeAdapter, ValidationError

    given = {name: None if value == "none" else value for name, value in values.items() if value != "default"}
    try:
        return TypeAdapter(kind).validate_python(given)
    except ValidationError as error:
        raise UserError("\n".join(_line(problem) for problem in error.errors(include_url=False))) from error


def _line(problem: "ErrorDetails") -> str:
    """What pydantic found wrong with one parameter, for people."""
    field = ".".join(map(str, problem["loc"]))
    if problem["type"] == "literal_error":
        choices = problem["ctx"]["expected"].replace("'", "").replace(" or ", ", ")
        return f"unknown {field} {problem['input']!r}; choose one of: {choices}"
    message = problem["msg"].removeprefix("Value error, ")
    return f"{field}={problem['input']}: {message}" if field else message


def _log_to_stderr() -> None:
    logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S", level=logging.WARNING)
    logging.getLogger("kdops").setLevel(logging.INFO)
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")


def _end_cleanly_on_signals() -> None:
    signal.signal(signal.SIGTERM, _terminate)
    # A shell that starts a program in the background tells it to ignore Ctrl-C.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)
    if "MLFLOW_RUN_ID" in os.environ:
        end_with_parent(os.getppid())


def _terminate(signum: int, frame: FrameType | None) -> None:
    _let_clean_up()
    raise Terminated("terminated by SIGTERM")


def _interrupt(signum: int, frame: FrameType | None) -> None:
    _let_clean_up()
    raise KeyboardInterrupt


def _let_clean_up() -> None:
    # `mlflow run` sends SIGTERM after Ctrl-C, which must not stop the clean-up that Ctrl-C began; a second Ctrl-C may.
    signal.signal(signal.SIGTERM, lambda signum, frame: None)
    signal.signal(signal.SIGINT, signal.default_int_handler)
