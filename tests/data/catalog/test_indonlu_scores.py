"""Each task of IndoNLU is scored by IndoNLU's own rule: examples that were worked out by hand.

Its scripts (https://github.com/IndoNLP/indonlu, utils/metrics.py) take macro F1 over the labels of texts, over the
values of all aspects together, and over the types of spans as the CoNLL script reads them.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from kdops.data.catalog import CATALOG
from kdops.metrics import main_metric, score
from kdops.resampling import bootstrap_scores

EXAMPLES: dict[str, Any] = json.loads((Path(__file__).parent / "golden" / "indonlu.json").read_text(encoding="utf-8"))


def test_there_is_one_for_each_task() -> None:
    assert len(EXAMPLES) == 12
    assert set(EXAMPLES) <= set(CATALOG)


@pytest.mark.parametrize("name", EXAMPLES)
def test_score(name: str) -> None:
    card, example = CATALOG[name], EXAMPLES[name]
    scores = score(card.task, card.labels, example["gold"], example["said"])
    assert scores[main_metric(card.task, card.labels)] == pytest.approx(example["f1"], abs=1e-11), example["by_hand"]
    whole, _ = bootstrap_scores(card.task, card.labels, example["gold"], [example["said"]], samples=1)
    assert whole[0] == pytest.approx(example["f1"], abs=1e-11)
