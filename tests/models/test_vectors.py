import pickle
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from gensim.models import FastText, KeyedVectors
from gensim.models.fasttext import save_facebook_model

from kdops.errors import UserError
from kdops.models import vectors
from kdops.models.embeddings import fit_width
from kdops.models.vectors import check_vector_file, vector_table

WIDTH = 6
WORDS = ["kamu", "nasi", "an", "jakarta", "</s>", "enak", "é", "Solo"]


@pytest.fixture(scope="module")
def known() -> KeyedVectors:
    vectors = KeyedVectors(WIDTH)
    vectors.add_vectors(WORDS, np.random.default_rng(0).normal(size=(len(WORDS), WIDTH)).astype(np.float32))
    return vectors


@pytest.fixture(scope="module")
def fasttext() -> FastText:
    texts = [["kamu", "makan", "nasi", "enak"], ["Solo", "jakarta", "an"]] * 20
    return FastText(texts, vector_size=WIDTH, min_count=1, bucket=50, epochs=1, workers=1)


@pytest.fixture
def write(tmp_path: Path, known: KeyedVectors, fasttext: FastText) -> Callable[[str], Path]:
    def written(kind: str) -> Path:
        path = tmp_path / f"vectors.{kind}"
        if kind == "fasttext":
            save_facebook_model(fasttext, str(path))
        else:
            known.save_word2vec_format(str(path), binary=kind == "binary")
        return path

    return written


@pytest.mark.parametrize("kind", ["text", "binary", "fasttext"])
def test_a_whole_file_is_recognised(write: Callable[[str], Path], kind: str) -> None:
    file = check_vector_file(write(kind))
    assert (file.format, file.words, file.width) == (kind, 7 if kind == "fasttext" else 8, WIDTH)


@pytest.mark.parametrize("kind", ["text", "binary"])
def test_pieces_get_the_vectors_of_their_words(write: Callable[[str], Path], known: KeyedVectors, kind: str) -> None:
    pieces = ["▁kamu", "##an", "ĠNasi", "enak</w>", "é", "Solo", "▁JAKARTA"]
    words = ["kamu", "an", "nasi", "enak", "é", "Solo", "jakarta"]
    table, share = vector_table(check_vector_file(write(kind)), pieces, 4, seed=1)
    assert share == 1.0
    expected = fit_width(torch.from_numpy(np.stack([known[word] for word in words])), 4)
    # text keeps fewer digits
    assert torch.allclose(table, expected, atol=1e-4)


def test_a_fasttext_model_gives_the_vectors_that_gensim_gives(write: Callable[[str], Path], fasttext: FastText) -> None:
    pieces = ["▁kamu", "▁Makan", "▁makan", "solo", "Solo"]
    table, share = vector_table(check_vector_file(write("fasttext")), pieces, WIDTH, seed=1)
    assert share == 0.8  # what stands in no text is not found: there is solo in no other way than Solo
    rows = [fasttext.wv[word] for word in ("kamu", "makan", "makan", "Solo")]
    assert torch.allclose(table[[0, 1, 2, 4]], fit_width(torch.from_numpy(np.stack(rows)), WIDTH), atol=1e-5)


def test_pieces_without_a_word_start_at_random_on_the_same_scale(write: Callable[[str], Path]) -> None:
    file = check_vector_file(write("text"))
    pieces = [*WORDS, *(f"▁tidak{number}" for number in range(2_000)), "▁", "##"]
    table, share = vector_table(file, pieces, 16, seed=1)
    assert share == len(WORDS) / len(pieces)
    assert table.shape == (len(pieces), 16)
    assert table[len(WORDS) :].std().item() == pytest.approx(16**-0.5, rel=0.02)
    assert table[: len(WORDS)].std().item() == pytest.approx(16**-0.5, rel=0.02)
    assert torch.equal(vector_table(file, pieces, 16, seed=1)[0], table)
    other = vector_table(file, pieces, 16, seed=2)[0]
    assert torch.equal(other[: len(WORDS)], table[: len(WORDS)])
    assert not torch.equal(other, table)


def test_text_as_the_fasttext_tool_writes_it(tmp_path: Path) -> None:
    path = tmp_path / "cc.vec"
    path.write_bytes("3 2\na 1 2 \nb\u00a0c -3e-1 4 \n. 5 6.5 \n".encode())
    file = check_vector_file(path)
    assert (file.format, file.words, file.width) == ("text", 3, 2)
    assert vector_table(file, ["▁a", ".", "b", "z"], 2, seed=1)[1] == 0.5


def test_binary_as_the_word2vec_tool_writes_it(tmp_path: Path) -> None:
    rows = [("a", 0.5, -1.5), ("b", 2.0, float(np.frombuffer(b"\n \n ", "<f4")[0]))]
    path = tmp_path / "w.bin"
    path.write_bytes(b"2 2\n" + b"".join(word.encode() + b" " + struct.pack("<2f", *v) + b"\n" for word, *v in rows))
    file = check_vector_file(path)
    assert (file.format, file.words) == ("binary", 2)
    table, share = vector_table(file, ["a", "b"], 2, seed=1)
    assert share == 1.0
    assert torch.equal(table, fit_width(torch.tensor([row[1:] for row in rows]), 2))


