"""The user's own files: every kind gives the same rows, and every fault is named with its line before any training."""

import csv
import io
import json
import logging
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from kdops.data.checks import check_split, sorted_labels
from kdops.data.corpus import load_corpus
from kdops.data.names import own_name
from kdops.data.raw import DataOptions, Example
from kdops.data.readers.examples import LONGEST_TEXT, visible
from kdops.data.schemes import to_iob2
from kdops.data.user_data import read_own
from kdops.errors import UserError
from kdops.task import Task

Rows = Sequence[tuple[Any, Any]]

TEXTS: Rows = [
    ("enak sekali, murah", "good"),
    ('"hambar" katanya', "bad"),
    ("😀😀🔥", "good"),
    ("nol koma lima: 0,5; ya", "bad"),
]
SENTENCES: Rows = [
    (["Budi", "ke", "Solo"], ["B-PER", "O", "B-LOC"]),
    (["#", "😀", "Bali", "Utara"], ["O", "O", "B-LOC", "I-LOC"]),
]


def jsonl(rows: Rows) -> bytes:
    names = ("tokens", "tags") if rows and isinstance(rows[0][0], list) else ("text", "label")
    return "".join(json.dumps(dict(zip(names, row, strict=True))) + "\n" for row in rows).encode()


def comma(rows: Rows, delimiter: str = ",") -> bytes:
    written = io.StringIO(newline="")
    csv.writer(written, delimiter=delimiter).writerows([("text", "label"), *rows])
    return written.getvalue().encode()


def tabs(rows: Rows) -> bytes:
    return "".join(f"{text}\t{label}\n" for text, label in [("text", "label"), *rows]).encode()


def columnar(rows: Rows) -> bytes:
    names = ("tokens", "tags") if rows and isinstance(rows[0][0], list) else ("text", "label")
    columns = {name: pa.array([row[place] for row in rows]) for place, name in enumerate(names)}
    if not rows:
        columns = {name: pa.array([], pa.string()) for name in names}
    written = io.BytesIO()
    parquet.write_table(pa.table(columns), written)
    return written.getvalue()


def conll(rows: Rows, separator: str = "\t") -> bytes:
    return "".join(
        "".join(f"{word}{separator}{tag}\n" for word, tag in zip(words, tags, strict=True)) + "\n"
        for words, tags in rows
    ).encode()


OF_TEXTS: dict[str, Callable[[Rows], bytes]] = {
    ".jsonl": jsonl,
    ".ndjson": jsonl,
    ".csv": comma,
    ".tsv": tabs,
    ".parquet": columnar,
}
OF_WORDS: dict[str, Callable[[Rows], bytes]] = {
    ".jsonl": jsonl,
    ".parquet": columnar,
    ".conll": conll,
    ".iob": conll,
    ".txt": conll,
    ".tsv": conll,
}
BOTH = [
    *((kind, write, TEXTS) for kind, write in OF_TEXTS.items()),
    *((kind, write, SENTENCES) for kind, write in OF_WORDS.items()),
]


def read(path: Path, content: bytes, **options: Any) -> list[Example]:
    path.write_bytes(content)
    return list(read_own(str(path), DataOptions(**options)).rows["train"])


def read_and_check(path: Path, content: bytes) -> None:
    """All that comes before training."""
    rows, _ = to_iob2({"train": read(path, content)}, "auto", {"train": path})
    check_split("train", rows["train"], rows["train"], sorted_labels(rows["train"]), path)


def pairs(rows: Sequence[Example]) -> list[tuple[Any, Any]]:
    return [(row.input, row.gold) for row in rows]


def fails(path: Path, content: bytes) -> str:
    with pytest.raises(UserError) as caught:
        read_and_check(path, content)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    return message.removeprefix(str(path))


def text_line(kind: str, row: int) -> int:
    """Where the file of that kind has its row, from 1."""
    return row if kind in (".jsonl", ".ndjson", ".parquet") else row + 1


