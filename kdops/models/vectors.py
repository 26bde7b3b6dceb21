"""Word vectors of the user's as a start for token embeddings: word2vec text or binary, fastText `.vec` or `.bin`.

Nothing here unpickles: gensim's own `.model` and `.kv` files are refused.
"""

import mmap
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from kdops.errors import UserError, check_installed

if TYPE_CHECKING:
    from torch import Tensor

_FORMATS = "word2vec text or binary, fastText .vec or .bin"
_PICKLE = b"\x80"
_FASTTEXT_MAGIC = struct.pack("<i", 793712314)
_LONGEST_HEADER_BYTES = 100
_LONGEST_WORD_BYTES = 10_000
_FLOAT_BYTES = 4
# Rows checked before anything is trained; a file with one wrong number mostly has many.
_ROWS_CHECKED = 1_000


@dataclass(frozen=True)
class VectorFile:
    """A file of word vectors that is whole, as far as that can be seen without reading all of its numbers.

    Attributes:
        path: where it lies.
        format: how it is written.
        words: how many there are.
        width: numbers per word.
    """

    path: Path
    format: Literal["text", "binary", "fasttext"]
    words: int
    width: int


def check_vector_file(path: Path) -> VectorFile:
    """Look at a vector file before anything is trained: its kind, its size, and that all of it is there.

    Each row is counted, and the numbers of the first thousand are read: seconds per gigabyte, and no memory.

    Raises:
        UserError: if it is missing, truncated, no vector file, its rows are not as wide as it says, or one of the first
            numbers is none.
    """
    if not path.is_file():
        raise UserError(f"{path}: {'a folder' if path.is_dir() else 'no such file'}; expected {_FORMATS}")
    if not path.stat().st_size:
        raise UserError(f"{path}: the file is empty; expected {_FORMATS}")
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if data[:1] == _PICKLE:
            raise UserError(f"{path}: a pickle, which is never opened; save it with gensim's save_word2vec_format")
        if data[:4] == _FASTTEXT_MAGIC:
            check_installed("gensim", f"{path}: a fastText model")
            return _check_fasttext(data, path)
        words, width = _header(data, path)
        file.seek(data.find(b"\n") + 1)
        if _is_text(file.readline(_LONGEST_WORD_BYTES + 40 * width), width):
            rows = 0
            for rows, (word, row) in enumerate(_text_rows(path, words, width), 1):
                if rows <= _ROWS_CHECKED:
                    _check_finite(_numbers(row, path, rows + 1), word, path)
            return VectorFile(path, "text", rows, width)
        for rows, (word, at) in enumerate(_binary_rows(data, path, words, width), 1):
            if rows <= _ROWS_CHECKED:
                _check_finite(np.frombuffer(data, "<f4", width, at).copy(), word, path)
        return VectorFile(path, "binary", rows, width)


def vector_table(file: VectorFile, tokens: Sequence[str], width: int, *, seed: int) -> "tuple[Tensor, float]":
    """A vocabulary's embeddings from a vector file, brought to a student's width.

    A token is looked up without the marks that say where words begin and end, first as it is, then in lower case. What
    is found is brought to the width by `fit_width`; the rest starts at random on the same scale.

    Args:
        file: from `check_vector_file`.
        tokens: the vocabulary in the order of its ids.
        width: columns of the result.
        seed: of the random rows.

    Returns:
        float32 (tokens, width), and the share of the tokens that was found.

    Raises:
        UserError: if a row cannot be read, or no token is found.
    """
    import torch

    from kdops.models.embeddings import fit_width

    names = [_word(token) for token in tokens]
    vectors = _read(file, {*names, *(name.lower() for name in names)} - {""})
    found = {
        row: vectors[name if name in vectors else name.lower()]
        for row, name in enumerate(names)
        if name in vectors or name.lower() in vectors
    }
    if not found:
        raise UserError(f"{file.path}: none of its {file.words} words is a token of the vocabulary")
    table = torch.randn(len(tokens), width, generator=torch.Generator().manual_seed(seed)) * width**-0.5
    table[list(found)] = fit_width(torch.from_numpy(np.stack(list(found.values()))), width)
    return table, len(found) / len(tokens)


def _word(token: str) -> str:
    return token.removeprefix("##").lstrip("▁Ġ").removesuffix("</w>")


def _read(file: VectorFile, wanted: set[str]) -> dict[str, np.ndarray]:
    """The wanted words' vectors, float32 (width,); nothing else of the file stays in memory."""
    if file.format == "fasttext":
        vectors = _read_fasttext(file, wanted)
    elif file.format == "text":
        rows = _text_rows(file.path, file.words, file.width)
        vectors = {word: _numbers(row, file.path, line) for line, (word, row) in enumerate(rows, 2) if word in wanted}
    else:
        with file.path.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data:
            rows_at = _binary_rows(data, file.path, file.words, file.width)
            vectors = {
                word: np.frombuffer(data, "<f4", file.width, at).copy() for word, at in rows_at if word in wanted
            }
    for word, vector in vectors.items():
        _check_finite(vector, word, file.path)
    return vectors


