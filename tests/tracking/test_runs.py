import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from kdops import process
from kdops.data.corpus import load_corpus
from kdops.energy import Meter
from kdops.errors import UserError
from kdops.tracking import artifacts, names, runs
from kdops.tracking.names import Role, Status

ROOT = Path(__file__).parents[2]

# A program that opens a run and a child of it, says so, and works until it is stopped.
WORKER = """
import time
from entrypoints import cli
from kdops.tracking import artifacts, runs
from kdops.tracking.names import Role

def work() -> None:
    runs.connect()
    with runs.tracked(Role.STUDENT, "parent", fingerprint="f"), runs.tracked(Role.TRIAL, "child"):
        print("working", flush=True)
        time.sleep(120)

cli.program(work, ())()
"""

# Goes before it: it is shot before it can do more than open its first run.
SHOT_AT_ONCE = """
import os, signal
import mlflow
start_run = mlflow.start_run

def shoot(**options: object) -> None:
    start_run(**options)
    print("working", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

mlflow.start_run = shoot
"""

pytestmark = pytest.mark.usefixtures("connected")


def read(run: runs.Run) -> Run:
    return MlflowClient().get_run(run.run_id)


def all_runs() -> dict[str, Run]:
    found = mlflow.search_runs(search_all_experiments=True, output_format="list")
    return {run.info.run_name: run for run in found}


def test_a_finished_run_says_what_it_was() -> None:
    config = {"epochs": 3, "dataset": "sample", "teacher": None}
    with runs.tracked(Role.STUDENT, "bilstm", fingerprint="abc", tags={names.RECIPE: "kd"}, config=config) as run:
        run.metrics({"val.f1_macro": 0.5}, step=1)
        run.metrics({"val.f1_macro": 0.75}, step=2)
        run.metrics({"cost.parameters": 1000})
    found = read(run)
    assert found.info.status == Status.FINISHED
    assert found.info.run_name == "bilstm"
    assert mlflow.get_experiment(found.info.experiment_id).name == names.DEFAULT_EXPERIMENT
    assert found.data.params == {"cfg.epochs": "3", "cfg.dataset": "sample"}
    assert mlflow.artifacts.load_dict(f"runs:/{run.run_id}/config.json") == config
    assert found.data.metrics == runs.get_metrics(run.run_id) == {"val.f1_macro": 0.75, "cost.parameters": 1000}
    tags = runs.get_tags(run.run_id)
    assert (tags[names.ROLE], tags[names.FINGERPRINT], tags[names.RECIPE]) == ("student", "abc", "kd")
    assert tags[names.PROCESS] == process.identity()
    assert tags["mlflow.user"]
    assert {names.HOST_CPU, names.HOST_CORES, "version.mlflow"} <= tags.keys()
    assert not {names.ERROR, names.STATUS} & tags.keys()


def test_a_run_has_what_the_machine_did_where_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "1")
    counter = tmp_path / "intel-rapl:0" / "energy_uj"
    counter.parent.mkdir()
    monkeypatch.setattr(runs, "Meter", lambda: Meter(tmp_path))
    for wanted in (False, True):
        counter.write_text("0", encoding="ascii")
        with runs.tracked(Role.TEACHER, "teacher", config={"system_metrics": wanted}) as run:
            time.sleep(3 * wanted)
            counter.write_text("7200000", encoding="ascii")
        logged = {name for name in runs.get_metrics(run.run_id) if name.startswith("system/")}
        assert ("system/cpu_utilization_percentage" in logged) is wanted
        assert (names.ENERGY_WH in logged) is wanted
    assert runs.get_metrics(run.run_id)[names.ENERGY_WH] == pytest.approx(0.002)


def test_long_configurations_are_logged_whole() -> None:
    with runs.tracked(Role.EXAM, "exam", config={f"key{index}": index for index in range(250)}) as run:
        pass
    assert len(read(run).data.params) == 250


def test_a_run_within_a_run_is_its_child() -> None:
    with runs.tracked(Role.STUDENT, "parent") as parent, runs.tracked(Role.TRIAL, "child") as child:
        pass
    assert read(child).data.tags["mlflow.parentRunId"] == parent.run_id
    assert read(child).info.experiment_id == read(parent).info.experiment_id


def test_a_worker_names_its_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "mine")
    with runs.tracked(Role.STUDENT, "parent") as parent:
        pass
    monkeypatch.delenv("MLFLOW_EXPERIMENT_NAME")
    with runs.tracked(Role.TRIAL, "child", parent_run_id=parent.run_id) as child:
        pass
    assert read(child).data.tags["mlflow.parentRunId"] == parent.run_id
    assert read(child).info.experiment_id == read(parent).info.experiment_id
    assert mlflow.get_experiment(read(child).info.experiment_id).name == "mine"


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (ValueError("wrong\n  shape"), Status.FAILED, "ValueError: wrong shape"),
        (UserError("no such dataset"), Status.FAILED, "no such dataset"),
        (KeyboardInterrupt(), Status.KILLED, "interrupted"),
        (SystemExit(3), Status.KILLED, "SystemExit: 3"),
    ],
)
def test_how_a_run_ends(error: BaseException, status: Status, message: str) -> None:
    with (
        pytest.raises(type(error)),
        runs.tracked(Role.STUDENT, "parent") as parent,
        runs.tracked(Role.TRIAL, "child") as child,
    ):
        raise error
    for run in (parent, child):
        assert read(run).info.status == status
        assert read(run).data.tags[names.ERROR] == message


