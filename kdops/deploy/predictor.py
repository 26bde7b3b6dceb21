"""Text in, labels out: one file with all that a bundle needs, also as a command: `python predictor.py BUNDLE`."""

import argparse
import hashlib
import json
import math
import os
import re
import signal
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import lru_cache, partial
from itertools import accumulate, islice
from pathlib import Path
from typing import Any, NamedTuple, Union

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Tokenizer

FORMAT_VERSION = 2
INFO_FILE, GRAPH_FILE, TOKENIZER_FILE = "bundle.json", "model.onnx", "tokenizer.json"
_OF_WORDS = ("token-classification",)  # the tasks with an answer for each word
_MARKED = ("multi-label-classification",)  # and those whose labels have a threshold each
_clean = partial(re.compile(r"[\ud800-\udfff]").sub, "\ufffd")  # lone surrogates have no UTF-8 form; offsets stay
_READ_FIRST = 50  # characters, or words, for each token that the model reads; more of them only when these are too few
MAX_TEXTS, MAX_CHARACTERS = 10_000, 5_000_000  # of one request, where a server answers; these take it some seconds
_BATCH_PIECES = 1024  # through the graph together, padding included: it bounds memory and costs no speed

FloatArray = NDArray[np.float32]
Inputs = Sequence[str] | Sequence[Sequence[str]] | Sequence[Mapping[str, Any]] | Sequence[Sequence[Sequence[str]]]
Prediction = Union["TextPrediction", "LabelsPrediction", "AspectsPrediction", "TokenPrediction"]
Predictions = list[Prediction]


class BundleError(ValueError):
    """A folder that is not a bundle, or one whose files are not those it was written with."""


class TooLarge(ValueError):
    """More texts or characters than one request to a server may have."""


@dataclass(frozen=True, kw_only=True)
class BundleInfo:
    """The content of `bundle.json`: what a bundle predicts, how its text is read, and where it comes from."""

    task: str
    labels: tuple[str, ...]  # in the order of the logits
    max_length: int  # in tokens, special ones included; more is cut off
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
    word_pattern: str = r"\w+|[^\w\s]"  # matches the words of a text; older files lack it
    thresholds: tuple[float, ...] = ()  # the least probability of each label that is predicted; older files lack them
    pairs: bool = False  # whether it reads pairs of texts; likewise
    format_version: int = FORMAT_VERSION
    files: Mapping[str, str] = field(default_factory=dict)  # sha256 in hex of the other files, by name
    digest: str = field(init=False)  # sha256 in hex of all of this, and so of what all files hold

    def __post_init__(self) -> None:
        content = json.dumps(self.content, sort_keys=True, allow_nan=False).encode()  # all but the digest
        object.__setattr__(self, "digest", hashlib.sha256(content).hexdigest())

    @property
    def content(self) -> dict[str, Any]:
        """The content of its file; fields that older files lack are left out where they hold their default."""
        return {name: value for name, value in vars(self).items() if name not in _NEWER or value != _NEWER[name]}


_NEWER: Mapping[str, Any] = {name: getattr(BundleInfo, name) for name in ("word_pattern", "thresholds", "pairs")}


@dataclass(frozen=True)
class TextPrediction:
    """The most probable label of one text."""

    label: str
    probabilities: dict[str, float]  # of each label, in the bundle's order
    truncated: bool  # the text was longer than the model reads


@dataclass(frozen=True)
class LabelsPrediction:
    """Any number of labels of one text; the most probable one may not be among them, where its threshold is higher."""

    labels: tuple[str, ...]  # those whose probability reaches their threshold, in the bundle's order
    probabilities: dict[str, float]  # of each label by itself, in the bundle's order
    thresholds: dict[str, float]  # the bundle's, in the same order
    truncated: bool


@dataclass(frozen=True)
class AspectsPrediction:
    """The most probable value of each aspect of one text."""

    aspects: dict[str, str]
    probabilities: dict[str, dict[str, float]]  # of each value of each aspect
    truncated: bool


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
    tags: tuple[str, ...]  # one per word; `O` beyond the model's length
    spans: tuple[Span, ...]  # the entities that the tags spell, in text order
    truncated: bool


class EncodedText(NamedTuple):
    """One text as the graph reads it; the last three are for token tasks."""

    ids: list[int]  # tokens, special ones included, cut at the bundle's length
    truncated: bool
    text: str
    words: tuple[str, ...]
    offsets: tuple[tuple[int, int], ...]  # of each word in `text`, in characters
    first_tokens: Mapping[int, int]  # word index: position of its first token, if any


