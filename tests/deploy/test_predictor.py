import ast
import json
import math
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer
from torch import nn

import kdops.deploy.predictor as predictor_module
from kdops.data.tag_paths import best_path
from kdops.data.words import learn_word_rule
from kdops.deploy.bundle import write_bundle
from kdops.deploy.predictor import (
    BundleError,
    BundleInfo,
    FloatArray,
    Inputs,
    Predictor,
    Span,
    TextPrediction,
    TokenPrediction,
    read_info,
)
from kdops.task import Task

ODD_TEXTS = [
    "",
    "   ",
    "\n\t",
    "\x00\u200b",
    "a\ud800b",
    "\udfff",
    "👍🏽 mantap",
    "é" * 3,
    "x" * 5000,
    "nasi " * 5000,
    "[SEP]",
]
quick = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def logits_of(predictor: Predictor, inputs: Inputs, batch_size: int = 32) -> list[FloatArray]:
    return predictor.run(predictor.encode(inputs), batch_size)


@quick
@given(data=st.data(), task=st.sampled_from([Task.TEXT, Task.TOKEN]), batch_size=st.integers(1, 9))
def test_logits_do_not_depend_on_neighbours_order_or_batch_size(
    predictors: dict[Task, Predictor], texts: list[str], data: st.DataObject, task: Task, batch_size: int
) -> None:
    words = sorted({word for text in texts for word in text.split()})
    inputs = data.draw(st.lists(st.lists(st.sampled_from(words), max_size=40).map(" ".join), min_size=1, max_size=12))
    together = logits_of(predictors[task], inputs, batch_size)
    for text, logits in zip(inputs, together, strict=True):
        np.testing.assert_allclose(logits, logits_of(predictors[task], [text])[0], atol=1e-5)


@quick
@given(text=st.text(alphabet=st.characters(codec=None), max_size=60), task=st.sampled_from([Task.TEXT, Task.TOKEN]))
def test_any_string_is_answered(predictors: dict[Task, Predictor], text: str, task: Task) -> None:
    (prediction,) = predictors[task].predict([text])
    if isinstance(prediction, TokenPrediction):
        assert len(prediction.words) == len(prediction.tags)
        assert all(text[span.start : span.end] == span.text for span in prediction.spans)


def test_text_prediction_is_the_softmax_of_the_models_own_logits(
    predictors: dict[Task, Predictor], student: Callable[..., nn.Module], tokenizer: Tokenizer, texts: list[str]
) -> None:
    model = student(Task.TEXT).eval()
    predictor = predictors[Task.TEXT]
    for text, prediction in zip(texts, predictor.predict(texts), strict=True):
        ids = torch.tensor([tokenizer.encode(text).ids])
        expected = torch.softmax(model(ids, torch.ones_like(ids))[0], dim=-1)
        assert list(prediction.probabilities) == list(predictor.info.labels)
        assert list(prediction.probabilities.values()) == pytest.approx(expected.tolist(), abs=1e-5)
        assert prediction.label == predictor.info.labels[int(expected.argmax())]
        assert not prediction.truncated


def test_token_prediction_reads_each_words_first_piece(
    predictors: dict[Task, Predictor], student: Callable[..., nn.Module], tokenizer: Tokenizer
) -> None:
    words = ["Budi", "Santosoooo", "bekerja", "di", "Bank"]
    encoding = tokenizer.encode(words, is_pretokenized=True)
    assert len(encoding.ids) > len(words) + 2, "a word of several pieces is needed here"
    logits = student(Task.TOKEN).eval()(torch.tensor([encoding.ids]), torch.ones(1, len(encoding.ids)).long())[0]
    expected = logits[[encoding.word_ids.index(word) for word in range(len(words))]].detach().numpy()
    np.testing.assert_allclose(logits_of(predictors[Task.TOKEN], [words])[0], expected, atol=1e-5)
    (prediction,) = predictors[Task.TOKEN].predict([words])
    assert prediction.words == tuple(words)
    labels = predictors[Task.TOKEN].info.labels
    assert prediction.tags == tuple(labels[index] for index in best_path(labels, expected))


