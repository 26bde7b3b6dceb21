"""The benchmarks' own yardstick, tried on work whose cost is known."""

import json
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from bundles import write_mean_bundle

from benchmarks.answering import Answer, Request, Way, answer
from benchmarks.contest import Contestant, Figures, Work, contest
from benchmarks.tables import standings_table

SLEEP_S, ALLOCATED_MB = 0.3, 200


def sleeper() -> Work:
    def work() -> Figures:
        time.sleep(SLEEP_S)
        return {"process": os.getpid()}

    return work


def eater() -> Work:
    def work() -> Figures:
        return {"first": float(np.ones(ALLOCATED_MB * 1_000_000, dtype=np.uint8)[0])}

    return work


def noter(notes: Path, name: str) -> Work:
    def work() -> Figures:
        with notes.open("a") as file:
            file.write(name)
        return {}

    return work


@pytest.mark.slow
@pytest.mark.nightly
def test_time_and_memory_read_what_the_work_takes_in_turns(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    contestants = [Contestant("sleeps", sleeper), Contestant("eats", eater)]
    slept, ate, *_ = contest([*contestants, *(Contestant(name, partial(noter, notes, name)) for name in "ab")], 2)
    assert notes.read_text() == "abab"
    assert slept.range_s[0] == pytest.approx(SLEEP_S, abs=0.2)
    assert slept.cpu_s < SLEEP_S / 3
    assert slept.ram_mb < 20
    assert ate.ram_mb == pytest.approx(ALLOCATED_MB, abs=20)
    assert len({turn.figures["process"] for turn in slept.turns}) == 2
    shown = standings_table([slept, ate], first="work", figures={}, compared=["sleeps"]).splitlines()
    assert shown[0] == "| work | seconds | CPU seconds | RAM, MB | times sleeps |"
    assert shown[2].startswith("| sleeps | 0.")
    assert shown[2].endswith("| 1.00 |")


@pytest.fixture
def request_for(tmp_path: Path) -> Callable[..., Request]:
    def make(folder: Path, way: Way) -> Request:
        texts = ["nasi enak", "tidak goreng"]
        return Request(
            str(folder), way, ["bad", "good"], 32, texts, calls=5, call_seconds=30, batch_seconds=0.1, scored=texts
        )

    return make


def check(given: Answer) -> None:
    assert len(given.wall_ms) == len(given.cpu_ms) == 5
    assert all(0 < wall < 30_000 for wall in given.wall_ms)
    assert given.per_cpu_s > 0
    assert given.ram_mb > 20
    assert len(given.labels) == 2
    assert set(given.labels) <= {"bad", "good"}


def test_a_bundle_answers(tmp_path: Path, request_for: Callable[..., Request]) -> None:
    given = answer(request_for(write_mean_bundle(tmp_path / "bundle"), Way.KDOPS))
    check(given)
    assert len(given.encoding_ms) == 5
    assert np.median(given.encoding_ms) < np.median(given.cpu_ms)


@pytest.mark.slow
@pytest.mark.nightly
@pytest.mark.parametrize("way", [Way.LINEAR, Way.FASTTEXT])
def test_models_of_words_learn_and_answer(way: Way, tmp_path: Path, request_for: Callable[..., Request]) -> None:
    pytest.importorskip("fasttext")
    from benchmarks.peers import of_words
    from kdops.data.corpus import load_corpus

    folder = tmp_path / "rows"
    folder.mkdir()
    for split in ("train", "validation", "test"):
        texts = [("Nasi enak", "good"), ("tidak goreng", "bad")] * 20
        rows = [{"text": f"{text} {split}{number}", "label": label} for number, (text, label) in enumerate(texts)]
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    corpus = load_corpus(str(folder))
    peer = next(peer for peer in of_words(corpus, tmp_path / "peers") if peer.way is way)
    given = answer(request_for(peer.folder, way))
    check(given)
    assert given.encoding_ms == []
    assert given.labels == ["good", "bad"]
