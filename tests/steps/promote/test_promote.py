import datetime
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path

import mlflow
import numpy as np
import onnx
import pytest
from bundles import COST
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, pre_tokenizers
from typer.testing import CliRunner

import entrypoints.pick
import entrypoints.promote
from entrypoints import cli
from kdops.deploy.predictor import BundleInfo, read_info
from kdops.errors import NothingFits, UserError
from kdops.measure.turns import Measured, SideBySide
from kdops.steps.pick import pick
from kdops.steps.pick_config import PickConfig
from kdops.steps.promote import candidates
from kdops.steps.promote.config import PromoteConfig
from kdops.steps.promote.contest import Decision
from kdops.steps.promote.step import promote
from kdops.task import Task
from kdops.tracking import names, runs
from kdops.tracking.names import CHAMPION, PREVIOUS_CHAMPION, Role
from kdops.tracking.registry import registered

ROOT = Path(__file__).parents[3]
LABELS = ("negative", "positive")
TEXTS = 60
COSTS = {
    names.F1_RETAINED: 0.95,
    names.LATENCY_P95_MS: 2.0,
    names.RAM_PEAK_MB: 120.0,
    names.STORAGE_MB: 8.0,
}


@pytest.fixture
def dataset(tmp_path: Path) -> str:
    """A dataset of one word a text, half of them positive, each a different word."""
    folder = tmp_path / "reviews"
    folder.mkdir()
    rows = [json.dumps({"text": f"kata{index}", "label": LABELS[index % 2]}) for index in range(TEXTS)]
    for split in ("train", "validation", "test"):
        # Each split has words of its own, and the validation words are the ones that bundles know or do not know.
        content = "\n".join(rows) if split == "validation" else "\n".join(rows).replace("kata", split)
        (folder / f"{split}.jsonl").write_text(content + "\n", encoding="utf-8")
    return str(folder)


@pytest.fixture
def register(tracking_uri: str, tmp_path: Path) -> Callable[..., int]:
    """Registers a bundle that gets all validation words right but so many, or answers one label, with metrics."""
    runs.connect()

    def make(
        wrong: int,
        costs: Mapping[str, float] = COSTS,
        labels: tuple[str, ...] = LABELS,
        *,
        constant: bool = False,
    ) -> int:
        with runs.tracked(Role.STUDENT, "bilstm") as run:
            run.metrics(costs)
            bundle = write_bundle(tmp_path / f"bundle-{run.run_id}", wrong, labels, constant=constant)
            return registered.register(
                bundle, run=run, corpus_name="reviews", tags={names.STUDENT: "bilstm"}, description="a card"
            )

    return make


def write_bundle(folder: Path, wrong: int, labels: tuple[str, ...], *, constant: bool = False) -> Path:
    folder.mkdir()
    words = {"[PAD]": 0, "[UNK]": 1} | {f"kata{index}": index + 2 for index in range(TEXTS)}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    votes = np.zeros((len(words), len(labels)), dtype=np.float32)
    for index in range(TEXTS):
        votes[index + 2, 0 if constant else (index + (index < wrong)) % 2] = 1
    nodes = [
        helper.make_node("Gather", ["votes", "input_ids"], ["words"]),
        helper.make_node("ReduceSum", ["words", "positions"], ["logits"], keepdims=0),
    ]
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["texts", "pieces"])
        for name in ("input_ids", "attention_mask")
    ]
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["texts", len(labels)])]
    weights = [numpy_helper.from_array(votes, "votes"), numpy_helper.from_array(np.array([1]), "positions")]
    graph = helper.make_graph(nodes, "tiny", inputs, outputs, weights)
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), folder / "model.onnx"
    )
    info = BundleInfo(
        task=Task.TEXT,
        labels=labels,
        max_length=16,
        pad_id=0,
        student="bilstm",
        dataset="reviews",
        licence="the user's own",
        teacher="scratch",
        recipe="kd",
        precision="fp32",
        main_metric="f1_macro",
        main_metric_value=1 - wrong / TEXTS,
        fingerprint="0123456789abcdef",
        files={path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())},
    )
    (folder / "bundle.json").write_text(json.dumps(asdict(info)), encoding="utf-8")
    return folder


def number(alias: str) -> int | None:
    version = registered.find_version("reviews", alias)
    return version.number if version else None


def run_of_promotion() -> mlflow.entities.Run:
    found = mlflow.search_runs(
        search_all_experiments=True, filter_string=f"tags.`{names.ROLE}` = 'promote'", output_format="list"
    )
    newest: mlflow.entities.Run = found[0]
    return newest


def champion() -> registered.Version:
    version = registered.find_version("reviews", CHAMPION)
    assert version is not None
    return version


def crown(wrong: int, register: Callable[..., int], dataset: str, **costs: float) -> int:
    """Make a version the champion."""
    version = register(wrong, COSTS | costs)
    assert promote(PromoteConfig(dataset=dataset)).promoted
    return version


def verdict(decision: Decision, number: int) -> str:
    """The last column of the printed table, for a version."""
    (line,) = [line for line in decision.table().splitlines() if line.startswith(f"{number} ")]
    return line[decision.table().splitlines()[0].index("verdict") :]


