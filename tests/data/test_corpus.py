import json
from pathlib import Path
from typing import Any

import pytest
from datasets import ClassLabel, DatasetDict

from kdops.data.corpus import load_corpus
from kdops.data.raw import DataOptions
from kdops.errors import UserError
from kdops.task import Task

TEXT_ROWS = [{"text": "enak sekali", "label": "good"}, {"text": "hambar", "label": "bad"}]
TAG_ROWS = [
    {"tokens": ["Budi", "ke", "Solo"], "tags": ["B-PER", "O", "B-LOC"]},
    {"tokens": ["di", "Bali", "Utara"], "tags": ["O", "B-LOC", "I-LOC"]},
]


def write_folder(folder: Path, **splits: list[Any]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for split, rows in splits.items():
        text = "\n".join(json.dumps(row) for row in rows)
        (folder / f"{split}.jsonl").write_text(text + "\n", encoding="utf-8")
    return folder


def unlike(count: int) -> list[dict[str, str]]:
    """Rows whose texts have no word in common."""
    names = [f"{first}{last}" for first in "abcdefghij" for last in "klmnopqrst"]
    return [{"text": f"{name} {name}x", "label": ("good", "bad")[row % 2]} for row, name in enumerate(names[:count])]


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "My Reviews!", train=TEXT_ROWS, validation=TEXT_ROWS, test=TEXT_ROWS)


@pytest.fixture
def sentences(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "names", train=TAG_ROWS, validation=TAG_ROWS, test=TAG_ROWS)


def test_folder_of_texts(texts: Path) -> None:
    corpus = load_corpus(str(texts))
    assert (corpus.name, corpus.task, corpus.labels) == ("my-reviews", Task.TEXT, ("bad", "good"))
    assert corpus.main_metric == "f1_macro"
    assert corpus.inputs("train") == ["enak sekali", "hambar"]
    assert corpus.gold("train") == ["good", "bad"]
    assert corpus.splits["test"].features["label"] == ClassLabel(names=["bad", "good"])
    assert corpus.unlabeled is None


def test_folder_of_tagged_sentences(sentences: Path) -> None:
    corpus = load_corpus(str(sentences))
    assert (corpus.task, corpus.labels) == (Task.TOKEN, ("O", "B-LOC", "B-PER", "I-LOC"))
    assert corpus.main_metric == "f1_entity_macro"
    assert corpus.inputs("validation") == [row["tokens"] for row in TAG_ROWS]
    assert corpus.gold("validation") == [row["tags"] for row in TAG_ROWS]


def test_unlabeled_file_beside_is_found(texts: Path) -> None:
    write_folder(texts, unlabeled=[{"text": "lumayan"}])
    assert load_corpus(str(texts)).unlabeled == texts / "unlabeled.jsonl"


def test_numbers_are_names_of_classes_too(texts: Path) -> None:
    write_folder(
        texts,
        **{split: [{"text": "a", "label": 1}, {"text": "b", "label": 0}] for split in ("train", "validation", "test")},
    )
    assert load_corpus(str(texts)).labels == ("0", "1")


def test_splits_are_datasets(texts: Path) -> None:
    splits = load_corpus(str(texts)).splits
    assert isinstance(splits, DatasetDict)
    assert list(splits) == ["train", "validation", "test"]


def test_folder_named_like_a_catalogue_entry_does_not_pass_for_it(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "smsa", train=TEXT_ROWS, validation=TEXT_ROWS, test=TEXT_ROWS)
    assert load_corpus(str(folder)).name == "smsa-folder"


def test_fingerprint_follows_the_content_and_nothing_else(texts: Path, tmp_path: Path) -> None:
    first = load_corpus(str(texts)).fingerprint
    elsewhere = write_folder(tmp_path / "copy", train=TEXT_ROWS, validation=TEXT_ROWS, test=TEXT_ROWS)
    assert load_corpus(str(elsewhere)).fingerprint == first
    assert len(first) == 16
    write_folder(elsewhere, test=TEXT_ROWS[::-1])
    assert load_corpus(str(elsewhere)).fingerprint != first


