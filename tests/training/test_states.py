import json
import pickle
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from tokenizers import Tokenizer, pre_tokenizers
from tokenizers.models import BPE
from torch import Tensor, nn

from kdops.data.encoding import encode_words
from kdops.data.word_spans import joined, word_cutter, word_spans
from kdops.data.wordpiece import train_wordpiece
from kdops.models.encoder import Encoder
from kdops.training import states as module
from kdops.training.states import WordStates, word_states
from kdops.training.stored_logits import text_keys

SAMPLE = Path(__file__).parents[2] / "kdops" / "data" / "sample" / "text" / "train.jsonl"
TEXTS = [json.loads(line)["text"] for line in SAMPLE.read_text(encoding="utf-8").splitlines()[:60]]
ENCODER_WIDTH, WIDTH = 12, 5

# A program with a slow encoder that writes a file after each text.
WORKER = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[2])
import test_states as tests
from kdops.training import batches, states
batches._CPU_TOKENS, states._SHARD_SECONDS, states._SAMPLE_TEXTS = 1, 0, 2
encoder = tests.encoder()
forward = encoder.model.forward
def slowly(*batch):
    print("batch", flush=True)
    time.sleep(0.02)
    return forward(*batch)
encoder.model.forward = slowly
found = tests.ask(Path(sys.argv[1]), tests.TEXTS, encoder)
print("asked", found.computed, flush=True)
"""


class Characters(nn.Module):
    """An encoder whose state of a token follows from it and the one before."""

    def __init__(self, tokens: int) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.table = nn.Embedding(tokens, ENCODER_WIDTH)
        self.rows = 0
        self.fail_at_row: int | None = None

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        assert not self.training
        self.rows += len(input_ids)
        if self.fail_at_row is not None and self.rows >= self.fail_at_row:
            raise RuntimeError("the power went out")
        each: Tensor = self.table(input_ids) * attention_mask.unsqueeze(-1)
        return 3 + each + 0.5 * nn.functional.pad(each, (0, 0, 1, 0))[:, :-1]


def encoder(max_length: int = 512) -> Encoder:
    """Its tokens are bytes: other than the words of any student, and one token may belong to a part of a character."""
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer = Tokenizer(BPE({one: index for index, one in enumerate(sorted(alphabet))}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return Encoder(Characters(tokenizer.get_vocab_size()), tokenizer, 0, max_length)


def cutter() -> Tokenizer:
    return word_cutter(train_wordpiece(TEXTS, 200, lowercase=True))


def ask(folder: Path, texts: Sequence[str | list[str]], model: Encoder, max_length: int = 512) -> WordStates:
    keys = text_keys(joined(text) for text in texts)
    return word_states(folder, model, texts, keys, cutter(), max_length=max_length, width=WIDTH)


def means_of_words(model: Encoder, text: str) -> np.ndarray:
    """The plain way: each word's mean state over the bytes that stand in it."""
    encoding = model.tokenizer.encode(text)
    ids = torch.tensor([encoding.ids])
    with torch.inference_mode():
        states = model.model.eval()(ids, torch.ones_like(ids))[0].numpy()
    words = []
    for start, end in word_spans(cutter(), [text])[0]:
        words.append(states[[a < end and b > start for a, b in encoding.offsets]].mean(axis=0))
    return np.array(words)


def all_targets(found: WordStates) -> np.ndarray:
    return np.concatenate([found.of_text(row) for row in range(len(found))]).astype(np.float64)


def test_targets_are_the_principal_components_of_the_mean_states_of_words(tmp_path: Path) -> None:
    model = encoder()
    found = ask(tmp_path, TEXTS, model)
    states = np.concatenate([means_of_words(model, text) for text in TEXTS]).astype(np.float64)
    targets = all_targets(found)
    assert_array_equal(found.word_counts, [len(word_spans(cutter(), [text])[0]) for text in TEXTS])
    assert_allclose(targets.mean(axis=0), 0, atol=2e-3)
    assert targets.var(axis=0).mean() == pytest.approx(1, abs=2e-3)
    # The best picture of the states in so many dimensions: distances along the largest components, up to scale.
    centred = states - states.mean(axis=0)
    left, strengths, _ = np.linalg.svd(centred, full_matrices=False)
    expected = left[:, :WIDTH] * strengths[:WIDTH]
    expected /= np.sqrt(expected.var(axis=0).mean())
    assert_allclose(targets @ targets.T, expected @ expected.T, atol=0.05)


def test_words_of_a_list_are_joined(tmp_path: Path) -> None:
    texts = ["Budi ke Bandung .", ["Budi", "ke", "Bandung", "."]]
    found = ask(tmp_path, texts, encoder())
    assert_array_equal(found.of_text(0), found.of_text(1))
    assert found.computed == 1


