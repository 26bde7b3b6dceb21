"""Text in, labels out: everything a bundle needs in production.

Needs numpy, onnxruntime and tokenizers and nothing of kdops, so this one file can be copied beside a bundle and used.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Tokenizer

FORMAT_VERSION = 1
INFO_FILE = "bundle.json"
GRAPH_FILE = "model.onnx"
TOKENIZER_FILE = "tokenizer.json"

_TEXT = "text-classification"
_TOKEN = "token-classification"
_INPUT_NAMES = ["input_ids", "attention_mask"]
_WORD = re.compile(r"\w+|[^\w\s]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")

FloatArray = NDArray[np.float32]
Inputs = Sequence[str] | Sequence[Sequence[str]]


class BundleError(ValueError):
    """A folder that is not a bundle, or one whose files are not those it was written with."""


@dataclass(frozen=True, kw_only=True)
class BundleInfo:
    """The content of `bundle.json`: what a bundle predicts, how its text is read, and where it comes from."""

    task: str
    labels: tuple[str, ...]  # in the order of the logits
    max_length: int  # in pieces, special ones included; more is cut off
    pad_id: int
    student: str
    dataset: str
    licence: str
    teacher: str
    recipe: str
    precision: str  # number format of the weights, such as fp32
    main_metric: str
    main_metric_value: float  # on the validation split
    fingerprint: str
    format_version: int = FORMAT_VERSION
    files: Mapping[str, str] = field(default_factory=dict)  # sha256 in hex of the other files, by name


@dataclass(frozen=True)
class TextPrediction:
    """The most probable label of one text."""

    label: str
    probabilities: dict[str, float]  # of each label, in the bundle's order
    truncated: bool  # the text was longer than the model reads


@dataclass(frozen=True)
class Span:
    """One entity, `text[start:end]` in characters of the text (or of the words joined by one space)."""

    type: str
    text: str
    start: int
    end: int


@dataclass(frozen=True)
class TokenPrediction:
    """The tags of one text."""

    words: tuple[str, ...]  # as given, or as split from the text
    tags: tuple[str, ...]  # one a word; `O` beyond the model's length
    spans: tuple[Span, ...]  # the entities that the tags spell, in text order
    truncated: bool


@dataclass(frozen=True)
class EncodedText:
    """One text as the graph reads it; the last three are for token tasks."""

    ids: list[int]  # pieces, special ones included, cut at the bundle's length
    truncated: bool
    text: str
    words: tuple[str, ...] = ()
    offsets: tuple[tuple[int, int], ...] = ()  # of each word in `text`, in characters
    first_pieces: Mapping[int, int] = field(default_factory=dict)  # word index: position of its first piece, if any


def read_info(folder: str | os.PathLike[str]) -> BundleInfo:
    """Read what a bundle says about itself, without opening its other files.

    Raises:
        BundleError: The folder holds no `bundle.json` of this format.
    """
    path = Path(folder) / INFO_FILE
    try:
        content = json.loads(path.read_bytes())
        info = BundleInfo(**{**content, "labels": tuple(content["labels"])})
    except OSError as error:
        raise BundleError(f"{folder} is not a bundle: {INFO_FILE} cannot be read ({error.strerror})") from error
    except (ValueError, TypeError, KeyError) as error:
        raise BundleError(f"{path}: not a valid description of a bundle ({error})") from error
    if (info.format_version, info.task in (_TEXT, _TOKEN)) != (FORMAT_VERSION, True):
        raise BundleError(f"{path}: format {info.format_version!r}, task {info.task!r}: not for this predictor")
    return info


class Predictor:
    """A loaded bundle, made by `load`. Safe to share between threads."""

    def __init__(self, info: BundleInfo, tokenizer: Tokenizer, session: onnxruntime.InferenceSession) -> None:
        self.info = info
        self._tokenizer = tokenizer
        self._session = session
        self._outside = "O" if "O" in info.labels else info.labels[0]

    @classmethod
    def load(cls, folder: str | os.PathLike[str], *, threads: int = 1) -> "Predictor":
        """Load a bundle, after checking that its files are the ones it was written with.

        One prediction uses at most `threads` CPU threads.

        Raises:
            BundleError: A file is missing or changed, or does not fit the description.
        """
        folder = Path(folder)
        info = read_info(folder)
        _verify_files(folder, info)
        tokenizer = Tokenizer.from_file(str(folder / TOKENIZER_FILE))
        tokenizer.no_padding()
        tokenizer.enable_truncation(info.max_length)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        session = onnxruntime.InferenceSession(str(folder / GRAPH_FILE), options, providers=["CPUExecutionProvider"])
        _verify_graph(folder, info, session)
        return cls(info, tokenizer, session)

    def predict(self, inputs: Inputs, batch_size: int = 32) -> list[TextPrediction] | list[TokenPrediction]:
        """Predict labels, in the order of the inputs.

        Args:
            inputs: Texts; for a token task texts or lists of words.
            batch_size: Texts that go through the graph together. It changes speed and memory, not results.

        Raises:
            TypeError: An input is not text (or a list of words).
        """
        encoded = self.encode(inputs)
        return self.decode(encoded, self.run(encoded, batch_size))

    def logits(self, inputs: Inputs, batch_size: int = 32) -> list[FloatArray]:
        """Compute raw scores, in the order of the inputs.

        Returns:
            For each text an array (classes,), or for a token task (kept words, classes): kept are the words that have a
            piece within the model's length.
        """
        return self.run(self.encode(inputs), batch_size)

    def encode(self, inputs: Inputs) -> list[EncodedText]:
        """Turn inputs into piece ids."""
        if isinstance(inputs, str):
            raise TypeError("a single text was given; put it into a list")
        one = self._encode_text if self.info.task == _TEXT else self._encode_words
        return [one(index, given) for index, given in enumerate(inputs)]

    def run(self, encoded: Sequence[EncodedText], batch_size: int = 32) -> list[FloatArray]:
        """Compute the logits of encoded texts; see `logits`."""
        if batch_size < 1:
            raise ValueError(f"batch_size={batch_size}: must be at least 1")
        # Longest first: the runtime reserves its largest buffers once and reuses them.
        order = sorted(range(len(encoded)), key=lambda row: -len(encoded[row].ids))
        by_row: dict[int, FloatArray] = {}
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            for row, values in zip(rows, self._forward([encoded[row].ids for row in rows]), strict=True):
                is_text = self.info.task == _TEXT
                by_row[row] = values if is_text else values[list(encoded[row].first_pieces.values())]
        return [by_row[row] for row in range(len(encoded))]

    def decode(
        self, encoded: Sequence[EncodedText], logits: Sequence[FloatArray]
    ) -> list[TextPrediction] | list[TokenPrediction]:
        """Turn logits into predictions."""
        pairs = list(zip(encoded, logits, strict=True))
        if self.info.task == _TEXT:
            return [self._decode_text(text, values) for text, values in pairs]
        return [self._decode_words(text, values) for text, values in pairs]

    def _encode_text(self, index: int, given: object) -> EncodedText:
        if not isinstance(given, str):
            raise TypeError(f"input {index}: {_TEXT} takes texts, not {given!r:.50}")
        encoding = self._tokenizer.encode(_clean(given))
        return EncodedText(encoding.ids or [self.info.pad_id], bool(encoding.overflowing), given)

    def _encode_words(self, index: int, given: object) -> EncodedText:
        if isinstance(given, str):
            text, matches = given, [*_WORD.finditer(given)]
            words, offsets = tuple(match.group() for match in matches), tuple(match.span() for match in matches)
        elif isinstance(given, Iterable) and all(isinstance(word, str) for word in given):
            words = tuple(given)
            text, offsets = " ".join(words), _joined_offsets(words)
        else:
            raise TypeError(f"input {index}: {_TOKEN} takes texts or lists of words, not {given!r:.50}")
        encoding = self._tokenizer.encode([_clean(word) for word in words], is_pretokenized=True)
        first_pieces: dict[int, int] = {}
        for position, word in enumerate(encoding.word_ids):
            if word is not None:
                first_pieces.setdefault(word, position)
        ids, truncated = encoding.ids or [self.info.pad_id], bool(encoding.overflowing)
        return EncodedText(ids, truncated, text, words, offsets, first_pieces)

    def _forward(self, batch: Sequence[list[int]]) -> FloatArray:
        shape = len(batch), max(map(len, batch))
        input_ids = np.full(shape, self.info.pad_id, dtype=np.int64)
        attention_mask = np.zeros(shape, dtype=np.int64)
        for row, ids in enumerate(batch):
            input_ids[row, : len(ids)] = ids
            attention_mask[row, : len(ids)] = 1
        feed = {"input_ids": input_ids, "attention_mask": attention_mask}
        output: FloatArray = self._session.run(["logits"], feed)[0]
        return output

    def _decode_text(self, encoded: EncodedText, values: FloatArray) -> TextPrediction:
        powers = np.exp(values.astype(np.float64) - values.max())
        probabilities = dict(zip(self.info.labels, (powers / powers.sum()).tolist(), strict=True))
        return TextPrediction(self.info.labels[int(values.argmax())], probabilities, encoded.truncated)

    def _decode_words(self, encoded: EncodedText, values: FloatArray) -> TokenPrediction:
        tags = [self._outside] * len(encoded.words)
        for word, label in zip(encoded.first_pieces, values.argmax(axis=-1).tolist(), strict=True):
            tags[word] = self.info.labels[label]
        spans = _spans(tags, encoded.offsets, encoded.text)
        return TokenPrediction(encoded.words, tuple(tags), spans, encoded.truncated)


def _verify_files(folder: Path, info: BundleInfo) -> None:
    for name in (GRAPH_FILE, TOKENIZER_FILE):
        if name not in info.files:
            raise BundleError(f"{folder / INFO_FILE} lists no sha256 of {name}")
    for name, expected in info.files.items():
        try:
            with (folder / name).open("rb") as file:
                actual = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise BundleError(f"{folder / name}: cannot be read ({error.strerror})") from error
        if actual != expected:
            raise BundleError(f"{folder / name}: sha256 is {actual}, but {INFO_FILE} says {expected}")


def _verify_graph(folder: Path, info: BundleInfo, session: onnxruntime.InferenceSession) -> None:
    names = [given.name for given in session.get_inputs()]
    shape = session.get_outputs()[0].shape
    rank = 2 if info.task == _TEXT else 3
    if sorted(names) != sorted(_INPUT_NAMES) or len(shape) != rank or shape[-1] != len(info.labels):
        raise BundleError(
            f"{folder / GRAPH_FILE}: inputs {names} and output shape {shape} do not fit "
            f"{info.task} with {len(info.labels)} labels"
        )


def _clean(text: str) -> str:
    # A lone surrogate has no UTF-8 form, which the tokenizer needs; one character for one keeps all offsets.
    return _SURROGATE.sub("\ufffd", text)


def _joined_offsets(words: Sequence[str]) -> tuple[tuple[int, int], ...]:
    starts = accumulate((len(word) + 1 for word in words), initial=0)
    return tuple((start, start + len(word)) for start, word in zip(starts, words, strict=False))


def _spans(tags: Sequence[str], offsets: Sequence[tuple[int, int]], text: str) -> tuple[Span, ...]:
    """Read IOB2 tags; an `I-` that continues nothing of its type opens a span, as in the CoNLL scorer."""
    found: list[tuple[str, int, int]] = []
    open_type = None
    for tag, (start, end) in zip(tags, offsets, strict=True):
        prefix, _, type_ = tag.partition("-")
        if prefix == "I" and type_ and type_ == open_type:
            found[-1] = (type_, found[-1][1], end)
        elif prefix in ("B", "I") and type_:
            found.append((type_, start, end))
            open_type = type_
        else:
            open_type = None
    return tuple(Span(type_, text[start:end], start, end) for type_, start, end in found)
