import asyncio
import json
import os
import pickle
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.pyfunc import scoring_server

from kdops.deploy import predictor
from kdops.task import Task
from kdops.tracking import runs
from kdops.tracking.names import Role
from kdops.tracking.registry import registered
from kdops.tracking.registry.served_model import ServedModel

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


@pytest.mark.parametrize("task", [Task.TEXT, Task.TOKEN])
def test_text_is_answered_without_kdops(
    task: Task, connected: str, make_bundle: Callable[..., Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with runs.tracked(Role.STUDENT, "bilstm") as run:
        registered.register(make_bundle(task), run=run, corpus_name="sample", tags={}, description="")
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


REFUSED: dict[str, object] = {
    "not JSON": b"{oops",
    "a list": b'["bagus"]',
    "null as request": b"null",
    "a number": b"3",
    "nothing": b"",
    "invalid UTF-8": b'{"inputs": ["\xff"]}',
    "no texts": {"inputs": []},
    "a wrong column": {"dataframe_split": {"columns": ["title"], "data": [["bagus"]]}},
    "null as text": {"dataframe_records": [{"text": "bagus"}, {"text": None}]},
    "null among texts": {"inputs": ["bagus", None]},
    "nothing but null": {"inputs": [None]},
    "null": {"inputs": None},
    "null as instance": {"instances": [None]},
    "a number among texts": {"inputs": ["bagus", 3]},
    "a number as text": {"dataframe_records": [{"text": 3}]},
    "an object as text": {"inputs": [{"text": "bagus"}]},
    "a text of 10 MB": {"inputs": ["bagus sekali " * 800_000]},
    "100,000 texts": {"inputs": ["bagus"] * 100_000},
}


def post(app: Any, body: object) -> tuple[int, str]:
    """Status and body that a server answers with."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": content, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/invocations", "query_string": b"", "http_version": "1.1"}
    asyncio.run(app({**scope, "headers": [(b"content-type", b"application/json")]}, receive, send))
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent).decode()


WORDS: dict[str, object] = {
    "records": {"dataframe_records": [{"text": ["bagus", "buruk"]}, {"text": ["bagus"]}]},
    "records of both kinds": {"dataframe_records": [{"text": "bagus buruk"}, {"text": ["bagus"]}]},
    "a table": {"dataframe_split": {"columns": ["text"], "data": [[["bagus", "buruk"]], [["bagus"]]]}},
}
EVEN: dict[str, object] = {
    "inputs": {"inputs": [["bagus", "buruk"], ["buruk", "bagus"]]},
    "instances": {"instances": [["bagus", "buruk"], ["buruk", "bagus"]]},
}


def test_lists_of_words_are_answered_over_http_and_in_python(
    connected: str, make_bundle: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    with runs.tracked(Role.STUDENT, "bilstm") as run:
        registered.register(make_bundle(Task.TOKEN), run=run, corpus_name="sample", tags={}, description="")
    model = mlflow.pyfunc.load_model("models:/kdops-sample@challenger")
    app = scoring_server.init(model)
    for what, body in WORDS.items():
        status, said = post(app, body)
        assert status == 200, (what, said)
        assert [row["words"] for row in json.loads(said)["predictions"]] == [["bagus", "buruk"], ["bagus"]], what
        assert [row["tags"] for row in json.loads(said)["predictions"]] == [["B-LOC", "O"], ["B-LOC"]], what
    for what, body in EVEN.items():
        status, said = post(app, body)
        assert [row["tags"] for row in json.loads(said)["predictions"]] == [["B-LOC", "O"], ["O", "B-LOC"]], what
    lists = [["bagus", "buruk"], ["bagus"]]
    for given in (lists, [np.array(words) for words in lists], pd.Series(lists), pd.DataFrame({"text": lists})):
        assert [row["tags"] for row in model.predict(given)] == [("B-LOC", "O"), ("B-LOC",)]
    assert [row["words"] for row in model.predict(np.array([["bagus", "buruk"]]))] == [("bagus", "buruk")]
    # MLflow cannot make an array of lists of different lengths, and says so; no word is lost
    assert post(app, {"inputs": lists})[0] == 400
    assert post(app, {"dataframe_records": [{"text": ["bagus", 3]}]})[0] == 400
    assert post(app, {"dataframe_records": [{"text": ["bagus"] * 1_000_001}]})[0] == 400


@pytest.mark.parametrize("pairs", [False, True])
@pytest.mark.parametrize("task", list(Task))
def test_whatever_holds_texts_is_taken_and_the_example_works_when_pasted(
    task: Task, pairs: bool, connected: str, make_bundle: Callable[..., Path]
) -> None:
    with runs.tracked(Role.STUDENT, "bilstm") as run:
        bundle = make_bundle(task, pairs=pairs)
        registered.register(bundle, run=run, corpus_name="sample", tags={}, description="")
    model = mlflow.pyfunc.load_model("models:/kdops-sample@challenger")
    texts, others = ["bagus", "buruk sekali"], ["buruk", "bagus sekali"]
    rows: Any = [list(both) for both in zip(texts, others, strict=True)] if pairs else texts
    columns = {"text": texts, **({"text_pair": others} if pairs else {})}
    first, *rest = [
        model.predict(given)
        for given in (
            rows,
            np.array(rows),
            np.array(rows, dtype=object),
            pd.Series(rows),
            pd.DataFrame(columns),
            pd.DataFrame(columns | {"id": [1, 2]}),
        )
    ]
    assert len(first) == 2
    assert first[0] != first[1]
    assert rest == [first] * len(rest)
    if not pairs:
        assert model.predict("bagus") == first[:1]
    folder = Path(mlflow.artifacts.download_artifacts("models:/kdops-sample@challenger"))
    pasted = (folder / "serving_input_example.json").read_bytes()
    app = scoring_server.init(model)
    for body in (pasted, {"inputs": rows}, {"dataframe_records": pd.DataFrame(columns).to_dict("records")}):
        status, said = post(app, body)
        assert status == 200, said
        answers = json.loads(said)["predictions"]
        assert answers[0].keys() == first[0].keys()
        if body is not pasted:
            assert answers == json.loads(json.dumps(first))
    described = {column.name for column in model.metadata.get_output_schema()}
    assert described == first[0].keys()


@pytest.mark.parametrize("task", [Task.TEXT, Task.TOKEN])
def test_a_bad_request_is_refused_without_a_traceback(
    task: Task, connected: str, make_bundle: Callable[..., Path]
) -> None:
    with runs.tracked(Role.STUDENT, "bilstm") as run:
        registered.register(make_bundle(task), run=run, corpus_name="sample", tags={}, description="")
    app = scoring_server.init(mlflow.pyfunc.load_model("models:/kdops-sample@challenger"))
    for what, body in REFUSED.items():
        status, said = post(app, body)
        if task is Task.TOKEN and what == "a number among texts":  # MLflow makes an array of texts of it
            assert json.loads(said)["predictions"][1]["words"] == ["3"]
            continue
        assert status == 400, what
        assert "Traceback" not in said, what
        assert json.loads(said)["message"], what
    assert post(app, {"inputs": ["bagus"]})[0] == 200


@pytest.mark.parametrize("threads", ["0", "-1", "two", "", "1.5"])
def test_a_wrong_number_of_threads_is_named(
    threads: str, make_bundle: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KDOPS_THREADS", threads)
    context = SimpleNamespace(artifacts={"predictor": predictor.__file__, "bundle": str(make_bundle())})
    with pytest.raises(ValueError, match=f"KDOPS_THREADS='{threads}': .* must be a whole number, at least 1"):
        ServedModel().load_context(context)


@pytest.mark.parametrize("task", [Task.TEXT, Task.TOKEN])
def test_no_artifact_of_a_version_is_a_pickle(task: Task, connected: str, make_bundle: Callable[..., Path]) -> None:
    with runs.tracked(Role.STUDENT, "bilstm") as run:
        registered.register(make_bundle(task), run=run, corpus_name="sample", tags={}, description="")
    folder = Path(mlflow.artifacts.download_artifacts("models:/kdops-sample@challenger"))
    # Python compiles the code of a model that it loads where it lies.
    files = [path for path in folder.rglob("*") if path.is_file() and path.parent.name != "__pycache__"]
    assert {path.name for path in files} >= {"model.onnx", "tokenizer.json", "bundle.json", "predictor.py", "MLmodel"}
    for path in files:
        assert path.suffix in {".onnx", ".json", ".py", ".txt", ".yaml", ".yml", ""}, path
        assert path.read_bytes()[:1] != pickle.PROTO, path
        assert not zipfile.is_zipfile(path), path
    model = mlflow.models.Model.load(str(folder))
    assert model.signature is not None
    assert model.saved_input_example_info is not None
