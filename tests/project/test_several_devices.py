"""A teacher that two processes train together, as `accelerate launch` starts them."""

import subprocess
import sys
from pathlib import Path

import pytest
from place import ROOT, Place, make_place, options

pytestmark = [pytest.mark.slow, pytest.mark.nightly, pytest.mark.timeout(900)]

EPOCHS = 5


def launch(place: Place, entry_point: str, processes: int, **parameters: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", str(processes)]
    command = command if processes > 1 else [sys.executable]
    return subprocess.run(
        [*command, "-m", f"entrypoints.{entry_point}", *options(**parameters)],
        cwd=place.folder,
        # Without a card both use the CPU; with one, two processes cannot share it.
        env=place.environment | {"PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
    )


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory, tracking_template: Path) -> dict[int, Place]:
    """Where one process and two have trained the teacher of the sample data."""
    made = {count: make_place(tmp_path_factory.mktemp(f"by-{count}"), tracking_template) for count in (1, 2)}
    for count, place in made.items():
        done = launch(place, "train_teacher", count, dataset="sample", epochs=EPOCHS)
        assert done.returncode == 0, done.stderr
        # Said once, by the main process.
        assert done.stdout.count("run: ") == 1
        assert done.stderr.count("teacher: epoch 1,") == 1
        assert not list(place.home.glob("teachers/*/checkpoint.pt"))
    return made


def test_they_give_what_one_process_gives(places: dict[int, Place]) -> None:
    (alone,), (together,) = (places[count].runs() for count in (1, 2))
    assert alone.info.status == together.info.status == "FINISHED"
    assert alone.data.params == together.data.params
    assert alone.data.tags["kdops.fingerprint"] == together.data.tags["kdops.fingerprint"]
    for count, run in ((1, alone), (2, together)):
        curve = places[count].client.get_metric_history(run.info.run_id, "epoch.train.loss")
        assert [point.step for point in curve] == list(range(1, EPOCHS + 1))
    # A teacher from scratch differs by a few points from one training to the next.
    for name in ("val.f1_macro", "test.f1_macro"):
        assert together.data.metrics[name] == pytest.approx(alone.data.metrics[name], abs=0.1)
        assert together.data.metrics[name] > 0.5


def test_a_finished_teacher_is_found_by_both(places: dict[int, Place]) -> None:
    done = launch(places[2], "train_teacher", 2, dataset="sample", epochs=EPOCHS)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("(reused)") == 1
    assert [run.info.status for run in places[2].runs()] == ["FINISHED"] * 2


def test_a_mistake_is_said_once_and_ends_both(places: dict[int, Place]) -> None:
    done = launch(places[2], "train_teacher", 2, dataset="no-such-set")
    assert done.returncode != 0
    assert done.stderr.count("error: unknown dataset 'no-such-set'") == 1


def test_distill_says_what_to_do_instead(places: dict[int, Place]) -> None:
    done = launch(places[2], "distill", 2, dataset="sample")
    assert done.returncode != 0
    assert done.stderr.count("error: distill runs in one process") == 1