def check_size(inputs: Sequence[Any]) -> int:
    """Count the characters of texts and words; TooLarge if these are more, or more texts, than one request may have."""
    characters = sum(map(_characters, inputs))
    if len(inputs) > MAX_TEXTS or characters > MAX_CHARACTERS:
        limits = f"a request may have {MAX_TEXTS} texts and {MAX_CHARACTERS} characters at most"
        raise TooLarge(f"{len(inputs)} texts of {characters} characters: {limits}")
    return characters


def _characters(given: Any, depth: int = 2) -> int:
    """Characters of a text, of all words of a list, or of both sides of a pair, which may be lists."""
    if isinstance(given, str):
        return len(given)
    parts = list(given.values()) if isinstance(given, Mapping) else given
    many = isinstance(parts, list | tuple) or getattr(parts, "ndim", 0) == 1
    return sum(_characters(part, depth - 1) for part in parts) if many and depth else 0


class _Side(NamedTuple):
    """One text of an input: `whole` is what the tokenizer gets, the others are as in `EncodedText`."""

    whole: str | list[str]
    text: str
    words: tuple[str, ...]
    offsets: tuple[tuple[int, int], ...]


def read_info(folder: str | os.PathLike[str]) -> BundleInfo:
    """Read a bundle's `bundle.json`, and no other file; BundleError if it is not as it was written."""
    try:
        given = json.loads(_path(Path(folder), INFO_FILE).read_bytes())
        if given["format_version"] != FORMAT_VERSION:
            raise ValueError(f"format {given['format_version']!r:.50}, but this predictor reads {FORMAT_VERSION}")
        digest, given = given.pop("digest", None), {**_NEWER, **given}
        lists = {name: tuple(given[name]) for name in ("labels", "thresholds")}
        info = BundleInfo(**{**given, **lists, "files": dict(given["files"])})
        checked = [one for one in fields(info) if one.init and one.type in (str, int, float, bool)]
        wrong = [one.name for one in checked if type(given[one.name]) is not one.type]
        wrong += ["digest"] if digest != info.digest else []
        texts = {*map(type, (*info.labels, *info.files, *info.files.values()))}
        marked = len(info.labels) if info.task in _MARKED else 0  # labels with a threshold
        wrong += [] if [*map(type, info.thresholds)] == marked * [float] else ["thresholds"]
        if wrong or texts != {str} or info.task not in _ANSWERS or min(info.pad_id, info.max_length - 1) < 0:
            raise ValueError(f"wrong {', '.join(wrong) or 'labels, files, pad_id or max_length'} for {info.task!r:.50}")
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise BundleError(f"{folder} is not a bundle that can be read: {INFO_FILE}: {error}") from error
    return info