@pytest.mark.parametrize("kind", ["text", "binary", "fasttext"])
def test_a_file_that_was_cut_off_anywhere_is_refused(write: Callable[[str], Path], kind: str) -> None:
    path = write(kind)
    content = path.read_bytes()
    for kept in {*range(0, len(content) - 12, max(1, len(content) // 60)), len(content) - 12}:
        path.write_bytes(content[:kept])
        with pytest.raises(UserError, match=r"vectors\.\w+"):
            check_vector_file(path)


@pytest.mark.parametrize("kind", ["text", "binary", "fasttext"])
def test_a_file_that_goes_on_is_refused(write: Callable[[str], Path], kind: str) -> None:
    path = write(kind)
    with path.open("ab") as file:
        file.write(b"more 1 2 3 4 5 6\n")
    with pytest.raises(UserError, match=r"goes on after 8 words|9 words, but the first line says 8|needs"):
        check_vector_file(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"kamu 0.1 0.2\nnasi 0.3 0.4\n", "its first line must be two numbers"),
        (b'{"text": "enak"}\n' * 50, "its first line must be two numbers"),
        (b"x" * 5_000, "its first line must be two numbers"),
        (b"0 300\n", "the first line says 0 words"),
        (b"2 3\nkamu 1 2\nnasi 3 4\n", ":2: 2 numbers, but the first line says 3"),
        (b"2 2\nkamu 1 2\nnasi 3 4 5\n", ":3: 3 numbers, but the first line says 2"),
        (b"2 2\nkamu 1 2\n\nnasi 3 4\n", ":3: -1 numbers|:3: 0 numbers"),
        (b"2 2\nkamu\t1\t2\nnasi\t3\t4\n", ":2: expected a word and 2 numbers with one space before each number"),
        (b"2 2\nkamu 1 2\nnasi  3  4\n", ":3: expected a word and 2 numbers with one space .* found tabs or several"),
        (b"2 2\nkamu 1 x\nnasi 3 4\n", ":2: not a row of a word and numbers"),
        (b"2 2\nkamu 1 2\nnasi 3 x\n", ":3: not a row of a word and numbers"),
        (b"2 2\nkamu 1 2\nnasi nan 4\n", "the vector of 'nasi' holds a number that is not finite"),
        (b"2 2\nkamu 1 inf\nnasi 3 4\n", "the vector of 'kamu' holds a number that is not finite"),
        (b"1 2\nkamu " + struct.pack("<2f", 1, float("nan")), "the vector of 'kamu' holds a number that is not"),
        (b"3 2\nkamu 1 2\nnasi 3 4\n", "2 words, but the first line says 3; is the file whole"),
        (pickle.dumps(["kamu"]), "a pickle, which is never opened"),
    ],
)
def test_what_is_no_vector_file_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "my.vec"
    path.write_bytes(content)
    with pytest.raises(UserError, match=rf"my\.vec.*({message})"):
        check_vector_file(path)


def test_a_binary_file_of_another_width_is_refused(write: Callable[[str], Path]) -> None:
    path = write("binary")
    for width in (WIDTH - 2, WIDTH + 1):
        path.write_bytes(f"8 {width}\n".encode() + path.read_bytes().split(b"\n", 1)[1])
        with pytest.raises(UserError, match=r"vector file any more|goes on"):
            check_vector_file(path)


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [(72, struct.pack("<i", 2), "a fastText classifier"), (8, struct.pack("<i", 5), "a matrix of width 6")],
)
def test_a_fasttext_model_of_another_kind_is_refused(
    write: Callable[[str], Path], place: int, value: bytes, message: str
) -> None:
    path = write("fasttext")
    content = bytearray(path.read_bytes())
    content[place : place + 4] = value
    path.write_bytes(content)
    with pytest.raises(UserError, match=message):
        check_vector_file(path)


def test_a_bad_number_below_the_rows_that_are_checked_is_named_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors, "_ROWS_CHECKED", 1)
    path = tmp_path / "my.vec"
    path.write_text("3 2\nkamu 1 2\nnasi 3 x\nenak nan 1\n", encoding="utf-8")
    file = check_vector_file(path)
    with pytest.raises(UserError, match=r"my\.vec:3: not a row of a word and numbers"):
        vector_table(file, ["nasi"], 2, seed=1)
    with pytest.raises(UserError, match=r"my\.vec: the vector of 'enak' holds a number that is not finite"):
        vector_table(file, ["enak"], 2, seed=1)


def test_a_file_that_covers_nothing_is_refused(write: Callable[[str], Path]) -> None:
    with pytest.raises(UserError, match="none of its 8 words is a token of the vocabulary"):
        vector_table(check_vector_file(write("text")), ["▁xyz", "▁"], 4, seed=1)


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no\.vec: no such file"):
        check_vector_file(tmp_path / "no.vec")
    with pytest.raises(UserError, match="a folder"):
        check_vector_file(tmp_path)