def test_a_text_and_its_words_get_the_same_tags_and_offsets_into_their_own_text(
    predictors: dict[Task, Predictor],
) -> None:
    text = "  Budi tinggal  di Jakarta,bukan Bandung!"
    from_text, from_words = predictors[Task.TOKEN].predict(
        [text, ["Budi", "tinggal", "di", "Jakarta", ",", "bukan", "Bandung", "!"]]
    )
    assert from_text.words == from_words.words
    assert from_text.tags == from_words.tags
    assert [span.type for span in from_text.spans] == [span.type for span in from_words.spans]
    assert from_text.spans, "the model should find something, or this proves nothing"
    joined = "Budi tinggal di Jakarta , bukan Bandung !"
    assert all(text[span.start : span.end] == span.text for span in from_text.spans)
    assert all(joined[span.start : span.end] == span.text for span in from_words.spans)


def test_plain_text_is_cut_by_the_bundles_own_pattern(
    tmp_path: Path, tokenizer: Tokenizer, info: Callable[..., BundleInfo], student: Callable[..., nn.Module]
) -> None:
    words = ["दफ़्तर", "में", "Al-Azhar", "cafe\u0301", ",", "anak-anak", "."]
    rule = learn_word_rule([words])
    described = replace(info(Task.TOKEN), word_pattern=rule.pattern)
    folder = write_bundle(tmp_path / "b", model=student(Task.TOKEN), tokenizer=tokenizer, info=described)
    predictor = Predictor.load(folder)
    assert predictor.info.word_pattern == rule.pattern
    text = "दफ़्तर में Al-Azhar cafe\u0301, anak-anak."
    from_text, from_words = predictor.predict([text, words])
    assert list(from_text.words) == words == rule.cut(text)
    assert from_text.tags == from_words.tags
    assert all(text[span.start : span.end] == span.text for span in from_text.spans)


def test_a_bundle_without_a_pattern_cuts_as_before(
    bundles: dict[Task, Path], predictors: dict[Task, Predictor]
) -> None:
    assert "word_pattern" not in json.loads((bundles[Task.TOKEN] / "bundle.json").read_text())
    (prediction,) = predictors[Task.TOKEN].predict(["Al-Azhar, enak"])
    assert prediction.words == ("Al", "-", "Azhar", ",", "enak")


@pytest.mark.parametrize("pattern", ["(", 3])
def test_a_pattern_that_is_none_is_refused(copy: Path, pattern: object, redescribe: Callable[..., None]) -> None:
    redescribe(copy, word_pattern=pattern)
    with pytest.raises(BundleError):
        Predictor.load(copy)


def test_a_word_without_pieces_gets_o_and_shifts_nobody(predictors: dict[Task, Predictor]) -> None:
    clean = ["Budi", "bekerja", "di", "Surabaya"]
    spoiled = ["\x00", "Budi", "", "bekerja", " ", "di", "\u200b", "Surabaya"]
    expected, found = predictors[Task.TOKEN].predict([clean, spoiled])
    tags = dict(zip(found.words, found.tags, strict=True))
    assert [tags[word] for word in clean] == list(expected.tags)
    assert [tags[word] for word in spoiled if word not in clean] == ["O"] * 4
    assert logits_of(predictors[Task.TOKEN], [spoiled])[0].shape == (4, len(predictors[Task.TOKEN].info.labels))


@pytest.mark.parametrize("task", [Task.TEXT, Task.TOKEN])
def test_odd_texts(predictors: dict[Task, Predictor], task: Task) -> None:
    predictions = predictors[task].predict(ODD_TEXTS)
    assert [one.truncated for one in predictions] == [text == "nasi " * 5000 for text in ODD_TEXTS]
    again = predictors[task].predict(ODD_TEXTS[::-1], batch_size=3)
    assert [_label(one) for one in again] == [_label(one) for one in predictions[::-1]]