def test_the_first_version_within_the_limits_becomes_champion(register: Callable[..., int], dataset: str) -> None:
    register(0)
    config = PromoteConfig(dataset=dataset, min_f1_retained=0.9, max_latency_p95_ms=2, max_ram_mb=120, max_storage_mb=8)
    decision = promote(config)
    assert (decision.approved, decision.promoted, decision.champion) == (True, True, None)
    assert decision.reason.startswith("all limits hold and there was no champion")
    assert number(CHAMPION) == 1
    assert number(PREVIOUS_CHAMPION) is None

    run = run_of_promotion()
    assert run.info.status == names.Status.FINISHED
    assert run.data.params["cfg.min_f1_retained"] == "0.9"
    assert run.data.tags[names.PROMOTED] == "true"
    assert run.data.tags[names.PROMOTION_REASON] == decision.reason
    assert run.data.tags[names.DATASET] == "reviews"
    text = mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/decision.txt")
    assert text == f"{decision}\n"


def test_the_table_has_each_candidate_with_the_verdict_of_each_limit(
    register: Callable[..., int], dataset: str
) -> None:
    register(0, COSTS | {names.LATENCY_P95_MS: 5.0})
    register(1)
    register(2, COSTS | {names.F1_RETAINED: 0.5, names.RAM_PEAK_MB: 500.0})
    decision = promote(PromoteConfig(dataset=dataset, min_f1_retained=0.9, max_latency_p95_ms=3, max_ram_mb=200))
    head, rule, *rows = decision.table().splitlines()
    titles = "version student recipe|validation f1_macro|retained|latency p95, ms|RAM peak, MB|storage, MB|verdict"
    assert head.split() == titles.replace("|", " ").split()
    assert set(rule) == {"-"}
    assert [row.split()[:11] for row in rows] == [
        ["1", "bilstm", "-", "1.000", "95.0%", "ok", "5.000", "NO", "120", "ok", "8.0"],
        ["2", "bilstm", "-", "0.983", "95.0%", "ok", "2.000", "ok", "120", "ok", "8.0"],
        ["3", "bilstm", "-", "0.967", "50.0%", "NO", "2.000", "ok", "500", "NO", "8.0"],
    ]
    assert verdict(decision, 1) == "latency p95 5.000 ms, must be at most 3.000 ms"
    assert verdict(decision, 2) == "best"
    assert verdict(decision, 3) == (
        "share of the teacher's score 50.0%, must be at least 90.0%; RAM peak 500 MB, must be at most 200 MB"
    )
    assert number(CHAMPION) == 2


def test_beyond_the_limits_nothing_is_promoted(register: Callable[..., int], dataset: str) -> None:
    register(0)
    decision = promote(PromoteConfig(dataset=dataset, max_storage_mb=7.9))
    assert not decision.approved
    assert str(decision).endswith("\nnothing promoted: no version can be used and holds all limits")
    assert number(CHAMPION) is None
    assert run_of_promotion().data.tags[names.PROMOTED] == "false"


def test_beyond_the_limits_a_champion_stays_and_nothing_tells_how_to_use_it(
    register: Callable[..., int], dataset: str
) -> None:
    crown(0, register, dataset)
    told = str(promote(PromoteConfig(dataset=dataset, max_storage_mb=7.996)))
    assert told.endswith(
        "champion; storage 8 MB, must be at most 7.996 MB\n\nnothing promoted: no version can be used and holds all "
        "limits\nversion 1 stays champion"
    )


def test_a_version_that_learned_nothing_is_refused(register: Callable[..., int], dataset: str) -> None:
    register(0, constant=True)
    decision = promote(PromoteConfig(dataset=dataset))
    assert verdict(decision, 1) == "it learned nothing: it answers 'negative' for 100.0% of the validation texts"
    assert number(CHAMPION) is None
    with pytest.raises(NothingFits):
        decision.require_proposal()


def test_simpler_models_that_are_better_than_the_winner_are_told_of(register: Callable[..., int], dataset: str) -> None:
    scores = {"val.f1_macro": 0.7, "linear.val.f1_macro": 0.8}
    gain = {names.KD_GAIN: -21.4, f"{names.KD_GAIN}_low": -30.0, f"{names.KD_GAIN}_high": -12.0}
    register(0, COSTS | scores | gain)
    told = [
        "A linear model needs no network and is no worse: validation f1_macro 0.800 against 0.700.",
        "The same student without distillation is better: the version is 21.4 points below its baseline "
        "(95 %: 12.0 to 30.0).",
    ]
    assert "\n".join(told) in str(pick(PickConfig(dataset=dataset)))
    assert "\n".join(told) in str(promote(PromoteConfig(dataset=dataset)))
    register(0)
    assert not pick(PickConfig(dataset=dataset)).warnings


def test_a_score_that_was_not_measured_holds_no_limit(register: Callable[..., int], dataset: str) -> None:
    register(0, {})
    decision = promote(PromoteConfig(dataset=dataset, min_f1_retained=0.1))
    assert verdict(decision, 1) == "share of the teacher's score not measured, must be at least 10.0%"


