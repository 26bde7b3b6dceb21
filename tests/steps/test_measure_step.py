from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import mlflow
import pytest
from bundles import COST
from distillations import PARITY
from finished_runs import add_student, add_teacher
from taught import Taught

from entrypoints import cli
from kdops.errors import UserError
from kdops.measure.turns import Measured, SideBySide
from kdops.steps import measure as step
from kdops.steps.measure import measure
from kdops.steps.measure_config import MeasureConfig
from kdops.steps.teacher.bundle import TeacherBundle
from kdops.tracking import names, runs, store
from kdops.tracking.names import Role


def turns(*latencies_ms: float) -> Callable[..., SideBySide]:
    """Stands for measuring one bundle, with these medians."""
    costs = tuple(replace(COST, latency_p50_ms=value) for value in latencies_ms)
    return lambda *args, **kwargs: SideBySide((Measured(costs),), other_cores=1.7)


@pytest.fixture
def config(make_bundle: Callable[..., Path], taught: Taught, tracking_uri: str) -> MeasureConfig:
    return MeasureConfig(model=str(make_bundle("small")), dataset=str(taught.folder), sweeps=False)


def test_steady_turns_are_published(config: MeasureConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step, "measure_side_by_side", turns(2.0, 2.01, 2.02))
    report = measure(config)
    assert "2.010 ±0%" in str(report)
    logged = {run.info.run_id: run for run in store.search("tags.`kdops.role` = 'measure'")}
    (child,) = (run for run_id, run in logged.items() if run_id != report.run_id)
    assert child.data.metrics["cost.latency_p50_ms"] == 2.01
    assert child.data.metrics["spread.latency_p50_ms"] == pytest.approx(0.005, rel=0.01)
    assert logged[report.run_id].data.metrics["measure.other_cores"] == 1.7


def test_a_student_is_logged_beside_its_teacher(
    config: MeasureConfig,
    make_bundle: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runs.connect()
    with runs.tracked(Role.STUDENT, "bilstm", tags={names.TEACHER_RUN: "feed", names.DATASET: "reviews"}) as run:
        run.folder(Path(config.model), "bundle")
        run.tags({names.PRECISION: "int8", names.VERSION: 7})
    teacher = make_bundle("teacher")
    costs = [COST, replace(COST, latency_p50_ms=60, ram_peak_mb=800, storage_mb=440, cpu_ms_per_text=50)]
    together = SideBySide(tuple(Measured((cost,) * 3) for cost in costs), other_cores=0)
    monkeypatch.setattr(
        step, "teacher_bundle_of", lambda run_id, corpus, recorder: {"feed": TeacherBundle(teacher, PARITY)}[run_id]
    )
    measured: list[Path] = []

    def side_by_side(folders: Sequence[Path], *args: object, **kwargs: object) -> SideBySide:
        measured.extend(folders)
        return together

    monkeypatch.setattr(step, "measure_side_by_side", side_by_side)
    measure(config.model_copy(update={"model": f"runs:/{run.run_id}/bundle"}))
    # What the run deploys.
    assert [folder.name for folder in measured] == ["bundle", teacher.name]
    found = store.search("tags.`kdops.role` = 'measure'")
    logged = {one.data.tags.get(names.MODEL): one.data.metrics for one in found}
    student, taught = logged[f"runs:/{run.run_id}/bundle"], logged["feed"]
    assert {key: value for key, value in student.items() if key.startswith("ratio.")} == {
        "ratio.latency": 30,
        "ratio.ram": 10,
        "ratio.storage": 110,
        "ratio.cpu": 25,
    }
    assert (student["cost.latency_p50_ms"], student["teacher.cost.latency_p50_ms"]) == (2, 60)
    assert taught["cost.latency_p50_ms"] == 60
    assert not [key for key in taught if key.startswith(("ratio.", "teacher."))]


def test_a_teachers_run_is_refused(config: MeasureConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(step, "measure_side_by_side")
    runs.connect()
    with runs.tracked(Role.TEACHER, "teacher") as run:
        pass
    with pytest.raises(UserError, match=f"run {run.run_id} made a teacher, which is measured beside its students"):
        measure(config.model_copy(update={"model": run.run_id}))


def test_unsteady_turns_are_not(config: MeasureConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step, "measure_side_by_side", turns(1.0, 2.0, 3.0))
    with pytest.raises(UserError, match=r"latency_p50_ms of .* differed by 50%.* 1\.7 cores busy(.|\n)*2\.000 ±50%"):
        measure(config)
    assert store.search("tags.`kdops.role` = 'measure'") == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": " , "}, "model names nothing"),
        ({"model": "no/such/place"}, "no model 'no/such/place': neither a registered version"),
        ({"model": "models:/kdops-none/1"}, "no model models:/kdops-none/1"),
        ({"model": "0" * 32}, "no run '0000"),
        ({"model": "."}, "is not a bundle"),
        ({"dataset": None}, "was made for your own data 'nothing': give its place by dataset="),
    ],
)
def test_what_cannot_be_measured_is_said_at_once(
    config: MeasureConfig, changes: dict[str, str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(step, "measure_side_by_side")
    with pytest.raises(UserError, match=message):
        measure(config.model_copy(update=changes))


def test_own_data_of_the_model_is_found_by_the_name_that_a_finished_run_has_for_it(
    config: MeasureConfig, taught: Taught, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = add_student("nothing", add_teacher("nothing"), trials=1)
    mlflow.MlflowClient().log_param(run_id, names.CONFIG_PREFIX + names.DATA, str(taught.folder))
    sent: list[Sequence[str]] = []

    def measured(folders: Sequence[Path], texts: Sequence[str], **settings: object) -> SideBySide:
        sent.append(texts)
        return SideBySide((Measured((COST,) * 3),), other_cores=0)

    monkeypatch.setattr(step, "measure_side_by_side", measured)
    measure(config.model_copy(update={"dataset": None}))
    assert list(sent[0]) == list(taught.corpus.inputs("validation"))


def test_the_task_of_the_data_must_be_the_models(
    config: MeasureConfig, tagged: Taught, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(step, "measure_side_by_side")
    with pytest.raises(UserError, match=r"is for text-classification, but .* is for token-classification"):
        measure(config.model_copy(update={"dataset": str(tagged.folder)}))


def test_two_turns_have_no_middle_half() -> None:
    with pytest.raises(UserError, match="rounds=2: Input should be greater than or equal to 3"):
        cli.settings(MeasureConfig, model="x", rounds="2")
