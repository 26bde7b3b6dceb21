"""Teacher logits from a file of probabilities."""

import json
import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
import torch
from encoders import FAMILIES, TEXTS
from scipy.special import softmax

from kdops.data.encoding import Encoded, Text, encode
from kdops.errors import UserError
from kdops.models.bert import BertStudent
from kdops.models.student_kinds import BertShape
from kdops.models.teachers.loading import load_teacher
from kdops.models.teachers.model import Teacher
from kdops.task import Task
from kdops.training import probabilities
from kdops.training.batches import TrainingSet, make_batch
from kdops.training.loop import fit
from kdops.training.losses import NO_LABEL, DistillationObjective
from kdops.training.probabilities import (
    SMALLEST,
    LabelNames,
    given_logits,
    store_gold,
    store_probabilities,
)
from kdops.training.stored_logits import StoredLogits, centred, text_keys
from kdops.training.teacher_logits import Question, teacher_logits
from kdops.training.values import LoopConfig

LABELS = ("negative", "positive")
TAGS = ("O", "B-LOC", "I-LOC")
UNIQUE = TEXTS[:5]


def labels_of(task: Task) -> tuple[str, ...]:
    return LABELS if task is Task.TEXT else TAGS


def texts_of(task: Task) -> list[Text]:
    return list(UNIQUE) if task is Task.TEXT else [text.split() for text in UNIQUE]


def write(path: Path, rows: Sequence[object]) -> Path:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path


def rows_from(task: Task, stored: StoredLogits, encoded: Encoded, name: str) -> list[dict[str, object]]:
    """Rows of a file that says what a teacher says."""
    rows = []
    for row, text in enumerate(texts_of(task)):
        values = stored.gather(np.array([row]))
        values = values if name == "logits" else softmax(values.astype(float), axis=-1)
        units = [dict(zip(labels_of(task), unit.tolist(), strict=True)) for unit in values]
        rows.append({"text" if task is Task.TEXT else "tokens": text, name: units[0] if task is Task.TEXT else units})
    return rows


def given(path: Path, task: Task, texts: Sequence[Text] | None = None, labels: tuple[str, ...] = ()) -> StoredLogits:
    """The logits that a file gives for texts."""
    folder = path.parent / f"{path.stem}-store"
    folder.mkdir()
    names = LabelNames(labels or labels_of(task))
    store_probabilities(path, task, names, folder)
    return given_logits(folder, texts or texts_of(task), len(names.labels))


@pytest.fixture(params=[Task.TEXT, Task.TOKEN])
def task(request: pytest.FixtureRequest) -> Task:
    given: Task = request.param
    return given


@pytest.fixture
def teacher(task: Task, tmp_path: Path) -> Teacher:
    folder = tmp_path / "bert"
    folder.mkdir()
    return load_teacher(str(FAMILIES["BERT"].write(folder)), task, labels_of(task))


@pytest.fixture
def encoded(teacher: Teacher, task: Task) -> Encoded:
    return encode(teacher.tokenizer, texts_of(task), task, 32)


@pytest.fixture
def stored(teacher: Teacher, task: Task, encoded: Encoded, tmp_path: Path) -> StoredLogits:
    keys = text_keys(texts_of(task))
    classes = len(labels_of(task))

    def ask(rows: np.ndarray) -> Question:
        return Question(teacher.model, encoded.take(rows), teacher.pad_id)

    return teacher_logits(tmp_path / "store", keys, classes, ask)


@dataclass(frozen=True)
class Centred:
    """Logits as a student reads them."""

    stored: StoredLogits

    def gather(self, rows: np.ndarray) -> np.ndarray:
        return centred(self.stored.gather(rows))