class TestWinner:
    def test_the_best_of_all_versions_wins_whatever_it_costs(self, register: Callable[..., int], dataset: str) -> None:
        register(20)
        register(0, COSTS | {names.LATENCY_P95_MS: 50.0})
        register(25)
        decision = promote(PromoteConfig(dataset=dataset))
        assert number(CHAMPION) == 2
        assert "the best of 3 versions" in decision.reason

    @pytest.mark.parametrize(
        ("cheaper", "winner"),
        [
            ({names.LATENCY_P95_MS: 1.0}, 1),
            # Less than measuring again would change.
            ({names.LATENCY_P95_MS: 1.95}, 2),
            ({names.RAM_PEAK_MB: 60.0}, 1),
            ({names.STORAGE_MB: 4.0}, 1),
            ({names.LATENCY_P95_MS: 1.0, names.RAM_PEAK_MB: 500.0, names.STORAGE_MB: 80.0}, 1),
            ({names.RAM_PEAK_MB: 60.0, names.STORAGE_MB: 80.0}, 1),
        ],
    )
    def test_among_equals_the_cheapest(
        self, cheaper: dict[str, float], winner: int, register: Callable[..., int], dataset: str
    ) -> None:
        register(1, COSTS | cheaper)
        register(0)
        decision = promote(PromoteConfig(dataset=dataset))
        assert number(CHAMPION) == winner
        # Not the highest score of the table: the sentence says why it wins all the same.
        assert ("version 2 has " in decision.reason and "within noise" in decision.reason) is (winner == 1)


class TestAgainstTheChampion:
    def test_better_replaces_it(self, register: Callable[..., int], dataset: str) -> None:
        crown(20, register, dataset)
        register(0, COSTS | {names.LATENCY_P95_MS: 50.0})
        decision = promote(PromoteConfig(dataset=dataset))
        assert decision.promoted
        assert decision.reason.startswith("better: validation f1_macro +3")
        assert (number(CHAMPION), number(PREVIOUS_CHAMPION)) == (2, 1)

    def test_worse_does_not_however_cheap(self, register: Callable[..., int], dataset: str) -> None:
        crown(0, register, dataset)
        register(20, COSTS | {names.LATENCY_P95_MS: 0.1})
        decision = promote(PromoteConfig(dataset=dataset))
        assert not decision.promoted
        assert "version 1 not promoted: it is the champion already" in str(decision)
        assert verdict(decision, 1) == "champion; best"
        assert verdict(decision, 2) == "passes"
        assert number(CHAMPION) == 1

    def test_worse_does_not_where_the_champion_was_never_measured(
        self, register: Callable[..., int], dataset: str
    ) -> None:
        register(0, {})
        assert promote(PromoteConfig(dataset=dataset)).promoted
        register(20)
        decision = promote(PromoteConfig(dataset=dataset, min_f1_retained=0.9))
        assert not decision.promoted
        assert decision.reason.startswith("worse: ")
        assert "version 2 not promoted" in str(decision)

    @pytest.mark.parametrize(("latency_ms", "promoted"), [(1.0, True), (2.0, False), (3.0, False)])
    def test_of_equals_the_cheaper_one_serves(
        self, latency_ms: float, promoted: bool, register: Callable[..., int], dataset: str
    ) -> None:
        crown(1, register, dataset)
        register(2, COSTS | {names.LATENCY_P95_MS: latency_ms})
        decision = promote(PromoteConfig(dataset=dataset))
        assert decision.promoted is promoted
        if promoted:
            assert "no clear difference: validation f1_macro -" in decision.reason
            assert "; cheaper: latency p95 1.000 ms against 2.000 ms, RAM peak 120 MB against 120 MB" in decision.reason

    def test_of_equals_one_that_may_replace_it_goes_before_one_that_may_not(
        self, register: Callable[..., int], dataset: str
    ) -> None:
        # The middle one is equal to both of the others, cheaper than the best and dearer than the champion.
        crown(12, register, dataset, **{names.LATENCY_P95_MS: 2.0})
        register(10, COSTS | {names.LATENCY_P95_MS: 4.0})
        best = register(8, COSTS | {names.LATENCY_P95_MS: 8.0})
        decision = promote(PromoteConfig(dataset=dataset))
        assert [f"{one.score:.2f}" for one in decision.candidates] == ["0.80", "0.83", "0.87"]
        assert decision.promoted
        assert decision.reason.startswith("better: ")
        assert number(CHAMPION) == best

    def test_of_equals_that_may_replace_it_the_cheapest_does(self, register: Callable[..., int], dataset: str) -> None:
        crown(12, register, dataset, **{names.LATENCY_P95_MS: 5.0})
        cheaper = register(10, COSTS | {names.LATENCY_P95_MS: 4.0})
        register(8, COSTS | {names.LATENCY_P95_MS: 8.0})
        decision = promote(PromoteConfig(dataset=dataset))
        assert "; cheaper: " in decision.reason
        assert number(CHAMPION) == cheaper

    def test_one_that_breaks_the_limits_gives_way_to_one_that_holds_them(
        self, register: Callable[..., int], dataset: str
    ) -> None:
        crown(0, register, dataset, **{names.LATENCY_P95_MS: 9.0})
        register(20)
        decision = promote(PromoteConfig(dataset=dataset, max_latency_p95_ms=5))
        assert decision.promoted
        assert decision.reason == (
            "all limits hold, which champion version 1 does not: latency p95 9.000 ms, must be at most 5.000 ms"
        )

    def test_it_is_not_promoted_again(self, register: Callable[..., int], dataset: str) -> None:
        crown(0, register, dataset)
        decision = promote(PromoteConfig(dataset=dataset))
        assert not decision.promoted
        assert "the champion already" in decision.reason

    def test_one_that_cannot_be_loaded_is_not_replaced_blindly(
        self, register: Callable[..., int], dataset: str, tmp_path: Path, kdops_home: Path
    ) -> None:
        crown(0, register, dataset)
        for graph in [*(tmp_path / "mlruns").rglob("model.onnx"), *kdops_home.rglob("model.onnx")]:
            graph.unlink()
        register(0)
        message = r"champion version 1 of kdops-reviews cannot be compared with: .*model\.onnx"
        with pytest.raises(UserError, match=message):
            promote(PromoteConfig(dataset=dataset))
        assert number(CHAMPION) == 1
        assert run_of_promotion().info.status == names.Status.FAILED


