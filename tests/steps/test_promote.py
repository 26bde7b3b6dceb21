import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path

import mlflow
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, pre_tokenizers

from entrypoints import cli
from kdops.deploy.predictor import BundleInfo
from kdops.errors import UserError
from kdops.steps.promote import Decision, PromoteConfig, promote
from kdops.task import Task
from kdops.tracking import names, registry, runs
from kdops.tracking.names import CHALLENGER, CHAMPION, Role

ROOT = Path(__file__).parents[2]
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
    """Registers a bundle that gets all validation words right but so many, with metrics of its run."""
    runs.connect()

    def make(wrong: int, costs: Mapping[str, float] = COSTS, labels: tuple[str, ...] = LABELS) -> int:
        with runs.tracked(Role.STUDENT, "bilstm") as run:
            run.metrics(costs)
            bundle = write_bundle(tmp_path / f"bundle-{run.run_id}", wrong, labels)
            return registry.register(bundle, run=run, corpus_name="reviews", tags={}, description="")

    return make


def write_bundle(folder: Path, wrong: int, labels: tuple[str, ...]) -> Path:
    folder.mkdir()
    words = {"[PAD]": 0, "[UNK]": 1} | {f"kata{index}": index + 2 for index in range(TEXTS)}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    votes = np.zeros((len(words), len(labels)), dtype=np.float32)
    for index in range(TEXTS):
        votes[index + 2, (index + (index < wrong)) % 2] = 1
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
    version = registry.find_version("reviews", alias)
    return version.number if version else None


def run_of_promotion() -> mlflow.entities.Run:
    found = mlflow.search_runs(
        search_all_experiments=True, filter_string=f"tags.`{names.ROLE}` = 'promote'", output_format="list"
    )
    newest: mlflow.entities.Run = found[0]
    return newest


def crown(wrong: int, register: Callable[..., int], dataset: str, **costs: float) -> int:
    """Make a version the champion."""
    version = register(wrong, COSTS | costs)
    assert promote(PromoteConfig(dataset=dataset)).promoted
    return version


def test_the_first_version_within_the_limits_becomes_champion(register: Callable[..., int], dataset: str) -> None:
    register(0)
    config = PromoteConfig(dataset=dataset, min_f1_retained=0.9, max_latency_p95_ms=2, max_ram_mb=120, max_storage_mb=8)
    decision = promote(config)
    assert (decision.approved, decision.promoted, decision.version, decision.champion) == (True, True, 1, None)
    assert [gate.holds for gate in decision.gates] == [True] * 4
    assert "there was no champion" in decision.reason
    assert number(CHAMPION) == 1

    run = run_of_promotion()
    assert run.info.status == names.Status.FINISHED
    assert run.data.params["cfg.min_f1_retained"] == "0.9"
    assert run.data.tags[names.PROMOTED] == "true"
    assert run.data.tags[names.PROMOTION_REASON] == decision.reason
    assert run.data.tags[names.DATASET] == "reviews"
    text = mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/decision.txt")
    assert text == f"{decision}\n"
    assert "holds  test.f1_retained 0.95, must be at least 0.9" in text


@pytest.mark.parametrize(
    ("limit", "message"),
    [
        ({"min_f1_retained": 0.96}, "test.f1_retained 0.95, must be at least 0.96"),
        ({"max_latency_p95_ms": 1.9}, "cost.latency_p95_ms 2, must be at most 1.9"),
        ({"max_ram_mb": 100}, "cost.ram_peak_mb 120, must be at most 100"),
        ({"max_storage_mb": 7.9}, "cost.storage_mb 8, must be at most 7.9"),
    ],
)
def test_a_version_beyond_a_limit_stays_challenger(
    limit: dict[str, float], message: str, register: Callable[..., int], dataset: str
) -> None:
    register(0)
    decision = promote(PromoteConfig(dataset=dataset, **limit))
    assert not decision.approved
    assert decision.reason == message
    assert number(CHAMPION) is None
    assert run_of_promotion().data.tags[names.PROMOTED] == "false"


def test_what_was_not_measured_holds_no_limit(register: Callable[..., int], dataset: str) -> None:
    register(0, {})
    assert "cost.ram_peak_mb not measured" in promote(PromoteConfig(dataset=dataset, max_ram_mb=1000)).reason
    assert promote(PromoteConfig(dataset=dataset)).promoted


def test_better_replaces_the_champion_whatever_it_costs(register: Callable[..., int], dataset: str) -> None:
    crown(20, register, dataset)
    register(0, COSTS | {names.LATENCY_P95_MS: 50.0})
    decision = promote(PromoteConfig(dataset=dataset))
    assert decision.promoted
    assert decision.reason.startswith("better: validation f1_macro +0.3")
    assert decision.champion == 1
    champion = registry.find_version("reviews", CHAMPION)
    assert champion is not None
    assert champion.number == 2
    assert champion.tags[names.PROMOTED_OVER] == "1"
    assert champion.tags[names.PROMOTION_REASON] == decision.reason


def test_worse_does_not_replace_the_champion_however_cheap(register: Callable[..., int], dataset: str) -> None:
    crown(0, register, dataset)
    register(20, COSTS | {names.LATENCY_P95_MS: 0.1})
    decision = promote(PromoteConfig(dataset=dataset))
    assert not decision.promoted
    assert decision.reason.startswith("worse: ")
    assert number(CHAMPION) == 1
    assert number(CHALLENGER) == 2


