"""The pages keep their word: links, entry points with their parameters, messages, examples."""

import ast
import re
from pathlib import Path

import pytest
import yaml
from documented import NOT_RUN, PAGES, ROOT, RUN, blocks, what_runs

ENTRY_POINTS = yaml.safe_load((ROOT / "MLproject").read_text(encoding="utf-8"))["entry_points"]
_LINK = re.compile(r"\]\((?!https?://)([^)#]+)")
_TARGET = re.compile(r"^([a-z-]+):", re.MULTILINE)
_TEST = re.compile(r"[\w/]*\btest_\w+\.py")


def commands(page: Path) -> list[list[str]]:
    """The words of each `mlflow run` and `python -m entrypoints...` in the page's shell blocks."""
    words = [words for block in blocks(page) for words in block.commands]
    return [one for one in words if one[:2] == ["mlflow", "run"] or "entrypoints." in " ".join(one[:3])]


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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_is_run_or_marked_as_not_run(page: Path) -> None:
    """By `tests/project/test_documented_commands.py` as it stands, or in other words by the tests that it names."""
    for block in blocks(page):
        if block.mark == RUN or block.mark.startswith(NOT_RUN):
            continue
        assert block.run_by, f"{page.name} neither says what runs this, nor that nothing does:\n{block.text}"
        code = "\n".join(path.read_text(encoding="utf-8") for path in block.run_by)
        assert [words for words in block.commands if what_runs(words) not in code] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_tests_that_are_named_exist(page: Path) -> None:
    there = list((ROOT / "tests").rglob("test_*.py"))
    named = set(_TEST.findall(page.read_text(encoding="utf-8")))
    assert [name for name in named if not any(path.match(name) for path in there)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_targets_of_make_exist(page: Path) -> None:
    targets = _TARGET.findall((ROOT / "Makefile").read_text(encoding="utf-8"))
    named = [words[1] for block in blocks(page) for words in block.commands if words[0] == "make"]
    assert set(named) <= set(targets)


@pytest.mark.parametrize("name", ["results", "performance"])
def test_written_pages_say_what_their_scripts_would(name: str) -> None:
    """Their numbers need hours; the words around them must not drift."""
    script = ast.parse((ROOT / "docs" / f"write_{name}.py").read_text(encoding="utf-8"))
    values = [node.value for node in ast.walk(script) if isinstance(node, ast.Assign)]
    texts = [node.value for value in values for node in ast.walk(value) if isinstance(node, ast.Constant)]
    written = (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
    long = [text for text in texts if isinstance(text, str) and "\n" in text]
    assert long
    assert [text for text in long if text not in written] == []


def test_every_entry_point_is_in_the_readme() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [name for name in ENTRY_POINTS if f"| `{name}` |" not in text] == []


def test_the_messages_that_the_readme_explains_are_said() -> None:
    section = (ROOT / "README.md").read_text(encoding="utf-8").split("## Error messages")[1].split("## ")[0]
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "kdops").rglob("*.py"))
    messages = re.findall(r"^\| `([^`]+)`", section, re.MULTILINE)
    assert messages
    assert [message for message in messages if message not in code] == []