def test_a_pruned_trial_is_killed_but_no_error() -> None:
    class Pruned(Exception):
        pass

    def prune() -> None:
        with runs.tracked(Role.TRIAL, "child") as child:
            child.tags({names.TRIAL_STATE: "pruned"})
            child.finish(Status.KILLED)
            raise Pruned

    with runs.tracked(Role.STUDENT, "parent"), pytest.raises(Pruned):
        prune()
    child = all_runs()["child"]
    assert child.info.status == Status.KILLED
    assert names.ERROR not in child.data.tags
    assert all_runs()["parent"].info.status == Status.FINISHED


class TestInsideMlflowRun:
    @pytest.fixture
    def given(self, monkeypatch: pytest.MonkeyPatch) -> Run:
        """A run as `mlflow run` leaves it for its child process."""
        experiment_id = mlflow.create_experiment("chosen")
        run = MlflowClient().create_run(experiment_id, run_name="brave-owl-42")
        MlflowClient().log_param(run.info.run_id, "epochs", "3")
        monkeypatch.setenv("MLFLOW_RUN_ID", run.info.run_id)
        monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", experiment_id)
        return run

    def test_the_outermost_run_is_the_given_one(self, given: Run) -> None:
        with runs.tracked(Role.STUDENT, "bilstm", config={"epochs": 3.0}) as run:
            assert "MLFLOW_RUN_ID" not in os.environ  # not for workers to adopt too
            with runs.tracked(Role.TRIAL, "child") as child:
                pass
        assert run.run_id == given.info.run_id != child.run_id
        found = read(run)
        assert (found.info.status, found.info.run_name) == (Status.FINISHED, "bilstm")
        assert found.data.params == {"epochs": "3", "cfg.epochs": "3.0"}
        assert read(child).info.experiment_id == given.info.experiment_id

    def test_only_the_first_run_is_the_given_one(self, given: Run) -> None:
        with runs.tracked(Role.STUDENT, "first"):
            pass
        with runs.tracked(Role.PROMOTE, "second") as second:
            pass
        assert second.run_id != given.info.run_id
        assert read(second).info.experiment_id == given.info.experiment_id

    def test_a_name_that_the_user_chose_stays(self, given: Run) -> None:
        MlflowClient().set_tag(given.info.run_id, "mlflow.runName", "friday")
        with runs.tracked(Role.STUDENT, "bilstm") as run:
            pass
        assert read(run).info.run_name == "friday"


def test_the_experiment_is_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "mine")
    with runs.tracked(Role.STUDENT, "bilstm") as run:
        pass
    experiment = mlflow.get_experiment(read(run).info.experiment_id)
    assert experiment.name == "mine"
    mlflow.delete_experiment(experiment.experiment_id)
    with pytest.raises(UserError, match="experiment 'mine' is deleted"), runs.tracked(Role.STUDENT, "bilstm"):
        pass


def test_finished_work_is_found_in_any_experiment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert runs.find_finished(Role.TEACHER, "abc") is None
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "elsewhere")
    with runs.tracked(Role.TEACHER, "old", fingerprint="abc"):
        pass
    with runs.tracked(Role.TEACHER, "new", fingerprint="abc") as newest:
        pass
    monkeypatch.delenv("MLFLOW_EXPERIMENT_NAME")
    with runs.tracked(Role.STUDENT, "other role", fingerprint="abc"):
        pass
    with runs.tracked(Role.TEACHER, "other work", fingerprint="abd"):
        pass
    with pytest.raises(ValueError, match="no"), runs.tracked(Role.TEACHER, "failed", fingerprint="abc"):
        raise ValueError("no")
    with runs.tracked(Role.TEACHER, "still running", fingerprint="abc"):
        assert runs.find_finished(Role.TEACHER, "abc") == newest.run_id


def test_folders_come_back_as_they_were(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "inner").mkdir(parents=True)
    (source / "inner" / "weights.bin").write_bytes(b"123")
    with runs.tracked(Role.TEACHER, "teacher") as run:
        run.folder(source, "teacher")
    target = tmp_path / "fetched" / "teacher"
    assert artifacts.fetch(run.run_id, "teacher", target) == target
    assert (target / "inner" / "weights.bin").read_bytes() == b"123"
    assert list(target.parent.iterdir()) == [target]

    (target / "kept").touch()
    artifacts.fetch(run.run_id, "teacher", target)
    assert (target / "kept").exists()


def test_a_folder_that_is_not_there_leaves_nothing_behind(tmp_path: Path) -> None:
    with runs.tracked(Role.TEACHER, "teacher") as run:
        pass
    target = tmp_path / "fetched" / "teacher"
    with pytest.raises(UserError, match=f"cannot fetch runs:/{run.run_id}/teacher"):
        artifacts.fetch(run.run_id, "teacher", target)
    assert list(target.parent.iterdir()) == []


