"""Two people, one server on PostgreSQL; first it dies in the middle of a training, then its database in an exam."""

import base64
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import mlflow
import optuna
import pytest
from mlflow.entities import Run
from place import ROOT, options, write_reviews
from promised import check_student, run_here
from team import Team, team_server

import entrypoints.export
import entrypoints.measure
import entrypoints.report
import entrypoints.train_teacher

pytestmark = [pytest.mark.slow, pytest.mark.nightly, pytest.mark.timeout(2400)]

TRIALS = 3
PATIENCE_S = 400
ALICE, BOB = "alice", "bob"
MODEL = "kdops-reviews"
# As in tests/tracking/test_champion.py, here by way of the server.
MOVER = """
import sys
from kdops.errors import UserError
from kdops.tracking import runs
from kdops.tracking.registry import champion, registered

runs.connect()
to = registered.versions("reviews")[int(sys.argv[1]) - 1]
before = registered.find_version("reviews", "champion")
print("decided", flush=True)
sys.stdin.readline()
try:
    champion.move(to, expected=before, tags={}, description="")
    print("won", flush=True)
except UserError as error:
    print(f"lost: {error}", flush=True)
"""


@dataclass
class Done:
    """How a command ended, what it said, and how long it took."""

    code: int
    out: str
    err: str
    seconds: float


@dataclass
class Story:
    """The commands of the team, in this order."""

    team: Team
    folder: Path
    said: dict[str, Done] = field(default_factory=dict)

    @property
    def asked(self) -> list[str]:
        return ["distill", *options(dataset=self.folder / "reviews", recipe="kd", **self._budget)]

    @property
    def exam(self) -> list[str]:
        """The same student as the one cell of a grid."""
        grid = {"datasets": self.folder / "reviews", "students": "bilstm", "recipes": "kd", "seeds": 1, "workers": 1}
        return ["exam", *options(**grid, **self._budget)]

    @property
    def _budget(self) -> dict[str, object]:
        return {
            **{"teacher": "scratch", "teacher_epochs": 2},
            **{"trials": TRIALS, "epochs": 2, "cost_rounds": 1, "storage": self.team.storage},
        }

    def settings(self, person: str, **more: str) -> dict[str, str]:
        # `mlflow run` takes the `python` of the PATH, which need not be this one.
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        here = {"KDOPS_HOME": str(self.folder / "home"), "PYTHONPATH": _pythonpath(), "PATH": path}
        return {**self.team.environment, **here, **self.team.people[person], **more}

    def run(self, name: str, person: str, command: list[str], **more: str) -> Done:
        """`python -m entrypoints.COMMAND`, to its end."""
        return self._run(name, person, ["-m", f"entrypoints.{command[0]}", *command[1:]], **more)

    def mlflow_run(self, name: str, person: str, entry_point: str, *parameters: str, **more: str) -> Done:
        """`mlflow run` of an entry point, to its end."""
        given = [part for parameter in parameters for part in ("-P", parameter)]
        command = ["-m", "mlflow", "run", str(ROOT), "-e", entry_point, "--env-manager", "local", *given]
        return self._run(name, person, command, **more)

    def _run(self, name: str, person: str, arguments: list[str], **more: str) -> Done:
        started = time.monotonic()
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=self.settings(person, **more),
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )
        self.said[name] = Done(done.returncode, done.stdout, done.stderr, time.monotonic() - started)
        return self.said[name]

    def run_until(self, said: str, stop: Callable[[], None], name: str, command: list[str]) -> None:
        """Start a command, and stop what it needs once it, or a cell of it, has said something."""
        # The minute of patience, made shorter.
        environment = self.settings(ALICE, MLFLOW_HTTP_REQUEST_MAX_RETRIES="1")
        with (self.folder / "out").open("w") as out, (self.folder / "err").open("w") as err:
            process = subprocess.Popen(
                [sys.executable, "-m", f"entrypoints.{command[0]}", *command[1:]],
                cwd=self.folder,
                env=environment,
                stdout=out,
                stderr=err,
            )
        give_up = time.monotonic() + PATIENCE_S
        while said not in (self.folder / "err").read_text(encoding="utf-8") + self.cells_said():
            assert process.poll() is None, (self.folder / "err").read_text(encoding="utf-8")
            assert time.monotonic() < give_up
            time.sleep(0.1)
        stop()
        started = time.monotonic()
        process.wait(PATIENCE_S)
        told = [(self.folder / name).read_text(encoding="utf-8") for name in ("out", "err")]
        self.said[name] = Done(process.returncode, told[0], told[1], time.monotonic() - started)

    def cells_said(self) -> str:
        """All that cells said, in the order of the exams."""
        logs = sorted((self.folder / "home" / "exam").glob("*/*.log"), key=lambda log: log.stat().st_mtime_ns)
        return "".join(log.read_text(encoding="utf-8") for log in logs)

    def runs(self, role: str) -> list[Run]:
        client = mlflow.MlflowClient()
        everywhere = [experiment.experiment_id for experiment in client.search_experiments()]
        wanted = f"tags.`kdops.role` = '{role}'"
        return list(client.search_runs(everywhere, wanted, order_by=["attributes.start_time ASC"]))


