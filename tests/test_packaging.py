"""The files that say what kdops runs on and needs agree with each other."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
SUPPORTED = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["classifiers"]))
PINS = [
    Requirement(line)
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]
NEEDS = [Requirement(line) for lines in PROJECT["optional-dependencies"].values() for line in lines]


def test_every_supported_python_may_install_it() -> None:
    assert SUPPORTED[0] == "3.11"
    assert all(SpecifierSet(PROJECT["requires-python"]).contains(f"{version}.0") for version in SUPPORTED)


def test_the_makefile_takes_these_pythons() -> None:
    (named,) = re.findall(r"^SUPPORTED := (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert named.split() == SUPPORTED


def test_conda_makes_one_of_them() -> None:
    dependencies = yaml.safe_load((ROOT / "conda.yaml").read_text(encoding="utf-8"))["dependencies"]
    (python,) = (one for one in dependencies if isinstance(one, str) and one.startswith("python="))
    assert python.removeprefix("python=").rpartition(".")[0] in SUPPORTED


def test_the_container_that_serves_has_one_of_them() -> None:
    images = re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    assert {image.removeprefix("python:").removesuffix("-slim") for image in images} < {*SUPPORTED}


def test_the_container_of_the_server_has_one_of_them() -> None:
    image = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]["tracking"]["image"]
    assert image.removeprefix("python:").removesuffix("-slim") in SUPPORTED


@pytest.mark.parametrize("need", [*map(Requirement, PROJECT["dependencies"]), *NEEDS], ids=str)
def test_the_lock_has_a_version_of_whatever_is_needed(need: Requirement) -> None:
    if need.name == "kdops":
        return
    pins = [pin for pin in PINS if canonicalize_name(pin.name) == canonicalize_name(need.name)]
    assert len(pins) == 1, "make lock"
    (pinned,) = pins[0].specifier
    assert pinned.operator == "=="
    assert need.specifier.contains(pinned.version)
