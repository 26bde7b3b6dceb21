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
