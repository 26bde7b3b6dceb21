from pathlib import Path

import mlflow
import pytest
from finished_runs import add_student, add_teacher, log_data

from kdops.errors import UserError
from kdops.steps import report as step
from kdops.steps.report import report, report_for
from kdops.steps.report_config import ReportConfig
from kdops.tracking import names, runs
from kdops.tracking.names import Role


def _artifacts(run_id: str) -> set[str]:
    return {Path(file.path).name for file in mlflow.MlflowClient().list_artifacts(run_id, names.REPORT)}


def test_a_page_and_its_images_are_written_and_logged(store: str, tmp_path: Path) -> None:
    made = report(ReportConfig(datasets="emot", output=tmp_path / "out"))  # type: ignore[arg-type]
    assert str(made).startswith(
        "emot: bilstm int8 by kd-unlabeled is the best of 3 students by validation score: test f1_macro 0.810, 90.0% "
        "of the teacher's, 10.0 points above its baseline, 1.000 ms latency, 90 MB RAM, 9.0 MB storage; 40.0 x faster "
        "than the teacher.\n"
    )
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"report.html", "emot-pareto.png", "emot-ladder.png", "emot-classes.png"} <= written
    (run,) = mlflow.search_runs(
        search_all_experiments=True, filter_string=f"tags.`{names.ROLE}` = 'report'", output_format="list"
    )
    assert _artifacts(run.info.run_id) == written


def test_a_run_gets_a_report_of_its_data_set_before_it_is_closed(tracking_uri: str) -> None:
    made = add_student("emot", add_teacher("emot"), trials=1)
    tags = {key: value for key, value in runs.get_tags(made).items() if key.startswith("kdops.")}
    with runs.tracked(Role.STUDENT, "now", tags=tags, config={"seed": 2}) as run:
        log_data(run, "emot")
        run.metrics(runs.get_metrics(made))
        report_for(run, "emot")
    assert {"report.html", "emot-ladder.png"} <= _artifacts(run.run_id)
    experiment = mlflow.MlflowClient().get_run(run.run_id).info.experiment_id
    assert "mlflow.sharedViewState.kdops-emot-0123456789abcdef" in mlflow.MlflowClient().get_experiment(experiment).tags


def test_a_report_that_fails_costs_no_training(
    store: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(step, "render", lambda *_: 1 / 0)
    with runs.tracked(Role.STUDENT, "now") as run:
        report_for(run, "emot")
    assert "no report of data set emot" in caplog.text
    assert mlflow.MlflowClient().get_run(run.run_id).info.status == "FINISHED"


def test_wrong_parameters_are_named(store: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"data set 'smsa'; there are runs of: .*emot"):
        report(ReportConfig(datasets="emot,smsa", output=tmp_path / "out"))  # type: ignore[arg-type]
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="there is a file of that name"):
        ReportConfig(output=tmp_path / "file")
    with pytest.raises(UserError, match=r"output folder .* cannot be written"):
        report(ReportConfig(datasets="emot", output=tmp_path / "file" / "below"))  # type: ignore[arg-type]