class TestKinds:
    @pytest.mark.parametrize(("kind", "write", "rows"), BOTH)
    def test_each_gives_the_same_rows(
        self, kind: str, write: Callable[[Rows], bytes], rows: Rows, tmp_path: Path
    ) -> None:
        assert pairs(read(tmp_path / f"data{kind}", write(rows))) == rows
        assert pairs(read(tmp_path / f"data{kind.upper()}", write(rows))) == rows
        read_and_check(tmp_path / f"data{kind}", write(rows))

    @given(
        rows=st.lists(
            st.tuples(
                st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1).filter(visible),
                st.sampled_from(["good", "bad"]),
            ),
            min_size=1,
        )
    )
    def test_any_text_comes_through_each(self, rows: Rows, tmp_path_factory: pytest.TempPathFactory) -> None:
        folder = tmp_path_factory.mktemp("any")
        for kind, write in OF_TEXTS.items():
            assert pairs(read(folder / f"data{kind}", write(rows))) == rows

    @pytest.mark.parametrize("write", [conll, lambda rows: conll(rows, " "), lambda rows: conll(rows, "  ")])
    def test_words_between_tabs_or_spaces(self, write: Callable[[Rows], bytes], tmp_path: Path) -> None:
        for kind in (".conll", ".txt", ".tsv"):
            assert pairs(read(tmp_path / f"data{kind}", write(SENTENCES))) == SENTENCES

    @pytest.mark.parametrize(("writers", "rows"), [(OF_TEXTS, TEXTS), (OF_WORDS, SENTENCES)])
    def test_fingerprint_does_not_follow_the_kind(
        self, writers: dict[str, Callable[[Rows], bytes]], rows: Rows, tmp_path: Path
    ) -> None:
        fingerprints = set()
        for kind, write in writers.items():
            folder = tmp_path / kind.removeprefix(".")
            folder.mkdir()
            for split in ("train", "validation", "test"):
                (folder / f"{split}{kind}").write_bytes(write(rows))
            fingerprints.add(load_corpus(str(folder)).fingerprint)
        assert len(fingerprints) == 1

    def test_lines_count_from_one(self, tmp_path: Path) -> None:
        rows: Rows = [("a\nb", "x"), ("c", "y")]
        assert [row.line for row in read(tmp_path / "data.csv", comma(rows))] == [2, 4]
        assert [row.line for row in read(tmp_path / "data.conll", conll(SENTENCES))] == [1, 5]
        assert [row.line for row in read(tmp_path / "data.parquet", columnar(rows))] == [1, 2]

    @pytest.mark.parametrize(("kind", "write", "rows"), [case for case in BOTH if case[0] != ".parquet"])
    def test_files_of_other_systems(
        self, kind: str, write: Callable[[Rows], bytes], rows: Rows, tmp_path: Path
    ) -> None:
        content = b"\xef\xbb\xbf" + write(rows).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") + b"\r\n"
        assert pairs(read(tmp_path / f"data{kind}", content)) == rows

    def test_semicolons(self, tmp_path: Path) -> None:
        assert pairs(read(tmp_path / "data.csv", comma(TEXTS, ";"))) == TEXTS

    def test_numbers_are_names_of_classes_too(self, tmp_path: Path) -> None:
        for kind, write in OF_TEXTS.items():
            assert pairs(read(tmp_path / f"data{kind}", write([("a", 1), ("b", 0)]))) == [("a", "1"), ("b", "0")]


