"""The runs that `mlflow run` makes for commands which log nothing."""

import mlflow
import pytest
from typer.testing import CliRunner

import entrypoints.distill


@pytest.mark.parametrize(
    ("options", "name"),
    [
        (["--student", "bilstmm"], "distill: unknown student 'bilstmm'; choose one of: "),
        (["--studnet", "cnn"], "distill: unknown option --studnet; did you mean --student?"),
    ],
)
def test_the_run_of_a_typo_is_named_after_it(
    options: list[str], name: str, tracking_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = mlflow.MlflowClient().create_run("0").info.run_id
    monkeypatch.setenv("MLFLOW_RUN_ID", run_id)
    assert CliRunner().invoke(entrypoints.distill.main, options).exit_code == 2
    assert mlflow.get_run(run_id).info.run_name.startswith(name)
