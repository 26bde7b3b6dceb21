"""Texts without labels: chosen once, kept on disk."""

import hashlib
import logging
import math
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import compress
from pathlib import Path

import numpy as np

from kdops.data.catalog import CATALOG
from kdops.data.corpus import Corpus
from kdops.data.inputs import Side, Text, sides
from kdops.data.keys import content_key, text_key
from kdops.data.pool import TextSource, catalogue_source, file_source
from kdops.data.stored_texts import read_texts, write_texts
from kdops.errors import UserError, check_installed
from kdops.fingerprint import fingerprint
from kdops.workspace import AUGMENTED_TEXTS, UNLABELED_TEXTS, Piece, find_or_make, load_result, save_result

logger = logging.getLogger(__name__)

SOURCES = ("default", "catalogue", "augmented")

_FILE, _AUGMENTED_FILE = "texts.arrow", "texts.jsonl"
_COPIES = 10
_LENGTH_PERCENTILES = (1, 99)
_TEST_SET_SHARE, _TEST_SET_TEXTS = 0.5, 10


@dataclass(frozen=True)
class UnlabeledCounts:
    """Counts of the texts of a source. Each text is counted once; `read` is the sum of the other counts.

    Texts count as the same when they have the same letters and digits, whatever their case.

    Attributes:
        read: texts with at least one word.
        repeated: beyond the first of their kind.
        labeled: those that stand in train.
        held_out: those that stand in validation or test.
        out_of_length: shorter or longer than the labeled texts.
        beyond_max: left out beyond `max_texts`.
        kept: the rest, to train on.
    """

    read: int
    repeated: int
    labeled: int
    held_out: int
    out_of_length: int
    beyond_max: int
    kept: int


@dataclass(frozen=True)
class Unlabeled:
    """Texts without labels to train on.

    Attributes:
        file: the texts, in the order of their source.
        counts: what was left out, and why.
        source: where they come from.
        words: the least and the most words per text that the length filter lets pass; None without a filter.
        fingerprint: stands for the texts.
    """

    file: Path
    counts: UnlabeledCounts
    source: str
    words: tuple[int, int] | None
    fingerprint: str

    def __len__(self) -> int:
        return self.counts.kept

    @property
    def metrics(self) -> dict[str, float]:
        """The counts, for logging."""
        counts = {f"unlabeled.{name}": float(count) for name, count in asdict(self.counts).items()}
        return counts | dict(zip(("unlabeled.words_least", "unlabeled.words_most"), self.words or (), strict=False))

    def inputs(self) -> Iterator[Text]:
        """The texts, their words, or pairs of either, one after the other: never all of them in memory."""
        return read_texts(self.file)


def load_unlabeled(
    corpus: Corpus,
    source: str | None,
    *,
    max_texts: int | None = None,
    length_filter: bool = True,
    seed: int = 1,
    mask_token: str | None = None,
) -> Unlabeled | None:
    """The different texts of a source that are neither labeled already nor held out for scoring.

    The length filter drops texts with fewer words than the 1st, or more than the 99th percentile of the train texts:
    unlabeled text helps when it has the labeled data's own length and domain (arXiv:2201.00558). Augmented texts are
    made short on purpose, so it leaves them alone.

    The chosen texts are kept in the workspace: a large file is read once, and RAM does not grow with its texts.

    Args:
        corpus: the labeled data set that the texts are for.
        source: `default` (or None): `catalogue` for a public data set, the file beside any other, if there is one;
            `catalogue`: the texts of all public data sets of the same task; `augmented`: made from the train texts;
            else the path of a JSONL or .txt file.
        max_texts: the most texts to keep: those with the smallest keyed hashes, so that the choice does not depend on
            their order, and a larger one contains a smaller one.
        length_filter: whether texts of unusual length are dropped.
        seed: of the choice among too many texts, and of the augmentation.
        mask_token: of the teacher's tokenizer; None: augmented texts have no masks.

    Returns:
        The texts; None where there are none to be had by default.

    Raises:
        UserError: naming the line that cannot be read; when no text is left; when a file holds the test set, which is
            at least half of the different test texts, and at least 10: after such training no score means anything.
    """
    chosen = default_source(corpus) if source in (None, "default") else source
    if chosen is None:
        return None
    augmented = chosen == "augmented"
    texts = _open(corpus, chosen, seed, mask_token)
    words = _length_range(corpus) if length_filter and not augmented else None
    key = fingerprint(UNLABELED_TEXTS.version, texts.key, corpus.task, corpus.fingerprint, max_texts, words, seed)

    def make(to: Path) -> None:
        _write(to, texts, corpus, max_texts, words, seed, refuse_test_set=chosen not in SOURCES)

    folder = find_or_make(Piece(UNLABELED_TEXTS, key), make)
    counts = load_result(folder, UnlabeledCounts)
    logger.info("unlabeled: %d of %d texts kept, from %s", counts.kept, counts.read, texts.description)
    return Unlabeled(folder / _FILE, counts, texts.description, words, key)


def default_source(corpus: Corpus) -> str | None:
    """The meaning of `default`: `catalogue`, the path of the file beside the data, or nothing."""
    card = CATALOG.get(corpus.name)
    if card is not None and card.public:
        return "catalogue"
    return str(corpus.unlabeled) if corpus.unlabeled else None


