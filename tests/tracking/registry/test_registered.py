from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import mlflow
import pytest
from mlflow import MlflowClient

from kdops.deploy.predictor import Predictor
from kdops.errors import UserError
from kdops.task import Task
from kdops.tracking import host, names, runs
from kdops.tracking.names import CHALLENGER, CHAMPION, Role
from kdops.tracking.registry import bundles, registered

MODEL = "kdops-sample"


@pytest.fixture
def run(connected: str) -> Iterator[runs.Run]:
    with runs.tracked(Role.STUDENT, "bilstm") as run:
        run.metrics({"cost.latency_p95_ms": 2.0, "test.f1_macro": 0.9})
        yield run


def register(bundle: Path, run: runs.Run, **tags: object) -> int:
    return registered.register(bundle, run=run, corpus_name="sample", tags=tags, description="a student")


def test_each_registration_is_a_new_version_and_the_challenger(run: runs.Run, make_bundle: Callable[..., Path]) -> None:
    bundle = make_bundle()
    assert registered.find_version("sample", CHALLENGER) is None
    assert register(bundle, run) == 1
    assert (
        registered.register(
            bundle,
            run=run,
            corpus_name="sample",
            tags={names.STUDENT: "bilstm", names.STORAGE_MB: 1.5},
            description="int8",
        )
        == 2
    )
    challenger = registered.find_version("sample", CHALLENGER)
    assert challenger
    tags = {"kdops.student": "bilstm", "cost.storage_mb": "1.5"}
    assert challenger == registered.Version(MODEL, 2, run.run_id, tags, "int8", challenger.model_id)
    assert registered.find_version("sample", CHAMPION) is None
    assert MlflowClient().get_model_version(MODEL, "2").description == "int8"


@pytest.mark.parametrize(
    ("scores", "challenger"), [((0.7, 0.8), 2), ((0.8, 0.7), 1), ((0.7, 0.7), 2), ((0.8, None), 2)]
)
def test_the_challenger_is_the_better_one_by_validation(
    scores: tuple[float | None, ...], challenger: int, run: runs.Run, make_bundle: Callable[..., Path]
) -> None:
    bundle = make_bundle()
    for score in scores:
        told = {} if score is None else {"val.f1_macro": score}
        register(bundle, run, **told)
    assert registered.alias_of(MODEL, CHALLENGER) == challenger
    told = MlflowClient().get_registered_model(MODEL).description
    assert told.startswith(f"**Challenger: version {challenger}**, no champion yet.")


def test_one_that_may_not_challenge_is_registered_without_the_alias(
    run: runs.Run, make_bundle: Callable[..., Path]
) -> None:
    tags = {names.FINGERPRINT: "0123"}
    number = registered.register(
        make_bundle(), run=run, corpus_name="sample", tags=tags, description="", challenges=False
    )
    assert number == 1
    assert registered.alias_of(MODEL, CHALLENGER) is None


def test_one_that_is_worse_than_the_champion_is_no_challenger(run: runs.Run, make_bundle: Callable[..., Path]) -> None:
    bundle = make_bundle()
    register(bundle, run, **{"val.f1_macro": 0.8})
    client = MlflowClient()
    client.set_registered_model_alias(MODEL, CHAMPION, "1")
    client.delete_registered_model_alias(MODEL, CHALLENGER)
    register(bundle, run, **{"val.f1_macro": 0.7})
    assert registered.alias_of(MODEL, CHALLENGER) is None
    register(bundle, run, **{"val.f1_macro": 0.8})
    assert registered.alias_of(MODEL, CHALLENGER) == 3