class Predictor:
    """A loaded bundle, made by `load`. Safe to share between threads."""

    def __init__(self, info: BundleInfo, tokenizer: Tokenizer, session: onnxruntime.InferenceSession) -> None:
        self.info, self._of_words, self._words = info, info.task in _OF_WORDS, re.compile(info.word_pattern)
        self._tokenizer, self._session = tokenizer, session

    @classmethod
    def load(cls, folder: str | os.PathLike[str], *, threads: int = 1) -> "Predictor":
        """Load a bundle, to be run by `threads` CPU threads; BundleError if it is not what was written, or misfits."""
        if threads < 1:
            raise ValueError(f"threads={threads}: must be at least 1")
        info, folder = read_info(folder), Path(folder)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.log_severity_level = 4  # what goes wrong is raised, and need not be printed too
        try:
            there = {path.name for path in folder.iterdir()}  # a graph might read what is not listed
            for name in sorted({GRAPH_FILE, TOKENIZER_FILE, *info.files, *there} - {INFO_FILE}):
                with _path(folder, name).open("rb") as file:  # not read whole: the memory would not all come back
                    actual = hashlib.file_digest(file, "sha256").hexdigest()
                if actual != (known := info.files.get(name, "nothing of it")):
                    raise BundleError(f"{name:.99}: sha256 is {actual}, but {INFO_FILE} says {known}")
            # First what needs the most memory to load. Its data in files outside the folder is refused by onnxruntime.
            session = onnxruntime.InferenceSession(str(folder / GRAPH_FILE), options, ["CPUExecutionProvider"])
            tokenizer = Tokenizer.from_file(str(folder / TOKENIZER_FILE))
            tokenizer.no_padding()
            tokenizer.enable_truncation(info.max_length)
            predictor = cls(info, tokenizer, session)
            predictor.encode([("a", "a")] if info.pairs else ["a"])  # a damaged tokenizer may fail at any text,
            highest = max(info.pad_id, tokenizer.get_vocab_size() - 1)  # and a table may be too short for this token
            shape = predictor._forward([[highest]]).shape
            if shape != ((1, 1) if predictor._of_words else (1,)) + (len({*info.labels}),):
                raise BundleError(f"logits {shape} do not fit {info.task} with labels {', '.join(info.labels)}")
        except BaseException as error:  # what the two libraries raise has no type in common; a panic is no Exception
            if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
                raise
            raise BundleError(f"{folder} cannot be used: {' '.join(str(error).split()):.400}") from error
        return predictor

    def predict(self, inputs: Inputs, batch_size: int = 32) -> Predictions:
        """Predict labels of texts, or for a token task also of lists of words, in their order; TypeError for others.

        A bundle for pairs takes two of these each: `{"text": ..., "text_pair": ...}`, or both in a list.

        At most `batch_size` of them go through the graph together, which changes speed and memory. It does not change
        results, but for a text in doubt in int8, where a batch is rounded by its largest activation.
        """
        return self.decode(encoded := self.encode(inputs), self.run(encoded, batch_size))

    def encode(self, inputs: Inputs, first: int = 0) -> list[EncodedText]:
        """Turn inputs into token ids; messages about a wrong one count from `first`."""
        if isinstance(inputs, str):
            raise TypeError("a single text was given; put it into a list")
        return [self._encode(index, given) for index, given in enumerate(inputs, first)]

    def run(self, encoded: Sequence[EncodedText], batch_size: int = 32) -> list[FloatArray]:
        """Compute logits, in order: (classes,) each, or for a token task (words that kept a token, classes)."""
        if batch_size < 1:
            raise ValueError(f"batch_size={batch_size}: must be at least 1")
        order = sorted(range(len(encoded)), key=lambda row: -len(encoded[row].ids))  # the largest buffers first
        by_row: dict[int, FloatArray] = {}
        while rows := order[len(by_row) : len(by_row) + batch_size]:
            rows = rows[: max(1, _BATCH_PIECES // len(encoded[rows[0]].ids))]
            by_row.update(zip(rows, self._forward([encoded[row].ids for row in rows]), strict=True))
        if self._of_words:
            return [by_row[row][list(text.first_tokens.values())] for row, text in enumerate(encoded)]
        return [by_row[row] for row in range(len(encoded))]

    def decode(self, encoded: Sequence[EncodedText], logits: Sequence[FloatArray]) -> Predictions:
        """Turn logits into predictions."""
        answer: Any = _ANSWERS[self.info.task]
        return [answer(self.info, text, values) for text, values in zip(encoded, logits, strict=True)]

    def _encode(self, index: int, given: object) -> EncodedText:
        sides = [self._side(index, side) for side in self._sides(index, given)]
        limit = _READ_FIRST * self.info.max_length
        while True:
            read = [_beginning(side.whole, limit) for side in sides]
            encoding = self._tokenizer.encode(read[0], (*read[1:], None)[0], is_pretokenized=self._of_words)
            if encoding.overflowing or limit >= max(len(side.whole) for side in sides):
                break
            limit *= 8
        first: dict[int, int] = {}
        last = sides[-1]  # the words that get tags are its words
        for position, word in enumerate(encoding.word_ids if last.words else ()):
            if word is not None and (len(sides) == 1 or encoding.token_to_sequence(position) == 1):
                first.setdefault(word, position)
        ids, cut = encoding.ids or [self.info.pad_id], bool(encoding.overflowing)
        return EncodedText(ids, cut, last.text, last.words, last.offsets, first)

    def _sides(self, index: int, given: object) -> Sequence[object]:
        """The input itself, or both texts of a pair: `{"text": ..., "text_pair": ...}`, or the two in a list."""
        if not self.info.pairs:
            return (given,)
        if isinstance(given, Mapping) and given.keys() == {"text", "text_pair"}:
            return (given["text"], given["text_pair"])
        if isinstance(given, str | Mapping) or not isinstance(given, Iterable) or len(pair := [*given]) != 2:
            raise TypeError(f"input {index}: pairs of a text and a text_pair are wanted, not {given!r:.50}")
        return pair

    def _side(self, index: int, given: object) -> "_Side":
        if isinstance(given, str):
            text, matches = given, [*self._words.finditer(given)] if self._of_words else []
            words, offsets = tuple(match.group() for match in matches), tuple(match.span() for match in matches)
        else:
            is_list = isinstance(given, Iterable) and not isinstance(given, Mapping)  # of an object these are no words
            words = tuple(given if is_list else list[Any]([given]))  # type: ignore[arg-type]
            if not self._of_words or not all(isinstance(word, str) for word in words):
                takes = f"{self.info.task} takes texts{' or lists of words' if self._of_words else ''}"
                raise TypeError(f"input {index}: {takes}, not {given!r:.50}")
            text, ends = " ".join(words), accumulate(len(word) + 1 for word in words)
            offsets = tuple((end - 1 - len(word), end - 1) for word, end in zip(words, ends, strict=True))
        whole: Any = [_clean(word) for word in words] if self._of_words else f"{_clean(text)} "
        return _Side(whole, text, words, offsets)

    def _forward(self, batch: Sequence[list[int]]) -> FloatArray:
        length, pad = max(map(len, batch)), self.info.pad_id
        input_ids = np.array([ids + [pad] * (length - len(ids)) for ids in batch], dtype=np.int64)
        mask = np.array([[1] * len(ids) + [0] * (length - len(ids)) for ids in batch], dtype=np.int64)
        return np.asarray(self._session.run(["logits"], {"input_ids": input_ids, "attention_mask": mask})[0])


def _label(info: BundleInfo, encoded: EncodedText, values: FloatArray) -> TextPrediction:
    probabilities = _softmax(info.labels, values)
    return TextPrediction(max(probabilities, key=probabilities.__getitem__), probabilities, encoded.truncated)


def _labels(info: BundleInfo, encoded: EncodedText, values: FloatArray) -> LabelsPrediction:
    chances = [0.5 + 0.5 * math.tanh(0.5 * score) for score in values.tolist()]  # the logistic function, no overflow
    probabilities = dict(zip(info.labels, chances, strict=True))
    thresholds = dict(zip(info.labels, info.thresholds, strict=True))
    predicted = tuple(label for label, chance in probabilities.items() if chance >= thresholds[label])
    return LabelsPrediction(predicted, probabilities, thresholds, encoded.truncated)


def _aspects(info: BundleInfo, encoded: EncodedText, values: FloatArray) -> AspectsPrediction:
    places: dict[str, list[int]] = {}
    for place, label in enumerate(info.labels):
        places.setdefault(label.partition(":")[0], []).append(place)
    chances = {
        aspect: _softmax([info.labels[place].partition(":")[2] for place in those], values[those])
        for aspect, those in places.items()
    }
    best = {aspect: max(those, key=those.__getitem__) for aspect, those in chances.items()}
    return AspectsPrediction(best, chances, encoded.truncated)


def _softmax(names: Sequence[str], values: FloatArray) -> dict[str, float]:
    scores = values.tolist()  # a handful of numbers: numpy would take three times as long
    highest = max(scores)
    powers = [math.exp(score - highest) for score in scores]
    total = sum(powers)
    return {name: power / total for name, power in zip(names, powers, strict=True)}


def _tags(info: BundleInfo, encoded: EncodedText, values: FloatArray) -> TokenPrediction:
    tags = ["O" if "O" in info.labels else info.labels[0]] * len(encoded.words)
    for word, label in zip(encoded.first_tokens, _best_path(info.labels, values), strict=True):
        tags[word] = info.labels[label]
    return TokenPrediction(encoded.words, (*tags,), _spans(tags, encoded.offsets, encoded.text), encoded.truncated)


def _best_path(labels: tuple[str, ...], values: FloatArray) -> list[int]:
    """The sequence of tags with the highest sum of logits in which each `I-` continues a span of its type."""
    path = values.argmax(axis=-1)
    illegal = _illegal(labels)
    if not illegal[[-1, *path[:-1]][: len(path)], path].any():
        return [int(place) for place in path]
    best, before = np.where(illegal[-1], -np.inf, values[0]), []
    for row in values[1:]:  # Viterbi
        moves = np.where(illegal[:-1], -np.inf, best[:, None])
        before.append(moves.argmax(axis=0))
        best = moves.max(axis=0) + row
    found = [int(best.argmax())]
    for places in reversed(before):
        found.append(int(places[found[-1]]))
    return found[::-1]


@lru_cache(maxsize=8)
def _illegal(labels: tuple[str, ...]) -> NDArray[np.bool_]:
    """Whether a tag (columns) must not follow another (rows, the last of them a beginning): an `I-` that has a `B-`."""
    bound = [(label, f"B-{label[2:]}") for label in labels]
    return np.array(
        [[tag[:2] == "I-" and b in labels and last not in (tag, b) for tag, b in bound] for last in (*labels, "")]
    )


_ANSWERS = {  # how logits become predictions, by task
    "text-classification": _label,
    "multi-label-classification": _labels,
    "aspect-classification": _aspects,
    "token-classification": _tags,
}


def _beginning(whole: str | list[str], limit: int) -> str | list[str]:
    """The first `limit` words, or at most `limit` characters without cutting a word in two."""
    return whole[: limit + 1].rpartition(" ")[0] if isinstance(whole, str) else whole[:limit]


def _path(folder: Path, name: str) -> Path:
    path = (folder := folder.resolve()) / name
    if path.parent != folder or os.path.realpath(path) != str(path) or (path.exists() and not path.is_file()):
        raise BundleError(f"{name!r:.99} is not an ordinary file in the bundle's own folder")
    return path


def _spans(tags: Sequence[str], offsets: Sequence[tuple[int, int]], text: str) -> tuple[Span, ...]:
    """Read IOB2 tags; an `I-` that continues nothing of its type opens a span, as in the CoNLL scorer."""
    found: list[tuple[str, int, int]] = []
    open_type = ""
    for tag, (start, end) in zip(tags, offsets, strict=True):
        prefix, _, type_ = tag.partition("-")
        if prefix == "I" and type_ and type_ == open_type:
            found[-1] = (type_, found[-1][1], end)
        elif prefix in ("B", "I") and type_:
            found.append((type_, start, end))
        open_type = type_ if prefix in ("B", "I") else ""
    return tuple(Span(type_, text[start:end], start, end) for type_, start, end in found)


def _inputs(lines: Iterable[bytes], info: BundleInfo, wrong: list[str]) -> Iterator[Any]:
    """Yield the inputs of the lines, up to one that cannot be read; the reason is appended to `wrong`."""
    for number, line in enumerate(lines, start=1):
        try:
            given: Any = line.rstrip(b"\r\n").decode("utf-8")
            if info.pairs:
                given = json.loads(given)
            elif info.task in _OF_WORDS and re.match(r'\[\s*"', given):
                " ".join(given := json.loads(given))  # nothing but texts can be joined
        except (ValueError, TypeError, RecursionError) as error:
            return wrong.append(f"error: line {number}: {error}")
        yield given


def main() -> None:
    """Predict line by line, as a command."""
    parser = argparse.ArgumentParser(description="Read one text per line, write one prediction per line, as JSON.")
    parser.add_argument("bundle", help="folder of the bundle")
    parser.add_argument(
        "file", nargs="?", default=0, help="UTF-8; a line may be a JSON list of words (token tasks), or is a JSON pair"
    )
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of a prediction (default: 1)")
    parser.add_argument("--batch-size", type=int, default=32, help="lines that are answered together (default: 32)")
    given, wrong = parser.parse_args(), list[str]()
    if min(given.threads, given.batch_size) < 1:
        parser.error("--threads and --batch-size must be at least 1")
    for number in (signal.SIGPIPE, signal.SIGINT):  # a reader that has seen enough, and Ctrl-C, end it quietly
        signal.signal(number, signal.SIG_DFL)
    try:
        predictor = Predictor.load(given.bundle, threads=given.threads)
        with open(given.file, "rb") as file:  # noqa: PTH123 - a path, or 0 for standard input
            inputs = _inputs(file, predictor.info, wrong)
            while batch := list(islice(inputs, given.batch_size)):
                answers = predictor.predict(batch, given.batch_size)
                sys.stdout.writelines(json.dumps(answer, default=vars) + "\n" for answer in answers)
                sys.stdout.flush()
    except (ValueError, TypeError, OSError) as error:
        wrong.append(f"error: {error}")
    sys.exit(*wrong[:1])


if __name__ == "__main__":
    main()
