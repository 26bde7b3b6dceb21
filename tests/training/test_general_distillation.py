import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer

from kdops.data.word_spans import word_cutter, word_spans
from kdops.data.wordpiece import train_wordpiece
from kdops.models.base import start_from_general
from kdops.models.build import build_student
from kdops.models.student_kinds import STUDENTS
from kdops.task import Task
from kdops.training import loop
from kdops.training.general_distillation import GeneralStudent, general_distillation
from kdops.training.shards import find_rows, write_shard
from kdops.training.states import WordStates
from kdops.training.stored_logits import text_keys
from kdops.training.values import GeneralConfig

SAMPLE = Path(__file__).parents[2] / "kdops" / "data" / "sample" / "text" / "train.jsonl"
TEXTS = list(dict.fromkeys(json.loads(line)["text"] for line in SAMPLE.read_text(encoding="utf-8").splitlines()))[:300]
WIDTH = 6


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train_wordpiece(TEXTS, 400, lowercase=True)


@pytest.fixture(scope="module")
def states(tmp_path_factory: pytest.TempPathFactory, tokenizer: Tokenizer) -> WordStates:
    """Targets that follow from a word and the one before it; the first word of every tenth text has none."""
    folder = tmp_path_factory.mktemp("states")
    return stored(folder, tokenizer, TEXTS)


def stored(folder: Path, tokenizer: Tokenizer, texts: Sequence[str]) -> WordStates:
    rows = []
    for number, (text, spans) in enumerate(zip(texts, word_spans(word_cutter(tokenizer), texts), strict=True)):
        own = np.array([vector(text[start:end]) for start, end in spans]).reshape(-1, WIDTH)
        row = (own + 0.5 * np.roll(own, 1, axis=0)).astype(np.float16)
        if number % 10 == 0:
            row[:1] = np.nan
        rows.append(row)
    write_shard(folder, text_keys(texts), rows)
    return WordStates(find_rows(folder, text_keys(texts)), WIDTH, len(texts))


def vector(word: str) -> np.ndarray:
    return np.random.default_rng(list(word.lower().encode())).normal(size=WIDTH)


def run(folder: Path, tokenizer: Tokenizer, states: WordStates, config: GeneralConfig, **how: Path) -> GeneralStudent:
    return general_distillation(folder / "general", tokenizer, TEXTS, states, config, pad_id=0, quiet=True, **how)


# The larger BERTs are the same code as bert-tiny.
@pytest.mark.parametrize(("name", "rate"), [("bilstm", 5e-3), ("cnn", 5e-3), ("bert-tiny", 3e-3)])
def test_a_student_learns_the_states_of_words_and_both_tasks_start_from_it(
    name: str, rate: float, tmp_path: Path, tokenizer: Tokenizer, states: WordStates
) -> None:
    config = GeneralConfig(name, epochs=8, learning_rate=rate, batch_size=16, averaging=0.9, held_out_share=0.1)
    made = run(tmp_path, tokenizer, states, config)
    first, last = made.epochs[0], made.epochs[-1]
    assert made.texts == 270
    assert made.explained_variance > 0.3
    assert last.scores["loss"] < 0.85 * first.scores["loss"]
    assert last.losses["loss"] < first.losses["loss"]
    again = GeneralStudent.load(tmp_path / "general")
    assert again == made
    assert again.tokenizer.to_str() == tokenizer.to_str()
    batch = torch.tensor([tokenizer.encode(TEXTS[0]).ids])
    found = []
    for task in (Task.TEXT, Task.TOKEN):
        student = build_student(name, tokenizer.get_vocab_size(), 3, task).eval()
        start_from_general(student, again.weights)
        found.append(student.states(batch, torch.ones_like(batch)))
    torch.testing.assert_close(found[0], found[1])


@pytest.mark.parametrize("name", STUDENTS)
def test_every_student_can_be_made(name: str, tmp_path: Path, tokenizer: Tokenizer) -> None:
    some = TEXTS[:40]
    states = stored(tmp_path, tokenizer, some)
    made = general_distillation(
        tmp_path / "general",
        tokenizer,
        some,
        states,
        GeneralConfig(name, epochs=1, held_out_share=0),
        pad_id=0,
        quiet=True,
    )
    assert made.texts == 40
    assert made.epochs[0].losses["loss"] > 0
    weights = build_student(name, tokenizer.get_vocab_size(), 3, Task.TEXT).body_weights()
    assert {key: value.shape for key, value in made.weights.items()} == {key: one.shape for key, one in weights.items()}


def test_held_out_texts_are_not_learned_from(tmp_path: Path, tokenizer: Tokenizer, states: WordStates) -> None:
    config = GeneralConfig("bilstm", epochs=2, held_out_share=0.5)
    half = run(tmp_path, tokenizer, states, config)
    assert half.texts == 150
    # Explained is 1 - error / variance of the targets, which have one component per word and half of its neighbour's.
    scores = half.epochs[-1].scores
    assert scores["explained_variance"] == pytest.approx(1 - scores["loss"] / 1.25, abs=0.05)


def test_the_same_seed_gives_the_same_student(tmp_path: Path, tokenizer: Tokenizer, states: WordStates) -> None:
    config = GeneralConfig("cnn", epochs=1)
    first, second, other = (
        run(tmp_path / name, tokenizer, states, replace(config, seed=seed)).weights
        for name, seed in (("first", 1), ("second", 1), ("other", 2))
    )
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert any(not torch.equal(first[key], other[key]) for key in first)


def test_training_that_ended_goes_on_from_its_checkpoint(
    tmp_path: Path, tokenizer: Tokenizer, states: WordStates, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, checkpoint = GeneralConfig("bilstm", epochs=3, dropout=0.1), tmp_path / "training.pt"
    whole = run(tmp_path / "whole", tokenizer, states, config).weights
    monkeypatch.setattr(loop, "_CHECKPOINT_SECONDS", 0.0)
    step, steps = loop._Loop._step, 0

    def until_the_power_goes(self: loop._Loop, *arguments: object) -> None:
        nonlocal steps
        steps += 1
        if steps == 8:
            raise RuntimeError("the power went out")
        step(self, *arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as broken:
        broken.setattr(loop._Loop, "_step", until_the_power_goes)
        with pytest.raises(RuntimeError, match="power"):
            run(tmp_path, tokenizer, states, config, checkpoint=checkpoint)
    assert checkpoint.exists()
    assert not (tmp_path / "general").exists()
    resumed = run(tmp_path, tokenizer, states, config, checkpoint=checkpoint).weights
    assert all(torch.equal(whole[key], resumed[key]) for key in whole)
    assert not checkpoint.exists()


def test_states_of_other_texts_are_refused(tmp_path: Path, tokenizer: Tokenizer, states: WordStates) -> None:
    longer = [f"{text} dan lagi" for text in TEXTS]
    with pytest.raises(RuntimeError, match="the states do not fit these texts"):
        general_distillation(tmp_path / "general", tokenizer, longer, states, GeneralConfig("bilstm"), pad_id=0)
    assert not (tmp_path / "general").exists()


def test_a_folder_that_cannot_be_written_is_left_as_it_was(
    tmp_path: Path, tokenizer: Tokenizer, states: WordStates, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr("kdops.training.general_distillation.save_file", full)
    with pytest.raises(OSError, match="No space left"):
        run(tmp_path, tokenizer, states, GeneralConfig("bilstm", epochs=1))
    assert list(tmp_path.iterdir()) == []
