import json
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from kdops import errors
from kdops.data import pool, unlabeled
from kdops.data.catalog import CATALOG
from kdops.data.corpus import Corpus, load_corpus
from kdops.data.raw import Example, RawDataset
from kdops.data.unlabeled import Unlabeled, UnlabeledCounts, load_unlabeled
from kdops.errors import UserError
from kdops.task import Task

TRAIN = ["enak sekali", "kurang enak ya", "mahal", "ramah dan cepat"]
VALIDATION = ["lambat sekali", "bersih"]
TEST = ["rahasia ujian", "kotor"]


def write(path: Path, *rows: object) -> Path:
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


def folder_of(folder: Path, task: Task, **splits: list[str]) -> Corpus:
    folder.mkdir()
    for split, texts in splits.items():
        rows: list[dict[str, object]]
        if task is Task.TEXT:
            rows = [{"text": text, "label": "ab"[at % 2]} for at, text in enumerate(texts)]
        else:
            words = [text.split() for text in texts]
            rows = [{"tokens": row, "tags": ["B-X", *["O"] * (len(row) - 1)]} for row in words]
        write(folder / f"{split}.jsonl", *rows)
    return load_corpus(str(folder))


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    return folder_of(tmp_path / "reviews", Task.TEXT, train=TRAIN, validation=VALIDATION, test=TEST)


@pytest.fixture
def tagged(tmp_path: Path) -> Corpus:
    texts = ["Ujian di Solo", "Budi pergi"]
    return folder_of(tmp_path / "names", Task.TOKEN, train=["Ani ke Bali", "di Solo"], validation=texts, test=texts)


def load(corpus: Corpus, source: str | Path, **options: object) -> Unlabeled:
    found = load_unlabeled(corpus, str(source), **options)  # type: ignore[arg-type]
    assert found is not None
    return found


def texts_of(found: Unlabeled) -> list[object]:
    return list(found.inputs())


def test_every_text_is_kept_or_counted_once(corpus: Corpus, tmp_path: Path) -> None:
    path = write(
        tmp_path / "more.jsonl",
        {"text": "lumayan saja", "label": "ignored"},
        {"text": "Lumayan  SAJA"},
        {"text": " "},
        {"text": "RAHASIA ujian"},
        {"text": "Bersih"},
        {"text": "Mahal"},
        {"text": "jauh lebih panjang dari yang lain"},
        {"tokens": ["nasi", " ", "basi"]},
    )
    found = load(corpus, path)
    assert texts_of(found) == ["lumayan saja", "nasi basi"]
    assert found.words == (1, 3)
    assert found.source == str(path)
    assert found.counts == UnlabeledCounts(
        read=7, repeated=1, labeled=1, held_out=2, out_of_length=1, beyond_max=0, kept=2
    )


def test_without_the_length_filter_long_texts_stay(corpus: Corpus, tmp_path: Path) -> None:
    path = write(tmp_path / "more.jsonl", {"text": "satu dua tiga empat lima"}, {"text": "ya"})
    assert texts_of(load(corpus, path)) == ["ya"]
    found = load(corpus, path, length_filter=False)
    assert (found.words, found.counts.kept) == (None, 2)


def test_the_length_filter_leaves_out_the_ends_of_the_range(tmp_path: Path) -> None:
    train = [f"{at} " * 5 for at in range(198)] + ["x", "y " * 400]
    corpus = folder_of(tmp_path / "long", Task.TEXT, train=train, validation=VALIDATION, test=TEST)
    path = write(tmp_path / "more.jsonl", {"text": "a b c d e"}, {"text": "a"}, {"text": "z " * 400})
    found = load(corpus, path)
    assert found.words == (5, 5)
    assert texts_of(found) == ["a b c d e"]


def test_a_text_of_a_megabyte_is_out_of_length(corpus: Corpus, tmp_path: Path) -> None:
    found = load(corpus, write(tmp_path / "more.jsonl", {"text": "panjang " * 131_072}, {"text": "pendek"}))
    assert (found.counts.out_of_length, texts_of(found)) == (1, ["pendek"])


def test_texts_become_words_for_token_tasks(tagged: Corpus, tmp_path: Path) -> None:
    path = write(tmp_path / "more.jsonl", {"text": "Budi, ya?"}, {"tokens": ["ke", "Bali"]}, {"text": "ujian di solo"})
    found = load(tagged, path, length_filter=False)
    assert texts_of(found) == [["Budi", ",", "ya", "?"], ["ke", "Bali"]]
    assert found.counts.held_out == 1


def test_lines_of_a_text_file(corpus: Corpus, tmp_path: Path) -> None:
    path = tmp_path / "more.txt"
    path.write_bytes(b'\xef\xbb\xbflumayan saja\r\n\r\n  "kutip" \n{"text": 1}\n')
    assert texts_of(load(corpus, path, length_filter=False)) == ["lumayan saja", '"kutip"', '{"text": 1}']