class TestTheSameWork:
    WORK: ClassVar[dict[str, object]] = {names.FINGERPRINT: "0123", names.PRECISION: "fp32"}

    def test_it_is_registered_once(self, run: runs.Run, make_bundle: Callable[..., Path]) -> None:
        bundle = make_bundle()
        assert register(bundle, run, **self.WORK) == register(bundle, run, **self.WORK) == 1
        assert len(registered.versions("sample")) == 1

    def test_it_is_registered_again_on_request(self, run: runs.Run, make_bundle: Callable[..., Path]) -> None:
        bundle = make_bundle()
        register(bundle, run, **self.WORK)
        again = registered.register(
            bundle, run=run, corpus_name="sample", tags=self.WORK, description="a student", force=True
        )
        assert again == 2
        # Of several the newest is taken.
        assert register(bundle, run, **self.WORK) == 2

    @pytest.mark.parametrize("other", [{names.FINGERPRINT: "4567"}, {names.PRECISION: "int8"}])
    def test_other_work_and_another_precision_are_registered(
        self, other: dict[str, object], run: runs.Run, make_bundle: Callable[..., Path]
    ) -> None:
        bundle = make_bundle()
        register(bundle, run, **self.WORK)
        assert register(bundle, run, **self.WORK | other) == 2

    def test_what_was_cut_off_just_after_it_is_completed(
        self, run: runs.Run, make_bundle: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bundle = make_bundle()

        def die(*_: object, **__: object) -> None:
            raise ConnectionError

        with monkeypatch.context() as patch:
            patch.setattr(MlflowClient, "update_model_version", die)
            with pytest.raises(ConnectionError):
                register(bundle, run, **self.WORK)
        assert registered.find_version("sample", CHALLENGER) is None
        assert register(bundle, run, **self.WORK) == 1
        challenger = registered.find_version("sample", CHALLENGER)
        assert challenger is not None
        assert (challenger.number, challenger.description) == (1, "a student")

    def test_a_newer_challenger_stays_it_and_descriptions_stay(
        self, run: runs.Run, make_bundle: Callable[..., Path]
    ) -> None:
        bundle = make_bundle()
        register(bundle, run, **self.WORK)
        registered.describe(registered.versions("sample")[0], {}, "a champion")
        register(bundle, run, **{names.FINGERPRINT: "4567"})
        assert register(bundle, run, **self.WORK) == 1
        assert registered.alias_of(MODEL, CHALLENGER) == 2
        assert registered.versions("sample")[0].description == "a champion"


def test_all_versions_come_back_in_order_over_pages(
    run: runs.Run, make_bundle: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert registered.versions("sample") == []
    register(make_bundle(), run, **{names.STUDENT: "cnn"})
    source = MlflowClient().get_model_version(MODEL, "1").source
    for _ in range(4):
        MlflowClient().create_model_version(MODEL, source)
    MlflowClient().create_registered_model("kdops-sample-2")
    MlflowClient().create_model_version("kdops-sample-2", source)
    monkeypatch.setattr(registered, "_VERSIONS_A_PAGE", 2)
    found = registered.versions("sample")
    assert [version.number for version in found] == [1, 2, 3, 4, 5]
    assert found[0] == registered.Version(MODEL, 1, run.run_id, {names.STUDENT: "cnn"}, "a student", found[0].model_id)
    assert MlflowClient().get_logged_model(str(found[0].model_id)).source_run_id == run.run_id


class TestRecord:
    def test_it_comes_from_the_run_and_from_no_tag(self, run: runs.Run, make_bundle: Callable[..., Path]) -> None:
        register(make_bundle(), run, **{"cost.latency_p95_ms": 0.5, "kdops.promoted_over": 3})
        (version,) = registered.versions("sample")
        facts = registered.record(version)
        assert facts.metrics == {"cost.latency_p95_ms": 2.0, "test.f1_macro": 0.9}
        assert facts.host == host.kind(host.facts())
        assert facts.threads == 1

    def test_threads_are_those_of_the_run(self, connected: str, make_bundle: Callable[..., Path]) -> None:
        with runs.tracked(Role.STUDENT, "bilstm", config={"threads": 4}) as run:
            register(make_bundle(), run)
        assert registered.record(registered.versions("sample")[0]).threads == 4

    def test_a_run_that_is_gone_leaves_the_logged_model(self, run: runs.Run, make_bundle: Callable[..., Path]) -> None:
        register(make_bundle(), run)
        version = replace(registered.versions("sample")[0], run_id="0" * 32)
        known = {"cost.latency_p95_ms": 2.0, "test.f1_macro": 0.9}
        assert registered.record(version) == registered.Record(known, None, 1)
        assert registered.record(replace(version, model_id=None)) == registered.Record({}, None, 1)


def test_descriptions_are_cut_where_a_database_would_refuse_them(
    run: runs.Run, make_bundle: Callable[..., Path]
) -> None:
    registered.register(make_bundle(), run=run, corpus_name="sample", tags={}, description="x" * 6000)
    (version,) = registered.versions("sample")
    assert version.description == "x" * 5000
    registered.describe(version, {"a": 1}, "y" * 6000)
    (version,) = registered.versions("sample")
    assert (version.tags, version.description) == ({"a": "1"}, "y" * 5000)


def test_tags_are_taken_away(run: runs.Run, make_bundle: Callable[..., Path]) -> None:
    register(make_bundle(), run, a=1, b=2)
    registered.describe(registered.versions("sample")[0], {"a": None, "c": None, "d": 3}, "")
    assert registered.versions("sample")[0].tags == {"b": "2", "d": "3"}


class TestTryOut:
    def test_what_serves_passes(self, run: runs.Run, make_bundle: Callable[..., Path]) -> None:
        register(make_bundle(), run)
        bundles.try_out(registered.versions("sample")[0].uri)

    def test_what_does_not_is_named(self, run: runs.Run, make_bundle: Callable[..., Path], tmp_path: Path) -> None:
        register(make_bundle(), run)
        bundles.download_bundle(f"models:/{MODEL}/1")
        for tokenizer in (tmp_path / "mlruns").rglob("tokenizer.json"):
            tokenizer.unlink()
        with pytest.raises(UserError, match="models:/kdops-sample/1 does not serve: "):
            bundles.try_out(registered.versions("sample")[0].uri)


def test_bundles_come_back_whole_and_are_fetched_once(
    run: runs.Run, make_bundle: Callable[..., Path], kdops_home: Path
) -> None:
    register(make_bundle(), run)
    folder = bundles.download_bundle(f"models:/{MODEL}@challenger")
    assert folder.is_relative_to(kdops_home)
    assert Predictor.load(folder).predict(["buruk"])
    (folder / "kept").touch()
    assert bundles.download_bundle(f"models:/{MODEL}/1") == folder
    assert (folder / "kept").exists()


@pytest.mark.parametrize(
    "uri", ["models:/kdops-nothing@champion", "models:/kdops-nothing/7", "models:/m-0", "nonsense"]
)
def test_models_that_do_not_exist_are_named(connected: str, uri: str) -> None:
    with pytest.raises(UserError, match=f"no model {uri}"):
        bundles.download_bundle(uri)


def test_models_of_others_carry_no_bundle(run: runs.Run, tmp_path: Path) -> None:
    source = tmp_path / "other.py"
    source.write_text(
        "import pandas as pd\n"
        "from mlflow.models import set_model\n"
        "from mlflow.pyfunc import PythonModel\n"
        "class Other(PythonModel):\n"
        "    def predict(self, context, model_input: pd.DataFrame, params=None):\n"
        "        return []\n"
        "set_model(Other())\n",
        encoding="utf-8",
    )
    info = mlflow.pyfunc.log_model(name="other", python_model=str(source), pip_requirements=["numpy"])
    with pytest.raises(UserError, match="carries no kdops bundle"):
        bundles.download_bundle(info.model_uri)


def test_token_bundles_are_registered_too(run: runs.Run, make_bundle: Callable[..., Path]) -> None:
    assert registered.register(make_bundle(Task.TOKEN), run=run, corpus_name="tags", tags={}, description="") == 1
