"""Tables: which character separates, which file is what, and what a cell holds."""

import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value
from datasets import List as ListOf
from pyarrow import parquet

from kdops.data.corpus import load_corpus
from kdops.data.raw import DataOptions, Example
from kdops.data.readers.by_suffix import READERS
from kdops.data.readers.separators import separator_of
from kdops.data.user_data import read_own
from kdops.errors import UserError
from kdops.task import Task

KAGGLE = """Sentence #,Word,POS,Tag
Sentence: 1,Anna,NNP,B-per
,visited,VBD,O
,Rome,NNP,B-geo
Sentence: 2,rain,NN,O
"""
SENTENCES = [(["Anna", "visited", "Rome"], ["B-per", "O", "B-geo"]), (["rain"], ["O"])]


def read(path: Path, content: str, **options: Any) -> list[tuple[Any, Any]]:
    path.write_text(content, encoding="utf-8")
    return pairs(path, **options)


def pairs(path: Path, **options: Any) -> list[tuple[Any, Any]]:
    return [(row.input, row.gold) for row in read_own(str(path), DataOptions(**options)).rows["train"]]


class TestSeparators:
    @pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
    def test_each_is_found_whatever_stands_in_the_texts(self, separator: str, tmp_path: Path) -> None:
        rows = [("Murah, bagus; sip", "pos"), ("Mahal", "neg"), ("Jelek | rusak", "neg"), ("a\tb", "pos")]
        for header in ([], [("text", "label")]):
            written = io.StringIO(newline="")
            csv.writer(written, delimiter=separator).writerows([*header, *rows])
            assert read(tmp_path / "data.csv", written.getvalue()) == rows

    def test_a_comma_in_the_first_line_does_not_decide(self, tmp_path: Path) -> None:
        content = "Murah, bagus;pos\nMahal;neg\nJelek, rusak;neg\nsip;pos\n"
        assert read(tmp_path / "data.csv", content)[0] == ("Murah, bagus", "pos")

    def test_where_two_fit_equally_the_header_or_the_labels_decide(self, tmp_path: Path) -> None:
        content = "text;label\na, b;pos\nc, d;neg\n"
        assert read(tmp_path / "data.csv", content) == [("a, b", "pos"), ("c, d", "neg")]
        content = "a, b;pos\nc, d;neg\ne, f;pos\ng, h;neg\n"
        assert read(tmp_path / "data.csv", content)[0] == ("a, b", "pos")

    def test_it_can_be_named(self, tmp_path: Path) -> None:
        content = "text;label\na, b;pos\nc, d;neg\n"
        for name in (";", "semicolon"):
            assert read(tmp_path / "data.csv", content, separator=name)[0] == ("a, b", "pos")
        assert read(tmp_path / "data.csv", "text~label\na~x\n", separator="~") == [("a", "x")]
        assert read(tmp_path / "data.tsv", "text|label\na|x\n", separator="pipe") == [("a", "x")]

    def test_the_error_says_what_was_taken(self, tmp_path: Path) -> None:
        content = "text;label\na;x\nb;y\nc;d;z\n"
        with pytest.raises(UserError, match=r":4: expected 2 columns as in line 1, found 3 between semicolons"):
            read(tmp_path / "data.csv", content)

    @pytest.mark.parametrize("wrong", ["", "ab", "x", '"', "1"])
    def test_what_is_no_separator_is_an_error(self, wrong: str) -> None:
        with pytest.raises(UserError, match=r"give one character, or one of: comma, semicolon, tab, pipe, space"):
            separator_of(wrong)

    def test_a_first_line_for_excel_names_it(self, tmp_path: Path) -> None:
        path = tmp_path / "data.csv"
        assert read(path, "sep=;\r\ntext;label\r\na, b;x\r\nc, d;y\r\n") == [("a, b", "x"), ("c, d", "y")]
        with pytest.raises(UserError, match=r"data\.csv:4: expected 2 columns as in line 2, found 1"):
            read(path, "sep=;\ntext;label\na;x\nb\n")

    @pytest.mark.parametrize("kind", [".csv", ".tsv"])
    def test_the_label_may_come_first(self, kind: str, tmp_path: Path) -> None:
        rows = [("ham", "Go until jurong"), ("spam", "Free entry"), ("ham", "Ok lar"), ("ham", "Go until jurong")]
        content = "".join(f"{label}\t{text}\n" for label, text in rows).replace("\t", "," if kind == ".csv" else "\t")
        assert read(tmp_path / f"data{kind}", content) == [(text, label) for label, text in rows]


