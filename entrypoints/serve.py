"""Command `serve`: a model behind HTTP, for machines that hold nothing but what serving needs."""

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from kdops.errors import UserError, misspelt
from kdops.machine import cores
from kdops.steps.serve import POLL_DATABASE_S, POLL_S, ServeConfig, serve

_USER_ERROR = 2
_LOOPBACK = "127.0.0.1"
_PORT = 5001  # MLflow's tracking server has 5000


def main(args: Sequence[str] | None = None, prog_name: str = "kdops serve") -> None:
    """Serve a bundle or a registered model until SIGTERM or Ctrl-C.

    Args:
        args: of the command line; by default this process's.
        prog_name: what its help calls it.
    """
    parser = _parser(prog_name)
    try:
        given, unread = parser.parse_known_args([*map(_hyphened, sys.argv[1:] if args is None else args)])
        if unread:
            raise misspelt("option", unread[0], re.findall(r"--[\w-]+", parser.format_help()), "--help names them all")
        serve(ServeConfig(**vars(given)))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(_USER_ERROR) from error


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UserError(message)


def _hyphened(argument: str) -> str:
    name, equals, value = argument.partition("=")
    return name.replace("_", "-") + equals + value if argument.startswith("--") else argument


def _parser(prog_name: str) -> argparse.ArgumentParser:
    parser = _Parser(
        prog_name,
        description="Serve a model: POST /invocations as MLflow's server takes it; /ping, /ready, /version, /metrics.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "model", help="a bundle's folder, or a registered model: models:/NAME@ALIAS, models:/NAME/VERSION"
    )
    parser.add_argument("--host", default=_LOOPBACK, help="address to listen on; 0.0.0.0 lets other machines in")
    parser.add_argument("--port", type=_number(0), default=_PORT, help="port to listen on")
    parser.add_argument("--workers", type=_number(1), default=cores(), help="processes, by default one for each core")
    parser.add_argument("--threads", type=_number(1), default=1, help="CPU threads of a prediction, in each worker")
    polls = f"seconds between looks at the alias; by default {POLL_S:.0f}, or {POLL_DATABASE_S:.0f} without a server"
    parser.add_argument("--poll-s", type=_number(1), default=argparse.SUPPRESS, help=polls)
    parser.add_argument("--no-access-log", dest="access_log", action="store_false", help="no line for each request")
    parser.set_defaults(poll_s=None)
    return parser


def _number(least: int) -> Callable[[str], int]:
    def number(given: str) -> int:
        if not given.isdecimal() or int(given) < least:
            raise argparse.ArgumentTypeError(f"{given!r} is not a whole number, at least {least}")
        return int(given)

    return number


if __name__ == "__main__":
    main()