def _label(prediction: TextPrediction | TokenPrediction) -> object:
    return prediction.label if isinstance(prediction, TextPrediction) else prediction.tags


@pytest.mark.parametrize("task", [Task.TEXT, Task.TOKEN])
def test_no_inputs_no_predictions(predictors: dict[Task, Predictor], task: Task) -> None:
    assert predictors[task].predict([]) == []


def test_words_beyond_the_length_get_o(
    tmp_path: Path, student: Callable[..., nn.Module], tokenizer: Tokenizer, info: Callable[..., BundleInfo]
) -> None:
    task = Task.TOKEN
    write_bundle(tmp_path / "short", model=student(task), tokenizer=tokenizer, info=info(task, max_length=6))
    predictor = Predictor.load(tmp_path / "short")
    words = ["nasi"] * 9
    (prediction,) = predictor.predict([words])
    assert prediction.truncated
    assert len(prediction.tags) == 9
    assert prediction.tags[4:] == ("O",) * 5
    assert logits_of(predictor, [words])[0].shape == (4, 5)
    assert not predictor.predict([words[:4]])[0].truncated


def test_a_tokenizer_without_special_pieces_still_answers_an_empty_text(
    tmp_path: Path, student: Callable[..., nn.Module], tokenizer: Tokenizer, info: Callable[..., BundleInfo]
) -> None:
    content = json.loads(tokenizer.to_str())
    content["post_processor"] = None
    bare = Tokenizer.from_str(json.dumps(content))
    write_bundle(tmp_path / "bare", model=student(Task.TEXT), tokenizer=bare, info=info(Task.TEXT))
    (prediction,) = Predictor.load(tmp_path / "bare").predict([""])
    assert math.fsum(prediction.probabilities.values()) == pytest.approx(1)


def test_softmax_of_huge_logits_is_finite(predictors: dict[Task, Predictor]) -> None:
    predictor = predictors[Task.TEXT]
    encoded = predictor.encode(["apa saja"])
    (prediction,) = predictor.decode(encoded, [np.array([3000.0, -3000.0, 2990.0], dtype=np.float32)])
    assert prediction.label == "positive"
    assert prediction.probabilities == pytest.approx(
        {"positive": 0.9999546, "neutral": 0, "negative": 4.54e-5}, abs=1e-6
    )


@pytest.mark.parametrize(
    ("tags", "spans"),
    [
        ("O O O", []),
        ("B-PER I-PER O", [("PER", "a bb")]),
        ("B-PER B-PER I-PER", [("PER", "a"), ("PER", "bb ccc")]),
        ("I-PER I-LOC I-LOC", [("LOC", "a bb ccc")]),  # an I- begins nothing: the best legal tags are taken
    ],
)
def test_spans_follow_iob2(predictors: dict[Task, Predictor], tags: str, spans: list[tuple[str, str]]) -> None:
    predictor = predictors[Task.TOKEN]
    encoded = predictor.encode([["a", "bb", "ccc"]])
    logits = np.eye(5, dtype=np.float32)[[predictor.info.labels.index(tag) for tag in tags.split()]]
    (prediction,) = predictor.decode(encoded, [logits])
    assert [(span.type, span.text) for span in prediction.spans] == spans
    assert all(isinstance(span, Span) for span in prediction.spans)


