"""The token states of a pre-trained encoder, per word, on disk: what general distillation learns from.

The target of a word is the mean of the encoder's last hidden states over the tokens that overlap the word's characters,
centred, projected by PCA, scaled to a variance of 1 over all dimensions. Words are cut as the student's tokenizer cuts
them, so the encoder's tokens need not be the student's. A store is a folder for one encoder, one way of cutting words
and one maximum length; its projection is fitted once, on a sample of the first texts that it is given.
"""

import logging
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load_file, save_file
from tokenizers import Encoding, Tokenizer
from torch import Tensor

from kdops.data.encoding import clean
from kdops.data.inputs import Text, joined
from kdops.data.word_spans import word_spans
from kdops.models.encoder import Encoder
from kdops.progress import Bar
from kdops.training.batches import by_length
from kdops.training.devices import fast_products
from kdops.training.memory import give_freed_memory_back
from kdops.training.shards import RaggedRows, find_rows, stored_keys, write_shard
from kdops.workspace import locked, written_whole

logger = logging.getLogger(__name__)

WIDTH = 192
_SAMPLE_TEXTS = 3_000
_CHUNK_TEXTS = 8_192
_SHARD_SECONDS = 20.0
_TRIM_BATCHES = 16
_PROJECTION = "projection.safetensors"


@dataclass(frozen=True)
class WordStates:
    """The targets of the words of a list of texts.

    Attributes:
        rows: float16 numbers on disk, words * width per text; those of a word without a target are NaN.
        width: dimensions of a target.
        computed: number of texts that went through the encoder now; the others were on disk.
    """

    rows: RaggedRows
    width: int
    computed: int

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def word_counts(self) -> np.ndarray:
        """Words per text, int64 (texts,)."""
        return self.rows.counts // self.width

    def of_text(self, row: int) -> np.ndarray:
        """The targets of one text, float16 (words, width), NaN where there is none."""
        return self.rows.row(row).reshape(-1, self.width)


@dataclass(frozen=True)
class Projection:
    """How encoder states become targets: `(states - mean) @ directions`.

    Attributes:
        mean: float32 (encoder_width,).
        directions: principal components, divided by one common scale, float32 (encoder_width, width).
        explained: share of the variance of the states that the components keep.
    """

    mean: np.ndarray
    directions: np.ndarray
    explained: float

    @property
    def width(self) -> int:
        """Dimensions of a target."""
        return int(self.directions.shape[1])

    def __call__(self, states: Tensor) -> Tensor:
        """Targets float32 (words, width) of states (words, encoder_width)."""
        mean, directions = torch.from_numpy(self.mean), torch.from_numpy(self.directions)
        return (states - mean.to(states.device)) @ directions.to(states.device)


def word_states(
    folder: Path,
    encoder: Encoder,
    texts: Iterable[Text],
    keys: np.ndarray,
    cutter: Tokenizer,
    *,
    max_length: int = 128,
    width: int = WIDTH,
) -> WordStates:
    """The targets of all words of the given texts, computing those that the store lacks.

    A word of which the encoder does not read all characters, because the text is longer than `max_length` tokens, or
    that none of its tokens covers, has no target.

    Args:
        folder: the store; its name must stand for the encoder, the cutter, the maximum length and the width.
        encoder: the pre-trained encoder.
        texts: strings, or lists of words, which are joined by blanks; read at most twice, one by one.
        keys: their keys, bytes (texts,) of 16 bytes each; equal keys mean equal texts.
        cutter: cuts words; see `kdops.data.words.word_cutter`.
        max_length: most tokens of a text that the encoder reads.
        width: dimensions of a target, at most as many as the encoder has.
    """
    with locked(folder):
        folder.mkdir(exist_ok=True)
        _, first = np.unique(keys, return_index=True)
        missing = np.zeros(len(keys), dtype=bool)
        missing[first[~np.isin(keys[first], stored_keys(folder))]] = True
        work = _Work(encoder, cutter, min(max_length, encoder.max_length))
        if missing.any():
            projection = _find_projection(folder, work, texts, keys, missing, width)
            _compute(folder, work, texts, keys, missing, projection)
    stored = load_file(folder / _PROJECTION)["directions"].shape[1] if (folder / _PROJECTION).exists() else width
    return WordStates(find_rows(folder, keys), int(stored), computed=int(missing.sum()))


@dataclass(frozen=True)
class _Work:
    encoder: Encoder
    cutter: Tokenizer
    max_length: int

    def states(self, texts: list[str]) -> Iterator[tuple[np.ndarray, list[np.ndarray], Tensor]]:
        """Batches of the texts, in another order: their numbers, for each of them which words have a state, and these.

        Yields:
            Numbers (batch,); for each text bool (its words,); float32 (words with a state, encoder_width).
        """
        tokenizer = Tokenizer.from_str(self.encoder.tokenizer.to_str())
        tokenizer.no_padding()
        tokenizer.enable_truncation(self.max_length)
        encodings, spans = tokenizer.encode_batch(texts), word_spans(self.cutter, texts)
        model = self.encoder.model
        device = next(model.parameters()).device
        products = fast_products(model)
        model.eval()
        for number, rows in enumerate(by_length(np.array([len(one.ids) for one in encodings]), device), start=1):
            chosen = [encodings[row] for row in rows]
            pairs = [_overlaps(encoding, spans[row]) for encoding, row in zip(chosen, rows, strict=True)]
            with torch.inference_mode(), products:
                hidden = model(*_padded(chosen, self.encoder.pad_id, device)).float()
            yield rows, [covered for covered, _, _ in pairs], _means(hidden, pairs)
            if number % _TRIM_BATCHES == 0:
                give_freed_memory_back()


