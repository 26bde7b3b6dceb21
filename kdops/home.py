"""Where kdops keeps what it may need again: downloads, signals, checkpoints."""

import os
from pathlib import Path


def home() -> Path:
    """The folder of everything reusable on this machine: `KDOPS_HOME`, by default `~/.cache/kdops`."""
    return Path(os.environ.get("KDOPS_HOME") or Path.home() / ".cache" / "kdops")