def test_files_of_other_systems_are_read(texts: Path) -> None:
    windows = "\r\n".join(json.dumps(row) for row in TEXT_ROWS) + "\r\n\r\n"
    (texts / "train.jsonl").write_bytes(b"\xef\xbb\xbf" + windows.encode())
    assert load_corpus(str(texts)).inputs("train") == ["enak sekali", "hambar"]


def test_unknown_name_lists_the_choices_and_says_what_else_works() -> None:
    with pytest.raises(
        UserError,
        match=r"unknown dataset 'smasa'.*sample, sample-tags, smsa, .*idner-news, or give the path of your own data",
    ):
        load_corpus("smasa")


@pytest.mark.parametrize(
    "options",
    [
        DataOptions(name="mine"),
        DataOptions(text_column="review"),
        DataOptions(label_column="stars"),
        DataOptions(scheme="iob1"),
    ],
)
def test_how_a_named_data_set_is_read_is_not_the_users_choice(options: DataOptions) -> None:
    with pytest.raises(UserError, match=r"^\w+=\w+ is for data of your own; kdops knows how dataset 'sample' is read"):
        load_corpus("sample", options)


def test_name_of_the_users_choice(texts: Path) -> None:
    assert load_corpus(str(texts), DataOptions(name="hotel-reviews")).name == "hotel-reviews"
    with pytest.raises(UserError, match="name=smsa is the name of a public data set"):
        load_corpus(str(texts), DataOptions(name="smsa"))


@pytest.mark.parametrize(("given", "counts"), [({}, (80, 10, 10)), ({"test": TEXT_ROWS}, (90, 10, 2))])
def test_missing_splits_are_made_from_train_and_told_of(
    tmp_path: Path, given: dict[str, list[Any]], counts: tuple[int, int, int]
) -> None:
    folder = write_folder(tmp_path / "meals", train=unlike(100), **given)
    corpus = load_corpus(str(folder))
    assert tuple(len(corpus.splits[split]) for split in ("train", "validation", "test")) == counts
    assert corpus.notes[-1].startswith("made from train: validation (10 rows)")
    assert load_corpus(str(folder), DataOptions(seed=2)).fingerprint != corpus.fingerprint


def test_leaks_are_dropped_on_request(texts: Path) -> None:
    write_folder(texts, train=[*TEXT_ROWS, *unlike(10)])
    kept = load_corpus(str(texts))
    dropped = load_corpus(str(texts), DataOptions(drop_leaks=True))
    assert (len(kept.splits["train"]), kept.notes) == (12, ())
    assert dropped.inputs("train") == kept.inputs("train")[2:]
    assert dropped.notes == ("dropped from train: 2 rows whose texts stand in validation or test",)
    assert dropped.fingerprint != kept.fingerprint


def test_tags_are_brought_to_iob2(tmp_path: Path) -> None:
    rows = [
        {"tokens": ["Budi", "ke", "Solo", "Baru"], "tags": ["I-PER", "O", "I-LOC", "I-LOC"]},
        {"tokens": ["di", "Bali", "Utara"], "tags": ["O", "I-LOC", "I-LOC"]},
    ]
    folder = write_folder(tmp_path / "names", train=rows, validation=rows, test=rows)
    corpus = load_corpus(str(folder), DataOptions(scheme="iob1"))
    assert corpus.gold("train") == [["B-PER", "O", "B-LOC", "I-LOC"], ["O", "B-LOC", "I-LOC"]]
    assert corpus.labels == ("O", "B-LOC", "B-PER", "I-LOC")


def test_plain_tags_are_scored_one_by_one(tmp_path: Path) -> None:
    rows = [{"tokens": ["Budi", "makan"], "tags": ["NNP", "VB"]}, {"tokens": ["makan"], "tags": ["VB"]}]
    corpus = load_corpus(str(write_folder(tmp_path / "words", train=rows, validation=rows, test=rows)))
    assert (corpus.labels, corpus.main_metric) == (("NNP", "VB"), "f1_macro")