class TestTagStrings:
    def test_one_tag_per_word_in_a_cell_is_read_as_words_and_tags(self, tmp_path: Path) -> None:
        content = "text,labels\nAnna visited Rome,B-per O B-geo\nrain,O\n"
        assert read(tmp_path / "data.csv", content) == [
            (["Anna", "visited", "Rome"], ["B-per", "O", "B-geo"]),
            (["rain"], ["O"]),
        ]
        raw = read_own(str(tmp_path / "data.csv"), DataOptions())
        assert raw.notes == ("data.csv: 2 rows hold one tag per word in one cell: texts and tags were cut at blanks",)

    def test_a_row_with_fewer_tags_is_an_error(self, tmp_path: Path) -> None:
        content = "text,labels\nAnna visited Rome,B-per O B-geo\nrain in Oslo,O B-geo\n"
        with pytest.raises(UserError, match=r":3: label 'O B-geo' reads as 2 tags, but its text has 3 words"):
            read(tmp_path / "data.csv", content)
        found = read(tmp_path / "data.csv", content, task=Task.TEXT)
        assert found[1] == ("rain in Oslo", "O B-geo")

    def test_names_of_classes_are_not_tags(self, tmp_path: Path) -> None:
        content = "text,label\na b,very good\nc d,bad\n"
        assert read(tmp_path / "data.csv", content) == [("a b", "very good"), ("c d", "bad")]

    def test_plain_tags_are_read_where_the_task_says_so(self, tmp_path: Path) -> None:
        content = "text,label\nburung terbang,NN VB\n"
        assert read(tmp_path / "data.csv", content, task=Task.TOKEN) == [(["burung", "terbang"], ["NN", "VB"])]

    @pytest.mark.parametrize("columns", ["tokens,ner_tags", "text,label"])
    def test_lists_as_pandas_writes_them(self, columns: str, tmp_path: Path) -> None:
        rows = [(["Anna", "it's"], ["B-PER", "O"]), (["Solo"], ["B-LOC"])]
        written = io.StringIO(newline="")
        csv.writer(written).writerows([columns.split(","), *([str(words), str(tags)] for words, tags in rows)])
        assert read(tmp_path / "data.csv", written.getvalue()) == rows
        assert "2 rows whose cells hold Python lists" in read_own(str(tmp_path / "data.csv"), DataOptions()).notes[0]


