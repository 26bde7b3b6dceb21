"""Peers with environments of their own: what is said where these cannot be made, and what they learn where they are."""

import json
import os
from pathlib import Path

import pytest
from encoders import FAMILIES

from benchmarks.answering import Request, Way, answer
from benchmarks.encoder_peers import of_encoder, of_teacher
from benchmarks.peers import Absent, Peer, Side
from benchmarks.setting import Setting
from kdops.data.corpus import Corpus, load_corpus
from kdops.deploy.predictor import read_info
from kdops.measure.clean_process import ask
from kdops.task import Task

LABELS = ("bad", "good")
ENVIRONMENTS = os.environ.get("KDOPS_TEST_ENVIRONMENTS", "")


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    folder = tmp_path / "rows"
    folder.mkdir()
    for split in ("train", "validation", "test"):
        texts = [("makanannya enak", "good"), ("pelayanan lambat", "bad")] * 20
        rows = [{"text": f"{text} {split}{number}", "label": label} for number, (text, label) in enumerate(texts)]
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return load_corpus(str(folder))


@pytest.fixture
def setting(tmp_path: Path) -> Setting:
    encoder = tmp_path / "bert"
    encoder.mkdir()
    return Setting("rows", "", encoder=str(FAMILIES["BERT"].write(encoder)), max_length=32)


def test_where_no_environment_can_be_made_each_of_its_predictors_says_why_in_one_line(
    corpus: Corpus, setting: Setting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("UV_FIND_LINKS", raising=False)
    made = list(of_encoder(setting, corpus, tmp_path / "peers", tmp_path / "environments"))
    assert [type(one) for one in made] == [Absent, Absent, Absent]
    assert [one.name.split(",")[0] for one in made] == ["model2vec", "SetFit", "SetFit"]
    reasons = [one.reason for one in made if isinstance(one, Absent)]
    assert all(reason.startswith("uv pip: ") and "\n" not in reason for reason in reasons)


def test_the_teacher_in_int8_is_a_peer_of_students_and_answers(corpus: Corpus, tmp_path: Path) -> None:
    folder = tmp_path / "teacher"
    folder.mkdir()
    FAMILIES["BERT"].write(folder, task=Task.TEXT, labels=corpus.labels)
    pipeline, fp32, int8 = of_teacher(
        Setting("rows", str(folder), teacher_s=7, max_length=32), corpus, tmp_path / "bundles"
    )
    assert [one.side for one in (pipeline, fp32, int8)] == [Side.TEACHER, Side.TEACHER, Side.PEER]
    assert {one.training_s for one in (pipeline, fp32, int8)} == {7}
    assert [read_info(one.folder).precision for one in (fp32, int8)] == ["fp32", "int8"]
    texts = ["makanannya enak"]
    given = answer(Request(str(int8.folder), int8.way, LABELS, 32, texts, 1, 30, 0.01, scored=texts))
    assert set(given.labels) <= set(LABELS)


@pytest.mark.slow
@pytest.mark.nightly
@pytest.mark.timeout(1800)
@pytest.mark.skipif(not ENVIRONMENTS, reason="KDOPS_TEST_ENVIRONMENTS names no folder of model2vec's and SetFit's")
def test_they_learn_and_answer_in_their_environments(corpus: Corpus, setting: Setting, tmp_path: Path) -> None:
    made = list(of_encoder(setting, corpus, tmp_path / "peers", Path(ENVIRONMENTS)))
    peers = [one for one in made if isinstance(one, Peer)]
    assert [one.way for one in peers] == [Way.MODEL2VEC, Way.SETFIT, Way.SETFIT_ONNX], made
    texts = [str(text) for text in corpus.inputs("test")]
    for peer in peers:
        assert peer.training_s > 0
        request = {"bundle": str(peer.folder), "way": peer.way, "labels": LABELS, "max_length": 32, "texts": texts}
        request |= {"calls": 5, "call_seconds": 30, "batch_seconds": 0.1, "scored": texts}
        given = ask("benchmarks.answering", request, threads=1, python=peer.python)
        assert given["labels"] == list(corpus.gold("test"))