@pytest.mark.parametrize("lowercase", [True, False])
def test_a_target_stands_at_the_word_of_the_same_number_in_the_students_tokens(lowercase: bool) -> None:
    texts = ["Budi, 24/7 [MASK] x", "İstanbul e\u0301 \u200b東京\U0001f600!", "a\ud800b c", "[CLS][SEP]", "", " \n"]
    student = train_wordpiece(TEXTS, 200, lowercase=lowercase)
    encoded = encode_words(student, texts, 128)
    spans = word_spans(word_cutter(student), texts)
    assert encoded.unit_counts.tolist() == [len(one) for one in spans]
    assert word_cutter(student).to_str() == cutter().to_str()
    words = [texts[0][start:end] for start, end in spans[0]]
    assert words == ["Budi", ",", "24", "/", "7", "[MASK]", "x"]


def test_each_text_is_asked_for_once_ever(tmp_path: Path) -> None:
    model = encoder()
    some = ask(tmp_path, TEXTS[:40], model)
    asked = model.model.rows
    before = all_targets(some)
    found = ask(tmp_path, [*TEXTS[::-1], TEXTS[3]], model)
    assert (some.computed, found.computed) == (40, 20)
    assert model.model.rows == asked + 20  # type: ignore[operator]
    # Old texts keep their targets: the projection is fitted once.
    assert_array_equal(all_targets(ask(tmp_path, TEXTS[:40], model)), before)
    assert_array_equal(found.of_text(60), found.of_text(56))


def test_a_word_that_the_encoder_does_not_read_has_no_target(tmp_path: Path) -> None:
    ask(tmp_path, TEXTS, encoder())
    found = ask(tmp_path, ["satu dua tiga empat"], encoder(), max_length=10).of_text(0)
    assert found.shape == (4, WIDTH)
    # "tiga" is cut in its middle.
    assert np.isnan(found).all(axis=1).tolist() == [False, False, True, True]
    shorter = ask(tmp_path, ["satu dua, tiga empat"], encoder(max_length=8)).of_text(0)
    assert np.isnan(shorter).any(axis=1).tolist() == [False, False, True, True, True]


def test_texts_without_words_have_no_targets(tmp_path: Path) -> None:
    found = ask(tmp_path, [*TEXTS[:5], "", " "], encoder())
    assert found.word_counts[-2:].tolist() == [0, 0]
    assert len(ask(tmp_path / "other", [], encoder())) == 0


def test_a_narrow_encoder_gives_what_it_has(tmp_path: Path) -> None:
    keys = text_keys(TEXTS)
    found = word_states(tmp_path, encoder(), TEXTS, keys, cutter(), width=192)
    assert found.width == ENCODER_WIDTH
    assert all_targets(found).var(axis=0).mean() == pytest.approx(1, abs=2e-3)
    assert len(word_states(tmp_path, encoder(), TEXTS[:2], keys[:2], cutter(), width=192).of_text(0)) > 0


def test_an_encoder_that_fails_halfway_goes_on_with_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SHARD_SECONDS", 0)
    monkeypatch.setattr("kdops.training.batches._CPU_TOKENS", 100)
    model = encoder()
    model.model.fail_at_row = len(TEXTS) + 30  # type: ignore[assignment]
    with pytest.raises(RuntimeError, match="power"):
        ask(tmp_path, TEXTS, model)
    found = ask(tmp_path, TEXTS, encoder())
    assert 0 < found.computed < len(TEXTS)
    expected = all_targets(ask(tmp_path / "other", TEXTS, encoder()))
    assert_allclose(all_targets(found), expected, atol=1e-2)


def test_a_killed_process_goes_on_where_it_was(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WORKER, str(tmp_path), str(Path(__file__).parent)]
    killed = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert killed.stdout is not None
    for _ in range(12):
        assert killed.stdout.readline() == "batch\n"
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    kept = len(list(tmp_path.glob("*.arrow")))
    assert 5 <= kept < len(TEXTS)
    again = subprocess.run(command, capture_output=True, text=True, check=True)
    assert again.stdout.splitlines()[-1] == f"asked {len(TEXTS) - kept}"
    assert ask(tmp_path, TEXTS, encoder()).computed == 0


def test_states_travel_without_their_numbers(tmp_path: Path) -> None:
    found = ask(tmp_path, TEXTS, encoder())
    expected = found.of_text(3).copy()
    sent = pickle.dumps(found)
    assert expected.tobytes() not in sent
    assert_array_equal(pickle.loads(sent).of_text(3), expected)
