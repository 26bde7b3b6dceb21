"""The common parts of entry points: parameters as in MLproject, one-line errors, logging, a clean end on signals."""

import inspect
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from kdops.errors import Failed, NothingFits, Stopped, UserError, misspelt
from kdops.machine import check_system
from kdops.process import end_with_parent
from kdops.steps.parameters import Config, Option, from_text
from kdops.threads import use_threads
from kdops.training.memory import keep_freed_memory

_RUN_ID = "MLFLOW_RUN_ID"  # set by `mlflow run` for its child
_FAILED = 1
_USER_ERROR = 2
_NOTHING_FITS = 3
_STOPPED = 75  # EX_TEMPFAIL of sysexits.h, which Windows lacks
_INTERRUPTED = 128 + signal.SIGINT
_TERMINATED = 128 + signal.SIGTERM
_GOES_ON = "what is finished is kept, and the same command goes on from there"
_AGAIN_S = 0.05
_LONGEST_NAME = 80


class Terminated(KeyboardInterrupt):
    """SIGTERM came: it ends the work as Ctrl-C does, so that runs are closed and children stopped."""


def program(command: Callable[..., None], options: Sequence[Option]) -> typer.Typer:
    """Make a command-line program of a function that takes parameters by name, as text.

    It exits with 0, with 2 and one line on a mistake of the user's, with 3 and a line where nothing is within the
    limits that were asked for, with 75 and one line when something that it needs went away, with 130 and one line on
    Ctrl-C, with 143 and one line on SIGTERM, with 1 and a line for each part of the work that failed, and with 1 and a
    traceback on anything else.

    Args:
        command: Its docstring is the help text.
        options: Its parameters, in order.
    """

    def guarded(**parameters: str) -> None:
        _log_to_stderr()
        _end_cleanly_on_signals()
        why = "nothing to log"
        try:
            check_system()
            use_threads()
            keep_freed_memory()
            command(**parameters)
        except UserError as error:
            why = _short(error)
            print(*(f"error: {line}" for line in str(error).splitlines()), sep="\n", file=sys.stderr)
            raise SystemExit(_USER_ERROR) from error
        except (Failed, NothingFits) as error:
            print(*(f"error: {line}" for line in str(error).splitlines()), sep="\n", file=sys.stderr)
            raise SystemExit(_FAILED if isinstance(error, Failed) else _NOTHING_FITS) from error
        except Stopped as error:
            print(f"error: {error}", file=sys.stderr)
            raise SystemExit(_STOPPED) from error
        except Terminated as error:
            print(f"terminated: {_GOES_ON}", file=sys.stderr)
            raise SystemExit(_TERMINATED) from error
        except KeyboardInterrupt as error:
            print(f"interrupted: {_GOES_ON}", file=sys.stderr)
            raise SystemExit(_INTERRUPTED) from error
        finally:
            _name_unused_run(f"{command.__name__}: {why}")

    guarded.__name__, guarded.__doc__ = command.__name__, command.__doc__
    parameters = [_parameter(option) for option in options]
    # Typer reads the signature and the annotations; these are not written by hand but follow from the options.
    guarded.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    guarded.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}

    class Command(TyperCommand):
        def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
            try:
                return super().parse_args(ctx, spelled(args, options))
            except UserError as error:
                _name_unused_run(f"{command.__name__}: {_short(error)}")
                print(f"error: {error}", file=sys.stderr)
                raise SystemExit(_USER_ERROR) from error

    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    app.command(cls=Command)(guarded)
    return app


def spelled(arguments: Sequence[str], options: Sequence[Option]) -> list[str]:
    """The arguments of a command line, all of which are options with a value, with hyphens in their names.

    Raises:
        UserError: an option that there is not, is not given, or has no value; or something else than options.
    """
    if "--help" in arguments:
        return ["--help"]
    known = {f"--{option.name.replace('_', '-')}": option for option in options}
    found: dict[str, str] = {}
    rest = iter(arguments)
    for argument in rest:
        name, given, value = argument.partition("=")
        name = name.replace("_", "-")
        if not name.startswith("--"):
            raise UserError(f"{argument!r} belongs to no option: parameters are given as --name value")
        if name not in known:
            raise misspelt("option", name, known, "--help names them all")
        taken = value if given else next(rest, None)
        if taken is None:
            raise UserError(f"{name} needs a value")
        found[name] = taken
    for name, option in known.items():
        if option.default is None and name not in found:
            raise UserError(f"{name} must be given")
    return [f"{name}={value}" for name, value in found.items()]


def settings(model: type[Config], /, **given: object) -> Config:
    """Make a configuration from the parameters of an entry point, text as they are; see `from_text`.

    Raises:
        UserError: One line for each parameter that is wrong.
    """
    return from_text(model, given)


def begins(name: str) -> None:
    """Say that an entry point begins, before it imports what takes long."""
    logging.getLogger("kdops").info("%s begins; its libraries are loaded first", name)


def _parameter(option: Option) -> inspect.Parameter:
    annotation = Annotated[str, typer.Option(help=option.help, metavar=option.values, show_default=True)]
    default = inspect.Parameter.empty if option.default is None else option.default
    return inspect.Parameter(option.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _name_unused_run(name: str) -> None:
    """Name a run that `mlflow run` made and nothing used, as after a typo or for a plan."""
    if _RUN_ID in os.environ:
        from kdops.steps.unused_run import name_unused_run

        name_unused_run(os.environ[_RUN_ID], name)


def _short(error: UserError) -> str:
    """The beginning of its first line, for the name of a run."""
    line = str(error).splitlines()[0]
    return line if len(line) <= _LONGEST_NAME else f"{line[:_LONGEST_NAME].rstrip()} ..."


def _log_to_stderr() -> None:
    logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S", level=logging.WARNING)
    logging.getLogger("kdops").setLevel(logging.INFO)
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")


def _end_cleanly_on_signals() -> None:
    _listen()
    sys.unraisablehook = _ask_again
    if _RUN_ID in os.environ:
        end_with_parent(os.getppid())


def _listen() -> None:
    signal.signal(signal.SIGTERM, _terminate)
    # A shell that starts a program in the background tells it to ignore Ctrl-C.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)


def _ask_again(ignored: "sys.UnraisableHookArgs") -> None:
    """Send a signal again that came within a finalizer or a weakref callback: Python ignores what these raise."""
    if not isinstance(ignored.exc_value, KeyboardInterrupt):
        sys.__unraisablehook__(ignored)
        return
    _listen()
    again = signal.SIGTERM if isinstance(ignored.exc_value, Terminated) else signal.SIGINT
    # Later, and not from here: what is raised in here is ignored too.
    threading.Timer(_AGAIN_S, os.kill, [os.getpid(), again]).start()


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
