"""The shell blocks of the pages, and what a comment above each says of it."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
RUN, RUN_BY, NOT_RUN = "run", "run by ", "not run: "

_BLOCK = re.compile(r"^(?:<!-- ([^\n]+) -->\n)?```(?:sh|bash|shell|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_SETTING = re.compile(r"\w+=")


@dataclass(frozen=True)
class Block:
    """A shell block of a page.

    Attributes:
        page: where it stands.
        mark: the comment above it: `run`, `run by FILE, FILE: REMARK`, `not run: REASON`, or nothing.
        text: the commands.
    """

    page: Path
    mark: str
    text: str

    @property
    def commands(self) -> list[list[str]]:
        """The words of each command; what only sets a variable is none."""
        lines = self.text.replace("\\\n", " ").splitlines()
        split = [shlex.split(line, comments=True) for line in lines]
        bare = [[word for at, word in enumerate(words) if at or not _SETTING.match(word)] for words in split]
        return [words for words in bare if words and words[0] != "export"]

    @property
    def run_by(self) -> list[Path]:
        """The files that the mark names."""
        files = self.mark.removeprefix(RUN_BY).partition(":")[0]
        return [ROOT / name for name in files.split(", ")] if self.mark.startswith(RUN_BY) else []


def blocks(page: Path) -> list[Block]:
    """All shell blocks of a page, in order."""
    return [Block(page, mark, text) for mark, text in _BLOCK.findall(page.read_text(encoding="utf-8"))]


def what_runs(words: list[str]) -> str:
    """The entry point or program that a command runs; empty for commands that make the environment of tests."""
    if words[0] in ("make", "pip"):
        return ""
    if words[:2] == ["mlflow", "run"]:
        return words[words.index("-e") + 1] if "-e" in words else "main"
    if words[0] == "mlflow":
        return words[2]
    program = words[words.index("-m") + 1] if "-m" in words else next(one for one in words if "python" not in one)
    return program.removeprefix("entrypoints.").rpartition("/")[2]
