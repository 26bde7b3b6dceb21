"""Files with one word a line, as treebanks and shared tasks publish them."""

from pathlib import Path

import pytest

from kdops.data.raw import DataOptions, Example, FileRows
from kdops.data.readers.by_suffix import read_files
from kdops.data.readers.conll import read_conll
from kdops.task import Task

CONLLU = """# sent_id = 1
# text = voy del mar
1\tvoy\tir\tVERB\t_\tMood=Ind\t0\troot\t_\t_
2-3\tdel\t_\t_\t_\t_\t_\t_\t_\t_
2\tde\tde\tADP\t_\t_\t4\tcase\t_\t_
3\tel\tel\tDET\t_\t_\t4\tdet\t_\t_
4\tmar\tmar\tNOUN\t_\t_\t1\tobl\t_\t_

# sent_id = 2
1\tsí\tsí\tINTJ\t_\t_\t0\troot\t_\t_
1.1\tvoy\tir\tVERB\t_\t_\t_\t_\t_\t_
"""
GERMEVAL = """#\thttp://example.org/0 [2011-01-01]
1\tJonas\tB-PER\tO
2\tin\tO\tO
3\tBremen\tB-LOC\tO

#\thttp://example.org/1 [2011-01-01]
1\tUni\tB-ORG\tO
2\tBremen\tI-ORG\tB-LOC
"""


def read(path: Path, content: str, **options: str) -> FileRows:
    path.write_text(content, encoding="utf-8")
    return read_conll(path, DataOptions(**options))  # type: ignore[arg-type]


def test_conllu_has_words_and_parts_of_speech_without_ranges_and_empty_nodes(tmp_path: Path) -> None:
    found = read(tmp_path / "data.conllu", CONLLU)
    assert found.rows == [
        Example(["voy", "de", "el", "mar"], ["VERB", "ADP", "DET", "NOUN"], 3),
        Example(["sí"], ["INTJ"], 10),
    ]
    assert found.notes == ("2 lines left out: words of several (2-3) or of none (8.1) by their numbers",)
    assert found.columns == "words column 2, tags column 4 of 10"
    assert read_files([tmp_path / "data.conllu"], DataOptions()).rows == found.rows


def test_conllu_columns_can_be_chosen(tmp_path: Path) -> None:
    found = read(tmp_path / "data.conllu", CONLLU, label_column="8")
    assert found.rows[0].gold == ["root", "case", "det", "obl"]


def test_ranges_are_left_out_of_fewer_columns_too(tmp_path: Path) -> None:
    content = "1\tvoy\tir\tVERB\n2-3\tdel\t_\t_\n2\tde\tde\tADP\n3\tel\tel\tDET\n"
    found = read(tmp_path / "data.conll", content, text_column="2", label_column="4")
    assert found.rows == [Example(["voy", "de", "el"], ["VERB", "ADP", "DET"], 1)]
    assert found.notes[0].startswith("1 lines left out")


def test_germeval_has_addresses_between_sentences_and_outer_spans(tmp_path: Path) -> None:
    found = read(tmp_path / "train.tsv", GERMEVAL)
    assert found.rows == [
        Example(["Jonas", "in", "Bremen"], ["B-PER", "O", "B-LOC"], 2),
        Example(["Uni", "Bremen"], ["B-ORG", "I-ORG"], 7),
    ]
    assert found.columns == "words column 2, tags column 3 of 4"
    inner = read(tmp_path / "train.tsv", GERMEVAL, label_column="4")
    assert inner.rows[1].gold == ["O", "B-LOC"]
    assert read_files([tmp_path / "train.tsv"], DataOptions()).rows == found.rows


@pytest.mark.parametrize(
    "content",
    [
        "1945 CD O\nSukarno NNP B-PER\n",
        "3 CD O\n5 CD O\n\n7 CD B-X\n9 CD O\n",
    ],
)
def test_numbers_that_count_no_words_are_words(content: str, tmp_path: Path) -> None:
    found = read(tmp_path / "data.conll", content)
    assert found.rows[0].input == [line.split()[0] for line in content.split("\n\n")[0].split("\n") if line]


def test_ranges_are_words_where_words_are_not_numbered(tmp_path: Path) -> None:
    found = read(tmp_path / "data.conll", "2-3\tO\nPersija\tB-ORG\n8.1\tO\n")
    assert found.rows[0].input == ["2-3", "Persija", "8.1"]
    assert found.notes == ()


def test_the_separator_can_be_named(tmp_path: Path) -> None:
    found = read(tmp_path / "data.conll", "New York\tB-LOC\n", separator="tab")
    assert found.rows == [Example(["New York"], ["B-LOC"], 1)]
    found = read(tmp_path / "data.conll", "Solo;B-LOC\n", separator=";")
    assert found.rows == [Example(["Solo"], ["B-LOC"], 1)]


def test_task_decides_between_words_and_texts(tmp_path: Path) -> None:
    path = tmp_path / "data.tsv"
    path.write_text("Budi\tB-PER\nke\tO\nSolo\tB-LOC\n")
    assert read_files([path], DataOptions(task=Task.TOKEN)).rows == [
        Example(["Budi", "ke", "Solo"], ["B-PER", "O", "B-LOC"], 1)
    ]


def test_headings_of_all_sentences_are_left_out(tmp_path: Path) -> None:
    content = "# id 1 domain=en\nAnna _ _ B-PER\n\n# id 2 domain=en\nin _ _ O\nRome _ _ B-LOC\n"
    found = read(tmp_path / "data.conll", content)
    assert found.rows == [Example(["Anna"], ["B-PER"], 2), Example(["in", "Rome"], ["O", "B-LOC"], 5)]
    assert found.notes == ("2 lines left out: each begins a sentence with #",)


def test_a_language_before_every_word_is_left_out(tmp_path: Path) -> None:
    content = "id:Budi\tB-PER\nid:ke\tO\n\nid::\tO\n"
    found = read(tmp_path / "data.tsv", content)
    assert found.rows == [Example(["Budi", "ke"], ["B-PER", "O"], 1), Example([":"], ["O"], 4)]
    assert found.notes == ("'id:' left out: every word began with it",)
    found = read(tmp_path / "data.tsv", content.replace("id:ke", "ke"))
    assert found.rows[0].input == ["id:Budi", "ke"]
