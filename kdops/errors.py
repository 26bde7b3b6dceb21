"""The one exception that stands for a mistake of the user's."""

from collections.abc import Iterable
from difflib import get_close_matches
from importlib.util import find_spec


class UserError(Exception):
    """A bad value, file or address: shown as one clear line, without a traceback, with a non-zero exit code."""


def unknown(what: str, value: str, choices: Iterable[str]) -> UserError:
    """The error for a name that is not one of the known ones, naming them."""
    return UserError(f"unknown {what} {value!r}; choose one of: {', '.join(choices)}")


def misspelt(what: str, value: str, choices: Iterable[str], otherwise: str) -> UserError:
    """The error for a name that is not one of many known ones: it names the closest, or says `otherwise`."""
    close = get_close_matches(value, list(choices), n=1)
    return UserError(f"unknown {what} {value}; {f'did you mean {close[0]}?' if close else otherwise}")


def check_installed(module: str, wanted_by: str) -> None:
    """Check that a package is there which not every Python has wheels of.

    Raises:
        UserError: if it is not.
    """
    if find_spec(module) is None:
        raise UserError(f"{wanted_by} needs {module}, which is not installed: pip install {module}")


class Failed(Exception):
    """Parts of the work failed, one line of the message for each; the rest is done."""


class NothingFits(Exception):
    """Nothing is within the user's limits, as the message says, in one line for each data set."""


class Stopped(KeyboardInterrupt):
    """Something that the work needs went away, as the message says in one line.

    It ends the work as Ctrl-C does: nothing that was tried is at fault, what is finished is kept, and the same command
    goes on from there.
    """