def _pythonpath() -> str:
    return os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with team_server() as team:
        story = Story(team, tmp_path_factory.mktemp("team"))
        write_reviews(story.folder / "reviews")
        for name in (ALICE, BOB):
            team.add(name)
        promote = ["promote", *options(dataset=story.folder / "reviews")]
        story.run("wrong password", ALICE, promote, MLFLOW_TRACKING_PASSWORD="guessed")
        story.mlflow_run("wrong password for mlflow run", ALICE, "promote", MLFLOW_TRACKING_PASSWORD="guessed")
        story.run("wrong port", ALICE, promote, MLFLOW_TRACKING_URI="http://127.0.0.1:1")
        story.run_until("trial 0 kd: ", team.kill, "cut off", story.asked)
        story.run("server gone", ALICE, story.asked)
        team.start()
        story.run_until("trial 2 kd: ", team.kill_database, "cut off again", story.exam)
        story.run("database gone", ALICE, story.exam)
        team.database("start")
        story.run("again", ALICE, story.exam)
        asked = [f"dataset={story.folder / 'reviews'}"]
        story.mlflow_run("propose", ALICE, "promote", *asked, "approval=required", "min_f1_retained=0.01")
        story.run("approve one's own", ALICE, [*promote, *options(approve=1)])
        story.mlflow_run("promote", BOB, "promote", *asked, "approve=1")
        yield story


@pytest.fixture(autouse=True)
def _as_bob(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = story.settings(BOB)
    for name in (*story.team.people[BOB], "KDOPS_HOME", "PGPASSFILE"):
        monkeypatch.setenv(name, settings[name])


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("wrong password", "401): set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"),
        ("wrong password for mlflow run", "401): set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"),
        ("wrong port", "does not answer"),
        ("server gone", "does not answer"),
        ("database gone", "is its database running?"),
    ],
)
def test_what_cannot_work_is_said_in_one_line_at_once(name: str, words: str, story: Story) -> None:
    done = story.said[name]
    assert done.code == 2
    (line,) = [line for line in done.err.splitlines() if line.startswith("error: ")]
    assert words in line
    assert "Traceback" not in done.err
    assert done.seconds < 120  # most of it imports, on a busy machine


@pytest.mark.parametrize("name", ["cut off", "cut off again"])
def test_a_server_or_database_that_dies_ends_the_work_with_one_line(name: str, story: Story) -> None:
    done = story.said[name]
    assert done.code == os.EX_TEMPFAIL
    # Python's resource tracker may warn after it, of what killed workers left.
    last = [line for line in done.err.splitlines() if line.startswith("error: ")][-1]
    gone = [f"tracking server {story.team.uri} does not answer", "the Optuna storage does not answer"]
    assert last.startswith(tuple(f"error: {what}" for what in gone[: 1 + (name == "cut off again")]))
    assert last.endswith("(what is finished is kept, and the same command goes on from there once it answers)")
    assert "Traceback" not in done.err


def test_the_same_command_goes_on_and_logs_nothing_twice(story: Story) -> None:
    done = story.said["again"]
    assert done.code == 0, done.err
    assert "1 cells: 0 finished, 1 to do" in done.err
    said = story.cells_said()
    # The one killed worker's cell, and the one that got through.
    assert said.count("teacher: reusing run") == 2
    assert [run.info.status for run in story.runs("teacher")] == ["FINISHED"]
    students = story.runs("student")
    assert [run.info.status for run in students] == ["KILLED", "KILLED", "FINISHED"]
    check_student(students[2], "text-classification", "reviews", recipe="kd")
    ended = Counter(run.info.run_name for run in story.runs("trial") if run.info.status == "FINISHED")
    assert ended["trial 0 kd"] == ended["trial 2 kd"] == 1
    assert set(ended.values()) == {1}
    assert [run.info.status for run in story.runs("exam")] == ["KILLED", "FINISHED"]
    roles = ("teacher", "student", "baseline", "trial", "exam", "promote")
    assert "RUNNING" not in {run.info.status for role in roles for run in story.runs(role)}


