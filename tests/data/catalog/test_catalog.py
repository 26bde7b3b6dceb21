import re
import time
from collections import Counter
from pathlib import Path

import pytest

from kdops.data.catalog import CATALOG, SPLITS, DatasetCard, RemoteFile
from kdops.data.catalog.downloads import fetch
from kdops.data.catalog.formats import read_text_tsv
from kdops.data.catalog.reading import read_card
from kdops.data.corpus import Corpus, load_corpus
from kdops.data.facts import DataFacts, inspect
from kdops.errors import UserError
from kdops.metrics import main_metric
from kdops.task import Task

PUBLIC = [name for name, card in CATALOG.items() if card.public]
# Trained models are found again by these: an edit of a card must not change what smsa is.
FINGERPRINTS = {
    "smsa": "1fd32c53fbd30c16",
    "emot": "d7e51b8a47e35798",
    "terma": "48ec96d01c49bcf9",
    "nergrit": "0fbeb2c62d5f1e26",
}
# Texts that stand in train too: of validation, of test; repeated inside train; with several labelings there.
LEAKS = {
    "smsa": (16, 0, 70, 1),
    "emot": (4, 3, 10, 1),
    "casa": (0, 1, 1, 0),
    "hoasa": (0, 2, 21, 0),
    "wrete": (0, 0, 0, 0),
    "senta": (22, 51, 88, 4),
    "clickbait": (0, 0, 32, 8),
    "prdect-emotion": (0, 0, 118, 27),
    "hate-speech": (0, 0, 189, 23),
    "terma": (19, 27, 39, 10),
    "pos": (10, 14, 24, 5),
    "nergrit": (0, 1, 0, 0),
    "nerp": (81, 69, 330, 229),
    "posp": (81, 69, 330, 7),
    "bapos": (0, 0, 50, 12),
    "keps": (2, 0, 0, 0),
    "facqa": (1, 0, 2, 0),
    "idner-news": (3, 0, 7, 0),
}
INDONLU = (
    "emot", "smsa", "casa", "hoasa", "wrete", "posp", "bapos", "terma", "keps", "nergrit", "nerp", "facqa",
)  # fmt: skip
# Labels that a split of a publication lacks, by split.
ABSENT = {
    "hoasa": {split: {f"{one}:neg_pos" for one in ("ac", "kebersihan", "linen", "service")} for split in SPLITS[1:]},
    "bapos": {
        "train": {"I-IN"},
        "validation": {"B-SYM", "I-CC", "I-SYM", "I-UH"},
        "test": {"I-CC", "I-SYM", "I-UH", "I-X"},
    },
}
ORPHANS = {"terma": (8, 2, 5), "nerp": (101, 18, 11)}


@pytest.fixture(scope="module")
def loaded(mirror: Path) -> dict[str, tuple[Corpus, DataFacts]]:
    """All public data sets, read once."""
    corpora = {name: load_corpus(name) for name in PUBLIC}
    return {name: (corpus, inspect(corpus)) for name, corpus in corpora.items()}


@pytest.mark.parametrize("card", CATALOG.values(), ids=list(CATALOG))
def test_cards_are_complete(card: DatasetCard) -> None:
    assert CATALOG[card.name] is card
    assert {"train"} <= set(card.files) <= set(SPLITS)
    assert len(set(card.labels)) == len(card.labels) > 1
    assert min(card.rows) > 0
    assert card.licence
    assert card.citation
    assert card.default_teacher
    assert card.main_metric == main_metric(card.task, card.labels)
    for file in card.files.values():
        if isinstance(file, RemoteFile):
            assert re.fullmatch(r"[0-9a-f]{64}", file.sha256)
            assert re.fullmatch(r"[0-9a-f]{40}", file.commit)
            assert file.size_bytes > 0
        else:
            assert file.is_file()


def test_all_of_indonlu_is_there_with_its_own_splits() -> None:
    assert set(INDONLU) <= set(CATALOG)
    for name in INDONLU:
        assert set(CATALOG[name].files) == set(SPLITS)
        assert "IndoNLU" in CATALOG[name].citation


def test_what_there_is_by_name() -> None:
    assert [name for name, card in CATALOG.items() if not card.public] == ["sample", "sample-tags"]
    assert list(LEAKS) == PUBLIC