def _check_finite(vector: np.ndarray, word: str, path: Path) -> None:
    if not np.isfinite(vector).all():
        raise UserError(f"{path}: the vector of {word!r} holds a number that is not finite")


def _header(data: mmap.mmap, path: Path) -> tuple[int, int]:
    first = data[: data.find(b"\n", 0, _LONGEST_HEADER_BYTES) + 1].split()
    if len(first) != 2 or not all(part.isdigit() for part in first):
        raise UserError(
            f"{path}: not a vector file; its first line must be two numbers, words and width (expected {_FORMATS})"
        )
    words, width = map(int, first)
    if not words or not width:
        raise UserError(f"{path}: the first line says {words} words of width {width}")
    return words, width


def _is_text(row: bytes, width: int) -> bool:
    try:
        return len([float(number) for number in row.split()[1:]]) > 0
    except ValueError:
        # a bad number among as many as there should be; the bytes of binary numbers are hardly ever all letters
        return len(row.split()) == width + 1 and _is_printable(row)


def _is_printable(row: bytes) -> bool:
    try:
        return all(part.isprintable() for part in row.decode("utf-8").split())
    except UnicodeDecodeError:
        return False


def _text_rows(path: Path, words: int, width: int) -> Iterator[tuple[str, bytes]]:
    """Each word and its whole row, not parsed yet: most rows are not needed."""
    line = 1
    with path.open("rb") as file:
        for line, content in enumerate(islice(file, 1, None), 2):
            row = content.rstrip()
            if row.count(b" ") != width:
                found = len(row.split()[1:])
                raise UserError(
                    f"{path}:{line}: expected a word and {width} numbers with one space before each number, "
                    "found tabs or several spaces"
                    if found == width
                    else f"{path}:{line}: {found} numbers, but the first line says {width}"
                )
            yield row[: row.index(b" ")].decode("utf-8", "replace"), row
    if line - 1 != words:
        raise UserError(f"{path}: {line - 1} words, but the first line says {words}; is the file whole?")


def _numbers(row: bytes, path: Path, line: int) -> np.ndarray:
    try:
        return np.array([float(number) for number in row.split(b" ")[1:]], dtype=np.float32)
    except ValueError:
        raise UserError(f"{path}:{line}: not a row of a word and numbers") from None


def _binary_rows(data: mmap.mmap, path: Path, words: int, width: int) -> Iterator[tuple[str, int]]:
    """Each word and where its numbers begin; the tools differ in whether a row ends with a line break."""
    at = data.find(b"\n") + 1
    for row in range(words):
        space = data.find(b" ", at, at + _LONGEST_WORD_BYTES)
        end = space + 1 + _FLOAT_BYTES * width
        if space < 0 or end > len(data):
            raise UserError(
                f"{path}: it ends, or is no vector file any more, after {row} of {words} words of width {width}; "
                f"is it whole? (expected {_FORMATS})"
            )
        yield data[at:space].lstrip(b"\n").decode("utf-8", "replace"), space + 1
        at = end
    if data[at : at + 2].strip():
        raise UserError(f"{path}: it goes on after {words} words of width {width}, as the first line says")


def _check_fasttext(data: mmap.mmap, path: Path) -> VectorFile:
    """Walk through a fastText model as its `FastText::saveModel` wrote it; gensim never ends on a truncated one."""
    try:
        (width,) = struct.unpack_from("<i", data, 8)
        words, _, labels = struct.unpack_from("<3i", data, 64)
        (pruned,) = struct.unpack_from("<q", data, 84)
        if labels:
            raise UserError(f"{path}: a fastText classifier; expected word vectors ({_FORMATS})")
        at = 92
        for _ in range(words):
            end = data.find(b"\0", at)
            at = end + 10 if end >= 0 else len(data)  # behind a word there are its count and its kind
        at += 8 * max(pruned, 0)
        for _ in ("input", "output"):
            quantised, rows, columns = struct.unpack_from("<?2q", data, at)
            if quantised:
                raise UserError(f"{path}: a quantised fastText model; expected a plain one ({_FORMATS})")
            if columns != width:
                raise UserError(f"{path}: a matrix of width {columns} in a fastText model of width {width}")
            at += 17 + _FLOAT_BYTES * rows * columns
    except struct.error:
        raise UserError(f"{path}: this fastText model is truncated") from None
    if at != len(data):
        raise UserError(f"{path}: this fastText model has {len(data):,} bytes and needs {at:,}; is it whole?")
    return VectorFile(path, "fasttext", words, width)


def _read_fasttext(file: VectorFile, wanted: set[str]) -> dict[str, np.ndarray]:
    from gensim.models.fasttext import load_facebook_vectors

    vectors = load_facebook_vectors(str(file.path))
    return {word: vectors[word] for word in wanted if word in vectors.key_to_index}
