from pathlib import Path

import pytest

from kdops.data.parsers import Example, read_conll, read_text_tsv
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
    assert list(read_conll(path)) == [
        Example(["Budi", "salah satu"], ["B-PER", "O"], 1),
        Example(["Solo"], ["B-LOC"], 5),
    ]


def test_conll_names_the_line_without_two_columns(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("Budi\tB-PER\nSolo B-LOC\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"file\.txt:2: expected a word, a tab and a tag"):
        list(read_conll(path))