def test_a_dry_run_only_says(register: Callable[..., int], dataset: str) -> None:
    register(0)
    decision = promote(PromoteConfig(dataset=dataset, dry_run=True))
    assert (decision.approved, decision.promoted) == (True, False)
    assert "version 1 would be promoted: no limits are set" in str(decision)
    assert number(CHAMPION) is None


class TestCostsOfAnotherHost:
    """They say nothing about this one."""

    MEASURED = replace(COST, latency_p95_ms=1.5, ram_peak_mb=90.0, storage_mb=8.0)

    @pytest.fixture
    def asked(self, monkeypatch: pytest.MonkeyPatch) -> list[list[Path]]:
        """The folders of each measurement."""
        calls: list[list[Path]] = []

        def measure(folders: list[Path], inputs: object, threads: int) -> SideBySide:
            calls.append(folders)
            return SideBySide(tuple(Measured((self.MEASURED,)) for _ in folders), other_cores=0.0)

        monkeypatch.setattr(candidates, "measure_side_by_side", measure)
        return calls

    @staticmethod
    def elsewhere(number: int, **facts: str) -> None:
        run_id = mlflow.MlflowClient().get_model_version("kdops-reviews", str(number)).run_id
        for name, value in facts.items():
            mlflow.MlflowClient().set_tag(run_id, f"host.{name}", value)

    def test_they_are_measured_anew_when_a_limit_asks(
        self, register: Callable[..., int], dataset: str, asked: list[list[Path]]
    ) -> None:
        register(0, COSTS | {names.LATENCY_P95_MS: 0.1})
        self.elsewhere(1, cpu="Abacus 9000")
        config = PromoteConfig(dataset=dataset, max_latency_p95_ms=1, dry_run=True)
        decision = promote(config)
        assert verdict(decision, 1) == "latency p95 1.500 ms, must be at most 1.000 ms"
        (folders,) = asked
        assert [(folder / "model.onnx").exists() for folder in folders] == [True]
        # And kept, so that nobody measures them twice on this kind of host.
        (run,) = mlflow.search_runs(
            search_all_experiments=True, filter_string=f"tags.`{names.ROLE}` = 'measure'", output_format="list"
        )
        assert run.data.metrics[names.LATENCY_P95_MS] == 1.5
        assert run.data.tags["mlflow.parentRunId"] == run_of_promotion().info.run_id
        assert promote(config).table() == decision.table()
        assert len(asked) == 1

    def test_they_are_measured_anew_between_equals(
        self, register: Callable[..., int], dataset: str, asked: list[list[Path]]
    ) -> None:
        register(0)
        register(1, COSTS | {names.LATENCY_P95_MS: 0.1})
        self.elsewhere(2, cores="96")
        register(30)
        self.elsewhere(3, cores="96")
        promote(PromoteConfig(dataset=dataset))
        assert [len(folders) for folders in asked] == [1]
        assert number(CHAMPION) == 2

    def test_of_the_best_alone_nobody_asks(
        self, register: Callable[..., int], dataset: str, asked: list[list[Path]]
    ) -> None:
        register(0, {})
        register(30, {})
        assert promote(PromoteConfig(dataset=dataset)).promoted
        assert asked == []

    def test_another_number_of_threads_is_another_measurement(
        self, register: Callable[..., int], dataset: str, asked: list[list[Path]]
    ) -> None:
        register(0)
        promote(PromoteConfig(dataset=dataset, max_ram_mb=1000, threads=2))
        assert len(asked) == 1