class TestTablesOfWords:
    @pytest.mark.parametrize("options", [{}, {"text_column": "Word", "label_column": "Tag"}])
    def test_a_sentence_column_joins_them(self, options: dict[str, str], tmp_path: Path) -> None:
        assert read(tmp_path / "data.csv", KAGGLE, **options) == SENTENCES
        raw = read_own(str(tmp_path / "data.csv"), DataOptions(**options))
        assert raw.notes == ("data.csv: 4 rows of one word each are 2 sentences by 'Sentence #'",)
        assert raw.columns == "words 'Word', tags 'Tag', sentences 'Sentence #'"

    def test_numbers_on_every_row_and_other_tags(self, tmp_path: Path) -> None:
        content = "sentence_id,token,pos\n0,Anna,NNP\n0,visited,VBD\n1,rain,NN\n"
        assert read(tmp_path / "data.csv", content) == [(["Anna", "visited"], ["NNP", "VBD"]), (["rain"], ["NN"])]

    def test_an_empty_word_is_named_with_its_row(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match=r"data\.csv:3: an empty token"):
            read(tmp_path / "data.csv", KAGGLE.replace("visited", ""))

    def test_without_tags_the_columns_are_named(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match=r"no column of tags; give label_column \(found: 'Sentence #', 'W"):
            read(tmp_path / "data.csv", "Sentence #,Word,X\nSentence: 1,Anna,B-per\n")

    def test_without_a_sentence_column_it_is_one_line(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match=r"data\.csv: each row is one word and its tag, and no column numbers"):
            read(
                tmp_path / "data.csv",
                "Word,Tag\nAnna,B-per\nin,O\nRome,B-geo\n",
                text_column="Word",
                label_column="Tag",
            )

    def test_a_named_column_of_words_wants_span_tags_beside_it(self, tmp_path: Path) -> None:
        content = "sentence_id,Kata,Label\n1,Budi,B-PER\n1,pulang,O\n2,Solo,B-LOC\n"
        found = read(tmp_path / "data.csv", content, text_column="Kata", label_column="Label")
        assert found == [(["Budi", "pulang"], ["B-PER", "O"]), (["Solo"], ["B-LOC"])]
        content = "sentence_id,review,label\n1,enak,pos\n2,hambar sekali,neg\n"
        found = read(tmp_path / "data.csv", content, text_column="review", label_column="label")
        assert found == [("enak", "pos"), ("hambar sekali", "neg")]

    def test_sentences_that_are_texts_stay_texts(self, tmp_path: Path) -> None:
        content = "sentence,word,label\nhe sat by the bank,bank,river\nthe bank is shut,bank,money\n"
        assert read(tmp_path / "data.csv", content)[0] == ("he sat by the bank", "river")


class TestClassNames:
    TEXTS = Features({"text": Value("string"), "label": ClassLabel(names=["neg", "pos"])})
    WORDS = Features({"tokens": ListOf(Value("string")), "ner_tags": ListOf(ClassLabel(names=["O", "B-PER"]))})

    def test_parquet_of_the_hub_has_the_names_of_its_classes(self, tmp_path: Path) -> None:
        data = Dataset.from_dict({"text": ["a", "b"], "label": [1, 0]}, features=self.TEXTS)
        data.to_parquet(tmp_path / "data.parquet")
        assert pairs(tmp_path / "data.parquet") == [("a", "pos"), ("b", "neg")]

    def test_and_those_of_its_tags(self, tmp_path: Path) -> None:
        data = Dataset.from_dict({"tokens": [["Budi", "pergi"]], "ner_tags": [[1, 0]]}, features=self.WORDS)
        data.to_parquet(tmp_path / "data.parquet")
        assert pairs(tmp_path / "data.parquet") == [(["Budi", "pergi"], ["B-PER", "O"])]

    def test_a_label_that_is_masked_is_an_error(self, tmp_path: Path) -> None:
        Dataset.from_dict({"text": ["a"], "label": [-1]}, features=self.TEXTS).to_parquet(tmp_path / "data.parquet")
        with pytest.raises(UserError, match=r":1: column 'label' must be a name, found null"):
            pairs(tmp_path / "data.parquet")

    @pytest.mark.parametrize("metadata", [b"not json", b"{}", b'{"info": {"features": {"label": 3}}}'])
    def test_other_metadata_is_none_of_ours(self, metadata: bytes, tmp_path: Path) -> None:
        table = pa.table({"text": ["a", "b"], "label": [1, 0]}).replace_schema_metadata({"huggingface": metadata})
        parquet.write_table(table, tmp_path / "data.parquet")
        assert pairs(tmp_path / "data.parquet") == [("a", "1"), ("b", "0")]

    def test_tags_that_are_numbers_without_names_are_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match=r":1: column 'ner_tags' holds numbers of tags, but not their names"):
            read(tmp_path / "data.jsonl", '{"tokens": ["Budi", "pergi"], "ner_tags": [1, 0]}\n')

    @pytest.mark.parametrize("inside", ["", "data"])
    def test_the_layout_of_the_hub(self, inside: str, tmp_path: Path) -> None:
        folder = tmp_path / inside
        folder.mkdir(exist_ok=True)
        for shard, rows in enumerate((["a", "b"], ["c"])):
            data = Dataset.from_dict({"text": rows, "label": [0] * len(rows)}, features=self.TEXTS)
            data.to_parquet(folder / f"train-{shard:05}-of-00002.parquet")
        Dataset.from_dict({"text": ["d"], "label": [1]}, features=self.TEXTS).to_parquet(
            folder / "test-00000-of-00001.parquet"
        )
        raw = read_own(str(tmp_path), DataOptions())
        assert {split: [row.input for row in rows] for split, rows in raw.rows.items()} == {
            "train": ["a", "b", "c"],
            "test": ["d"],
        }
        assert raw.places["train"] == folder / "train-*-of-00002.parquet"
        (folder / "train-00001-of-00002.parquet").unlink()
        with pytest.raises(UserError, match=r"1 of 2 files of train are there"):
            read_own(str(tmp_path), DataOptions())

    def test_a_data_set_saved_to_disk(self, tmp_path: Path) -> None:
        data = Dataset.from_dict({"text": ["a", "b"], "label": [1, 0]}, features=self.TEXTS)
        DatasetDict({"train": data, "test": data}).save_to_disk(tmp_path / "both")
        raw = read_own(str(tmp_path / "both"), DataOptions())
        assert raw.rows == {split: [Example("a", "pos", 1), Example("b", "neg", 2)] for split in ("train", "test")}
        data.save_to_disk(tmp_path / "one")
        assert pairs(tmp_path / "one") == [("a", "pos"), ("b", "neg")]


