import time
from pathlib import Path

import pytest

from kdops.data.catalog.formats import read_text_tsv
from kdops.data.raw import DataOptions, Example
from kdops.data.readers.conll import read_conll
from kdops.data.readers.examples import checked
from kdops.data.readers.jsonfiles import read_jsonl
from kdops.data.readers.lines import parse_json
from kdops.errors import UserError


def test_text_tsv_takes_quotes_and_odd_separators_as_text(tmp_path: Path) -> None:
    path = tmp_path / "file.tsv"
    path.write_text('"enak" katanya\u2028 lho\tpositive\nbiasa\tneutral\n', encoding="utf-8")
    assert list(read_text_tsv(path)) == [
        Example('"enak" katanya\u2028 lho', "positive", 1),
        Example("biasa", "neutral", 2),
    ]


@pytest.mark.parametrize("line", ["tanpa label", "dua\ttab\tpositive"])
def test_text_tsv_names_the_line_without_two_columns(tmp_path: Path, line: str) -> None:
    path = tmp_path / "file.tsv"
    path.write_text(f"enak\tpositive\n{line}\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"file\.tsv:2: expected a text, a tab and a label"):
        list(read_text_tsv(path))


def test_conll_ends_a_sentence_at_an_empty_line_and_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("Budi\tB-PER\nsalah satu\tO\n\n\nSolo\tB-LOC", encoding="utf-8")
    assert read_conll(path).rows == [
        Example(["Budi", "salah satu"], ["B-PER", "O"], 1),
        Example(["Solo"], ["B-LOC"], 5),
    ]


def test_conll_names_the_line_without_two_columns(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("Budi\tB-PER\nSolo B-LOC\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"file\.txt:2: expected 2 columns as before, found 1"):
        read_conll(path)


def test_conll_takes_the_columns_of_words_and_tags_by_number(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("Berikut PROPN O\nIndonesia PROPN B-LOC\n", encoding="utf-8")
    assert read_conll(path).rows == [Example(["Berikut", "Indonesia"], ["O", "B-LOC"], 1)]
    assert read_conll(path, DataOptions(label_column="2")).rows == [
        Example(["Berikut", "Indonesia"], ["PROPN", "PROPN"], 1)
    ]


def test_conll_comments_are_told_from_words(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("# text = Budi\n1\tBudi\tB-PER\n#\t#\tO\n\n#\t#\tO\n", encoding="utf-8")
    assert read_conll(path, DataOptions(text_column="2")).rows == [
        Example(["Budi", "#"], ["B-PER", "O"], 2),
        Example(["#"], ["O"], 5),
    ]
    path.write_text("# O\nBudi B-PER\n", encoding="utf-8")
    assert read_conll(path).rows == [Example(["#", "Budi"], ["O", "B-PER"], 1)]


def test_an_invisible_word_is_a_word(tmp_path: Path) -> None:
    # public files have zero-width spaces among their words
    path = tmp_path / "file.txt"
    path.write_text("Budi\tB-PER\n\u200b\tO\n", encoding="utf-8")
    assert read_conll(path).rows == [Example(["Budi", "\u200b"], ["B-PER", "O"], 1)]


@pytest.mark.parametrize("text", ["\u200b", " \ufeff\u2060 ", "\x01", ""])
def test_what_nobody_sees_is_an_empty_text(text: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=":4: the text is empty"):
        checked(text, "good", tmp_path, 4)
    with pytest.raises(UserError, match=":4: an empty token"):
        checked([text], ["O"], tmp_path, 4)


def test_conll_words_and_tags_are_two_columns(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("Budi NNP B-PER\n", encoding="utf-8")
    for columns in ({"text_column": "3"}, {"label_column": "1"}, {"text_column": "2", "label_column": "2"}):
        with pytest.raises(UserError, match=r"file\.txt:1: column \d of 3 would hold both the words and the tags"):
            read_conll(path, DataOptions(**columns))


def test_json_with_a_column_twice_is_an_error(tmp_path: Path) -> None:
    assert parse_json('{"a": {"b": 1}, "b": [2]}', tmp_path, 1) == {"a": {"b": 1}, "b": [2]}
    with pytest.raises(UserError, match=r":3: column 'b' stands there twice"):
        parse_json('{"a": {"b": 1, "b": 2}}', tmp_path, 3)


def test_readers_are_fast_enough_for_large_files(tmp_path: Path) -> None:
    rows = 50_000
    texts = [f"ulasan nomor {row} enak sekali dan murah" for row in range(rows)]
    (tmp_path / "a.jsonl").write_text("".join(f'{{"text": "{text}", "label": "x"}}\n' for text in texts))
    start = time.process_time()
    assert len(read_jsonl(tmp_path / "a.jsonl").rows) == rows
    assert time.process_time() - start < 5