@pytest.mark.parametrize(
    ("task", "inputs", "message"),
    [
        (Task.TEXT, "halo", "put it into a list"),
        (Task.TEXT, ["halo", None], "input 1: text-classification takes texts, not None"),
        (Task.TEXT, [["halo"]], "input 0"),
        (Task.TOKEN, [["halo", 3]], "input 0: token-classification takes texts or lists of words"),
        (Task.TOKEN, [3.5], "not 3.5"),
        (Task.TOKEN, [{"text": "halo"}], "input 0: token-classification takes texts or lists of words"),
    ],
)
def test_what_is_not_text_is_refused(predictors: dict[Task, Predictor], task: Task, inputs: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        predictors[task].predict(inputs)


def test_batch_size_must_be_positive(predictors: dict[Task, Predictor]) -> None:
    with pytest.raises(ValueError, match="batch_size=0"):
        predictors[Task.TEXT].predict(["halo"], batch_size=0)


@pytest.fixture
def copy(bundles: dict[Task, Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(bundles[Task.TEXT], tmp_path / "copy"))


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json"])
def test_a_changed_or_missing_file_is_noticed(copy: Path, name: str) -> None:
    content = bytearray((copy / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / name).write_bytes(content)
    with pytest.raises(BundleError, match=f"{name}: sha256 is"):
        Predictor.load(copy)
    (copy / name).unlink()
    with pytest.raises(BundleError, match=f"cannot be used: .*No such file.*{name}"):
        Predictor.load(copy)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format_version": 3}, "format 3"),
        ({"format_version": 1}, "format 1, but this predictor reads 2"),
        ({"format_version": True}, "format True"),
        ({"format_version": 2.0}, "wrong format_version"),
        ({"main_metric_value": "high"}, "wrong main_metric_value"),
        ({"main_metric_value": None}, "wrong main_metric_value"),
        ({"task": "translation"}, "translation"),
        ({"labels": ["positive", "negative"]}, "do not fit text-classification with labels positive, negative$"),
        ({"task": "token-classification"}, "do not fit token-classification"),
        ({"labels": None}, "is not a bundle"),
        ({"surprise": 1}, "surprise"),
        ({"files": {}}, "model.onnx: sha256 is .*, but bundle.json says nothing of it"),
    ],
)
def test_a_description_that_does_not_fit_is_noticed(
    copy: Path, change: dict[str, object], message: str, redescribe: Callable[..., None]
) -> None:
    redescribe(copy, **change)
    with pytest.raises(BundleError, match=message):
        Predictor.load(copy)


@pytest.mark.parametrize("content", ["", "{", "[]", "null", "{}", "\x00"])
def test_a_broken_description_is_a_bundle_error(copy: Path, content: str) -> None:
    (copy / "bundle.json").write_text(content)
    with pytest.raises(BundleError, match=r"bundle\.json"):
        read_info(copy)


def test_a_folder_without_description_is_not_a_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="is not a bundle"):
        read_info(tmp_path)


def test_what_is_installed_for_serving_is_what_the_predictor_imports() -> None:
    imports = [*ast.walk(ast.parse(Path(predictor_module.__file__).read_text(encoding="utf-8")))]
    imported = {node.module or "" for node in imports if isinstance(node, ast.ImportFrom)}
    imported |= {alias.name for node in imports if isinstance(node, ast.Import) for alias in node.names}
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    installed = {re.split(r"[^\w-]", one)[0] for one in project["dependencies"]}
    assert {name.split(".")[0] for name in imported} - sys.stdlib_module_names == installed


def test_the_file_alone_is_enough(
    bundles: dict[Task, Path], predictors: dict[Task, Predictor], texts: list[str], tmp_path: Path
) -> None:
    shutil.copy(predictor_module.__file__, tmp_path / "alone.py")
    code = f"""
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {{"torch", "transformers", "kdops", "mlflow", "datasets", "onnx"}}:
            raise ImportError("refused: " + name)
sys.meta_path.insert(0, Refuse())
import json, alone
predictions = alone.Predictor.load({str(bundles[Task.TEXT])!r}).predict({texts!r})
print(json.dumps([one.label for one in predictions]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [one.label for one in predictors[Task.TEXT].predict(texts)]


@pytest.mark.parametrize("threads", [0, -2])
def test_fewer_threads_than_one_are_refused(bundles: dict[Task, Path], threads: int) -> None:
    with pytest.raises(ValueError, match=f"threads={threads}: must be at least 1"):
        Predictor.load(bundles[Task.TEXT], threads=threads)


def test_one_thread_is_one_thread(bundles: dict[Task, Path]) -> None:
    predictor = Predictor.load(bundles[Task.TEXT], threads=1)
    options = predictor._session.get_session_options()
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (1, 1)
