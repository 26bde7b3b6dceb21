import json
from pathlib import Path

import pytest

from kdops.data.corpus import load_corpus
from kdops.metrics import score
from kdops.training.linear import linear_baseline


@pytest.mark.parametrize("data", ["sample", "sample-tags"])
def test_it_learns_the_sample_and_its_scores_are_those_of_its_labels(data: str) -> None:
    corpus = load_corpus(data)
    made = linear_baseline(corpus)
    assert made.scores.validation[corpus.main_metric] > 0.6
    assert made.scores.test == score(corpus.task, corpus.labels, corpus.gold("test"), made.scores.test_labels)
    assert linear_baseline(corpus).scores == made.scores


@pytest.mark.parametrize("name", ["labels", "aspects", "pairs"])
def test_it_learns_several_answers_and_pairs(name: str, tmp_path: Path) -> None:
    words = ("enak", "ramah", "kamar", "meja", "pintu")
    for split, first in (("train", 0), ("validation", 3), ("test", 7)):
        rows: list[dict[str, object]] = []
        for number in range(40):
            said = [word for place, word in enumerate(words) if (number + first) % (place + 2) == 0] or ["kursi"]
            food, staff = ("yes" if word in said else "no" for word in words[:2])
            answers: dict[str, object] = {"labels": [word for word in words[:2] if word in said]}
            if name == "aspects":
                answers = {"aspects": {"food": food, "staff": staff}}
            elif name == "pairs":
                answers = {"text_pair": f"nomor {number}", "label": food}
            rows.append({"text": " ".join(said)} | answers)
        (tmp_path / f"{split}.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    corpus = load_corpus(str(tmp_path))
    made = linear_baseline(corpus)
    assert made.scores.test["f1_macro"] > 0.9
    assert made.scores.test == score(corpus.task, corpus.labels, corpus.gold("test"), made.scores.test_labels)
