import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from torch import nn

from kdops.data.encoding import Encoded
from kdops.training import batches, devices
from kdops.training import teacher_logits as module
from kdops.training.batches import TrainingSet, make_batch
from kdops.training.stored_logits import StoredLogits, text_keys
from kdops.training.teacher_logits import Question

CLASSES, PIECES = 3, 100
MakeEncoded = Callable[..., Encoded]
TEXTS = ["tiga", "a", "dua kata", "empat belas", "b", "lima ratus", "x y z"]

# A program with a slow teacher that writes a file after each text, and prints how many texts it was asked for.
WORKER = """
import sys, time
from pathlib import Path
import numpy as np, torch
from kdops.data.encoding import Encoded
from kdops.training import batches, teacher_logits
from kdops.training.stored_logits import text_keys

class Slow(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
    def forward(self, input_ids, attention_mask):
        print("batch", flush=True)
        time.sleep(0.02)
        return torch.stack([input_ids[:, 0].float()] * 3, dim=1)

batches._CPU_TOKENS, teacher_logits._SHARD_SECONDS = 1, 0
rows = 40
starts = np.arange(rows + 1)
encoded = Encoded(np.arange(rows, dtype=np.int32), starts, np.zeros(rows, np.int32), np.zeros(rows, np.int32), starts)
keys = text_keys(map(str, range(rows)))
sys.stdin.readline()
ask = lambda rows: teacher_logits.Question(Slow(), encoded.take(rows), 0)
found = teacher_logits.teacher_logits(Path(sys.argv[1]) / "store", keys, 3, ask)
assert found.gather(np.arange(rows))[:, 0].tolist() == list(range(rows))
print("asked", found.computed, flush=True)
"""


def logits_of(folder: Path, teacher: nn.Module, encoded: Encoded, keys: np.ndarray, classes: int) -> StoredLogits:
    return module.teacher_logits(folder, keys, classes, lambda rows: Question(teacher, encoded.take(rows), 0))


