"""Environments of their own, for peers whose libraries want other versions than kdops does."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from textwrap import shorten

_TOLD_CHARACTERS = 200


class NoEnvironmentError(RuntimeError):
    """An environment cannot be made; the message is one line."""


@dataclass(frozen=True)
class Environment:
    """Packages that are installed together.

    Attributes:
        name: of its folder.
        packages: as uv takes them, beside the PyTorch that kdops is measured with.
    """

    name: str
    packages: Sequence[str]


MODEL2VEC = Environment("model2vec", ("model2vec[distill,train]==0.10.0", "scikit-learn"))
SETFIT = Environment("setfit", ("setfit[onnx]==1.2.0", "sentence-transformers==6.2.0"))


def interpreter(environment: Environment, place: Path) -> str:
    """The Python of an environment, which is made if it is not there; what is missing of it is installed.

    Args:
        environment: which.
        place: the folder of all of them.

    Raises:
        NoEnvironmentError: it cannot be made, for instance without a network.
    """
    folder = (place / environment.name).absolute()
    python = str(folder / "bin" / "python")
    if not folder.is_dir():
        _uv("venv", "--python", sys.executable, str(folder))
    # Without the build's name, as in 2.13.0+cpu, which no registry knows.
    torch = f"torch=={version('torch').partition('+')[0]}"
    _uv("pip", "install", "--python", python, torch, *environment.packages)
    return python


def _uv(*arguments: str) -> None:
    done = subprocess.run([sys.executable, "-m", "uv", *arguments], capture_output=True, text=True)
    if done.returncode:
        raise NoEnvironmentError(f"uv {arguments[0]}: {shorten(done.stderr, _TOLD_CHARACTERS)}")