def _open(corpus: Corpus, source: str, seed: int, mask_token: str | None) -> TextSource:
    if source == "catalogue":
        return catalogue_source(corpus.task, pairs=corpus.pairs)
    if source == "augmented":
        return _augmented(corpus, seed, mask_token)
    path = Path(source).expanduser()
    if not path.exists():
        kinds = ".jsonl, .ndjson or .txt"
        raise UserError(f"{path}: no such file; unlabeled is one of {', '.join(SOURCES)}, or a {kinds} file")
    return file_source(path, corpus.task, corpus.word_rule(), pairs=corpus.pairs)


def _augmented(corpus: Corpus, seed: int, mask_token: str | None) -> TextSource:
    check_installed("gensim", "unlabeled=augmented")
    from kdops.data.augmentation import nearest_words, write_augmented  # here: it loads gensim

    key = fingerprint(AUGMENTED_TEXTS.version, corpus.fingerprint, _COPIES, seed, mask_token)

    def make(to: Path) -> None:
        inputs = corpus.inputs("train")
        near, target = nearest_words(inputs, seed=seed), to / _AUGMENTED_FILE
        write_augmented(inputs, corpus.task, target, mask_token=mask_token, neighbours=near, copies=_COPIES, seed=seed)

    path = find_or_make(Piece(AUGMENTED_TEXTS, key), make) / _AUGMENTED_FILE
    return TextSource(f"augmented ({corpus.name})", key, file_source(path, corpus.task, pairs=corpus.pairs).read)


def _write(
    folder: Path,
    source: TextSource,
    corpus: Corpus,
    max_texts: int | None,
    words: tuple[int, int] | None,
    seed: int,
    *,
    refuse_test_set: bool,
) -> None:
    digests, lengths = _measure(source.read(), seed)
    held_out = {split: _measure(corpus.inputs(split), seed)[0] for split in ("validation", "test")}
    if refuse_test_set:
        _refuse_test_set(source, digests, held_out["test"])
    train, _ = _measure(corpus.inputs("train"), seed)
    keep, counts = _choose(digests, lengths, train, np.concatenate(list(held_out.values())), words, max_texts)
    if not counts.read:
        raise UserError(f"{source.description}: no text stands in it")
    if not counts.kept:
        left_out = {name: count for name, count in asdict(counts).items() if count and name != "read"}
        reasons = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in left_out.items())
        raise UserError(f"{source.description}: no text is left of {counts.read}: {reasons}")
    chosen = compress(source.read(), keep)
    write_texts(folder / _FILE, chosen, pairs=corpus.pairs, of_words=corpus.task.of_words)
    save_result(folder, counts)


def _measure(texts: Iterable[Text], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The keyed hash of each text, bytes (texts,), and its number of words, int32 (texts,)."""
    # 20 bytes per text in flat arrays: all that grows with a source
    digests, lengths = bytearray(), array("i")
    salt = str(seed).encode()
    for text in texts:
        content = content_key(text).encode("utf-8", "surrogatepass")
        digests += hashlib.blake2b(content, digest_size=16, key=salt).digest()
        words = text_key(text)
        lengths.append(sum(map(_length, sides(text))) if words else 0)
    return np.frombuffer(bytes(digests), dtype="S16"), np.array(lengths, dtype=np.int32)


def _length(side: Side) -> int:
    """Words of a text."""
    return text_key(side).count(" ") + 1 if isinstance(side, str) else len(side)


def _length_range(corpus: Corpus) -> tuple[int, int]:
    _, lengths = _measure(corpus.inputs("train"), seed=0)
    least, most = np.percentile(lengths, _LENGTH_PERCENTILES)
    return math.floor(least), math.ceil(most)


def _refuse_test_set(source: TextSource, digests: np.ndarray, test: np.ndarray) -> None:
    different = np.unique(test)
    found = int(np.isin(different, digests).sum())
    if found >= max(_TEST_SET_TEXTS, _TEST_SET_SHARE * len(different)):
        raise UserError(
            f"{source.description}: it holds the test set: {found} of its {len(different)} different texts; "
            "leave them out, no training may see them"
        )


def _choose(
    digests: np.ndarray,
    lengths: np.ndarray,
    train: np.ndarray,
    held_out: np.ndarray,
    words: tuple[int, int] | None,
    max_texts: int | None,
) -> tuple[np.ndarray, UnlabeledCounts]:
    """Which texts are kept, bool (texts,), and how many are not, by the first reason that holds."""
    read = lengths > 0
    first = np.zeros_like(read)
    first[np.unique(digests, return_index=True)[1]] = True
    first &= read
    secret = first & np.isin(digests, held_out)
    labeled = first & ~secret & np.isin(digests, train)
    new = first & ~secret & ~labeled
    fitting = new & (lengths >= words[0]) & (lengths <= words[1]) if words else new
    keep = fitting.copy()
    if max_texts is not None:
        rows = np.flatnonzero(fitting)
        keep[rows[np.argsort(digests[rows])[max_texts:]]] = False
    return keep, UnlabeledCounts(
        read=int(read.sum()),
        repeated=int((read & ~first).sum()),
        labeled=int(labeled.sum()),
        held_out=int(secret.sum()),
        out_of_length=int((new & ~fitting).sum()),
        beyond_max=int((fitting & ~keep).sum()),
        kept=int(keep.sum()),
    )
