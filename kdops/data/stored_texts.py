"""Texts on disk, memory-mapped: RAM does not grow with them."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from kdops.data.inputs import Pair, Text, sides

_COLUMNS = ("text", "text_pair")
_ROWS_AT_ONCE = 1_000


def write_texts(file: Path, texts: Iterable[Text], *, pairs: bool = False, of_words: bool = False) -> None:
    """Write texts, texts of words, or pairs of either, as one Arrow file."""
    from datasets import Features, List, Value  # here, because a finished command reads none of them
    from datasets.arrow_writer import ArrowWriter

    names = _COLUMNS if pairs else _COLUMNS[:1]
    side = List(Value("string")) if of_words else Value("string")
    with ArrowWriter(path=str(file), features=Features(dict.fromkeys(names, side))) as writer:
        for text in texts:
            writer.write(dict(zip(names, sides(text), strict=True)))
        writer.finalize()


def read_texts(file: Path) -> Iterator[Text]:
    """The texts of a file that `write_texts` wrote, one after the other."""
    from datasets import Dataset

    for rows in Dataset.from_file(str(file)).iter(_ROWS_AT_ONCE):
        for text in zip(*rows.values(), strict=True):
            yield text[0] if len(text) == 1 else Pair(text=text[0], text_pair=text[1])