class TestBundlesThatCannotBeUsed:
    def test_one_that_was_changed_is_never_promoted(
        self, register: Callable[..., int], dataset: str, tmp_path: Path
    ) -> None:
        register(0)
        (graph,) = (tmp_path / "mlruns").rglob("model.onnx")
        graph.write_bytes(graph.read_bytes() + b"\0")
        register(20)
        decision = promote(PromoteConfig(dataset=dataset))
        assert "its bundle cannot be used: BundleError: " in verdict(decision, 1)
        assert "sha256" in verdict(decision, 1)
        assert number(CHAMPION) == 2

    def test_one_that_only_this_machine_still_has_is_never_promoted(
        self, register: Callable[..., int], dataset: str, tmp_path: Path
    ) -> None:
        register(0)
        promote(PromoteConfig(dataset=dataset, dry_run=True))
        (graph,) = (tmp_path / "mlruns").rglob("model.onnx")
        graph.unlink()
        register(20)
        decision = promote(PromoteConfig(dataset=dataset))
        assert verdict(decision, 1).startswith("models:/kdops-reviews/1 does not serve: ")
        assert number(CHAMPION) == 2

    def test_one_of_other_labels_is_never_promoted(self, register: Callable[..., int], dataset: str) -> None:
        register(0, labels=("bad", "good"))
        decision = promote(PromoteConfig(dataset=dataset))
        assert not decision.approved
        assert "predicts bad, good" in str(decision)


class TestWhatIsWritten:
    def test_who_when_why_and_the_numbers_of_the_loser(
        self, register: Callable[..., int], dataset: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "alice")
        crown(20, register, dataset)
        register(0)
        decision = promote(PromoteConfig(dataset=dataset, reason="the summer data is in"))
        tags = champion().tags
        assert decision.reason.endswith("; the summer data is in")
        assert tags[names.PROMOTION_REASON] == decision.reason
        assert tags[names.PROMOTED_BY] == "alice"
        assert tags[names.PROMOTED_OVER] == "1"
        since = datetime.datetime.fromisoformat(tags[names.PROMOTED_AT])
        assert abs(datetime.datetime.now(datetime.UTC) - since) < datetime.timedelta(minutes=5)
        loser = mlflow.MlflowClient().get_model_version("kdops-reviews", "1")
        assert loser.tags[names.REPLACED_BY] == "2"
        assert loser.description.startswith("a card\n\n## Former champion\n\nFrom 2")
        assert f"until {tags[names.PROMOTED_AT]}, promoted by alice: no limits are set" in loser.description
        assert loser.description.endswith(f"\n\nReplaced by version 2, promoted by alice: {decision.reason}")
        described = champion().description
        assert described.startswith("a card\n\n## Champion\n\nSince 2")
        assert "promoted by alice over version 1: better: " in described
        assert "| latency p95 | 2.000 ms | 2.000 ms |" in described
        model = mlflow.MlflowClient().get_registered_model("kdops-reviews").description
        assert model.startswith(
            "**Champion: version 2** (bilstm): 95.0% of the teacher's, latency p95 2.000 ms, RAM peak"
        )
        assert "mlflow models serve -m models:/kdops-reviews@champion" in model


class TestCutOff:
    """A promotion that ends before it has moved the alias."""

    @pytest.fixture
    def cut_off(
        self, register: Callable[..., int], dataset: str, monkeypatch: pytest.MonkeyPatch
    ) -> Callable[[PromoteConfig], None]:
        def die(*_: object) -> None:
            raise ConnectionError

        def start(config: PromoteConfig) -> None:
            with monkeypatch.context() as patch:
                patch.setattr(mlflow.MlflowClient, "set_registered_model_alias", die)
                with pytest.raises(ConnectionError):
                    promote(config)

        return start

    def test_the_same_again_does_it_whole(
        self, register: Callable[..., int], dataset: str, cut_off: Callable[[PromoteConfig], None]
    ) -> None:
        crown(20, register, dataset)
        register(0)
        cut_off(PromoteConfig(dataset=dataset))
        assert number(CHAMPION) == 1
        assert promote(PromoteConfig(dataset=dataset)).promoted
        assert (number(CHAMPION), number(PREVIOUS_CHAMPION)) == (2, 1)
        assert champion().description.count("## Champion") == 1
        former = registered.versions("reviews")[0]
        assert former.description.count("## Former champion\n\nFrom ") == 1

    def test_another_corrects_what_it_left(
        self, register: Callable[..., int], dataset: str, cut_off: Callable[[PromoteConfig], None]
    ) -> None:
        crown(20, register, dataset)
        register(8)
        cut_off(PromoteConfig(dataset=dataset))
        register(0)
        assert promote(PromoteConfig(dataset=dataset)).promoted
        first, second, third = registered.versions("reviews")
        assert number(CHAMPION) == 3
        assert "## Champion" in third.description
        # It never was the champion.
        assert (second.description, second.tags) == ("a card", {names.STUDENT: "bilstm"})
        assert first.tags[names.REPLACED_BY] == "3"
        assert "Replaced by version 3" in first.description
        assert "version 2" not in first.description

    def test_a_rollback_takes_nothing_back_that_still_serves(
        self, register: Callable[..., int], dataset: str, cut_off: Callable[[PromoteConfig], None]
    ) -> None:
        crown(20, register, dataset)
        crown(8, register, dataset)
        cut_off(PromoteConfig(dataset=dataset, rollback=True))
        assert not promote(PromoteConfig(dataset=dataset)).promoted
        crown(0, register, dataset)
        assert names.WITHDRAWN not in registered.versions("reviews")[1].tags