class TestColumns:
    def test_common_names_are_found(self, tmp_path: Path) -> None:
        content = b"id,Tweet,Sentiment\n1,enak,good\n2,hambar,bad\n"
        assert pairs(read(tmp_path / "data.csv", content)) == [("enak", "good"), ("hambar", "bad")]
        content = b'{"words": ["a", "b"], "ner_tags": ["O", "B-X"]}\n'
        assert pairs(read(tmp_path / "data.jsonl", content)) == [(["a", "b"], ["O", "B-X"])]

    def test_named(self, tmp_path: Path) -> None:
        content = b"label,kalimat,nilai\n7,enak,good\n8,hambar,bad\n"
        rows = read(tmp_path / "data.csv", content, text_column="kalimat", label_column="nilai")
        assert pairs(rows) == [("enak", "good"), ("hambar", "bad")]

    @pytest.mark.parametrize(("kind", "separator"), [(".csv", ","), (".csv", ";"), (".tsv", "\t")])
    def test_by_number_where_they_have_no_names(self, kind: str, separator: str, tmp_path: Path) -> None:
        content = "7,good,enak\n8,bad,hambar\n".replace(",", separator).encode()
        rows = read(tmp_path / f"data{kind}", content, text_column="3", label_column="2")
        assert pairs(rows) == [("enak", "good"), ("hambar", "bad")]
        assert rows[0].line == 1

    def test_numbers_do_not_make_a_header_a_row(self, tmp_path: Path) -> None:
        rows = read(tmp_path / "data.csv", b"label,text\ngood,enak\n", text_column="2", label_column="1")
        assert pairs(rows) == [("enak", "good")]

    def test_two_columns_without_names_are_known_by_a_label_that_returns(self, tmp_path: Path) -> None:
        content = b"enak\tgood\nhambar\tbad\nmantap\tgood\n"
        assert pairs(read(tmp_path / "data.tsv", content)) == [("enak", "good"), ("hambar", "bad"), ("mantap", "good")]

    def test_words_and_tags_by_number(self, tmp_path: Path) -> None:
        content = b"# sent_id = 1\n1\tBudi\tX\tB-PER\n2\tpergi\tX\tO\n\n# sent_id = 2\n1\tke\tX\tO\n"
        rows = read(tmp_path / "data.conll", content, text_column="2", label_column="4")
        assert pairs(rows) == [(["Budi", "pergi"], ["B-PER", "O"]), (["ke"], ["O"])]
        assert [row.line for row in rows] == [2, 6]
        assert read(tmp_path / "data.conll", content, text_column="4", label_column="2")[1].gold == ["ke"]

    def test_document_starts_are_left_out(self, tmp_path: Path) -> None:
        content = b"-DOCSTART- -X- O\n\nBudi NNP B-PER\nke IN O\n\n-DOCSTART- -X- O\n\n# NN O\n"
        rows = read(tmp_path / "data.txt", content)
        assert pairs(rows) == [(["Budi", "ke"], ["B-PER", "O"]), (["#"], ["O"])]

    @pytest.mark.parametrize(
        ("header", "options", "message"),
        [
            ("kalimat,label", {}, "no column 'text' (or 'tokens' and 'tags'; found: 'kalimat', 'label'); give text_co"),
            ("text,nilai", {}, "no column 'label' beside 'text' (found: 'text', 'nilai'); give label_column"),
            ("title,content,label", {}, "columns 'title', 'content' could each be the text; choose one with text_col"),
            ("text,sentiment,topic", {}, "columns 'sentiment', 'topic' could each be the label; choose one with lab"),
            ("text,label", {"text_column": "kalimat"}, "text_column=kalimat is not a column (found: 'text', 'label')"),
            ("text,label", {"label_column": "9"}, "label_column=9 is not a column (found: '1', '2')"),
            ("text,label", {"label_column": "text"}, "column 'text' would be both the text and its label; choose two"),
            (
                "text,label",
                {"text_column": "2", "label_column": "2"},
                "column '2' would be both the text and its label",
            ),
        ],
    )
    def test_unclear_ones_are_an_error(
        self, header: str, options: dict[str, str], message: str, tmp_path: Path
    ) -> None:
        line = ",".join("abc"[: header.count(",") + 1])
        with pytest.raises(UserError) as caught:
            read(tmp_path / "data.csv", f"{header}\n{line}\n".encode(), **options)
        assert message in str(caught.value)

    def test_one_text_of_a_pair_can_be_chosen(self, tmp_path: Path) -> None:
        rows = read(tmp_path / "data.csv", b"premise,hypothesis,label\na,b,x\n", text_column="premise")
        assert pairs(rows) == [("a", "x")]

    @pytest.mark.parametrize("kind", [".csv", ".jsonl", ".parquet"])
    def test_labels_in_columns_of_0_and_1_are_several_a_text(self, kind: str, tmp_path: Path) -> None:
        table = {"text": ["a", "b"], "HS": [1, 0], "Abusive": [0, 0]}
        path = tmp_path / f"data{kind}"
        if kind == ".parquet":
            parquet.write_table(pa.table(table), path)
        else:
            rows = [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)]
            lines = [json.dumps(row) for row in rows]
            commas = [",".join(table), *(",".join(map(str, row.values())) for row in rows)]
            path.write_text("\n".join(lines if kind == ".jsonl" else commas))
        assert pairs(read_own(str(path), DataOptions()).rows["train"]) == [("a", ["HS"]), ("b", [])]
        assert pairs(read_own(str(path), DataOptions(label_column="HS")).rows["train"]) == [("a", "1"), ("b", "0")]

    @pytest.mark.parametrize(("kind", "write"), [(".jsonl", jsonl), (".parquet", columnar)])
    def test_a_list_of_labels_is_several_a_text(
        self, kind: str, write: Callable[[Rows], bytes], tmp_path: Path
    ) -> None:
        content = write([("a", ["x"]), ("b", ["x", "y"])])
        path = tmp_path / f"data{kind}"
        assert pairs(read(path, content)) == [("a", ["x"]), ("b", ["x", "y"])]
        message = f"{path}:2: label 'x y' reads as several labels"
        with pytest.raises(UserError, match=re.escape(message)):
            read_own(str(path), DataOptions(task=Task.TEXT))

    @pytest.mark.parametrize(("kind", "write"), OF_TEXTS.items())
    @pytest.mark.parametrize("label", ["a|b", "a,b", "a, b", "a | b|a", "['a', 'b']", '["a", "b"]'])
    def test_several_labels_in_a_cell_are_several_a_text(
        self, kind: str, write: Callable[[Rows], bytes], label: str, tmp_path: Path
    ) -> None:
        rows = read(tmp_path / f"data{kind}", write([("x", "a"), ("y", "b"), ("z", label)]))
        assert pairs(rows) == [("x", ["a"]), ("y", ["b"]), ("z", ["a", "b"])]

    def test_names_may_hold_such_marks(self, tmp_path: Path) -> None:
        rows: Rows = [("x", "food, drinks"), ("y", "food"), ("z", "a|b"), ("v", "[other"), ("w", "|")]
        assert pairs(read(tmp_path / "data.jsonl", jsonl(rows))) == rows

    def test_one_text_of_a_pair_alone_is_a_text(self, tmp_path: Path) -> None:
        assert pairs(read(tmp_path / "data.csv", b"text,passage,label\na,b,x\n")) == [("a", "x")]


