"""What the pages say is there: links, entry points with their parameters, messages, examples."""

import re
import shlex
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
ENTRY_POINTS = yaml.safe_load((ROOT / "MLproject").read_text(encoding="utf-8"))["entry_points"]
_LINK = re.compile(r"\]\((?!https?://)([^)#]+)")
_SHELL = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)


def commands(page: Path) -> list[list[str]]:
    """The words of each `mlflow run` and `python -m entrypoints...` in the page's shell blocks."""
    text = "\n".join(_SHELL.findall(page.read_text(encoding="utf-8"))).replace("\\\n", " ")
    lines = [shlex.split(line, comments=True) for line in text.splitlines() if "'" not in line or "curl" not in line]
    return [line for line in lines if line[:2] == ["mlflow", "run"] or "entrypoints." in " ".join(line[:3])]


def test_there_are_pages_and_commands() -> None:
    assert {"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "server.md", "serving.md"} <= {page.name for page in PAGES}
    assert sum(len(commands(page)) for page in PAGES) >= 5


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    links = _LINK.findall(page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_name_entry_points_and_parameters_that_exist(page: Path) -> None:
    for words in commands(page):
        if words[0] == "mlflow":
            entry_point = words[words.index("-e") + 1] if "-e" in words else "main"
            given = [words[at + 1].partition("=")[0] for at, word in enumerate(words) if word == "-P"]
        else:
            entry_point = next(word for word in words if word.startswith("entrypoints.")).removeprefix("entrypoints.")
            given = [word[2:].replace("-", "_") for word in words if word.startswith("--") and word != "--help"]
        assert entry_point in ENTRY_POINTS, words
        assert set(given) <= set(ENTRY_POINTS[entry_point]["parameters"]), words


def test_every_entry_point_is_in_the_readme() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [name for name in ENTRY_POINTS if f"| `{name}` |" not in text] == []


def test_the_messages_that_the_readme_explains_are_said() -> None:
    section = (ROOT / "README.md").read_text(encoding="utf-8").split("## When it says")[1].split("## ")[0]
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "kdops").rglob("*.py"))
    messages = re.findall(r"^\| `([^`]+)`", section, re.MULTILINE)
    assert len(messages) >= 10
    # `unknown` and its kind are put together in `kdops.errors`.
    wanted = [message for message in messages if not message.startswith("unknown ")]
    assert [message for message in wanted if message not in code] == []