def two_at_a_time(lengths: np.ndarray, device: torch.device) -> list[np.ndarray]:
    return np.array_split(np.arange(len(lengths)), -(-len(lengths) // 2))


class Pooling(nn.Module):
    """The head's view of the mean embedding; for texts of one length."""

    def __init__(self, table: nn.Embedding, head: nn.Module) -> None:
        super().__init__()
        self.table, self.head = table, head

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(self.table(input_ids).mean(dim=1))
        return logits


@pytest.fixture(params=["texts", "words"])
def per_word(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "words")


@pytest.fixture
def ask(tmp_path: Path, make_encoded: MakeEncoded, counting_teacher: Callable[..., nn.Module], per_word: bool) -> "Ask":
    return Ask(tmp_path / "store", make_encoded, counting_teacher(PIECES, CLASSES, per_token=per_word), per_word)


class Ask:
    """Texts go in, logits come out, and the teacher counts."""

    def __init__(self, folder: Path, make_encoded: MakeEncoded, teacher: nn.Module, per_word: bool) -> None:
        self.folder, self.make_encoded, self.teacher, self.per_word = folder, make_encoded, teacher, per_word

    def encoded(self, texts: Sequence[str]) -> Encoded:
        rows = [[ord(character) % PIECES for character in f"[{text}]"] for text in texts]
        # The first piece of each word; the text "a" has words that all vanished.
        positions = [[at for at in range(1, len(row) - 1) if at % 3 == 1 and len(row) > 3] for row in rows]
        return self.make_encoded(rows, positions if self.per_word else None)

    def __call__(self, texts: Sequence[str]) -> StoredLogits:
        encoded, keys = self.encoded(texts), text_keys(texts)
        return logits_of(self.folder, self.teacher, encoded, keys, CLASSES)

    def directly(self, texts: Sequence[str]) -> np.ndarray:
        encoded = self.encoded(texts)
        data = TrainingSet(encoded, np.zeros(len(encoded.unit_positions), dtype=np.int64))
        parts = []
        for row in range(len(encoded)):
            batch = make_batch(data, np.array([row]), pad_id=0)
            parts.append(batch.of_units(self.teacher(batch.input_ids, batch.attention_mask)).detach().numpy())
        return np.concatenate(parts)

    @property
    def rows_asked(self) -> int:
        return int(self.teacher.rows)  # type: ignore[arg-type]


def test_gather_gives_what_the_teacher_says_in_the_order_of_the_rows(ask: Ask) -> None:
    found = ask(TEXTS)
    assert len(found) == len(TEXTS)
    assert_allclose(found.gather(np.arange(len(TEXTS))), ask.directly(TEXTS), atol=1e-5)
    order = np.array([5, 0, 5, 2, 1])
    assert_allclose(found.gather(order), ask.directly([TEXTS[row] for row in order]), atol=1e-5)
    assert found.gather(order).dtype == np.float32


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_a_teacher_multiplies_in_the_fast_type_and_its_logits_are_kept_in_float32(
    tmp_path: Path, make_encoded: MakeEncoded, kind: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "product_type", lambda device: kind)
    torch.manual_seed(0)
    table, head = nn.Embedding(PIECES, 256), nn.Sequential(nn.Linear(256, 256), nn.Linear(256, CLASSES))
    teacher = Pooling(table, head)
    rows = [[number, number + 1, number + 2] for number in range(40)]
    keys = text_keys(map(str, range(len(rows))))
    found = logits_of(tmp_path, teacher, make_encoded(rows), keys, CLASSES)
    logits = found.gather(np.arange(len(rows)))
    exact = head(table(torch.tensor(rows)).mean(dim=1)).detach().numpy()
    error = np.abs(logits - exact).max()
    assert logits.dtype == np.float32
    assert error < 1e-6 if kind is torch.float32 else 1e-4 < error < 2e-2


def test_each_text_is_asked_for_once_ever(ask: Ask) -> None:
    assert ask(TEXTS).computed == len(TEXTS) == ask.rows_asked
    again = ask(TEXTS[::-1])
    assert again.computed == 0
    assert ask.rows_asked == len(TEXTS)
    assert_allclose(again.gather(np.arange(len(TEXTS))), ask.directly(TEXTS[::-1]), atol=1e-5)


def test_repeated_texts_are_asked_for_once(ask: Ask) -> None:
    texts = [TEXTS[at] for at in (0, 2, 0, 0, 2, 3)]
    found = ask(texts)
    assert found.computed == 3 == ask.rows_asked
    assert_allclose(found.gather(np.arange(6)), ask.directly(texts), atol=1e-5)


def test_only_new_texts_are_asked_for(ask: Ask) -> None:
    ask(TEXTS[:3])
    found = ask(TEXTS)
    assert found.computed == len(TEXTS) - 3
    assert ask.rows_asked == len(TEXTS)
    assert_allclose(found.gather(np.arange(len(TEXTS))), ask.directly(TEXTS), atol=1e-5)


def test_no_texts_are_no_logits(ask: Ask) -> None:
    assert len(ask([])) == 0
    ask(TEXTS)
    assert len(ask([])) == 0


def test_a_teacher_that_fails_halfway_goes_on_with_what_is_missing(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        module, "by_length", lambda lengths, _: np.array_split(np.arange(len(lengths)), -(-len(lengths) // 2))
    )
    monkeypatch.setattr(module, "_SHARD_SECONDS", 0)
    ask.teacher.fail_at_call = 3  # type: ignore[assignment]
    with pytest.raises(RuntimeError, match="power"):
        ask(TEXTS)
    found = ask(TEXTS)
    assert found.computed == len(TEXTS) - 4
    assert ask.rows_asked == len(TEXTS)
    assert_allclose(found.gather(np.arange(len(TEXTS))), ask.directly(TEXTS), atol=1e-5)


def test_files_hold_many_texts(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "_CPU_TOKENS", 1)
    ask(TEXTS)
    assert len(list(ask.folder.glob("*.arrow"))) == 1
    monkeypatch.setattr(module, "_SHARD_TEXTS", 2)
    ask([f"{text}!" for text in TEXTS])
    assert len(list(ask.folder.glob("*.arrow"))) == 1 + 4


def test_a_file_is_written_whole_or_not_at_all(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(_: int) -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as context:
        context.setattr(os, "fsync", full_disk)
        with pytest.raises(OSError, match=r"^cannot write to \S+/store: no space left on device$"):
            ask(TEXTS)
    assert not list(ask.folder.iterdir())
    assert ask(TEXTS).computed == len(TEXTS)


def test_what_a_killed_writer_left_is_never_read(ask: Ask) -> None:
    ask(TEXTS[:3])
    whole = next(ask.folder.glob("*.arrow"))
    (ask.folder / ".0123.part").write_bytes(whole.read_bytes()[:100])
    assert ask(TEXTS).computed == len(TEXTS) - 3


def test_logits_are_read_from_the_files_without_a_copy_in_memory(ask: Ask) -> None:
    ask(TEXTS[:3])
    for array in ask(TEXTS).rows.flat:
        assert not array.flags.owndata
        assert not array.flags.writeable
        address = array.__array_interface__["data"][0]
        assert any(start <= address < end for start, end in mapped_ranges(ask.folder))


def mapped_ranges(folder: Path) -> list[tuple[int, int]]:
    lines = Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()
    ranges = [line.split()[0].split("-") for line in lines if str(folder) in line]
    return [(int(start, 16), int(end, 16)) for start, end in ranges]


def test_a_store_that_does_not_fit_is_refused(ask: Ask) -> None:
    ask(TEXTS)
    keys = text_keys(TEXTS)
    with pytest.raises(RuntimeError, match=r"are not of 4 classes; remove that folder"):
        logits_of(ask.folder, ask.teacher, ask.encoded(TEXTS), keys, CLASSES + 1)


def test_the_teacher_does_not_learn(ask: Ask) -> None:
    ask.teacher.train()
    ask(TEXTS)
    assert all(parameter.grad is None for parameter in ask.teacher.parameters())
    assert not ask.teacher.training
    assert not torch.is_inference_mode_enabled()


def test_keys_tell_texts_apart() -> None:
    keys = text_keys(["a b", ["a", "b"], ["ab"], "a", "A", "", "\ud800"])
    assert len(set(keys.tolist())) == 7
    assert keys.dtype == np.dtype("S16")
    assert_array_equal(text_keys(["a b"]), keys[:1])
    # Stores outlive versions of kdops.
    assert text_keys(["a b"])[0].hex() == "acc9227cc02e5f5c13e74125bce89499"


def test_a_killed_process_goes_on_and_two_at_once_share_the_work(tmp_path: Path, make_encoded: MakeEncoded) -> None:
    command = [sys.executable, "-c", WORKER, str(tmp_path)]
    killed, other = workers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    try:
        start(killed)
        wait_for_texts(killed, 6)
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        kept = len(list(tmp_path.glob("store/*.arrow")))
        assert 5 <= kept < 40
        start(other)
        wait_for_texts(other, 1)
        # The other one holds the store now; this process waits, and finds all of its work done.
        encoded, keys = make_encoded([[row] for row in range(40)]), text_keys(map(str, range(40)))
        mine = logits_of(tmp_path / "store", nn.Linear(1, 1), encoded, keys, 3)
        assert mine.computed == 0
        assert mine.gather(np.arange(40))[:, 0].tolist() == list(range(40))
        assert other.communicate(timeout=60)[0].endswith(f"asked {40 - kept}\n")
    finally:
        for one in workers:
            one.kill()
            one.communicate()


def start(worker: subprocess.Popen[str]) -> None:
    assert worker.stdin is not None
    worker.stdin.write("\n")
    worker.stdin.flush()


def wait_for_texts(worker: subprocess.Popen[str], texts: int) -> None:
    assert worker.stdout is not None
    for _ in range(texts):
        assert worker.stdout.readline() == "batch\n"


def test_logits_travel_without_their_logits(ask: Ask) -> None:
    logits = ask(TEXTS)
    rows = np.arange(len(TEXTS))
    expected = logits.gather(rows)
    sent = pickle.dumps(logits)
    assert expected[0].tobytes() not in sent
    np.testing.assert_array_equal(pickle.loads(sent).gather(rows), expected)


def test_a_student_with_other_tokens_finds_its_words(make_encoded: MakeEncoded, tmp_path: Path) -> None:
    """The teacher read words 0 to 2 of the first text and 0 of the second; the student all of both, in other tokens."""

    class Position(nn.Module):
        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
            return input_ids.unsqueeze(-1).float().expand(-1, -1, CLASSES)

        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(1))

    theirs = make_encoded([[0, 10, 11, 12, 0], [0, 20, 0]], [[1, 2, 3], [1]])
    ours = make_encoded([[0, 1, 2, 3, 4, 5, 0], [0, 6, 7, 0]], [[1, 2, 4, 5], [1, 2]])
    logits = logits_of(tmp_path, Position(), theirs, text_keys(["first", "second"]), CLASSES)
    assert logits.for_units(theirs) is logits
    aligned = logits.for_units(ours)
    assert aligned.missing_units == 2
    said = aligned.gather(np.array([1, 0]))[:, 0]
    assert_array_equal(said, [20, np.nan, 10, 11, 12, np.nan])
    assert_array_equal(pickle.loads(pickle.dumps(aligned)).gather(np.array([1])), aligned.gather(np.array([1])))


def test_logits_of_one_softmax_are_kept_without_their_mean(
    tmp_path: Path, make_encoded: MakeEncoded, counting_teacher: Callable[..., nn.Module]
) -> None:
    teacher = counting_teacher(PIECES, CLASSES, per_token=False)
    encoded, keys = make_encoded([[1, 2], [3, 4, 5]]), text_keys("ab")
    raw = logits_of(tmp_path / "raw", teacher, encoded, keys, CLASSES).gather(np.arange(2))
    asked = Question(teacher, encoded, 0, one_softmax=True)
    kept = module.teacher_logits(tmp_path / "kept", keys, CLASSES, lambda rows: asked).gather(np.arange(2))
    assert_allclose(kept.mean(axis=1), 0, atol=1e-6)
    assert_allclose(kept - raw, (kept - raw)[:, :1].repeat(CLASSES, axis=1), atol=1e-5)
