"""The commands of the pages, as they stand there, where a comment above them says `run`."""

import contextlib
import shutil
import subprocess
from pathlib import Path

import mlflow
import pytest
from bundles import write_mean_bundle
from documented import PAGES, ROOT, RUN, Block, blocks
from finished_runs import add_student, add_teacher
from place import Place, make_place
from servers import free_port

from kdops.tracking import names, runs
from kdops.tracking.registry import registered

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

BLOCKS = [block for page in PAGES for block in blocks(page) if block.mark == RUN]
MODEL = "kdops-sample"
LABELS = ["negative", "neutral", "positive"]
PORT = "5001"
# `mlflow models serve` ends with the block that it is in.
SERVE = "mlflow models serve"
UNTIL_IT_ANSWERS = """ &
trap 'kill $!; wait $! || true' EXIT
until curl --silent --fail http://127.0.0.1:5001/ping; do kill -0 $! && sleep 0.5; done
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, tracking_template: Path) -> Place:
    """A checkout with two students of `sample` in its registry, and the files of examples.

    The first is the champion; the second says the same, and is cheaper.
    """
    place = make_place(tmp_path_factory.mktemp("documented"), tracking_template)
    for path in (ROOT / name for name in ("MLproject", "conda.yaml", "entrypoints", "kdops")):
        (place.folder / path.name).symlink_to(path)
    shutil.copy(ROOT / "kdops" / "deploy" / "predictor.py", place.folder)
    (place.folder / "path" / "to").mkdir(parents=True)
    bundle = write_mean_bundle(place.folder / "path" / "to" / "bundle", labels=LABELS)
    (place.folder / "texts.txt").write_text("nasi goreng enak\ntidak enak\n", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch, contextlib.chdir(place.folder):
        patch.setenv("MLFLOW_TRACKING_URI", place.tracking_uri)
        teacher = add_teacher("sample")
        for latency in (2.0, 0.5):
            run = runs.Run(add_student("sample", teacher, test=0.85, latency=latency, trials=1))
            run.metrics({names.LATENCY_P95_MS: latency})
            # The version is this run's, which knows what host its costs were measured on.
            with mlflow.start_run(run_id=run.run_id):
                registered.register(
                    bundle, run=run, corpus_name="sample", tags={names.STUDENT: "bilstm"}, description="a student"
                )
    place.client.set_registered_model_alias(MODEL, names.CHAMPION, "1")
    return place


def check_promotion(said: str, place: Place) -> None:
    """The cheaper version became the champion."""
    assert "version 2 promoted: no clear difference" in said
    aliases = place.client.get_registered_model(MODEL).aliases
    assert (int(aliases[names.CHAMPION]), int(aliases[names.PREVIOUS_CHAMPION])) == (2, 1)
    first, second = (place.client.get_model_version(MODEL, number).tags for number in ("1", "2"))
    assert second[names.PROMOTED_OVER] == "1"
    assert first[names.REPLACED_BY] == "2"


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: f"{block.page.name}-{BLOCKS.index(block)}")
def test_it_works_as_it_stands(block: Block, place: Place) -> None:
    if "curl" in block.text and not shutil.which("curl"):
        pytest.skip("curl is not installed")
    lines = [line + UNTIL_IT_ANSWERS if line.startswith(SERVE) else line for line in block.text.splitlines()]
    script = "set -e\n" + "\n".join(lines).replace(PORT, str(free_port()))
    done = subprocess.run(
        ["bash", "-c", script], cwd=place.folder, env=place.environment, capture_output=True, text=True, timeout=350
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    if "promote" in block.text:
        check_promotion(done.stdout, place)
    if "curl" in block.text:
        assert '"label"' in done.stdout
    if "report" in block.text:
        assert (place.folder / "report" / "report.html").exists()
    if "predictions.jsonl" in block.text:
        assert len((place.folder / "predictions.jsonl").read_text(encoding="utf-8").splitlines()) == 2