@pytest.mark.parametrize(
    ("latency_ms", "promoted", "reason"),
    [
        (1.0, True, "; faster: cost.latency_p95_ms 1 against 2"),
        (2.0, False, "; not faster"),
        (3.0, False, "not faster"),
    ],
)
def test_between_equals_the_faster_one_serves(
    latency_ms: float, promoted: bool, reason: str, register: Callable[..., int], dataset: str
) -> None:
    crown(1, register, dataset)
    register(2, COSTS | {names.LATENCY_P95_MS: latency_ms})
    decision = promote(PromoteConfig(dataset=dataset))
    assert decision.promoted is promoted
    assert "no clear difference" in decision.reason
    assert reason in decision.reason


def test_between_equals_of_unknown_cost_the_champion_stays(register: Callable[..., int], dataset: str) -> None:
    crown(1, register, dataset)
    register(1, {})
    decision = promote(PromoteConfig(dataset=dataset))
    assert not decision.approved
    assert "not known of both" in decision.reason


def test_a_dry_run_only_says(register: Callable[..., int], dataset: str) -> None:
    register(0)
    decision = promote(PromoteConfig(dataset=dataset, dry_run=True))
    assert (decision.approved, decision.promoted) == (True, False)
    assert "would be promoted" in str(decision)
    assert number(CHAMPION) is None


def test_the_champion_is_not_promoted_again(register: Callable[..., int], dataset: str) -> None:
    crown(0, register, dataset)
    decision = promote(PromoteConfig(dataset=dataset))
    assert not decision.promoted
    assert "the champion already" in decision.reason


def test_a_bundle_that_was_changed_is_never_promoted(
    register: Callable[..., int], dataset: str, tmp_path: Path
) -> None:
    register(0)
    (graph,) = (tmp_path / "mlruns").rglob("model.onnx")
    graph.write_bytes(graph.read_bytes() + b"\0")
    decision = promote(PromoteConfig(dataset=dataset))
    assert not decision.approved
    assert "its bundle cannot be used: " in decision.reason
    assert "sha256" in decision.reason
    assert number(CHAMPION) is None


def test_a_bundle_of_other_labels_is_never_promoted(register: Callable[..., int], dataset: str) -> None:
    register(0, labels=("bad", "good"))
    decision = promote(PromoteConfig(dataset=dataset))
    assert not decision.approved
    assert "predicts bad, good" in decision.reason


def test_a_champion_that_cannot_be_loaded_is_not_replaced_blindly(
    register: Callable[..., int], dataset: str, tmp_path: Path, kdops_home: Path
) -> None:
    crown(0, register, dataset)
    for graph in [*(tmp_path / "mlruns").rglob("model.onnx"), *kdops_home.rglob("model.onnx")]:
        graph.unlink()
    register(0)
    with pytest.raises(UserError, match=r"champion version 1 of kdops-reviews cannot be compared with: .*model\.onnx"):
        promote(PromoteConfig(dataset=dataset))
    assert number(CHAMPION) == 1
    assert run_of_promotion().info.status == names.Status.FAILED


def test_nothing_registered_is_said(tracking_uri: str, dataset: str) -> None:
    with pytest.raises(UserError, match="nothing to promote: kdops-reviews has no version with the alias 'challenger'"):
        promote(PromoteConfig(dataset=dataset))
    assert "nothing to promote" in run_of_promotion().data.tags[names.ERROR]


class TestParameters:
    """As MLproject passes them: text."""

    def test_text_is_read(self) -> None:
        config = cli.settings(
            PromoteConfig, dataset="default", min_f1_retained="0.9", max_ram_mb="none", dry_run="true"
        )
        assert config == PromoteConfig(min_f1_retained=0.9, dry_run=True)

    @pytest.mark.parametrize(
        ("name", "value", "message"),
        [
            ("min_f1_retained", "0", "min_f1_retained=0: Input should be greater than 0"),
            ("min_f1_retained", "90", "min_f1_retained=90: Input should be less than or equal to 2"),
            ("max_ram_mb", "-1", "max_ram_mb=-1: Input should be greater than 0"),
            ("max_ram_mb", "nan", "max_ram_mb=nan: Input should be a finite number"),
            ("max_ram_mb", "much", "max_ram_mb=much: Input should be a valid number"),
            ("dry_run", "maybe", "dry_run=maybe: Input should be a valid boolean"),
            ("dataset", "none", "dataset=None: Input should be a valid string"),
            ("max_rom_mb", "1", "max_rom_mb=1: Extra inputs are not permitted"),
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

    def test_a_decision_is_printed(self, register: Callable[..., int], dataset: str, tmp_path: Path) -> None:
        register(0)
        done = self.run("--dataset", dataset, "--min-f1-retained", "0.9", "--dry-run", "false", folder=tmp_path)
        assert done.returncode == 0, done.stderr
        assert "version 1 promoted: all limits hold and there was no champion" in done.stdout
        assert number(CHAMPION) == 1

    def test_mistakes_are_one_line_each_and_exit_with_2(self, tmp_path: Path) -> None:
        done = self.run("--min-f1-retained", "7", "--dry-run", "maybe", folder=tmp_path)
        assert done.returncode == 2
        assert [line.split(":")[:2] for line in done.stderr.splitlines()] == [
            ["error", " min_f1_retained=7"],
            ["error", " dry_run=maybe"],
        ]


def test_decisions_are_told_in_words() -> None:
    decision = Decision(
        approved=False, promoted=False, version=2, champion=1, gates=(), reason="worse: validation f1_macro -0.1"
    )
    assert str(decision) == "version 2 not promoted: worse: validation f1_macro -0.1"
