import doctest
import subprocess
import sys
from pathlib import Path

import pytest
from taught import Taught

import kdops
from kdops.errors import UserError
from kdops.steps import library


def test_the_examples_in_its_docstrings_run() -> None:
    assert doctest.testmod(library).failed == 0


@pytest.mark.usefixtures("measured_at_once")
def test_a_program_distills_without_tracking_and_serves_the_bundle(taught: Taught, tmp_path: Path) -> None:
    result = kdops.distill(
        taught.folder, tracking=None, teacher="scratch", student="bilstm", recipe="kd", teacher_epochs=1, trials=1,
        epochs=1, max_length=16,
    )  # fmt: skip
    assert isinstance(result, kdops.Distilled)
    assert (result.run_id, result.version, result.reused) == ("", None, False)
    (prediction,) = kdops.Predictor.load(result.bundle).predict(["kamar bersih"])
    assert prediction.label in taught.corpus.labels
    assert set(result.scores.test) == {"f1_macro", "accuracy"}
    assert result.costs.latency_p50_ms > 0
    assert "registered" not in str(result)
    assert not list(tmp_path.rglob("mlruns"))
    again = kdops.distill(
        taught.folder, tracking=None, teacher="scratch", student="bilstm", recipe="kd", teacher_epochs=1, trials=1,
        epochs=1, max_length=16,
    )  # fmt: skip
    assert again.result == result.result


def test_a_wrong_parameter_is_one_line() -> None:
    with pytest.raises(UserError, match="unknown student 'gru'; choose one of: bilstm, cnn"):
        kdops.distill("sample", student="gru")
    with pytest.raises(UserError, match="layers"):
        kdops.distill("sample", layers=3)


def test_importing_it_costs_nothing_and_it_lists_what_it_has() -> None:
    code = "import sys, kdops; print(*sorted(sys.modules.keys() & {'torch', 'mlflow', 'numpy'})); print(*dir(kdops))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.splitlines() == ["", "Corpus Distilled Predictor __version__ distill load_dataset"]
    with pytest.raises(AttributeError, match="no attribute 'train'"):
        _ = kdops.train  # type: ignore[attr-defined]
