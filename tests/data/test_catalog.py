import re
import shutil
import time
from collections import Counter
from pathlib import Path

import pytest

from kdops.data.catalog import CATALOG, SPLITS, DatasetCard, RemoteFile
from kdops.data.checks import inspect
from kdops.data.corpus import load_corpus
from kdops.data.parsers import read_text_tsv
from kdops.data.sources import fetch
from kdops.errors import UserError
from kdops.task import Task


@pytest.mark.parametrize("card", CATALOG.values(), ids=list(CATALOG))
def test_cards_are_complete(card: DatasetCard) -> None:
    assert CATALOG[card.name] is card
    assert tuple(card.files) == SPLITS
    assert card.licence
    assert card.citation
    assert card.default_teacher
    for file in card.files.values():
        if isinstance(file, RemoteFile):
            assert re.fullmatch(r"[0-9a-f]{64}", file.sha256)
            assert re.fullmatch(r"[0-9a-f]{40}", file.commit)
            assert file.size_bytes > 0
        else:
            assert file.is_file()


@pytest.mark.parametrize("name", ["sample", "sample-tags"])
def test_samples_need_no_network(name: str) -> None:
    start = time.perf_counter()
    corpus = load_corpus(name)
    assert (corpus.default_teacher, corpus.licence) == ("scratch", "Apache-2.0")
    assert corpus.unlabeled is not None
    assert corpus.unlabeled.is_file()
    assert time.perf_counter() - start < 5


@pytest.mark.parametrize(
    ("name", "task", "counts"), [("smsa", Task.TEXT, (11000, 1260, 500)), ("nergrit", Task.TOKEN, (1672, 209, 209))]
)
@pytest.mark.usefixtures("mirror")
def test_public_data_sets_have_their_published_sizes(name: str, task: Task, counts: tuple[int, int, int]) -> None:
    corpus = load_corpus(name)
    assert corpus.task is task
    assert tuple(len(corpus.splits[split]) for split in SPLITS) == counts
    assert corpus.labels == CATALOG[name].labels
    for file in CATALOG[name].files.values():
        assert isinstance(file, RemoteFile)
        assert fetch(file).stat().st_size == file.size_bytes


@pytest.mark.usefixtures("mirror")
def test_known_faults_of_smsa_are_counted() -> None:
    corpus = load_corpus("smsa")
    report = inspect(corpus)
    assert Counter(corpus.gold("test")) == {"positive": 208, "negative": 204, "neutral": 88}
    assert report.duplicates_train_test == 0
    assert report.duplicates_in_train > 0


def test_masked_test_labels_are_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card = CATALOG["sample"]
    files = {split: tmp_path / f"{split}.tsv" for split in SPLITS}
    for path in files.values():
        path.write_text("enak\tpositive\nhambar\tnegative\nbiasa\tneutral\n", encoding="utf-8")
    files["test"].write_text("enak\tpositive\nhambar\tpositive\n", encoding="utf-8")
    masked = DatasetCard("masked", files, read_text_tsv, card.labels, "none", "none", "scratch")
    monkeypatch.setattr("kdops.data.corpus.CATALOG", {"masked": masked})
    with pytest.raises(UserError, match=r"test\.tsv: every label of test is 'positive'; are its real labels masked\?"):
        load_corpus("masked")
    shutil.copy(files["train"], files["test"])
    assert load_corpus("masked").labels == card.labels