class TestOtherFiles:
    def test_fasttext(self, tmp_path: Path) -> None:
        assert read(tmp_path / "data.txt", "__label__pos enak sekali\n__label__neg , buruk benar\n") == [
            ("enak sekali", "pos"),
            ("buruk benar", "neg"),
        ]
        assert read(tmp_path / "data.txt", "__label__pos __label__neg enak\n__label__neg basi\n") == [
            ("enak", ["pos", "neg"]),
            ("basi", ["neg"]),
        ]
        with pytest.raises(UserError, match=r":2: the text is empty"):
            read(tmp_path / "data.txt", "__label__pos enak\n__label__neg\n")

    def test_excel(self, tmp_path: Path) -> None:
        book = openpyxl.Workbook()
        for row in (["id", "review", "label"], [1, "enak", "pos"], [None, None, None], [2, "hambar", "neg"]):
            book.active.append(row)
        book.create_sheet("more")
        book.save(tmp_path / "data.xlsx")
        assert pairs(tmp_path / "data.xlsx") == [("enak", "pos"), ("hambar", "neg")]
        assert read_own(str(tmp_path / "data.xlsx"), DataOptions()).notes == (
            "data.xlsx: the first of 2 sheets is read",
        )

    def test_whole_numbers_of_excel_are_names(self, tmp_path: Path) -> None:
        book = openpyxl.Workbook()
        for row in (["text", "label"], ["enak", 5], ["hambar", 1.0], ["lumayan", None]):
            book.active.append(row)
        book.save(tmp_path / "data.xlsx")
        with pytest.raises(UserError, match=r":4: an empty label"):
            pairs(tmp_path / "data.xlsx")
        book.active.delete_rows(4)
        book.save(tmp_path / "data.xlsx")
        assert pairs(tmp_path / "data.xlsx") == [("enak", "5"), ("hambar", "1")]

    def test_what_is_no_workbook(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match=r"data\.xlsx: not an Excel workbook that can be read"):
            read(tmp_path / "data.xlsx", "text,label\n")

    @pytest.mark.parametrize(
        "content",
        [
            json.dumps([{"text": "a", "label": "x"}, {"text": "b", "label": "y"}], indent=1),
            json.dumps({"version": "1", "data": [{"text": "a", "label": "x"}, {"text": "b", "label": "y"}]}),
            '{"text": "a", "label": "x"}\n{"text": "b", "label": "y"}\n',
        ],
    )
    def test_json(self, content: str, tmp_path: Path) -> None:
        assert read(tmp_path / "data.json", content) == [("a", "x"), ("b", "y")]

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ('[{"text": "a", "label": "x"}, 3]', r":2: expected a JSON object, found 3"),
            ('"a"', r": expected a list of JSON objects"),
            ('[{"text": "a"', r": not JSON: "),
            ("[" * 100_000, r": not JSON that can be read"),
        ],
    )
    def test_faults_of_json(self, content: str, message: str, tmp_path: Path) -> None:
        with pytest.raises(UserError, match=rf"data\.json{message}"):
            read(tmp_path / "data.json", content)

    @pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".tsv"])
    def test_packed_files(self, suffix: str, tmp_path: Path) -> None:
        lines = {
            ".csv": "text,label\na,x\nb,y\n",
            ".tsv": "text\tlabel\na\tx\nb\ty\n",
            ".jsonl": '{"text": "a", "label": "x"}\n{"text": "b", "label": "y"}\n',
        }
        (tmp_path / f"train{suffix}.gz").write_bytes(gzip.compress(lines[suffix].encode()))
        assert pairs(tmp_path) == [("a", "x"), ("b", "y")]
        (tmp_path / f"train{suffix}.gz").write_bytes(b"no gzip")
        with pytest.raises(UserError, match=r"not a gzip file that can be unpacked"):
            pairs(tmp_path)

    def test_a_folder_per_class(self, tmp_path: Path) -> None:
        for split in ("train", "test"):
            for name, text in (("pos", "enak\nsekali"), ("neg", "hambar")):
                folder = tmp_path / "reviews" / split / name
                folder.mkdir(parents=True)
                (folder / "0.txt").write_text(f"{text} {split}\n")
        raw = read_own(str(tmp_path / "reviews"), DataOptions())
        assert [(row.input, row.gold) for row in raw.rows["test"]] == [
            ("hambar test", "neg"),
            ("enak\nsekali test", "pos"),
        ]
        assert len(pairs(tmp_path / "reviews" / "train")) == 2

    def test_words_or_texts_are_asked_for_where_that_is_unclear(self, tmp_path: Path) -> None:
        content = "enak\tpos\n\nhambar sekali\tneg\n\nsip\tpos\n\nbiasa saja\tneg\n"
        with pytest.raises(UserError, match=r"give task=token-classification if each line is a word and its tag, or"):
            read(tmp_path / "data.tsv", content)
        assert len(read(tmp_path / "data.tsv", content, task=Task.TEXT)) == 4

    def test_a_task_that_the_rows_are_not_for_is_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match=r":1: task=text-classification, but this row is words and their tags"):
            read(tmp_path / "data.jsonl", '{"tokens": ["a"], "tags": ["O"]}\n', task=Task.TEXT)
        with pytest.raises(UserError, match=r":2: label 'x' reads as 1 tags, but its text has 2 words"):
            read(tmp_path / "data.csv", "text,label\na b,x\n", task=Task.TOKEN)

    def test_options_for_files_are_not_for_public_data(self) -> None:
        with pytest.raises(UserError, match=r"task=token-classification, but dataset 'sample' is for text-class"):
            load_corpus("sample", DataOptions(task=Task.TOKEN))
        with pytest.raises(UserError, match=r"separator=; is for data of your own"):
            load_corpus("sample", DataOptions(separator=";"))
        assert load_corpus("sample", DataOptions(task=Task.TEXT)).name == "sample"

    def test_every_kind_of_file_is_in_the_table_of_formats(self) -> None:
        page = (Path(__file__).parents[3] / "docs" / "data.md").read_text(encoding="utf-8")
        assert [suffix for suffix in READERS if f"`{suffix}`" not in page] == []