class TestFaultsOfTexts:
    @pytest.fixture(params=list(OF_TEXTS))
    def kind(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)

    def test_no_rows(self, kind: str, tmp_path: Path) -> None:
        message = fails(tmp_path / f"data{kind}", OF_TEXTS[kind]([]))
        assert message == (": the file is empty" if kind in (".jsonl", ".ndjson") else ": no rows")

    def test_nothing_at_all(self, kind: str, tmp_path: Path) -> None:
        message = fails(tmp_path / f"data{kind}", b"")
        assert message.startswith(": not a Parquet file" if kind == ".parquet" else ": the file is empty")

    def test_one_class_only(self, kind: str, tmp_path: Path) -> None:
        content = OF_TEXTS[kind]([("a", "good"), ("b", "good")])
        assert fails(tmp_path / f"data{kind}", content).startswith(": every label of train is 'good'")

    def test_empty_text(self, kind: str, tmp_path: Path) -> None:
        content = OF_TEXTS[kind]([("a", "good"), (" ", "bad")])
        assert fails(tmp_path / f"data{kind}", content) == f":{text_line(kind, 2)}: the text is empty"

    def test_empty_label(self, kind: str, tmp_path: Path) -> None:
        content = OF_TEXTS[kind]([("a", "good"), ("b", "")])
        assert fails(tmp_path / f"data{kind}", content) == f":{text_line(kind, 2)}: an empty label"

    def test_a_text_that_nobody_sees(self, kind: str, tmp_path: Path) -> None:
        content = OF_TEXTS[kind]([("a", "good"), ("\u200b \u2060", "bad")])
        assert fails(tmp_path / f"data{kind}", content) == f":{text_line(kind, 2)}: the text is empty"

    def test_a_nul(self, kind: str, tmp_path: Path) -> None:
        content = OF_TEXTS[kind]([("a", "good"), ("b\0", "bad")])
        assert fails(tmp_path / f"data{kind}", content).startswith(f":{text_line(kind, 2)}: a NUL ")

    @pytest.mark.parametrize("label", ["0.5", "-1.0", ".25", "3.5e-2"])
    def test_a_number_with_a_fraction_is_no_name(self, kind: str, label: str, tmp_path: Path) -> None:
        content = OF_TEXTS[kind]([("a", "1"), ("b", label)])
        message = fails(tmp_path / f"data{kind}", content)
        assert message == f":{text_line(kind, 2)}: column 'label' must be a name, found \"{label}\""

    def test_a_text_of_a_megabyte(self, kind: str, tmp_path: Path) -> None:
        content = OF_TEXTS[kind]([("a", "good"), ("b " * 500_000, "bad")])
        message = fails(tmp_path / f"data{kind}", content)
        what = "a cell of more than 131,072" if kind == ".csv" else "a text of 1,000,000"
        assert message.startswith(f":{text_line(kind, 2)}: {what} characters")

    def test_the_longest_text(self, kind: str, tmp_path: Path) -> None:
        rows: Rows = [("a" * LONGEST_TEXT, "good"), ("b", "bad")]
        assert pairs(read(tmp_path / f"data{kind}", OF_TEXTS[kind](rows))) == rows

    def test_wrong_encoding(self, kind: str, tmp_path: Path) -> None:
        content = OF_TEXTS[kind]([("a", "good"), ("kafQ", "bad")])
        if kind == ".parquet":
            column = pa.Array.from_buffers(pa.string(), 2, pa.array([b"a", b"caf\xe9"], pa.binary()).buffers())
            written = io.BytesIO()
            parquet.write_table(pa.table({"text": column, "label": ["good", "bad"]}), written)
            content = written.getvalue()
        message = fails(tmp_path / f"data{kind}", content.replace(b"kafQ", b"caf\xe9"))
        assert message == f":{text_line(kind, 2)}: not UTF-8 text; save the file as UTF-8"

    @pytest.mark.parametrize(
        ("kind", "content", "message"),
        [
            (".jsonl", b'{"text": "a", "text": "b", "label": "x"}\n', ":1: column 'text' stands there twice"),
            (".csv", b"text,label,text\na,x,b\n", ":1: column 'text' stands there twice"),
            (".tsv", b"text\tlabel\ttext\na\tx\tb\n", ":1: column 'text' stands there twice"),
            (".csv", b"Text,label,text\na,x,b\n", ":2: columns 'Text', 'text' could each be the text"),
        ],
    )
    def test_duplicate_column(self, kind: str, content: bytes, message: str, tmp_path: Path) -> None:
        assert fails(tmp_path / f"data{kind}", content).startswith(message)

    def test_duplicate_column_of_parquet(self, tmp_path: Path) -> None:
        table = pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], names=["text", "text"])
        written = io.BytesIO()
        parquet.write_table(table, written)
        assert fails(tmp_path / "data.parquet", written.getvalue()) == ": column 'text' stands there twice"

    def test_a_quote_that_is_never_closed_in_a_long_file(self, tmp_path: Path) -> None:
        content = comma([("a", "good"), ("QQ", "bad"), *[("kata " * 20, "bad")] * 2_000]).replace(b"QQ", b'"b')
        message = fails(tmp_path / "data.csv", content)
        assert message == (":3: a cell of more than 131,072 characters; is a quote that opens there never closed?")

    @pytest.mark.parametrize(
        ("kind", "content", "message"),
        [
            (".jsonl", b'{"text": "a", "label": "x"}\n{"text": "b",\n', ":2: not JSON: "),
            (".jsonl", b'{"text": "a", "label": "x"}\n{"text": 1e999, "label": "x"}', ":2: column 'text' must be a st"),
            (
                ".jsonl",
                b'{"text": "a", "label": "x"}\n{"text": NaN, "label": "x"}',
                ":2: column 'text' must be a string, found NaN",
            ),
            (".jsonl", b'{"text": "a", "label": 0.5}', ":1: column 'label' must be a name, found 0.5"),
            (".jsonl", b'{"text": "a", "label": true}', ":1: column 'label' must be a name, found true"),
            (".jsonl", b'{"text": "a", "label": ' + b"9" * 5000 + b"}", ":1: not JSON that can be read"),
            (
                ".jsonl",
                b'{"text": "a", "label": "x"}\n{"text": "\\ud83d", "label": "y"}',
                ":2: half a character ('\\ud83d')",
            ),
            (".jsonl", b"[" * 100_000, ":1: not JSON that can be read"),
            (".csv", b'text,label\na,x\n"b,y\nc,z\n', ":3: not CSV: unexpected end of data; is a quote that opens the"),
            (".csv", b'text,label\na,x\n"b" c,y\n', ":3: not CSV: ',' expected after '\"'"),
            (".csv", b"text,label\na,x\nb\n", ":3: expected 2 columns as in line 1, found 1"),
            (".csv", b"text,label\na,x\n\nb, c,y\n", ":4: expected 2 columns as in line 1, found 3"),
            (".tsv", b"text\tlabel\na\tx\nb\ty\tz\n", ":3: expected 2 columns as in line 1, found 3"),
            (".tsv", b"enak\nhambar\n", ":1: expected 2 columns or more, found 1"),
            (".parquet", b"PAR1 and nothing else", ": not a Parquet file that can be read: "),
        ],
    )
    def test_broken_line(self, kind: str, content: bytes, message: str, tmp_path: Path) -> None:
        assert fails(tmp_path / f"data{kind}", content).startswith(message)

    def test_truncated_parquet(self, tmp_path: Path) -> None:
        content = columnar([("a" * 50, "x")] * 5_000)
        assert "not a Parquet file that can be read" in fails(tmp_path / "data.parquet", content[:-200])

    @pytest.mark.parametrize(
        ("texts", "labels", "message"),
        [
            (["a", None], ["x", "y"], ":2: column 'text' must be a string, found null"),
            ([0.5, float("nan")], ["x", "y"], ":1: column 'text' must be a string, found 0.5"),
            (["a", "b"], ["x", None], ":2: column 'label' must be a name, found null"),
            (["a", "b"], [1.0, 2.0], ":1: column 'label' must be a name, found 1.0"),
            (["a", "b"], [True, False], ":1: column 'label' must be a name, found true"),
            ([b"a", b"b"], ["x", "y"], ":1: column 'text' must be a string, found \"b'a'\""),
        ],
    )
    def test_missing_values_and_other_types_of_parquet(
        self, texts: list[Any], labels: list[Any], message: str, tmp_path: Path
    ) -> None:
        written = io.BytesIO()
        parquet.write_table(pa.table({"text": texts, "label": labels}), written)
        assert fails(tmp_path / "data.parquet", written.getvalue()) == message


