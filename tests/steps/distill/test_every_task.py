"""Each task the whole way: own data, teacher, logits, student, bundle, gate, scores and answers."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

import kdops
from kdops.task import Task

GOOD, BAD, NICE = ("enak", "lezat"), ("basi", "hambar"), ("ramah", "sopan")
PLAIN = ("kamar", "pintu", "meja", "lantai", "dinding", "jendela", "kursi")


def _review(draw: random.Random) -> tuple[list[str], str, str]:
    """Words, one on the food (or none), one on the staff (or none)."""
    food, staff = draw.choice([*GOOD, *BAD, *4 * [""]]), draw.choice([*NICE, *2 * [""]])
    words = [*draw.sample(PLAIN, 3), *filter(None, (food, staff))]
    draw.shuffle(words)
    return words, food, staff


def _labels(draw: random.Random) -> dict[str, Any]:
    words, food, staff = _review(draw)
    return {"text": " ".join(words), "labels": [name for name, said in (("food", food), ("staff", staff)) if said]}


def _aspects(draw: random.Random) -> dict[str, Any]:
    words, food, staff = _review(draw)
    taste = "good" if food in GOOD else "bad" if food in BAD else "none"
    return {"text": " ".join(words), "aspects": {"food": taste, "staff": "good" if staff else "none"}}


def _pair(draw: random.Random) -> dict[str, Any]:
    """Whether the second text praises: the first decides of what, so that neither is enough."""
    answer = draw.random() < 0.5
    about = "makanan" if answer or draw.random() < 0.5 else "tempat"
    words = [*draw.sample(PLAIN, 3), *([draw.choice(GOOD)] if answer or about == "tempat" else [])]
    draw.shuffle(words)
    return {"premise": about, "hypothesis": " ".join(words), "label": "yes" if answer else "no"}


def _question(draw: random.Random) -> dict[str, Any]:
    """The words of a passage that say what somebody asks for."""
    words, *_ = _review(draw)
    tags = ["O" if word in PLAIN else "B-ANSWER" for word in words]
    return {"tokens": ["bagaimana", draw.choice(["makanan", "tempat"]), "?"], "tokens_pair": words, "tags": tags}


def _write(folder: Path, row: Any) -> Path:
    draw = random.Random(1)
    folder.mkdir()
    for split, count in (("train", 400), ("validation", 60), ("test", 60)):
        lines = (json.dumps(row(draw)) for _ in range(count))
        (folder / f"{split}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return folder


@pytest.fixture
def distilled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, measured_at_once: None) -> Any:
    monkeypatch.setenv("KDOPS_HOME", str(tmp_path / "home"))

    def distill(row: Any, task: Task, student: str = "cnn") -> tuple[Any, kdops.Predictor]:
        data = _write(tmp_path / "data", row)
        done = kdops.distill(
            data, tracking=None, teacher="scratch", student=student, recipe="kd", trials=1, epochs=12,
            teacher_epochs=20, batch_size=16, max_length=32, storage=f"sqlite:///{tmp_path}/studies.db",
        )  # fmt: skip
        assert kdops.load_dataset(data).task is task
        assert done.result.teacher.scores.test[done.result.main_metric] > 0.7
        assert done.scores.test[done.result.main_metric] > 0.65
        return done, kdops.Predictor.load(done.bundle)

    return distill


def test_several_labels(distilled: Any) -> None:
    done, predictor = distilled(_labels, Task.MULTI_LABEL)
    assert predictor.info.labels == ("food", "staff")
    assert len(predictor.info.thresholds) == 2
    assert done.scores.test["subset_accuracy"] > 0.6
    both, none = predictor.predict(["meja enak kamar ramah lantai", "meja kamar lantai"])
    assert both.labels == ("food", "staff")
    assert none.labels == ()


def test_aspects(distilled: Any) -> None:
    _, predictor = distilled(_aspects, Task.ASPECTS)
    assert predictor.info.labels == ("food:bad", "food:good", "food:none", "staff:good", "staff:none")
    (answer,) = predictor.predict(["meja enak kamar ramah lantai"])
    assert answer.aspects == {"food": "good", "staff": "good"}
    assert all(sum(chances.values()) == pytest.approx(1) for chances in answer.probabilities.values())


def test_pairs_of_texts(distilled: Any) -> None:
    _, predictor = distilled(_pair, Task.TEXT, "bilstm")
    assert predictor.info.pairs
    pairs = [{"text": about, "text_pair": "meja enak kamar lantai"} for about in ("makanan", "tempat")]
    assert [answer.label for answer in predictor.predict(pairs)] == ["yes", "no"]
    assert predictor.predict([list(pair.values()) for pair in pairs]) == predictor.predict(pairs)
    with pytest.raises(TypeError, match="input 0: pairs of a text and a text_pair are wanted, not 'makanan'"):
        predictor.predict(["makanan"])


def test_tags_of_a_passage_given_a_question(distilled: Any) -> None:
    _, predictor = distilled(_question, Task.TOKEN, "bilstm")
    passage = "meja enak kamar ramah"
    taste, staff = predictor.predict(
        [{"text": "bagaimana makanan ?", "text_pair": passage}, [["bagaimana", "tempat", "?"], passage.split()]]
    )
    assert taste.words == staff.words == ("meja", "enak", "kamar", "ramah")
    assert [span.text for span in taste.spans] == [span.text for span in staff.spans] == ["enak", "ramah"]
