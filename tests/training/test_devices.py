"""Two processes that train one model give what one process gives."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from kdops.training import devices

ROOT = Path(__file__).parents[2]

# 21 sentences of 1 to 6 words in batches of 4: shares hold different numbers of words, and the last batch one row.
# A start that is told to stop after an epoch leaves its checkpoint, from which the next one goes on.
PROGRAM = """
import json, sys
from pathlib import Path
import numpy as np, torch
from kdops.data.encoding import Encoded
from kdops.models.bilstm import BiLSTM
from kdops.task import Task
from kdops.training import devices
from kdops.training.batches import TrainingSet
from kdops.training.loop import fit
from kdops.training.values import LoopConfig
from kdops.training.losses import GoldObjective

# In bfloat16 a share of a batch is rounded otherwise than the whole; what counts here must agree to three digits.
devices.product_type = lambda device: torch.float32
folder, stop = Path(sys.argv[1]), int(sys.argv[2])
drawn = np.random.default_rng(0)
counts = drawn.integers(1, 7, 21)
starts = np.concatenate([[0], np.cumsum(counts)])
ids = drawn.integers(1, 30, starts[-1]).astype(np.int32)
positions = np.concatenate([np.arange(count) for count in counts]).astype(np.int32)
data = TrainingSet(Encoded(ids, starts, positions, positions, starts), ids.astype(np.int64) % 3)
torch.manual_seed(0)
model = BiLSTM(30, 3, Task.TOKEN, dropout=0.0)
asked, saved = [], []

def score(model):
    asked.append(state.process_index)
    # The second epoch is the best, and the third ends it; only the main process knows that.
    return {"score": [0.5, 0.9, 0.3, 0.2][(len(asked) + first - 1) % 4]}

def on_epoch(epoch):
    saved.append(epoch.number)
    if stop and epoch.number == stop:
        raise SystemExit(0)

first = 2 if (folder / "checkpoint.pt").exists() else 0
config = LoopConfig(epochs=4, learning_rate=1e-2, batch_size=4, patience=1, seed=1)
with devices.together() as state:
    result = fit(model, data, GoldObjective(), score, config, main_metric="score", pad_id=0, description="",
        on_epoch=on_epoch, checkpoint=folder / "checkpoint.pt")
    met = torch.distributed.is_initialized()
answer = {
    "met": met, "parted": not torch.distributed.is_initialized(),
    "asked": asked, "epochs": saved, "best": result.best_epoch,
    "losses": [one.losses["loss"] for one in result.history],
    "weights": torch.cat([value.flatten() for value in model.state_dict().values()]).tolist(),
}
(folder / f"{state.process_index}-of-{state.num_processes}.json").write_text(json.dumps(answer))
"""

Launch = Callable[..., list[Mapping[str, Any]]]


@pytest.fixture
def launch(tmp_path: Path) -> Launch:
    """Runs the program in so many processes and gives what each of them wrote."""

    def run(count: int, folder: str, stop: int = 0) -> list[Mapping[str, Any]]:
        place, program = tmp_path / folder, tmp_path / "program.py"
        place.mkdir(exist_ok=True)
        program.write_text(PROGRAM, encoding="utf-8")
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={count}"]
        done = subprocess.run(
            [*(command if count > 1 else [sys.executable]), str(program), str(place), str(stop)],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
            timeout=200,
        )
        assert done.returncode == 0, done.stderr
        found = [place / f"{rank}-of-{count}.json" for rank in range(count)]
        return [json.loads(path.read_text(encoding="utf-8")) for path in found if path.exists()]

    return run


@pytest.mark.parametrize(
    ("able", "expected"),
    [({"avx512_bf16": True}, torch.bfloat16), ({"amx_bf16": True}, torch.bfloat16), ({"avx2": True}, torch.float32)],
)
def test_products_are_of_bfloat16_where_a_cpu_has_instructions_for_it(
    able: Mapping[str, bool], expected: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": False, "amx_bf16": False} | able)
    assert devices.product_type(torch.device("cpu")) is expected
    wide, narrow = nn.Linear(128, 300), nn.Linear(127, 300)
    with devices.fast_products(wide):
        assert wide(torch.ones(1, 128)).dtype is expected
    with devices.fast_products(narrow):
        assert narrow(torch.ones(1, 127)).dtype is torch.float32


@pytest.mark.slow
@pytest.mark.nightly
def test_two_processes_give_what_one_gives(launch: Launch) -> None:
    (alone,), (main, helper) = launch(1, "one"), launch(2, "two")
    for together in (main, helper):
        assert together["weights"] == pytest.approx(alone["weights"], abs=1e-3)
        assert together["losses"] == pytest.approx(alone["losses"], rel=1e-3)
        assert together["best"] == alone["best"] == 2
    assert main["weights"] == helper["weights"]
    # Without a parting, Python's end aborts some of them.
    assert [one["met"] for one in (alone, main, helper)] == [False, True, True]
    assert main["parted"]
    assert helper["parted"]
    # Only the main process scores.
    assert alone["asked"] == main["asked"] == [0] * 3
    assert helper["asked"] == []


@pytest.mark.slow
@pytest.mark.nightly
def test_two_processes_go_on_from_the_checkpoint_of_one(launch: Launch) -> None:
    (alone,) = launch(1, "whole")
    assert launch(1, "parts", stop=2) == []
    main, helper = launch(2, "parts")
    assert main["epochs"] == [3]
    assert main["weights"] == helper["weights"] == pytest.approx(alone["weights"], abs=1e-3)
    assert main["losses"] == pytest.approx(alone["losses"], rel=1e-3)


def test_one_process_makes_its_own_values() -> None:
    assert devices.from_main(lambda: 3) == 3
    assert devices.processes().num_processes == 1
    with devices.helpers() as call:
        call("to work")
