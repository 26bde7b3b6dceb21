"""Pairs of texts, and of words, in each form that files have them in; each fault is one line."""

import json
from pathlib import Path

import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing

from kdops.data.corpus import load_corpus
from kdops.data.encoding import encode
from kdops.data.facts import summary
from kdops.data.general_texts import general_texts
from kdops.data.inputs import Pair
from kdops.data.keys import content_key
from kdops.data.raw import DataOptions, Example
from kdops.data.unlabeled import load_unlabeled
from kdops.data.user_data import read_own
from kdops.errors import UserError
from kdops.task import Task

ROWS = [("hujan turun", "basah", "yes"), ("panas", "dingin", "no"), ("siang", "malam", "no"), ("api", "panas", "yes")]


def rows_of(path: Path, content: str, **options: object) -> list[Example]:
    path.write_text(content, encoding="utf-8")
    return list(read_own(str(path), DataOptions(**options)).rows["train"])  # type: ignore[arg-type]


def lines(*rows: object) -> str:
    return "\n".join(json.dumps(row) for row in rows)


def folder_of(folder: Path) -> Path:
    for number, split in enumerate(("train", "validation", "test")):
        rows = ({"text": f"{a} {number}", "text_pair": f"{b} {number}", "label": label} for a, b, label in ROWS)
        (folder / f"{split}.jsonl").write_text(lines(*rows), encoding="utf-8")
    return folder


@pytest.mark.parametrize("names", [("premise", "hypothesis"), ("text", "text_pair"), ("question", "passage")])
def test_columns_of_pairs_are_found(names: tuple[str, str], tmp_path: Path) -> None:
    expected = [(Pair(text=one, text_pair=other), label) for one, other, label in ROWS]
    table = "\n".join([",".join([*names, "label"]), *map(",".join, ROWS)])
    objects = lines(*(dict(zip([*names, "label"], row, strict=True)) for row in ROWS))
    for name, content in (("data.csv", table), ("data.jsonl", objects)):
        read = rows_of(tmp_path / name, content)
        assert [(row.input, row.gold) for row in read] == expected
        assert {row.task for row in read} == {Task.TEXT}


def test_columns_of_pairs_are_named(tmp_path: Path) -> None:
    table = "\n".join(["a,b,label", *map(",".join, ROWS)])
    assert rows_of(tmp_path / "data.csv", table, text_column="b,a")[0].input == {
        "text": "basah",
        "text_pair": "hujan turun",
    }
    with pytest.raises(UserError, match=r"text_column=a,b,c must name one column, or the two of a pair"):
        rows_of(tmp_path / "data.csv", table, text_column="a,b,c")


def test_a_question_and_the_tags_of_a_passage(tmp_path: Path) -> None:
    row = {"question": ["siapa", "?"], "passage": ["Budi", "datang"], "tags": ["B-A", "O"]}
    (example,) = rows_of(tmp_path / "data.jsonl", lines(row))
    assert example.input == {"text": ["siapa", "?"], "text_pair": ["Budi", "datang"]}
    assert example.task is Task.TOKEN
    cells = "question,passage,seq_label\n" + ",".join(f'"{value}"' for value in row.values())
    assert rows_of(tmp_path / "data.csv", cells)[0].input == example.input
    with pytest.raises(UserError, match=r":1: 2 tokens but 1 tags"):
        rows_of(tmp_path / "data.jsonl", lines(row | {"tags": ["O"]}))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"text": "", "text_pair": "a"}, ":1: the text is empty"),
        ({"text": "a", "text_pair": " "}, ":1: the second text of the pair: the text is empty"),
        ({"text": "a", "text_pair": None}, ":1: column 'text_pair' must be a string, found null"),
        ({"text": "a", "text_pair": "b\0"}, ":1: the second text of the pair: a NUL character"),
    ],
)
def test_faults_of_a_side(row: dict[str, object], message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        rows_of(tmp_path / "data.jsonl", lines(row | {"label": "x"}))
    assert str(caught.value) == f"{tmp_path / 'data.jsonl'}{message}"


def test_a_corpus_of_pairs(tmp_path: Path) -> None:
    corpus = load_corpus(str(folder_of(tmp_path)))
    assert corpus.pairs
    assert corpus.splits["train"].column_names == ["text", "text_pair", "label"]
    assert corpus.inputs("train")[0] == {"text": "hujan turun 0", "text_pair": "basah 0"}
    assert "row 1: 'hujan turun 0' and 'basah 0' is 'yes'" in summary(corpus)
    assert content_key(Pair(text="a", text_pair="b")) != content_key(Pair(text="a", text_pair="c"))


def test_single_texts_among_pairs_are_an_error(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    (folder / "test.jsonl").write_text(lines({"text": "a", "label": "yes"}, {"text": "b", "label": "no"}))
    with pytest.raises(UserError, match=r"test\.jsonl:1: one text, but the first row of train is a pair of texts"):
        load_corpus(str(folder))


def test_pairs_without_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KDOPS_HOME", str(tmp_path / "home"))
    corpus = load_corpus(str(folder_of(tmp_path)))
    file = tmp_path / "more.jsonl"
    file.write_text(lines({"text": "satu dua", "text_pair": "tiga"}, {"text": "empat", "text_pair": "lima enam"}))
    more = load_unlabeled(corpus, str(file), length_filter=False)
    assert more is not None
    assert list(more.inputs())[1] == {"text": "empat", "text_pair": "lima enam"}
    file.write_text(lines({"text": "satu dua"}))
    with pytest.raises(UserError, match=r"more\.jsonl:1: no column 'text_pair' or 'tokens_pair'"):
        load_unlabeled(corpus, str(file))
    made = load_unlabeled(corpus, "augmented", mask_token="[MASK]")
    assert made is not None
    assert all(set(pair) == {"text", "text_pair"} for pair in made.inputs())
    assert any("[MASK]" in str(pair) for pair in made.inputs())
    assert "basah 0" in list(general_texts(corpus, []))


def test_words_of_the_second_side_are_units() -> None:
    vocabulary = {name: index for index, name in enumerate(["[UNK]", "[CLS]", "[SEP]", "a", "b", "c"])}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    ends = [("[CLS]", 1), ("[SEP]", 2)]
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=ends
    )
    encoded = encode(tokenizer, [Pair(text=["a", "b"], text_pair=["c", "a"])], Task.TOKEN, 16)
    assert encoded.ids.tolist() == [1, 3, 4, 2, 5, 3, 2]
    assert encoded.unit_positions.tolist() == [4, 5]
    assert encoded.unit_words.tolist() == [0, 1]
    texts = encode(tokenizer, [Pair(text="a b", text_pair="c a b c")], Task.TEXT, 7)
    assert texts.ids.tolist() == [1, 3, 4, 2, 5, 3, 2]
    assert texts.unit_positions.tolist() == [0]
