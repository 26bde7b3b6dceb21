"""The console command `kdops`: `kdops distill --student bilstm` is `python -m entrypoints.distill --student bilstm`."""

import ast
import importlib
import importlib.util
import sys
from pathlib import Path

from kdops import __version__

COMMANDS = (
    "main",
    "train_teacher",
    "pretrain_student",
    "distill",
    "exam",
    "export",
    "pick",
    "promote",
    "measure",
    "report",
    "list_datasets",
)
"""The entry points: each is a module of this package with a program `main`."""

SERVE = "serve"
"""Not an entry point of the MLflow Project: it goes on until it is stopped."""

_COMMANDS = (*COMMANDS, SERVE)
_USER_ERROR = 2
# The packages that tell whether an extra is installed.
_EXTRAS = {"train": ("typer", "pydantic", "torch", "mlflow"), "serve": ("uvicorn", "orjson", "prometheus_client")}


def main(arguments: list[str] | None = None) -> None:
    """Run the entry point that the first argument names, dashes or underscores in it, with the other arguments.

    Args:
        arguments: of the command line; by default this process's.
    """
    name, *rest = (sys.argv[1:] if arguments is None else arguments) or ["--help"]
    extra = "serve" if name == SERVE else "train"
    if name == "--version":
        print(f"kdops {__version__}")
    elif name in ("--help", "-h"):
        print(_help())
    elif (module := name.replace("-", "_")) not in _COMMANDS:
        _refuse(f"unknown command {name!r}; choose one of: {', '.join(_COMMANDS)}")
    elif missing := [package for package in _EXTRAS[extra] if importlib.util.find_spec(package) is None]:
        verb = "is" if len(missing) == 1 else "are"
        _refuse(f"{', '.join(missing)} {verb} not installed: pip install 'kdops[{extra}]'")
    else:
        importlib.import_module(f"{__package__}.{module}").main(args=rest, prog_name=f"kdops {name}")


def _refuse(message: str) -> None:
    print(f"error: {message}", file=sys.stderr)
    raise SystemExit(_USER_ERROR)


def _help() -> str:
    width = max(map(len, _COMMANDS))
    lines = [f"  {name:{width}}  {_summary(name)}" for name in _COMMANDS]
    head = ["usage: kdops COMMAND [--PARAMETER VALUE ...]", "       kdops COMMAND --help", "       kdops --version", ""]
    return "\n".join([*head, *lines])


def _summary(name: str) -> str:
    """Return the one-line description of an entry point from its module docstring, without importing the module."""
    code = Path(__file__).with_name(f"{name}.py").read_text(encoding="utf-8")
    docstring = ast.get_docstring(ast.parse(code)) or ""
    return docstring.partition("\n")[0].partition(": ")[2].rstrip(".")


if __name__ == "__main__":
    main()