@pytest.mark.parametrize("name", ["sample", "sample-tags"])
def test_samples_need_no_network(name: str) -> None:
    start = time.perf_counter()
    corpus = load_corpus(name)
    assert (corpus.default_teacher, corpus.licence) == ("scratch", "Apache-2.0")
    assert corpus.unlabeled is not None
    assert corpus.unlabeled.is_file()
    assert tuple(len(corpus.splits[split]) for split in SPLITS) == CATALOG[name].rows
    assert time.perf_counter() - start < 5


@pytest.mark.parametrize("name", PUBLIC)
def test_cards_tell_the_truth(name: str, loaded: dict[str, tuple[Corpus, DataFacts]]) -> None:
    card, (corpus, report) = CATALOG[name], loaded[name]
    assert (corpus.task, corpus.labels) == (card.task, card.labels)
    assert tuple(report.rows[split] for split in SPLITS) == card.rows
    assert corpus.notes[: len(card.notes)] == card.notes
    for split in SPLITS:
        found = {name for row in corpus.gold(split) for name in ([row] if isinstance(row, str) else row)}
        assert set(corpus.labels) - found == ABSENT.get(name, {}).get(split, set())
        assert found <= set(corpus.labels)
    assert corpus.pairs is card.pairs
    assert (
        report.duplicates_train_validation,
        report.duplicates_train_test,
        report.duplicates_in_train,
        report.conflicting_in_train,
    ) == LEAKS[name]
    assert tuple(report.repaired_tags[split] for split in SPLITS) == ORPHANS.get(name, (0, 0, 0))


@pytest.mark.parametrize("name", FINGERPRINTS)
def test_content_is_what_it_was(name: str, loaded: dict[str, tuple[Corpus, DataFacts]]) -> None:
    assert loaded[name][0].fingerprint == FINGERPRINTS[name]


@pytest.mark.parametrize("name", ["clickbait", "prdect-emotion", "hate-speech"])
def test_splits_made_here_are_told_of(name: str, loaded: dict[str, tuple[Corpus, DataFacts]]) -> None:
    corpus, report = loaded[name]
    assert corpus.notes[-1].startswith(f"made from train: validation ({CATALOG[name].rows[1]} rows) and test (")
    assert report.duplicates_validation_test == 0


@pytest.mark.usefixtures("mirror")
@pytest.mark.parametrize("name", PUBLIC)
def test_files_have_the_sizes_on_their_cards(name: str) -> None:
    for file in CATALOG[name].files.values():
        assert isinstance(file, RemoteFile)
        assert fetch(file).stat().st_size == file.size_bytes


def test_labels_of_smsa_are_mixed_otherwise_in_test(loaded: dict[str, tuple[Corpus, DataFacts]]) -> None:
    assert Counter(loaded["smsa"][0].gold("test")) == {"positive": 208, "negative": 204, "neutral": 88}


def test_masked_test_labels_are_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {split: tmp_path / f"{split}.tsv" for split in SPLITS}
    for path in files.values():
        path.write_text("enak\tpositive\nhambar\tnegative\nbiasa\tneutral\n", encoding="utf-8")
    masked = DatasetCard(
        "masked", Task.TEXT, files, read_text_tsv, CATALOG["sample"].labels, (3, 3, 3), "none", "none", "scratch"
    )
    monkeypatch.setattr("kdops.data.corpus.CATALOG", {"masked": masked})
    assert load_corpus("masked").labels == masked.labels
    files["test"].write_text("enak\tpositive\nhambar\tpositive\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"test\.tsv: every label of test is 'positive'; are its real labels masked\?"):
        load_corpus("masked")


@pytest.mark.usefixtures("mirror")
def test_validation_of_terma_was_void_and_is_repaired() -> None:
    card = CATALOG["terma"]
    train_file, upstream_file = card.files["train"], card.files["validation"]
    assert isinstance(train_file, RemoteFile)
    assert isinstance(upstream_file, RemoteFile)
    published = RemoteFile(
        train_file.repository,
        train_file.commit,
        train_file.path.replace("train_", "valid_"),
        "7bc98ac730da9beaba2c65ec2332a2e9c1953f060fa4cbf50a734274abbdfa60",
        175787,
    )

    def rows(file: RemoteFile) -> list[tuple[object, object]]:
        return [(row.input, row.gold) for row in card.parser(fetch(file))]

    upstream = rows(upstream_file)
    assert len(upstream) == 4000
    assert rows(train_file) == upstream[:3000]
    assert rows(published) == upstream[2000:3000]
    assert [(row.input, row.gold) for row in read_card(card).rows["validation"]] == upstream[3000:]