def test_half_a_surrogate_pair_is_replaced(corpus: Corpus, tmp_path: Path) -> None:
    path = tmp_path / "more.jsonl"
    path.write_text(r'{"text": "ok \ud83d"}', encoding="utf-8")
    assert texts_of(load(corpus, path)) == ["ok �"]


def test_rows_are_mapped_from_disk_and_found_again(corpus: Corpus, tmp_path: Path, kdops_home: Path) -> None:
    path = write(tmp_path / "more.jsonl", {"text": "lumayan"}, {"text": "hambar"})
    first = load(corpus, path)
    (cached,) = (kdops_home / "unlabeled-texts").glob("*/*.arrow")
    assert first.file == cached
    written = cached.stat().st_mtime_ns
    again = load(corpus, path)
    assert (texts_of(again), again.counts) == (texts_of(first), first.counts)
    assert cached.stat().st_mtime_ns == written


def test_change_of_file_or_held_out_texts_is_noticed(corpus: Corpus, tmp_path: Path) -> None:
    path = write(tmp_path / "more.jsonl", {"text": "lumayan"}, {"text": "hambar"})
    assert texts_of(load(corpus, path)) == ["lumayan", "hambar"]
    other = folder_of(tmp_path / "other", Task.TEXT, train=TRAIN, validation=["lumayan", "jauh"], test=TEST)
    assert texts_of(load(other, path)) == ["hambar"]
    write(path, {"text": "gurih"})
    assert texts_of(load(corpus, path)) == ["gurih"]


def test_the_choice_of_the_most_texts_is_nested_and_independent_of_order(corpus: Corpus, tmp_path: Path) -> None:
    rows = [{"text": f"teks {number}"} for number in range(60)]
    path, reversed_path = write(tmp_path / "a.jsonl", *rows), write(tmp_path / "b.jsonl", *reversed(rows))
    chosen = {count: texts_of(load(corpus, path, max_texts=count)) for count in (10, 30, 90)}
    assert [len(texts) for texts in chosen.values()] == [10, 30, 60]
    assert set(map(str, chosen[10])) < set(map(str, chosen[30]))
    assert chosen[10] == texts_of(load(corpus, reversed_path, max_texts=10))[::-1]
    assert chosen[10] != [row["text"] for row in rows[:10]]
    assert chosen[10] != texts_of(load(corpus, path, max_texts=10, seed=2))
    assert load(corpus, path, max_texts=10).counts.beyond_max == 50


def test_a_file_that_holds_the_test_set_is_refused_with_the_count(tmp_path: Path, kdops_home: Path) -> None:
    test = [f"ujian {number}" for number in range(20)]
    corpus = folder_of(tmp_path / "exam", Task.TEXT, train=TRAIN, validation=VALIDATION, test=test)
    path = write(tmp_path / "more.jsonl", {"text": "hambar"}, *({"text": text.upper()} for text in test[:10]))
    with pytest.raises(UserError, match=r"more\.jsonl: it holds the test set: 10 of its 20 different texts"):
        load(corpus, path)
    assert list(kdops_home.rglob("*.arrow")) == []
    write(path, {"text": "hambar"}, *({"text": text} for text in test[:9]))
    assert load(corpus, path).counts.held_out == 9


def test_marks_do_not_hide_the_test_set(tmp_path: Path) -> None:
    test = [f"ujian nomor {number}" for number in range(20)]
    corpus = folder_of(tmp_path / "exam", Task.TEXT, train=TRAIN, validation=VALIDATION, test=test)
    path = write(tmp_path / "more.jsonl", {"text": "hambar"}, *({"text": f"{text} ."} for text in test))
    with pytest.raises(UserError, match=r"more\.jsonl: it holds the test set: 20 of its 20 different texts"):
        load(corpus, path)


def test_marks_still_count_as_words(corpus: Corpus, tmp_path: Path) -> None:
    found = load(corpus, write(tmp_path / "more.jsonl", {"text": "a, b!"}, {"text": "c d"}))
    assert (found.words, texts_of(found), found.counts.out_of_length) == ((1, 3), ["c d"], 1)


