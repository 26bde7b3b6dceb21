import datetime
from collections.abc import Callable, Iterator
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient

from kdops.deploy.predictor import Predictor
from kdops.errors import UserError
from kdops.task import Task
from kdops.tracking import names, registry, runs
from kdops.tracking.names import CHALLENGER, CHAMPION, Role

MODEL = "kdops-sample"


@pytest.fixture
def run(connected: str) -> Iterator[runs.Run]:
    with runs.tracked(Role.STUDENT, "bilstm") as run:
        run.metrics({"cost.latency_p95_ms": 2.0, "test.f1_macro": 0.9})
        yield run


def register(bundle: Path, run: runs.Run, **tags: object) -> int:
    return registry.register(bundle, run=run, corpus_name="sample", tags=tags, description="a student")


def test_each_registration_is_a_new_version_and_the_challenger(run: runs.Run, make_bundle: Callable[..., Path]) -> None:
    bundle = make_bundle()
    assert registry.find_version("sample", CHALLENGER) is None
    assert register(bundle, run) == 1
    assert (
        registry.register(
            bundle,
            run=run,
            corpus_name="sample",
            tags={names.STUDENT: "bilstm", names.STORAGE_MB: 1.5},
            description="int8",
        )
        == 2
    )
    challenger = registry.find_version("sample", CHALLENGER)
    assert challenger == registry.Version(MODEL, 2, run.run_id, {"kdops.student": "bilstm", "cost.storage_mb": "1.5"})
    assert registry.find_version("sample", CHAMPION) is None
    assert MlflowClient().get_model_version(MODEL, "2").description == "int8"


def test_costs_of_a_version_come_from_its_run_unless_its_own_tags_say_otherwise(
    run: runs.Run, make_bundle: Callable[..., Path]
) -> None:
    bundle = make_bundle()
    registry.register(bundle, run=run, corpus_name="sample", tags={"cost.latency_p95_ms": 0.5}, description="")
    version = registry.find_version("sample", CHALLENGER)
    assert version is not None
    assert registry.measured(version) == {"cost.latency_p95_ms": 0.5, "test.f1_macro": 0.9}


def test_the_champion_says_whom_it_replaced_when_and_why(run: runs.Run, make_bundle: Callable[..., Path]) -> None:
    bundle = make_bundle()
    register(bundle, run)
    first = registry.find_version("sample", CHALLENGER)
    assert first is not None
    registry.set_champion(first, over=None, reason="the first")
    champion = registry.find_version("sample", CHAMPION)
    assert champion is not None
    assert champion.number == 1
    assert champion.tags[names.PROMOTED_OVER] == "none"

    register(bundle, run)
    second = registry.find_version("sample", CHALLENGER)
    assert second is not None
    registry.set_champion(second, over=champion, reason="better")
    champion = registry.find_version("sample", CHAMPION)
    assert champion is not None
    assert champion.number == 2
    assert champion.tags[names.PROMOTED_OVER] == "1"
    assert champion.tags[names.PROMOTION_REASON] == "better"
    promoted_at = datetime.datetime.fromisoformat(champion.tags[names.PROMOTED_AT])
    assert abs(datetime.datetime.now(datetime.UTC) - promoted_at) < datetime.timedelta(minutes=5)


def test_bundles_come_back_whole_and_are_fetched_once(
    run: runs.Run, make_bundle: Callable[..., Path], kdops_home: Path
) -> None:
    register(make_bundle(), run)
    folder = registry.download_bundle(f"models:/{MODEL}@challenger")
    assert folder.is_relative_to(kdops_home)
    assert Predictor.load(folder).predict(["buruk"])
    (folder / "kept").touch()
    assert registry.download_bundle(f"models:/{MODEL}/1") == folder
    assert (folder / "kept").exists()


@pytest.mark.parametrize(
    "uri", ["models:/kdops-nothing@champion", "models:/kdops-nothing/7", "models:/m-0", "nonsense"]
)
def test_models_that_do_not_exist_are_named(connected: str, uri: str) -> None:
    with pytest.raises(UserError, match=f"no model {uri}"):
        registry.download_bundle(uri)


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
        registry.download_bundle(info.model_uri)


def test_token_bundles_are_registered_too(run: runs.Run, make_bundle: Callable[..., Path]) -> None:
    assert registry.register(make_bundle(Task.TOKEN), run=run, corpus_name="tags", tags={}, description="") == 1