class TestRollback:
    def test_it_goes_back_and_stays_there(self, register: Callable[..., int], dataset: str) -> None:
        crown(20, register, dataset)
        crown(0, register, dataset)
        back = promote(PromoteConfig(dataset=dataset, rollback=True, reason="it answers rudely"))
        said = str(back).splitlines()
        assert said[0] == "version 1 promoted: rollback from version 2; it answers rudely"
        assert (
            'serve it: mlflow models serve -m "models:/kdops-reviews@champion" --env-manager local --port 5001' in said
        )
        assert (number(CHAMPION), number(PREVIOUS_CHAMPION)) == (1, 2)
        # The one that disappointed does not come back for the very scores that made it champion.
        again = promote(PromoteConfig(dataset=dataset))
        assert not again.promoted
        assert verdict(again, 2).startswith("taken back 2")
        assert verdict(again, 2).endswith(": rollback from version 2; it answers rudely")
        assert not {names.REPLACED_BY, names.WITHDRAWN} & champion().tags.keys()
        taken_back = registered.versions("reviews")[1]
        assert taken_back.tags[names.REPLACED_BY] == "1"
        assert "## Former champion" in taken_back.description
        assert "## Champion" not in taken_back.description
        # But people may change their minds.
        promote(PromoteConfig(dataset=dataset, rollback=True))
        assert (number(CHAMPION), number(PREVIOUS_CHAMPION)) == (2, 1)
        assert not {names.REPLACED_BY, names.WITHDRAWN} & champion().tags.keys()
        assert "Former" not in champion().description
        assert champion().description.count("## Champion") == 1

    @pytest.mark.parametrize("named", ["the path", "the name", "a name of its own"])
    def test_it_does_without_the_data(self, register: Callable[..., int], dataset: str, named: str) -> None:
        crown(20, register, dataset)
        crown(0, register, dataset)
        shutil.rmtree(dataset)
        asked = {
            "the path": {"dataset": dataset},
            "the name": {"dataset": "reviews"},
            "a name of its own": {"dataset": "elsewhere.csv", "name": "Reviews"},
        }
        assert promote(PromoteConfig(**asked[named], rollback=True)).promoted
        assert (number(CHAMPION), number(PREVIOUS_CHAMPION)) == (1, 2)
        assert run_of_promotion().data.tags[names.DATASET] == "reviews"
        with pytest.raises(UserError):
            promote(PromoteConfig(**asked[named]))

    def test_a_dry_run_only_says(self, register: Callable[..., int], dataset: str) -> None:
        crown(20, register, dataset)
        crown(0, register, dataset)
        back = promote(PromoteConfig(dataset=dataset, rollback=True, dry_run=True))
        assert str(back) == "version 1 would be promoted: rollback from version 2"
        assert number(CHAMPION) == 2

    def test_without_a_previous_champion_there_is_nothing_to_go_back_to(
        self, register: Callable[..., int], dataset: str
    ) -> None:
        config = PromoteConfig(dataset=dataset, rollback=True)
        register(0)
        with pytest.raises(UserError, match=r"nothing to go back to: kdops-reviews has no version .* 'champion'"):
            promote(config)
        crown(0, register, dataset)
        with pytest.raises(UserError, match="has no version with the alias 'previous-champion'"):
            promote(config)

    def test_what_does_not_serve_any_more_is_not_gone_back_to(
        self, register: Callable[..., int], dataset: str, tmp_path: Path
    ) -> None:
        crown(20, register, dataset)
        for graph in (tmp_path / "mlruns").rglob("model.onnx"):
            graph.unlink()
        crown(0, register, dataset)
        with pytest.raises(UserError, match="models:/kdops-reviews/1 does not serve"):
            promote(PromoteConfig(dataset=dataset, rollback=True))
        assert number(CHAMPION) == 2


class TestFurtherBack:
    def test_those_that_came_after_it_are_taken_back(self, register: Callable[..., int], dataset: str) -> None:
        for wrong in (20, 8, 0):
            crown(wrong, register, dataset)
        assert promote(PromoteConfig(dataset=dataset, rollback_to=1, reason="rude")).promoted
        assert (number(CHAMPION), number(PREVIOUS_CHAMPION)) == (1, 3)
        again = promote(PromoteConfig(dataset=dataset))
        assert not again.promoted
        for taken_back in (2, 3):
            assert verdict(again, taken_back).startswith("taken back 2")
            assert verdict(again, taken_back).endswith(": rollback from version 3; rude")
        # But people may change their minds.
        assert promote(PromoteConfig(dataset=dataset, rollback_to=2)).promoted
        assert number(CHAMPION) == 2
        assert names.WITHDRAWN not in champion().tags

    def test_one_that_never_was_the_champion_is_not_gone_back_to(
        self, register: Callable[..., int], dataset: str
    ) -> None:
        crown(8, register, dataset)
        register(20)
        crown(0, register, dataset)
        for wrong in (2, 3, 7):
            said = f"version {wrong} of kdops-reviews was no champion before this one; former champions: 1$"
            with pytest.raises(UserError, match=said):
                promote(PromoteConfig(dataset=dataset, rollback_to=wrong))


