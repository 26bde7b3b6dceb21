import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from kdops.data.corpus import Corpus, load_corpus
from kdops.data.general_texts import general_texts
from kdops.errors import UserError

SPLITS = {
    "train": [("enak sekali", "good"), ("Enak sekali!", "good"), ("buruk", "bad"), ("kamar kotor", "bad")],
    "validation": [("lambat", "bad"), ("ramah", "good")],
    "test": [("Kamar kotor", "bad"), ("bersih", "good")],
}


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    folder = tmp_path / "reviews"
    folder.mkdir()
    for split, rows in SPLITS.items():
        write(folder / f"{split}.jsonl", [{"text": text, "label": label} for text, label in rows])
    return load_corpus(str(folder))


def write(path: Path, rows: Sequence[object]) -> Path:
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


def test_training_texts_are_read_once_each_and_nothing_that_is_held_out(corpus: Corpus) -> None:
    texts = general_texts(corpus, [])
    # "kamar kotor" stands in the test split too.
    assert list(texts) == ["enak sekali", "buruk"]
    assert (texts.counts.read, texts.counts.repeated, texts.counts.held_out, texts.counts.kept) == (4, 1, 1, 2)


def test_files_add_to_them_and_words_are_joined(corpus: Corpus, tmp_path: Path) -> None:
    more = write(tmp_path / "more.jsonl", [{"text": "BERSIH"}, {"text": "nasi goreng"}, {"tokens": ["teh", "manis"]}])
    texts = general_texts(corpus, [str(more)])
    assert list(texts) == ["enak sekali", "buruk", "nasi goreng", "teh manis"]
    assert texts.counts.held_out == 2
    assert [source.rpartition("/")[2] for source in texts.sources] == ["reviews", "more.jsonl"]
    assert general_texts(corpus, [str(more)]).fingerprint == texts.fingerprint != general_texts(corpus, []).fingerprint


def test_the_file_beside_the_data_is_read_unless_others_are_named(tmp_path: Path, corpus: Corpus) -> None:
    write(tmp_path / "reviews" / "unlabeled.jsonl", [{"text": "teh"}])
    other = write(tmp_path / "other.jsonl", [{"text": "kopi"}])
    again = load_corpus(str(tmp_path / "reviews"))
    assert list(general_texts(again, [])) == ["enak sekali", "buruk", "teh"]
    assert list(general_texts(again, [str(other)])) == ["enak sekali", "buruk", "kopi"]


def test_a_file_that_is_not_there_is_named(corpus: Corpus) -> None:
    with pytest.raises(UserError, match=r"missing\.jsonl: no such file; general_texts names catalogue, or \.jsonl"):
        general_texts(corpus, ["missing.jsonl"])


def test_files_without_texts_are_refused(corpus: Corpus, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"{tmp_path}: is a folder; general_texts names catalogue"):
        general_texts(corpus, [str(tmp_path)])
    empty = tmp_path / "empty.txt"
    empty.write_text("\n \n", encoding="utf-8")
    for _ in range(2):
        with pytest.raises(UserError, match=r"empty\.txt: no text stands in it"):
            general_texts(corpus, [str(empty)])


@pytest.mark.slow
def test_public_data_sets_share_the_texts_of_all_and_none_of_their_held_out_splits(
    mirror: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KDOPS_DATA_MIRROR", str(mirror))
    smsa, nergrit = load_corpus("smsa"), load_corpus("nergrit")
    texts = general_texts(smsa, [])
    assert texts.fingerprint == general_texts(nergrit, []).fingerprint
    assert len(texts) > 20_000
    read = {text.casefold() for text in texts}
    assert not read & {str(text).casefold() for text in smsa.inputs("test")}
    assert not read & {" ".join(words).casefold() for words in nergrit.inputs("test")}
