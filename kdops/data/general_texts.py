"""The texts that general distillation reads: any text, no labels; chosen once, kept on disk."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from kdops.data.catalog import CATALOG
from kdops.data.catalog.card import DatasetCard, RemoteFile
from kdops.data.corpus import Corpus, load_corpus
from kdops.data.inputs import Side, Text, joined, sides
from kdops.data.keys import content_key
from kdops.data.pool import TextSource, file_source
from kdops.data.stored_texts import read_texts, write_texts
from kdops.errors import UserError
from kdops.fingerprint import fingerprint
from kdops.task import Task
from kdops.workspace import GENERAL_TEXTS, Piece, find_or_make, load_result, save_result

CATALOGUE = "catalogue"
_FILE = "texts.arrow"


@dataclass(frozen=True)
class GeneralTextCounts:
    """Counts of the texts of all sources. Each text is counted once; `read` is the sum of the other counts.

    Attributes:
        read: texts with at least one word.
        repeated: beyond the first of their kind.
        held_out: those that stand in a validation or test split.
        kept: the rest.
    """

    read: int
    repeated: int
    held_out: int
    kept: int


@dataclass(frozen=True)
class GeneralTexts:
    """Texts for general distillation.

    Attributes:
        file: the texts.
        counts: what was left out, and why.
        sources: where they come from, for people.
        fingerprint: stands for them.
    """

    file: Path
    counts: GeneralTextCounts
    sources: tuple[str, ...]
    fingerprint: str

    def __len__(self) -> int:
        return self.counts.kept

    def __iter__(self) -> Iterator[str]:
        return cast(Iterator[str], read_texts(self.file))


def general_texts(corpus: Corpus, named: Sequence[str]) -> GeneralTexts:
    """The different texts of some sources that are in no validation or test split.

    The training texts of the data set are always among them. A public data set brings the training texts of all other
    public ones, of either task, so that one general student serves them all.

    Args:
        corpus: the data set.
        named: more sources: `catalogue`, or paths of JSONL or .txt files.

    Raises:
        UserError: if a source cannot be had or read.
    """
    card = CATALOG.get(corpus.name)
    public = card is not None and card.public
    names = dict.fromkeys([*([CATALOGUE] if public else []), *named])
    if not public and not named and corpus.unlabeled:
        names[str(corpus.unlabeled)] = None
    cards = [one for one in CATALOG.values() if one.public] if CATALOGUE in names else []
    sources = [_public_source(cards)] if cards else []
    sources += [file_source(_existing(name), Task.TEXT) for name in names if name != CATALOGUE]
    if not public:
        sources.insert(0, TextSource(corpus.name, corpus.fingerprint, lambda: _sides(corpus.inputs("train"))))
    # Of public data sets the catalogue's own splits are held out, whichever of them asks.
    held_out = "catalogue" if public else corpus.fingerprint
    key = fingerprint([source.key for source in sources], held_out)
    piece = Piece(GENERAL_TEXTS, key)
    folder = find_or_make(piece, lambda to: _write(to, sources, cards, None if public else corpus))
    counts = load_result(folder, GeneralTextCounts)
    descriptions = tuple(source.description for source in sources)
    return GeneralTexts(folder / _FILE, counts, descriptions, key)


def _existing(name: str) -> Path:
    path = Path(name).expanduser()
    if not path.is_file():
        problem = "is a folder" if path.is_dir() else "no such file"
        raise UserError(f"{path}: {problem}; general_texts names {CATALOGUE}, or .jsonl, .ndjson or .txt files")
    return path


def _public_source(cards: Sequence[DatasetCard]) -> TextSource:
    """The training texts of public data sets."""
    files = [file.sha256 for card in cards for file in card.files.values() if isinstance(file, RemoteFile)]
    names = ", ".join(card.name for card in cards)

    def read() -> Iterator[Side]:
        for card in cards:
            yield from _sides(load_corpus(card.name).inputs("train"))

    return TextSource(f"{CATALOGUE} ({names})", fingerprint(files), read)


def _write(folder: Path, sources: Sequence[TextSource], cards: Sequence[DatasetCard], corpus: Corpus | None) -> None:
    holding = [*(load_corpus(card.name) for card in cards), *([corpus] if corpus else [])]
    unseen = (one.inputs(split) for one in holding for split in ("validation", "test"))
    held_out = {_digest(side) for texts in unseen for side in _sides(texts)}
    seen: set[bytes] = set()
    read = repeated = secret = 0

    def different() -> Iterator[Side]:
        nonlocal read, repeated, secret
        for source in sources:
            read_before = read
            for text in source.read():
                if not content_key(text):
                    continue
                digest = _digest(text)
                read += 1
                if digest in held_out:
                    secret += 1
                elif digest in seen:
                    repeated += 1
                else:
                    seen.add(digest)
                    yield joined(text)
            if read == read_before:
                raise UserError(f"{source.description}: no text stands in it")

    write_texts(folder / _FILE, different())
    save_result(folder, GeneralTextCounts(read, repeated, secret, len(seen)))


def _sides(texts: Iterable[Text]) -> Iterator[Side]:
    """The texts of pairs one by one, as they are read for their words alone."""
    return (side for text in texts for side in sides(text))


def _digest(text: Text) -> bytes:
    return hashlib.blake2b(content_key(text).encode("utf-8", "surrogatepass"), digest_size=16).digest()