class TestFaultsOfWords:
    @pytest.fixture(params=list(OF_WORDS))
    def kind(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)

    @staticmethod
    def second(kind: str, word: int = 1) -> int:
        """The line of a word of the second sentence, after a first one of two words."""
        return 2 if kind in (".jsonl", ".parquet") else 3 + word

    FIRST = (["Budi", "di"], ["B-PER", "O"])

    def test_no_rows(self, kind: str, tmp_path: Path) -> None:
        message = fails(tmp_path / f"data{kind}", OF_WORDS[kind]([]))
        assert message == (": no rows" if kind == ".parquet" else ": the file is empty")

    def test_one_class_only(self, kind: str, tmp_path: Path) -> None:
        content = OF_WORDS[kind]([(["a", "b"], ["O", "O"]), (["c"], ["O"])])
        assert fails(tmp_path / f"data{kind}", content).startswith(": every label of train is 'O'")

    def test_zero_length_token(self, kind: str, tmp_path: Path) -> None:
        content = OF_WORDS[kind]([self.FIRST, (["a", ""], ["O", "O"])])
        assert fails(tmp_path / f"data{kind}", content) == f":{self.second(kind, 2)}: an empty token"

    def test_a_token_that_nobody_sees(self, kind: str, tmp_path: Path) -> None:
        content = OF_WORDS[kind]([self.FIRST, (["a", "\u200b"], ["O", "O"])])
        message = fails(tmp_path / f"data{kind}", content)
        assert message == f":{self.second(kind)}: an empty token ('\\u200b' has no character that is seen)"

    def test_zero_length_tag(self, kind: str, tmp_path: Path) -> None:
        content = OF_WORDS[kind]([self.FIRST, (["a", "b"], ["O", ""])])
        assert fails(tmp_path / f"data{kind}", content) == f":{self.second(kind, 2)}: an empty label"

    def test_tag_outside_its_scheme(self, kind: str, tmp_path: Path) -> None:
        content = OF_WORDS[kind]([self.FIRST, (["Solo", "b"], ["LOC", "O"])])
        message = fails(tmp_path / f"data{kind}", content)
        assert message == f":{self.second(kind)}: tag 'LOC' is not IOB2 (O, B-TYPE or I-TYPE)"

    def test_a_sentence_of_a_megabyte(self, kind: str, tmp_path: Path) -> None:
        content = OF_WORDS[kind]([self.FIRST, (["kata"] * 250_000, ["O"] * 250_000)])
        message = fails(tmp_path / f"data{kind}", content)
        assert message == f":{self.second(kind)}: a text of 1,000,000 characters; the most is 100,000"

    @pytest.mark.parametrize("kind", [kind for kind in OF_WORDS if kind != ".parquet"])
    def test_wrong_encoding(self, kind: str, tmp_path: Path) -> None:
        content = OF_WORDS[kind]([self.FIRST, (["kafQ", "b"], ["O", "O"])]).replace(b"kafQ", b"caf\xe9")
        assert fails(tmp_path / f"data{kind}", content).startswith(f":{self.second(kind)}: not UTF-8 text")

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"Budi B-PER\nke O\n\nSolo\n", ":4: expected 2 columns as before, found 1"),
            (b"Budi\tB-PER\nSolo B-LOC\n", ":2: expected 2 columns as before, found 1"),
            (b"Budi NNP B-PER\nke O\n", ":2: expected 3 columns as before, found 2"),
            (b"Budi\n", ":1: expected 2 columns or more, found 1"),
        ],
    )
    def test_broken_line(self, content: bytes, message: str, tmp_path: Path) -> None:
        assert fails(tmp_path / "data.conll", content) == message

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"text_column": "word"}, "text_column=word: the columns of words and tags have no names; give a number"),
            ({"label_column": "0"}, "label_column=0: the columns of words and tags have no names; give a number"),
            ({"label_column": "5"}, "data.conll:1: expected 5 columns or more, found 2"),
        ],
    )
    def test_columns_that_are_none(self, options: dict[str, str], message: str, tmp_path: Path) -> None:
        with pytest.raises(UserError) as caught:
            read(tmp_path / "data.conll", conll(SENTENCES), **options)
        assert message in str(caught.value)