def _overlaps(encoding: Encoding, spans: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which words have a state, bool (words,), and the pairs of a token and such a word that share characters.

    Words in the pairs are counted among those that have a state.
    """
    tokens = np.array(encoding.offsets, dtype=np.int64).reshape(-1, 2)
    shared = (tokens[:, None, 0] < spans[:, 1]) & (tokens[:, None, 1] > spans[:, 0])
    covered = np.asarray(shared.any(axis=0))
    if encoding.overflowing:
        covered = covered & (spans[:, 1] <= tokens[:, 1].max(initial=0))
    token, word = np.nonzero(shared[:, covered])
    return covered, token, word


def _padded(encodings: list[Encoding], pad_id: int, device: torch.device) -> tuple[Tensor, Tensor]:
    longest = max(len(one.ids) for one in encodings)
    ids = np.full((len(encodings), longest), pad_id, dtype=np.int64)
    mask = np.zeros_like(ids)
    for row, one in enumerate(encodings):
        ids[row, : len(one.ids)], mask[row, : len(one.ids)] = one.ids, 1
    return torch.from_numpy(ids).to(device), torch.from_numpy(mask).to(device)


def _means(hidden: Tensor, pairs: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> Tensor:
    """The mean state of each word over its tokens, float32 (words, encoder_width), of hidden (batch, length, width)."""
    length = hidden.shape[1]
    first = np.cumsum([0, *(int(covered.sum()) for covered, _, _ in pairs)])
    tokens = np.concatenate([row * length + token for row, (_, token, _) in enumerate(pairs)])
    words = np.concatenate([first[row] + word for row, (_, _, word) in enumerate(pairs)])
    places = torch.from_numpy(words).to(hidden.device)
    sums = hidden.new_zeros(int(first[-1]), hidden.shape[2])
    sums.index_add_(0, places, hidden.flatten(0, 1)[torch.from_numpy(tokens).to(hidden.device)])
    return sums / torch.bincount(places, minlength=len(sums)).unsqueeze(1)


def _find_projection(
    folder: Path, work: _Work, texts: Iterable[Text], keys: np.ndarray, missing: np.ndarray, width: int
) -> Projection:
    path = folder / _PROJECTION
    if not path.exists():
        # Keys are hashes: the smallest of them are a random sample, the same one each time.
        rows = np.flatnonzero(missing)
        sample = set(rows[np.argsort(keys[rows])[:_SAMPLE_TEXTS]].tolist())
        chosen = [clean(joined(text)) for row, text in enumerate(texts) if row in sample]
        fitted = _fit_projection(work, [str(text) for text in chosen], width)
        explained = np.array(fitted.explained, dtype=np.float32)
        with written_whole(path) as unfinished:
            save_file({"mean": fitted.mean, "directions": fitted.directions, "explained": explained}, unfinished)
    stored = load_file(path)
    return Projection(stored["mean"], stored["directions"], float(stored["explained"]))


def _fit_projection(work: _Work, texts: list[str], width: int) -> Projection:
    """PCA of the states of the words of some texts, by way of their covariance."""
    count, total, squares = 0, torch.zeros(1, dtype=torch.float64), torch.zeros(1, 1, dtype=torch.float64)
    with Bar(len(texts), "encoder states, sample", "texts") as progress:
        for rows, _, means in work.states(texts):
            states = means.cpu().double()
            count, total, squares = count + len(states), total + states.sum(dim=0), squares + states.T @ states
            progress.update(len(rows))
    mean = total / max(count, 1)
    variances, directions = torch.linalg.eigh(squares / max(count, 1) - torch.outer(mean, mean))
    kept = variances.flip(0).clamp_min(0)[:width]
    explained = float(kept.sum() / variances.clamp_min(0).sum().clamp_min(1e-12))
    scaled = directions.flip(1)[:, :width] / kept.mean().sqrt().clamp_min(1e-6)
    logger.info("encoder states: %d dimensions keep %.1f%% of the variance", len(kept), 100 * explained)
    return Projection(mean.float().numpy(), scaled.float().contiguous().numpy(), explained)


def _compute(
    folder: Path, work: _Work, texts: Iterable[Text], keys: np.ndarray, missing: np.ndarray, projection: Projection
) -> None:
    wanted = ((row, str(clean(joined(text)))) for row, text in enumerate(texts) if missing[row])
    done: list[tuple[bytes, np.ndarray]] = []
    written = time.monotonic()
    with Bar(int(missing.sum()), "encoder states", "texts") as progress:
        while chunk := list(islice(wanted, _CHUNK_TEXTS)):
            for numbers, covered, means in work.states([text for _, text in chunk]):
                targets = projection(means).cpu().numpy().astype(np.float16)
                split = np.split(targets, np.cumsum([int(one.sum()) for one in covered])[:-1])
                for number, words, mine in zip(numbers, covered, split, strict=True):
                    row = np.full((len(words), projection.width), np.nan, dtype=np.float16)
                    row[words] = mine
                    done.append((keys[chunk[number][0]], row))
                progress.update(len(numbers))
                if len(done) >= _CHUNK_TEXTS or time.monotonic() - written > _SHARD_SECONDS:
                    write_shard(folder, *zip(*done, strict=True))
                    done, written = [], time.monotonic()
    if done:
        write_shard(folder, *zip(*done, strict=True))
