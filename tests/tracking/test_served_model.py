import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from kdops.task import Task
from kdops.tracking import registry, runs
from kdops.tracking.names import Role

# Loads and asks the served model where kdops, torch and the training libraries cannot be imported.
ASK = """
import json, sys
BLOCKED = {"kdops", "torch", "transformers", "datasets", "onnx", "optuna", "accelerate", "entrypoints"}
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in BLOCKED:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Blocker())
import mlflow, pandas as pd
from mlflow.pyfunc.scoring_server import invocations
model = mlflow.pyfunc.load_model(sys.argv[1])
schema = model.metadata.get_input_schema()
bodies = json.loads(sys.argv[2])
answers = [invocations(json.dumps(body), "application/json", model, schema) for body in bodies]
called = [model.predict(given) for given in ("bagus", ["bagus"], pd.DataFrame({"text": ["bagus"], "id": [1]}))]
try:
    model.predict(pd.DataFrame({"title": ["a"], "text": ["bagus"]}))
except mlflow.MlflowException as error:
    assert "the first column must be 'text', not 'title'" in str(error)
else:
    raise AssertionError("a wrong column was taken for text")
print(json.dumps([[json.loads(answer.response)["predictions"] for answer in answers], called]))
"""
BODIES = [
    {"inputs": ["bagus", "buruk", ""]},
    {"instances": ["bagus"]},
    {"dataframe_records": [{"text": "bagus"}]},
    {"dataframe_split": {"columns": ["text"], "data": [["bagus"]]}},
]


def ask(uri: str, folder: Path) -> tuple[list[list[dict[str, object]]], list[list[dict[str, object]]]]:
    done = subprocess.run(
        [sys.executable, "-W", "error:.*type hints.*:UserWarning", "-c", ASK, uri, json.dumps(BODIES)],
        cwd=folder,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answers, called = json.loads(done.stdout)
    return answers, called


@pytest.mark.parametrize("task", list(Task))
def test_text_is_answered_without_kdops(
    task: Task, connected: str, make_bundle: Callable[..., Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with runs.tracked(Role.STUDENT, "bilstm") as run:
        registry.register(make_bundle(task), run=run, corpus_name="sample", tags={}, description="")
    assert "Failed to validate serving input" not in caplog.text
    (first, *others), called = ask("models:/kdops-sample@challenger", tmp_path)
    if task is Task.TEXT:
        assert [row["label"] for row in first] == ["positive", "negative", "positive"]
        probabilities = first[0]["probabilities"]
        assert isinstance(probabilities, dict)
        assert probabilities["positive"] == pytest.approx(0.99331, abs=1e-5)
        assert sum(probabilities.values()) == pytest.approx(1)
    else:
        span = {"type": "LOC", "text": "bagus", "start": 0, "end": 5}
        assert first == [
            {"words": ["bagus"], "tags": ["B-LOC"], "spans": [span], "truncated": False},
            {"words": ["buruk"], "tags": ["O"], "spans": [], "truncated": False},
            {"words": [], "tags": [], "spans": [], "truncated": False},
        ]
    for answer in [*others, *called]:
        assert answer == first[:1]
