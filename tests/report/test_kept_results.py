import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from kdops.report.tables import budget_table, dataset_table, gains_table
from kdops.tracking.results import read_results


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """docs/write_results.py, which keeps results in an empty folder."""
    path = Path(__file__).parents[2] / "docs" / "write_results.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "KEPT", tmp_path)
    return module


def test_results_that_are_kept_make_the_same_tables(store: str, script: ModuleType) -> None:
    results = read_results(["emot"])
    script.keep(results)
    kept = script.kept()
    for table in (dataset_table, gains_table, budget_table):
        assert table(kept).markdown() == table(results).markdown()


def test_nothing_kept_is_one_line(script: ModuleType) -> None:
    with pytest.raises(Exception, match="no results are kept"):
        script.kept()