def test_the_study_lives_in_the_same_postgresql(story: Story) -> None:
    studies = optuna.get_all_study_summaries(story.team.storage)
    states = {
        study.study_name.split("-")[2]: optuna.load_study(
            study_name=study.study_name, storage=story.team.storage
        ).trials
        for study in studies
    }
    for trials in states.values():
        assert len([trial for trial in trials if trial.state.name in ("COMPLETE", "PRUNED")]) == TRIALS
    assert set(states) == {"kd", "vanilla"}
    password = (story.team.folder / "database" / "password").read_text(encoding="utf-8")
    assert password
    for run in story.runs("student"):
        assert password not in str(run.data.to_dictionary())


def test_runs_of_two_people_stay_apart(story: Story) -> None:
    people = {role: [run.data.tags["mlflow.user"] for run in story.runs(role)] for role in ("student", "promote")}
    assert set(people["student"]) == {ALICE}
    assert (people["promote"][0], people["promote"][-1]) == (ALICE, BOB)


def test_nobody_approves_a_proposal_of_their_own(story: Story) -> None:
    proposed, own = story.said["propose"], story.said["approve one's own"]
    assert proposed.code == 0, proposed.err
    assert "version 1 proposed: all limits hold" in proposed.out
    assert "somebody else approves it: mlflow run . -e promote" in proposed.out
    assert own.code == 2
    assert "version 1 was proposed by alice, who you are: somebody else approves it" in own.err


def test_bob_promotes_what_alice_made_and_it_serves(story: Story) -> None:
    done = story.said["promote"]
    assert done.code == 0, done.err
    assert "version 1 promoted: all limits hold" in done.out
    version = mlflow.MlflowClient().get_model_version_by_alias(MODEL, "champion")
    assert version.tags["kdops.promoted_by"] == BOB
    assert "promoted by bob" in version.description
    assert version.tags["kdops.promotion_reason"].endswith("proposed by alice, approved by bob")
    answers = mlflow.pyfunc.load_model(f"models:/{MODEL}@champion").predict(["makanan enak"])
    assert answers[0]["label"] in ("negative", "positive")
    artifacts = mlflow.MlflowClient().list_artifacts(story.runs("teacher")[0].info.run_id, "teacher")
    assert "teacher/model.safetensors" in {file.path for file in artifacts}


def test_one_search_compares_teacher_baseline_and_student(story: Story) -> None:
    everywhere = [one.experiment_id for one in mlflow.search_experiments()]
    found = mlflow.search_logged_models(
        everywhere,
        filter_string="params.`model.dataset` = 'reviews' AND metrics.`test.f1_macro` >= 0 "
        "AND metrics.`cost.latency_p50_ms` > 0",
        order_by=[{"field_name": "metrics.cost.latency_p50_ms", "ascending": False}],
        output_format="list",
    )
    assert {one.model_type for one in found} == {"teacher", "baseline", "student"}
    assert {one.source_run_id for one in found} >= {story.runs("teacher")[0].info.run_id}