BAD_TEXT_FILES = [
    (b'{"text": "a", "label": "good"}\nnot json\n', ":2: not JSON"),
    (b'{"text": "a", "label": "good"}\n["a"]\n', ":2: expected a JSON object"),
    (b'{"text": "a", "label": "good"}\n{"text": "\xe9", "label": "bad"}\n', ":2: not UTF-8"),
    (b'{"text": "a"}\n', ":1: no column 'label'.*found: 'text'"),
    (b'{"kalimat": "a", "label": "good"}\n', ":1: no column 'text'.*found: 'kalimat', 'label'"),
    (b'{"text": "a", "label": "good"}\n\n{"text": "  ", "label": "bad"}\n', ":3: the text is empty"),
    (b'{"text": 5, "label": "good"}\n', ":1: column 'text' must be a string"),
    (b'{"text": "a", "label": null}\n', ":1: column 'label' must be a name, found null"),
    (b'{"text": "a", "label": ""}\n', ":1: an empty label"),
    (b"", "the file is empty"),
    (b" \n\n", "the file is empty"),
    (b'{"text": "a", "label": "good"}\n{"tokens": ["a"], "tags": ["O"]}\n', ":2: a row for token-classification"),
    (b'{"text": "a", "label": "good"}\n{"text": "b", "label": "good"}\n', "every label of (train|test) is 'good'"),
]


@pytest.mark.parametrize(("content", "message"), BAD_TEXT_FILES)
@pytest.mark.parametrize("split", ["train", "test"])
def test_bad_file_is_named_with_its_line(texts: Path, split: str, content: bytes, message: str) -> None:
    (texts / f"{split}.jsonl").write_bytes(content)
    with pytest.raises(UserError, match=rf"{split}\.jsonl.*{message}"):
        load_corpus(str(texts))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"tokens": ["a", "b"], "tags": ["O"]}, ":1: 2 tokens but 1 tags"),
        ({"tokens": [], "tags": []}, ":1: an empty token|:1: the text is empty"),
        ({"tokens": ["a", ""], "tags": ["O", "O"]}, ":1: an empty token"),
        ({"tokens": ["a"]}, ":1: no column 'tags'"),
        ({"tokens": "a b", "tags": ["O", "O"]}, ":1: column 'tokens' must be a list of strings"),
        ({"tokens": ["a"], "tags": [1]}, ":1: column 'tags' holds numbers of tags, but not their names"),
        ({"tokens": ["a"], "tags": [None]}, ":1: column 'tags' must be a list of strings"),
        ({"tokens": ["a"], "tags": ["PER"]}, ":1: tag 'PER' is not IOB2"),
        ({"tokens": ["a"], "tags": ["B-ORG"]}, ":1: unknown label 'B-ORG'"),
    ],
)
def test_bad_sentence_is_named_with_its_line(sentences: Path, row: dict[str, Any], message: str) -> None:
    write_folder(sentences, test=[row, *TAG_ROWS])
    with pytest.raises(UserError, match=rf"test\.jsonl{message}"):
        load_corpus(str(sentences))


def test_train_must_be_there(texts: Path) -> None:
    (texts / "train.jsonl").unlink()
    with pytest.raises(UserError, match=r"My Reviews!: no train file \(train\.jsonl, "):
        load_corpus(str(texts))


@pytest.mark.parametrize("split", ["validation", "test"])
def test_too_few_rows_to_make_a_split(texts: Path, split: str) -> None:
    (texts / f"{split}.jsonl").unlink()
    with pytest.raises(UserError, match=rf"train\.jsonl: 2 rows are too few, or too much alike, to make {split} from"):
        load_corpus(str(texts))


@pytest.mark.parametrize("split", ["validation", "test"])
def test_label_that_training_never_has_is_named(texts: Path, split: str) -> None:
    write_folder(texts, **{split: [*TEXT_ROWS, {"text": "biasa", "label": "neutral"}]})
    with pytest.raises(UserError, match=rf"{split}\.jsonl:3: .*'neutral'.*(bad, good)"):
        load_corpus(str(texts))
