"""Facts about the machine and the installed versions, so that numbers of different runs can be compared fairly."""

import platform
import socket
from collections.abc import Mapping
from importlib import metadata

from kdops import __version__, machine
from kdops.tracking import names

_PACKAGES = ("torch", "transformers", "datasets", "onnxruntime", "mlflow", "optuna")


def facts() -> dict[str, str]:
    """Describe this machine as run tags; nothing heavy is imported for it. Cores and memory are a container's own."""
    tags = {
        names.HOST_NAME: socket.gethostname(),
        names.HOST_CPU: machine.cpu_model(),
        names.HOST_CORES: str(machine.cores()),
        names.HOST_MEMORY_GB: f"{machine.memory_bytes() / 2**30:.1f}",
        f"{names.VERSION_PREFIX}python": platform.python_version(),
        f"{names.VERSION_PREFIX}kdops": __version__,
    }
    for package in _PACKAGES:
        try:
            tags[names.VERSION_PREFIX + package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return tags


def kind(facts: Mapping[str, str]) -> str | None:
    """The kind of host by its facts, or by the tags of a run; times on one kind compare. None: unknown."""
    if names.HOST_CPU not in facts or names.HOST_CORES not in facts:
        return None
    cores = facts[names.HOST_CORES]
    return f"{facts[names.HOST_CPU]}, {cores} {'core' if cores == '1' else 'cores'}"
