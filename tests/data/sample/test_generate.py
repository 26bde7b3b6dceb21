import json
from collections import Counter
from pathlib import Path

import generate
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from kdops.data.corpus import load_corpus
from kdops.data.keys import text_key
from kdops.data.unlabeled import load_unlabeled
from kdops.data.words import words_of_text
from kdops.metrics import score

FILES = [f"{folder}/{split}.jsonl" for folder in ("text", "tags") for split in generate.SPLIT_ROWS]
PACKAGED = generate.PACKAGED


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample")
    generate.write(folder)
    return folder


def rows_of(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("file", FILES)
def test_packaged_files_are_what_the_generator_writes(written: Path, file: str) -> None:
    assert (written / file).read_bytes() == (PACKAGED / file).read_bytes()


def test_packaged_files_are_small() -> None:
    assert sum((PACKAGED / file).stat().st_size for file in FILES) < 2_000_000


@pytest.mark.parametrize("folder", ["text", "tags"])
def test_no_text_stands_twice_in_whatever_split(folder: str) -> None:
    keys = Counter(
        text_key(str(row["text"]) if "text" in row else row["tokens"])  # type: ignore[arg-type]
        for split in generate.SPLIT_ROWS
        for row in rows_of(PACKAGED / folder / f"{split}.jsonl")
    )
    assert keys.total() == sum(generate.SPLIT_ROWS.values())
    assert not [key for key, count in keys.items() if count > 1]


def test_words_of_the_tagged_sentences_are_those_a_plain_text_is_split_into() -> None:
    for tokens in load_corpus("sample-tags").inputs("test"):
        assert words_of_text(" ".join(tokens)) == tokens


@pytest.mark.parametrize("name", ["sample", "sample-tags"])
def test_sample_has_its_sizes_and_every_label_in_every_split(name: str) -> None:
    corpus = load_corpus(name)
    assert {split: len(rows) for split, rows in corpus.splits.items()} == {
        "train": 1500,
        "validation": 400,
        "test": 500,
    }
    for split in corpus.splits:
        gold = corpus.gold(split)
        assert {label for row in gold for label in ([row] if isinstance(row, str) else row)} == set(corpus.labels)


def test_counting_words_alone_does_not_solve_the_reviews() -> None:
    corpus = load_corpus("sample")
    words = TfidfVectorizer(ngram_range=(1, 2))
    model = LogisticRegression(C=3, max_iter=1000).fit(
        words.fit_transform(corpus.inputs("train")), corpus.gold("train")
    )
    predicted = model.predict(words.transform(corpus.inputs("test"))).tolist()
    assert 0.60 < score(corpus.task, corpus.labels, corpus.gold("test"), predicted)["f1_macro"] < 0.78


@pytest.mark.parametrize("name", ["sample", "sample-tags"])
def test_unlabeled_texts_know_words_of_the_test_split_that_train_does_not(name: str) -> None:
    corpus = load_corpus(name)
    rows = load_unlabeled(corpus, "default")
    assert rows is not None
    assert rows.counts.held_out == 0
    train, test, unlabeled = (
        {word for text in texts for word in text_key(text).split()}
        for texts in (corpus.inputs("train"), corpus.inputs("test"), rows.inputs())
    )
    unknown = test - train
    assert len(unknown) > 0.15 * len(test)
    assert len(unknown & unlabeled) > 0.3 * len(unknown)