class TestWhatNeedsNoTraining:
    """Bob uses Alice's work by the other entry points."""

    def test_he_measures_the_champion(self, story: Story) -> None:
        how = {"rounds": 3, "max_spread": 1000, "sweeps": "false"}
        run_here(entrypoints.measure.main, model=f"models:/{MODEL}@champion", dataset=story.folder / "reviews", **how)
        self.check_his(story, "measure", "costs.txt")

    def test_he_reports_what_she_made(self, story: Story, tmp_path: Path) -> None:
        run_here(entrypoints.report.main, user=ALICE, output=tmp_path / "report")
        assert "bilstm" in (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
        self.check_his(story, "report", "report")

    def test_he_exports_her_student(self, story: Story, tmp_path: Path) -> None:
        made = story.runs("student")[-1].info.run_id
        run_here(entrypoints.export.main, run_id=made, output=tmp_path / "export")
        assert (tmp_path / "export" / "fp32" / "bundle.json").is_file()

    def test_her_teacher_is_found_and_not_trained_again(self, story: Story) -> None:
        (hers,) = story.runs("teacher")
        run_here(entrypoints.train_teacher.main, dataset=story.folder / "reviews", teacher="scratch", epochs=2)
        first, found = story.runs("teacher")
        assert first.info.run_id == found.data.tags["kdops.reused_run"] == hers.info.run_id
        assert found.data.tags["mlflow.user"] == BOB

    @staticmethod
    def check_his(story: Story, role: str, artifact: str) -> None:
        """All runs of the role are his, and the first holds the artifact."""
        made = story.runs(role)
        assert {(run.data.tags["mlflow.user"], run.info.status) for run in made} == {(BOB, "FINISHED")}
        assert artifact in {file.path for file in mlflow.MlflowClient().list_artifacts(made[0].info.run_id)}


def test_of_promotions_at_once_one_wins(story: Story) -> None:
    client = mlflow.MlflowClient()
    first = client.get_model_version(MODEL, "1")
    for _ in range(2):
        client.create_model_version(
            MODEL, first.source, run_id=first.run_id, model_id=first.source.removeprefix("models:/")
        )
    movers = [
        subprocess.Popen(
            [sys.executable, "-c", MOVER, str(number)],
            env=story.settings(person),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number, person in ((2, ALICE), (3, BOB))
    ]
    for mover in movers:
        assert mover.stdout is not None
        assert mover.stdout.readline() == "decided\n"
    for mover in movers:
        assert mover.stdin is not None
        mover.stdin.write("go\n")
        mover.stdin.flush()
    said = [mover.communicate(timeout=120)[0] for mover in movers]
    winner = 2 + [text == "won\n" for text in said].index(True)
    assert sorted(text.split(":")[0].strip() for text in said) == ["lost", "won"]
    assert int(client.get_model_version_by_alias(MODEL, "champion").version) == winner
    assert [model.name for model in client.search_registered_models()] == [MODEL]


class TestWhoMayAsk:
    PATH = "/api/2.0/mlflow/experiments/get?experiment_id=0"

    def test_nobody_without_a_password(self, story: Story) -> None:
        assert story.team.status(self.PATH, {}) == 401
        assert story.team.status(self.PATH, self.basic(story, ALICE)) == 200

    def test_nobody_by_a_name_that_is_not_its_own(self, story: Story) -> None:
        alice = self.basic(story, ALICE)
        assert story.team.status(self.PATH, alice | {"Host": "mlflow.example.org"}) == 200
        assert story.team.status(self.PATH, alice | {"Host": "evil.example.com"}) == 403

    def test_a_name_is_given_once(self, story: Story) -> None:
        assert self.added(story, ALICE) == f"error: there is a user {ALICE} already"

    def test_the_admin_may_come_by_the_environment(self, story: Story) -> None:
        password = (story.team.folder / "admin-password").read_text(encoding="utf-8")
        admin = {"MLFLOW_TRACKING_USERNAME": "admin", "MLFLOW_TRACKING_PASSWORD": password}
        elsewhere = {"KDOPS_SERVER_HOME": str(story.folder / "nothing here")}
        assert self.added(story, ALICE, **elsewhere, **admin) == f"error: there is a user {ALICE} already"
        guessed = self.added(story, "carol", **elsewhere, **admin | {"MLFLOW_TRACKING_PASSWORD": "guessed"})
        assert "refuses your name or password (status 401)" in guessed

    def test_nobody_but_the_admin_adds_people(self, story: Story) -> None:
        said = self.added(story, "carol", **story.team.people[ALICE])
        assert said.startswith("error: alice is not the admin: set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASS")

    def test_passwords_are_no_arguments_that_everybody_sees(self, story: Story) -> None:
        secrets = [
            (story.team.folder / name).read_text(encoding="utf-8")
            for name in ("database/password", "admin-password", "secret-key")
        ]
        seen = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
        assert all(secrets)
        assert not [secret for secret in secrets if secret in seen]

    @staticmethod
    def added(story: Story, name: str, **more: str) -> str:
        """The last line of `add_user.py` when it adds nobody; MLflow may warn before that."""
        done = subprocess.run(
            [sys.executable, ROOT / "server" / "add_user.py", name],
            env=story.team.environment | {"MLFLOW_TRACKING_URI": story.team.uri, **more},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 1
        assert done.stdout == ""
        assert "Traceback" not in done.stderr
        return done.stderr.splitlines()[-1]

    @staticmethod
    def basic(story: Story, person: str) -> dict[str, str]:
        password = story.team.people[person]["MLFLOW_TRACKING_PASSWORD"]
        return {"Authorization": "Basic " + base64.b64encode(f"{person}:{password}".encode()).decode()}
