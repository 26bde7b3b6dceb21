"""The linear baseline: how far a data set goes without any network, in seconds."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, product
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MultiLabelBinarizer

from kdops.data.corpus import Corpus
from kdops.data.inputs import joined, words_tagged
from kdops.data.tag_paths import best_path
from kdops.metrics import Gold
from kdops.task import Task
from kdops.training.values import LinearBaseline, ModelScores

logger = logging.getLogger(__name__)

TITLES = {
    Task.TEXT: "TF-IDF and logistic regression",
    Task.MULTI_LABEL: "TF-IDF and a logistic regression per label",
    Task.ASPECTS: "TF-IDF and a logistic regression per aspect",
    Task.TOKEN: "logistic regression on words and their neighbours",
}
"""The linear baseline of each task, in words."""

_STRENGTHS = (10.0, 100.0)
_TOLERANCE = 1e-3  # a tenth of the default's time, and on smsa and emot no lower score
_DECAYS = (1e-5, 1e-6)
_WORD_EPOCHS = 10
_LONGEST_AFFIX = 3


def linear_baseline(corpus: Corpus) -> LinearBaseline:
    """Train a linear model on the gold labels; its settings are chosen by the main metric on validation data.

    Texts are bags of their words and pairs of words, weighted by TF-IDF; two texts that are read together are one. A
    word is itself, its affixes, how it is written, and the words beside it; of the tags around it nothing is known but
    that spans must be legal.
    """
    started = time.monotonic()
    models = (_word_models if corpus.task.of_words else _text_models)(corpus)

    def validation_score(model: Pipeline) -> float:
        return corpus.score("validation", _predicted(model, corpus, "validation"))[corpus.main_metric]

    best = max(models, key=validation_score)
    scores = ModelScores.of(corpus, *(_predicted(best, corpus, split) for split in ("validation", "test")))
    made = LinearBaseline(scores, time.monotonic() - started)
    value = made.scores.validation[corpus.main_metric]
    logger.info("%s: validation %s %.4f, %.0f s", TITLES[corpus.task], corpus.main_metric, value, made.seconds)
    return made


def _text_models(corpus: Corpus) -> Iterator[Pipeline]:
    """Models of texts, from string to label, to 0 and 1 for each label, or to a value of each aspect."""
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\b\w+\b", dtype=np.float32)
    counted = words.fit_transform(_texts(corpus, "train"))
    gold: Any = corpus.gold("train")
    if corpus.task is Task.MULTI_LABEL:
        gold = MultiLabelBinarizer(classes=corpus.labels).fit_transform(gold)
    elif corpus.task is Task.ASPECTS:
        gold = np.array(gold)
    for strength, weights in product(_STRENGTHS, (None, "balanced")):
        model = LogisticRegression(C=strength, class_weight=weights, tol=_TOLERANCE, max_iter=1000)
        yield make_pipeline(words, _SEVERAL.get(corpus.task, _alone)(model).fit(counted, gold))


def _word_models(corpus: Corpus) -> Iterator[Pipeline]:
    """Models of words, from the features of one to its tag."""
    words = CountVectorizer(analyzer=_as_it_is, binary=True, dtype=np.float32)
    counted = words.fit_transform(_words(corpus, "train"))
    tags = list(chain.from_iterable(corpus.gold("train")))
    for decay in _DECAYS:
        model = SGDClassifier(loss="log_loss", alpha=decay, max_iter=_WORD_EPOCHS, tol=None, random_state=1)
        yield make_pipeline(words, model.fit(counted, tags))


def _predicted(model: Pipeline, corpus: Corpus, split: str) -> Gold:
    if corpus.task.of_words:
        return list(_tags(model, corpus, split))
    found = model.predict(_texts(corpus, split))
    if corpus.task is Task.MULTI_LABEL:
        return [[corpus.labels[label] for label in np.flatnonzero(row)] for row in found]
    return [[str(value) for value in row] for row in found] if corpus.task.several else [str(label) for label in found]


def _tags(model: Pipeline, corpus: Corpus, split: str) -> Iterator[list[str]]:
    """The tags of each sentence, taken together as those of other models are."""
    scores = model.decision_function(_words(corpus, split))
    if scores.ndim == 1:  # of two tags it has one score
        scores = np.column_stack([-scores, scores])
    labels = [str(label) for label in model.classes_]
    start = 0
    for text in corpus.inputs(split):
        end = start + len(words_tagged(text))
        yield [labels[place] for place in best_path(labels, scores[start:end])]
        start = end


def _texts(corpus: Corpus, split: str) -> list[str]:
    return [joined(text) for text in corpus.inputs(split)]


def _words(corpus: Corpus, split: str) -> list[list[str]]:
    """The features of each word of a split, one sentence after the other."""
    return [features for text in corpus.inputs(split) for features in _features(words_tagged(text))]


def _features(sentence: Sequence[str]) -> Iterator[list[str]]:
    lower = ["<s>", "<s>", *(word.lower() for word in sentence), "</s>", "</s>"]
    for place, word in enumerate(sentence, start=2):
        around = [f"{step}={lower[place + step]}" for step in (-2, -1, 0, 1, 2)]
        pairs = [f"-1,0={lower[place - 1]} {lower[place]}", f"0,1={lower[place]} {lower[place + 1]}"]
        own = lower[place]
        affixes = [f"{own[:size]}-" for size in range(1, _LONGEST_AFFIX + 1)]
        affixes += [f"-{own[-size:]}" for size in range(1, _LONGEST_AFFIX + 1)]
        written = [f"title={word.istitle()}", f"upper={word.isupper()}", f"digit={any(map(str.isdigit, word))}"]
        yield [*around, *pairs, *affixes, *written]


def _alone(model: LogisticRegression) -> LogisticRegression:
    return model


_SEVERAL: Mapping[Task, Callable[[LogisticRegression], Any]] = {
    Task.MULTI_LABEL: OneVsRestClassifier,
    Task.ASPECTS: MultiOutputClassifier,
}
"""The wrappers that make one model per label or aspect."""


def _as_it_is(features: list[str]) -> list[str]:
    return features
