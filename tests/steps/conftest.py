"""Fixtures that several tests of steps start from."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from distillations import cost
from taught import Taught, make_taught

from kdops.measure.turns import Measured, SideBySide
from kdops.steps.distill import comparison
from kdops.task import Task


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Taught:
    return make_taught(tmp_path_factory.mktemp("reviews"), Task.TEXT)


@pytest.fixture
def measured_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Costs that nobody measured, for tests of something else: measuring takes most of a small distillation's time."""

    def at_once(bundles: Sequence[Path], *args: object, **kwargs: object) -> SideBySide:
        return SideBySide(tuple(Measured((cost(),) * 3) for _ in bundles), other_cores=0)

    monkeypatch.setattr(comparison, "measure_side_by_side", at_once)


@pytest.fixture(scope="module")
def tagged(tmp_path_factory: pytest.TempPathFactory) -> Taught:
    return make_taught(tmp_path_factory.mktemp("names"), Task.TOKEN)