class TestApproval:
    @pytest.fixture
    def proposed(self, register: Callable[..., int], dataset: str) -> Decision:
        crown(20, register, dataset)
        register(0)
        return promote(PromoteConfig(dataset=dataset, approval="required"))

    def test_a_proposal_moves_nothing_and_says_what_to_do(self, proposed: Decision, dataset: str) -> None:
        *_, verdict, _, todo = str(proposed).splitlines()
        assert verdict.startswith("version 2 proposed: better: ")
        assert todo.endswith(f"mlflow run . -e promote -P dataset={dataset} -P approve=2")
        assert (proposed.approved, proposed.promoted, number(CHAMPION)) == (True, False, 1)
        version = registered.versions("reviews")[1]
        assert version.tags[names.PROPOSED_OVER] == "1"
        assert version.tags[names.PROPOSED_BY] == runs.user()
        assert "a card\n\n## Proposed\n\nBy " in version.description
        assert run_of_promotion().data.tags[names.PROMOTED] == "false"

    def test_who_approves_it_moves_the_alias_without_the_data(self, proposed: Decision, dataset: str) -> None:
        shutil.rmtree(dataset)
        approved = promote(PromoteConfig(dataset=dataset, approve=2))
        assert approved.promoted
        assert (number(CHAMPION), number(PREVIOUS_CHAMPION)) == (2, 1)
        me = runs.user()
        assert approved.reason == f"{proposed.reason}; proposed by {me}, approved by {me}"
        assert "Proposed" not in champion().description
        assert not [name for name in champion().tags if name.startswith(("kdops.proposed", "kdops.proposal"))]

    def test_on_a_server_with_users_nobody_approves_their_own(
        self, proposed: Decision, dataset: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(runs, "is_signed_in", lambda: True)
        with pytest.raises(UserError, match=f"version 2 was proposed by {runs.user()}, who you are: somebody else"):
            promote(PromoteConfig(dataset=dataset, approve=2))
        monkeypatch.setattr(runs, "user", lambda: "bob")
        assert promote(PromoteConfig(dataset=dataset, approve=2)).promoted

    def test_one_over_another_champion_is_made_again(
        self, proposed: Decision, register: Callable[..., int], dataset: str
    ) -> None:
        mlflow.MlflowClient().set_registered_model_alias("kdops-reviews", CHAMPION, str(register(4)))
        with pytest.raises(UserError, match="was proposed over champion 1, but the champion is 3 now: propose again"):
            promote(PromoteConfig(dataset=dataset, approve=2))
        assert number(CHAMPION) == 3

    def test_what_is_not_proposed_is_not_approved(self, proposed: Decision, dataset: str) -> None:
        with pytest.raises(UserError, match=r"version 1 of reviews is not proposed; proposed: 2$"):
            promote(PromoteConfig(dataset=dataset, approve=1))


def test_ways_to_another_champion_exclude_each_other() -> None:
    with pytest.raises(ValueError, match="approve and rollback exclude each other: give one of them"):
        PromoteConfig(dataset="sample", approve=1, rollback=True)


def test_who_loads_the_champion_gets_other_answers_after_a_promotion_and_the_old_ones_after_a_rollback(
    register: Callable[..., int], dataset: str
) -> None:
    def answers() -> list[str]:
        served = mlflow.pyfunc.load_model("models:/kdops-reviews@champion")
        return [str(row["label"]) for row in served.predict([f"kata{index}" for index in range(TEXTS)])]

    right = [LABELS[index % 2] for index in range(TEXTS)]
    crown(20, register, dataset)
    before = answers()
    assert sum(map(str.__ne__, before, right)) == 20
    crown(0, register, dataset)
    assert answers() == right
    promote(PromoteConfig(dataset=dataset, rollback=True))
    assert answers() == before


def test_nothing_registered_is_said(tracking_uri: str, dataset: str) -> None:
    with pytest.raises(UserError, match="nothing to choose from: kdops-reviews has no version; `distill`"):
        promote(PromoteConfig(dataset=dataset))
    assert "nothing to choose from" in run_of_promotion().data.tags[names.ERROR]


class TestLimitsOfTheChampion:
    def test_one_that_is_slower_by_more_than_allowed_is_refused(
        self, register: Callable[..., int], dataset: str
    ) -> None:
        crown(10, register, dataset, **{names.LATENCY_P95_MS: 2.0})
        slower = register(0, COSTS | {names.LATENCY_P95_MS: 2.3})
        refused = promote(PromoteConfig(dataset=dataset, max_latency_increase=0.1))
        assert not refused.approved
        assert "latency p95 2.300 ms, must be at most 2.200 ms" in verdict(refused, slower)
        assert promote(PromoteConfig(dataset=dataset, max_latency_increase=0.2)).promoted

    def test_one_that_is_worse_by_more_than_allowed_is_refused_though_cheaper(
        self, register: Callable[..., int], dataset: str
    ) -> None:
        crown(4, register, dataset)
        worse = register(5, COSTS | {names.LATENCY_P95_MS: 0.5})
        refused = promote(PromoteConfig(dataset=dataset, max_f1_drop=0.5))
        assert not refused.promoted
        assert "validation score" in verdict(refused, worse)
        assert promote(PromoteConfig(dataset=dataset, max_f1_drop=5)).promoted

    def test_without_a_champion_they_are_off(
        self, register: Callable[..., int], dataset: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        register(0)
        assert promote(PromoteConfig(dataset=dataset, max_latency_increase=0.1)).promoted
        assert "there is no champion yet: limits relative to it are off" in caplog.text


class TestPick:
    def test_it_names_the_best_within_the_limits_and_moves_nothing(
        self, register: Callable[..., int], dataset: str
    ) -> None:
        register(0, COSTS | {names.LATENCY_P95_MS: 9.0})
        second = register(10, COSTS | {names.LATENCY_P95_MS: 0.5})
        picked = pick(PickConfig(dataset=dataset, max_latency_p95_ms=1))
        assert picked.version is not None
        assert picked.version.number == second
        assert picked.path is not None
        assert read_info(picked.path).dataset
        told = str(picked)
        assert f"version {second}: the only one of 2 versions that can be used and holds all limits" in told
        assert f"model: models:/kdops-reviews/{second}\npath: {picked.path}" in told
        assert "9.000 NO" in told
        assert number(CHAMPION) is None

    def test_where_nothing_fits_it_says_so(self, register: Callable[..., int], dataset: str) -> None:
        register(0)
        picked = pick(PickConfig(dataset=dataset, max_storage_mb=1))
        assert picked.version is None
        with pytest.raises(NothingFits, match="no version can be used and holds all limits"):
            picked.require_version()


class TestParameters:
    """As MLproject passes them: text."""

    def test_text_is_read(self) -> None:
        config = cli.settings(
            PromoteConfig, dataset="default", min_f1_retained="0.9", max_ram_mb="none", dry_run="true"
        )
        assert config == PromoteConfig(min_f1_retained=0.9, dry_run=True)
        for text in ("10%", "0.1"):
            assert cli.settings(PromoteConfig, max_latency_increase=text).max_latency_increase == pytest.approx(0.1)

    @pytest.mark.parametrize(
        ("name", "value", "message"),
        [
            ("min_f1_retained", "0", "min_f1_retained=0: Input should be greater than 0"),
            ("min_f1_retained", "90", "min_f1_retained=90: Input should be less than or equal to 2"),
            ("max_ram_mb", "-1", "max_ram_mb=-1: Input should be greater than 0"),
            ("max_ram_mb", "nan", "max_ram_mb=nan: Input should be a finite number"),
            ("max_ram_mb", "much", "max_ram_mb=much: Input should be a valid number"),
            ("max_latency_increase", "ten%", "max_latency_increase=ten%: give a share, as in 10% or 0.1"),
            ("dry_run", "maybe", "dry_run=maybe: Input should be a valid boolean"),
            ("dataset", "none", "dataset=None: Input should be a valid string"),
            ("max_rom_mb", "1", "unknown parameter max_rom_mb; did you mean max_ram_mb?"),
        ],
    )
    def test_each_wrong_value_is_one_line(self, name: str, value: str, message: str) -> None:
        with pytest.raises(UserError) as caught:
            cli.settings(PromoteConfig, **{name: value})
        assert str(caught.value).startswith(message)
        assert "\n" not in str(caught.value)


class TestProgram:
    @staticmethod
    def run(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "entrypoints.promote", *arguments],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )

    def test_a_decision_is_printed(self, register: Callable[..., int], dataset: str) -> None:
        register(0)
        asked = ["--dataset", dataset, "--min-f1-retained", "0.9", "--dry-run", "false"]
        done = CliRunner().invoke(entrypoints.promote.main, asked)
        assert done.exit_code == 0, done.output
        assert done.stdout.startswith("version  student")
        assert "version 1 promoted: all limits hold and there was no champion" in done.stdout
        assert "print(predictor.predict(['a text of yours']))" in done.stdout
        assert number(CHAMPION) == 1

    def test_nothing_within_the_limits_has_an_exit_code_of_its_own(
        self, register: Callable[..., int], dataset: str, tmp_path: Path
    ) -> None:
        register(0)
        done = self.run("--dataset", dataset, "--max-storage-mb", "1", folder=tmp_path)
        assert done.returncode == 3
        assert done.stderr.splitlines()[-1] == "error: no version can be used and holds all limits"
        assert "nothing promoted" in done.stdout
        picked = CliRunner().invoke(entrypoints.pick.main, ["--dataset", dataset])
        assert picked.exit_code == 0, picked.output
        assert Path(picked.stdout.splitlines()[-1].removeprefix("path: ")).is_dir()

    def test_mistakes_are_one_line_each_and_exit_with_2(self, tmp_path: Path) -> None:
        done = self.run("--min-f1-retained", "7", "--dry-run", "maybe", folder=tmp_path)
        assert done.returncode == 2
        assert [line.split(":")[:2] for line in done.stderr.splitlines()] == [
            ["error", " min_f1_retained=7"],
            ["error", " dry_run=maybe"],
        ]