@pytest.mark.parametrize("name", ["sample", "sample-tags"])
def test_the_dataset_is_logged_with_digest_and_contexts(name: str, recwarn: pytest.WarningsRecorder) -> None:
    corpus = load_corpus(name)
    with runs.tracked(Role.TEACHER, "teacher") as run:
        run.dataset(corpus)
    inputs = read(run).inputs.dataset_inputs
    assert {given.dataset.name for given in inputs} == {name}
    assert {(given.dataset.digest, given.tags[0].value) for given in inputs} == {
        (f"{corpus.fingerprint}-train", "training"),
        (f"{corpus.fingerprint}-validation", "validation"),
        (f"{corpus.fingerprint}-test", "test"),
    }
    assert read(run).data.tags[names.TASK] == corpus.task
    assert not [str(warning.message) for warning in recwarn if "mlflow" in str(warning.filename)]


def start_worker(program: str = WORKER) -> subprocess.Popen[str]:
    worker = subprocess.Popen(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert worker.stdout is not None
    assert worker.stdout.readline() == "working\n"
    return worker


@pytest.mark.parametrize(
    ("sent", "code", "error"),
    [(signal.SIGTERM, 143, "terminated by SIGTERM"), (signal.SIGINT, 130, "interrupted")],
)
def test_a_stopped_program_closes_its_runs_as_killed(sent: signal.Signals, code: int, error: str) -> None:
    worker = start_worker()
    worker.send_signal(sent)
    assert worker.wait(timeout=30) == code
    for name in ("parent", "child"):
        run = all_runs()[name]
        assert run.info.status == Status.KILLED
        assert run.data.tags[names.ERROR] == error


def test_runs_of_a_program_that_was_shot_are_closed_by_the_next_one() -> None:
    worker = start_worker()
    runs.connect()
    assert {run.info.status for run in all_runs().values()} == {"RUNNING"}  # it lives, so they are left alone
    worker.kill()
    worker.wait()
    assert {run.info.status for run in all_runs().values()} == {"RUNNING"}
    with runs.tracked(Role.MEASURE, "mine"):
        runs.connect()
        found = all_runs()
        assert found.pop("mine").info.status == "RUNNING"
        for run in found.values():
            assert run.info.status == Status.KILLED
            assert run.data.tags[names.ERROR] == "process ended without closing the run"


def test_a_run_whose_program_is_shot_as_soon_as_it_is_open_is_closed_too() -> None:
    worker = start_worker(SHOT_AT_ONCE + WORKER)
    assert worker.wait(timeout=30) == -signal.SIGKILL
    runs.connect()
    assert all_runs()["parent"].info.status == Status.KILLED


def test_programs_that_begin_at_once_all_close_what_was_left_open() -> None:
    host, _, start, *place = process.identity().split(":")
    client, dead = MlflowClient(), ":".join([host, str(2**22 + 1), start, *place])  # more than the kernel's highest pid
    left = [client.create_run("0", tags={names.PROCESS: dead}).info.run_id for _ in range(20)]
    begin = threading.Barrier(4)

    def connect(_: int) -> None:
        begin.wait()
        runs.connect()

    with ThreadPoolExecutor(4) as programs:
        list(programs.map(connect, range(4)))
    assert {client.get_run(run_id).info.status for run_id in left} == {Status.KILLED}


def test_runs_of_other_hosts_are_left_alone() -> None:
    elsewhere = MlflowClient().create_run("0", tags={names.PROCESS: "elsewhere:1:1:machine:boot:4026531836"})
    runs.connect()
    assert MlflowClient().get_run(elsewhere.info.run_id).info.status == "RUNNING"


def test_what_workers_left_open_ends_with_the_outermost_run() -> None:
    with runs.tracked(Role.STUDENT, "parent") as parent:
        tags = {"mlflow.parentRunId": parent.run_id, names.PROCESS: "elsewhere:1:1:machine:boot:4026531836"}
        lost = MlflowClient().create_run(read(parent).info.experiment_id, tags=tags)
    assert MlflowClient().get_run(lost.info.run_id).info.status == Status.KILLED


def test_killed_runs_that_were_marked_failed_are_restored() -> None:
    with pytest.raises(KeyboardInterrupt), runs.tracked(Role.STUDENT, "killed") as killed:
        raise KeyboardInterrupt
    with pytest.raises(ValueError, match="no"), runs.tracked(Role.STUDENT, "failed") as failed:
        raise ValueError("no")
    MlflowClient().set_terminated(killed.run_id, "FAILED")
    runs.connect()
    assert read(killed).info.status == Status.KILLED
    assert read(failed).info.status == Status.FAILED


def test_an_artifact_that_cannot_be_written_names_its_folder() -> None:
    with runs.tracked(Role.STUDENT, "student") as run:
        folder = Path(read(run).info.artifact_uri)
        folder.parent.mkdir(parents=True)
        folder.touch()
        with pytest.raises(OSError, match=rf"^cannot write said\.txt to {folder}: .*Not a directory"):
            run.text("anything", "said.txt")