class TestFile:
    @pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
    @pytest.mark.parametrize("name", ["logits", "probabilities"])
    def test_what_a_teacher_says_comes_back_to_the_last_digit(
        self, task: Task, stored: StoredLogits, encoded: Encoded, tmp_path: Path, suffix: str, name: str
    ) -> None:
        rows = rows_from(task, stored, encoded, name)
        path = tmp_path / f"teacher{suffix}"
        if suffix == ".parquet":
            parquet.write_table(pa.Table.from_pylist(rows), path)
        else:
            write(path, rows[::-1])
        read = given(path, task).for_units(encoded)
        assert (len(read), read.missing_units) == (5, 0)
        for chosen in (np.arange(5), np.array([3, 0, 3])):
            assert np.array_equal(read.gather(chosen), centred(stored.gather(chosen)))
        labels = np.zeros(len(encoded.unit_words), dtype=np.int64)
        batch = make_batch(TrainingSet(encoded, labels, pickle.loads(pickle.dumps(read))), np.array([4, 1]), 0)
        assert batch.teacher_logits is not None
        assert torch.equal(batch.teacher_logits, torch.from_numpy(centred(stored.gather(np.array([4, 1])))))

    def test_a_student_of_the_file_is_the_student_of_the_teacher(
        self, task: Task, stored: StoredLogits, encoded: Encoded, tmp_path: Path
    ) -> None:
        path = write(tmp_path / "teacher.jsonl", rows_from(task, stored, encoded, "probabilities"))
        weights = []
        for source in (Centred(stored), given(path, task).for_units(encoded)):
            torch.manual_seed(0)
            vocabulary = int(encoded.ids.max()) + 1
            student = BertStudent(vocabulary, len(labels_of(task)), task, BertShape(layers=1, width=16, heads=2))
            labels = np.full(len(encoded.unit_words), NO_LABEL)
            config = LoopConfig(epochs=2, learning_rate=1e-2, batch_size=2)
            data = TrainingSet(encoded, labels, source)
            fit(
                student, data, DistillationObjective(), lambda model: {"f1": 1.0}, config,
                main_metric="f1", pad_id=0, description="student", quiet=True,
            )  # fmt: skip
            weights.append(student.state_dict())
        assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])

    def test_a_probability_of_zero_is_the_smallest_and_never_more_than_one_that_was_given(self, tmp_path: Path) -> None:
        rows: list[dict[str, object]] = [
            {"text": "a", "probabilities": {"negative": 1.0}},
            {"text": "b", "probabilities": {"negative": 0.9999999, "positive": 1e-7, "mixed": 0.0}},
        ]
        path = write(tmp_path / "sure.jsonl", rows)
        values = given(path, Task.TEXT, ["a", "b"], (*LABELS, "mixed")).gather(np.array([0, 1]))
        expected = np.log([[1, SMALLEST, SMALLEST], [0.9999999, 1e-7, 1e-7]])
        np.testing.assert_allclose(values, expected - expected.mean(axis=1, keepdims=True), rtol=1e-5)

    def test_a_label_or_a_tag_is_a_sure_answer(self, tmp_path: Path) -> None:
        sure, unsure = -np.log(SMALLEST) / 2, np.log(SMALLEST) / 2
        path = write(tmp_path / "labels.jsonl", [{"text": "enak", "label": "positive"}])
        values = given(path, Task.TEXT, ["enak"]).gather(np.array([0]))
        np.testing.assert_allclose(values, [[unsure, sure]], rtol=1e-5, atol=1e-6)
        path = write(tmp_path / "tags.jsonl", [{"text": "di  Garut", "tags": ["O", "B-LOC"]}])
        values = given(path, Task.TOKEN, [["di", "Garut"]]).gather(np.array([0]))
        assert values.argmax(axis=1).tolist() == [0, 1]

    def test_labels_are_the_same_in_any_case_and_spelling(self, tmp_path: Path) -> None:
        path = write(tmp_path / "tags.jsonl", [{"tokens": ["a", "b"], "tags": ["o", "LOC-B"]}])
        assert given(path, Task.TOKEN, [["a", "b"]]).gather(np.array([0])).argmax(axis=1).tolist() == [0, 1]
        path = write(tmp_path / "labels.jsonl", [{"text": "a", "label": "us"}, {"text": "b", "label": "US"}])
        values = given(path, Task.TEXT, ["a", "b"], ("US", "us")).gather(np.array([0, 1]))
        assert values.argmax(axis=1).tolist() == [1, 0]

    def test_words_that_are_cut_off_have_no_logits(self, tmp_path: Path) -> None:
        tokenizer = load_teacher(str(FAMILIES["BERT"].write(tmp_path)), Task.TOKEN, TAGS).tokenizer
        words = UNIQUE[0].split()
        path = write(tmp_path / "tags.jsonl", [{"tokens": words, "tags": ["O", "O", "O", "B-LOC"]}])
        encoded = encode(tokenizer, [words], Task.TOKEN, 5)
        assert encoded.unit_words.tolist() == [0, 1, 2]
        values = given(path, Task.TOKEN, [words]).for_units(encoded).gather(np.array([0]))
        assert values.argmax(axis=1).tolist() == [0, 0, 0]

    def test_texts_that_it_lacks_have_no_logits_unless_gold_labels_are_added(
        self, task: Task, encoded: Encoded, tmp_path: Path
    ) -> None:
        texts = texts_of(task)
        first = (
            {"text": texts[0], "label": "negative"} if task is Task.TEXT else {"tokens": texts[0], "tags": ["O"] * 4}
        )
        read = given(write(tmp_path / "some.jsonl", [first]), task).for_units(encoded)
        units = int(encoded.unit_counts[0])
        assert read.missing_units == len(encoded.unit_words) - units
        values = read.gather(np.array([1, 0]))
        assert np.isnan(values[:-units]).all()
        assert values[-units:].argmax(axis=1).tolist() == [0] * units
        gold = [np.ones(1 if isinstance(text, str) else len(text), dtype=np.int64) for text in texts[1:]]
        store_gold(tmp_path / "some-store", texts[1:], gold, len(labels_of(task)))
        whole = given_logits(tmp_path / "some-store", texts, len(labels_of(task))).for_units(encoded)
        assert whole.missing_units == 0
        assert set(whole.gather(np.arange(1, 5)).argmax(axis=1).tolist()) == {1}

    def test_a_row_may_come_twice_but_not_say_otherwise(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(probabilities, "_SHARD_TEXTS", 2)
        rows: list[object] = [{"text": str(row % 5), "label": LABELS[row % 5 % 2]} for row in range(8)]
        values = given(write(tmp_path / "twice.jsonl", rows), Task.TEXT, list("01234")).gather(np.arange(5))
        assert values.argmax(axis=1).tolist() == [0, 1, 0, 1, 0]
        assert "3 rows repeat a row before and are left out" in caplog.text
        path = write(tmp_path / "other.jsonl", [*rows, {"text": "1", "label": "negative"}])
        with pytest.raises(UserError, match=r"other\.jsonl:9: it says otherwise of '1' than a row before"):
            given(path, Task.TEXT)

    @pytest.mark.parametrize(
        ("task", "row", "message"),
        [
            (Task.TEXT, {"text": "a", "label": "good"}, ": the data have no label 'good'; they have: negative, po"),
            (Task.TEXT, {"text": "a", "probabilities": {"good": 1}}, ": the data have no label 'good'; they have: neg"),
            (Task.TEXT, {"text": "a", "probabilities": {"positive": 0.9}}, "must add up to 1, found 0.9"),
            (
                Task.TEXT,
                {"text": "a", "probabilities": {"positive": 1.5, "negative": -0.5}},
                "at least 0, found -0.5",
            ),
            (Task.TEXT, {"text": "a", "probabilities": {"positive": "0.9"}}, "'0.9' of 'positive' is not a number"),
            (Task.TEXT, {"text": "a", "probabilities": [0.9, 0.1]}, "expected an object of labels and numbers"),
            (Task.TEXT, {"text": "a", "logits": {"positive": 3.0}}, "logits must name all labels, and 'negative' is n"),
            (Task.TEXT, {"text": "a"}, "expected one of probabilities, logits or label, found none of them"),
            (Task.TEXT, {"text": "a", "label": "positive", "logits": {}}, "found logits and label"),
            (
                Task.TEXT,
                {"text": "a", "probabilities": {"positive": float("nan")}},
                "nan of 'positive' is not a n",
            ),
            (Task.TEXT, {"tokens": ["a"], "label": "positive"}, "expected a text, found 'tokens', 'label'"),
            (Task.TOKEN, {"tokens": ["a", "b"], "tags": ["O"]}, "expected tags for 2 words"),
            (Task.TOKEN, {"tokens": ["a"], "probabilities": {"O": 1}}, "expected probabilities for 1 words"),
            (Task.TOKEN, {"tokens": []}, "expected tokens, a list of words, or a text"),
            (Task.TEXT, ["a"], "expected a JSON object"),
        ],
    )
    def test_rows_that_cannot_be_read_are_named(self, task: Task, row: object, message: str, tmp_path: Path) -> None:
        path = write(tmp_path / "bad.jsonl", [row])
        with pytest.raises(UserError) as caught:
            given(path, task)
        assert message in str(caught.value)
        assert f"{path}:1" in str(caught.value)

    def test_files_that_cannot_be_read_are_named(self, tmp_path: Path) -> None:
        (tmp_path / "empty.jsonl").touch()
        (tmp_path / "blank.jsonl").write_text("\n\n", encoding="utf-8")
        parquet.write_table(pa.table({"a": [1], "b": ["x"]}), tmp_path / "other.parquet")
        parquet.write_table(pa.table({"text": pa.array([], pa.string())}), tmp_path / "none.parquet")
        (tmp_path / "broken.parquet").write_bytes(b"PAR")
        for name, message in [
            ("empty.jsonl", "has no rows"),
            ("blank.jsonl", "has no rows"),
            ("none.parquet", "has no rows"),
            ("other.parquet", r"other\.parquet:1: expected a text, found 'a', 'b'"),
            ("broken.parquet", "is not a Parquet file"),
            ("nothing.jsonl", "is not a file"),
        ]:
            with pytest.raises(UserError, match=message):
                given(tmp_path / name, Task.TEXT)