class TestPlaces:
    def test_a_folder_of_files_of_several_kinds(self, tmp_path: Path) -> None:
        (tmp_path / "train.csv").write_bytes(comma(TEXTS))
        (tmp_path / "dev.jsonl").write_bytes(jsonl(TEXTS[:2]))
        (tmp_path / "Test.parquet").write_bytes(columnar(TEXTS[2:]))
        (tmp_path / "unlabeled.txt").write_text("lumayan\n")
        (tmp_path / "notes.md").write_text("mine\n")
        raw = read_own(str(tmp_path), DataOptions())
        assert {split: pairs(rows) for split, rows in raw.rows.items()} == {
            "train": TEXTS,
            "validation": TEXTS[:2],
            "test": TEXTS[2:],
        }
        assert raw.places["validation"] == tmp_path / "dev.jsonl"
        assert raw.unlabeled == tmp_path / "unlabeled.txt"
        assert (raw.licence, raw.citation, raw.labels) == ("the user's own", str(tmp_path), ())
        assert raw.rows["train"][0].task is Task.TEXT

    @pytest.mark.parametrize(
        ("files", "read", "message"),
        [
            (["unlabeled.csv"], None, "unlabeled.csv is not read; for texts without labels the first of unlabeled.j"),
            (
                ["Unlabeled.parquet", "unlabeled.txt"],
                "unlabeled.txt",
                "Unlabeled.parquet is not read; for texts without labels unlabeled.txt is",
            ),
            (["unlabeled.ndjson"], "unlabeled.ndjson", None),
        ],
    )
    def test_unlabeled_files_that_are_not_read_are_told_of(
        self, files: list[str], read: str | None, message: str | None, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        (tmp_path / "train.csv").write_bytes(comma(TEXTS))
        for file in files:
            (tmp_path / file).write_text("lumayan\n")
        with caplog.at_level(logging.WARNING, logger="kdops"):
            found = read_own(str(tmp_path), DataOptions()).unlabeled
        assert (found and found.name) == read
        assert len(caplog.messages) == (message is not None)
        assert message is None or message in caplog.messages[0]

    def test_one_file_is_train(self, tmp_path: Path) -> None:
        (tmp_path / "reviews.csv").write_bytes(comma(TEXTS))
        raw = read_own(str(tmp_path / "reviews.csv"), DataOptions())
        assert list(raw.rows) == ["train"]
        assert (raw.name, raw.unlabeled) == ("reviews", None)

    @pytest.mark.parametrize(
        ("folder", "name", "expected"),
        [
            ("My Reviews!", None, "my-reviews"),
            ("reviews", "Ulasan Toko", "ulasan-toko"),
            ("smsa", None, "smsa-folder"),
            ("!!!", None, "dataset-e84c53"),
        ],
    )
    def test_names_are_made_safe(self, folder: str, name: str | None, expected: str, tmp_path: Path) -> None:
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "train.csv").write_bytes(comma(TEXTS))
        assert read_own(str(tmp_path / folder), DataOptions(name=name)).name == expected
        # And found again when the data is gone.
        shutil.rmtree(tmp_path / folder)
        assert own_name(str(tmp_path / folder), name) == expected

    def test_own_data_cannot_take_a_public_name(self, tmp_path: Path) -> None:
        (tmp_path / "smsa.csv").write_bytes(comma(TEXTS))
        assert read_own(str(tmp_path / "smsa.csv"), DataOptions()).name == "smsa-file"
        with pytest.raises(UserError, match=r"name=smsa is the name of a public data set; choose another"):
            read_own(str(tmp_path / "smsa.csv"), DataOptions(name="smsa"))

    @pytest.mark.parametrize(
        ("files", "message"),
        [
            (["train.csv", "train.jsonl"], "train.csv and train.jsonl are both train; keep one of them"),
            (["train.csv", "dev.csv", "valid.csv"], "dev.csv and valid.csv are both validation; keep one of them"),
            (["test.csv"], "no train file (train.jsonl, train.ndjson, train.csv, train.tsv, train.txt, train.parqu"),
            (["train.pdf"], "train.pdf: cannot read '.pdf'; use .jsonl, .ndjson, .csv, .tsv, .txt, .parquet, .conl"),
        ],
    )
    def test_folders_that_are_unclear(self, files: list[str], message: str, tmp_path: Path) -> None:
        for file in files:
            (tmp_path / file).write_bytes(comma(TEXTS))
        with pytest.raises(UserError) as caught:
            read_own(str(tmp_path), DataOptions())
        assert message in str(caught.value)

    @pytest.mark.parametrize(
        "name", ["./reviews", "/no/such/folder", "no/such/folder", "~/no-such-folder", "reviews.csv"]
    )
    def test_a_path_that_is_not_there_is_no_hub_id(self, name: str) -> None:
        searched = "" if name.startswith(("/", "~")) else f" in {Path.cwd()}"
        with pytest.raises(UserError, match=f"no such file or folder{searched}$"):
            read_own(name, DataOptions())