def test_invisible_texts_are_empty(corpus: Corpus, tmp_path: Path) -> None:
    path = write(tmp_path / "more.jsonl", {"text": "\u200b"}, {"tokens": ["\u200b", "lumayan"]})
    found = load(corpus, path)
    assert (found.counts.read, texts_of(found)) == (1, ["lumayan"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"text": "a"}\n{"text": "\0"}\n', ":2: a NUL byte"),
        (b'{"text": "a"}\n{"teks": "b"}\n', r":2: no column 'text' or 'tokens' \(found: 'teks'\)"),
        (b'{"text": "a"}\nb\n', ":2: not JSON"),
        (b'{"text": "a"}\n{"text": "\xff"}\n', ":2: not UTF-8"),
        (b'{"text": 3}\n', ":1: column 'text' must be a string"),
        (b'{"tokens": "a"}\n', ":1: column 'tokens' must be a list"),
        (b"", ": no text stands in it"),
        (b'{"text": " "}\n\n{"tokens": [""]}\n', ": no text stands in it"),
        (b'{"text": "kotor"}\n{"text": "mahal"}', ": no text is left of 2: 1 labeled, 1 held out"),
    ],
)
def test_bad_file_is_named_with_its_line_and_leaves_nothing(
    corpus: Corpus, tmp_path: Path, kdops_home: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "more.jsonl"
    path.write_bytes(content)
    with pytest.raises(UserError, match=rf"more\.jsonl{message}"):
        load(corpus, path)
    assert [file for file in (kdops_home / "unlabeled-texts").rglob("*") if not file.name.startswith(".")] == []


def test_what_is_no_file_of_texts_is_named(corpus: Corpus, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"catalog: no such file; unlabeled is one of default, catalogue, augmented"):
        load(corpus, "catalog")
    with pytest.raises(UserError, match="a folder"):
        load(corpus, tmp_path)
    (tmp_path / "more.xlsx").write_bytes(b"PK")
    with pytest.raises(UserError, match=r"more\.xlsx: unlabeled text is read from files that end in \.jsonl"):
        load(corpus, tmp_path / "more.xlsx")


def test_by_default_own_data_uses_the_file_beside_it(corpus: Corpus, tmp_path: Path) -> None:
    assert load_unlabeled(corpus, None) is None
    path = write(tmp_path / "unlabeled.jsonl", {"text": "lumayan"})
    beside = replace(corpus, unlabeled=path)
    assert texts_of(load(beside, "default")) == ["lumayan"]


@pytest.fixture
def public(monkeypatch: pytest.MonkeyPatch) -> None:
    """A catalogue whose data sets of texts are smsa, emot and senta, read from memory."""
    names = ("smsa", "emot", "nergrit")
    monkeypatch.setattr(pool, "CATALOG", {name: CATALOG[name] for name in (*names, "sample")})
    texts = {
        "smsa": {"train": TRAIN, "validation": VALIDATION, "test": TEST},
        "emot": {"train": ["senang sekali", "rahasia ujian"], "test": ["sedih"]},
    }

    def read(card: object) -> RawDataset:
        name = card.name  # type: ignore[attr-defined]
        rows = {split: [Example(text, "a", 1) for text in rows] for split, rows in texts[name].items()}
        return RawDataset(name, rows, {}, (), "", "", "")

    monkeypatch.setattr(pool, "read_card", read)


@pytest.mark.usefixtures("public")
def test_a_public_data_set_uses_the_texts_of_all_of_its_task(corpus: Corpus) -> None:
    found = load(replace(corpus, name="smsa"), "default")
    assert found.source == "catalogue (smsa, emot)"
    assert texts_of(found) == ["senang sekali", "sedih"]
    assert (found.counts.labeled, found.counts.held_out, found.counts.repeated) == (4, 4, 1)


@pytest.mark.usefixtures("public")
def test_own_data_may_use_the_catalogue_too(tmp_path: Path) -> None:
    own = folder_of(tmp_path / "own", Task.TEXT, train=["a b", "c"], validation=["d", "e"], test=["senang sekali", "f"])
    found = load(own, "catalogue", length_filter=False)
    assert "senang sekali" not in texts_of(found)
    assert found.counts.kept == len(TRAIN + VALIDATION + TEST) + 1


def test_augmented_texts_come_from_train_and_are_made_once(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch, kdops_home: Path
) -> None:
    found = load(corpus, "augmented", mask_token="[MASK]")
    assert found.source == f"augmented ({corpus.name})"
    assert found.words is None
    words = {word for text in TRAIN for word in text.split()} | {"[MASK]"}
    assert all(set(str(text).split()) <= words for text in texts_of(found))
    assert any("[MASK]" in str(text) for text in texts_of(found))
    assert found.counts.kept == len(set(map(str, texts_of(found)))) > 5
    assert not {str(text) for text in texts_of(found)} & {*TRAIN, *VALIDATION, *TEST}
    monkeypatch.setattr(unlabeled, "_write", None)
    assert texts_of(load(corpus, "augmented", mask_token="[MASK]")) == texts_of(found)
    assert len(list((kdops_home / "augmented-texts").glob("*/texts.jsonl"))) == 1


def test_augmented_token_texts(tagged: Corpus) -> None:
    found = load(tagged, "augmented", mask_token="[MASK]")
    rows = texts_of(found)
    assert all(isinstance(row, list) for row in rows)
    assert {word for row in cast(list[list[str]], rows) for word in row} <= {
        "Ani",
        "ke",
        "Bali",
        "di",
        "Solo",
        "[MASK]",
    }


def test_augmentation_without_gensim_is_refused_by_its_name(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(errors, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"^unlabeled=augmented needs gensim, which is not installed: pip install"):
        load(corpus, "augmented")
