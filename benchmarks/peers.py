"""The peers of a bundle, each in a folder of its own, ready to be served."""

import json
import logging
import math
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from itertools import product
from pathlib import Path

import fasttext
import joblib
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from tokenizers import BertWordPieceTokenizer, Tokenizer
from tokenizers.processors import TemplateProcessing
from torch import nn
from transformers import BertConfig, BertForSequenceClassification, TokenizersBackend

from benchmarks.answering import Way, plain
from benchmarks.setting import Classroom, Setting
from kdops.data.corpus import Corpus
from kdops.deploy.bundle import FP32, INT8, write_bundle, write_int8_bundle, write_ungated_int8_bundle
from kdops.deploy.predictor import TOKENIZER_FILE, BundleInfo, read_info
from kdops.deploy.tolerances import GateError
from kdops.metrics import score
from kdops.models.bert import BertStudent
from kdops.models.build import build_student
from kdops.models.student_kinds import KINDS, STUDENTS
from kdops.models.teachers.model import TeacherModel
from kdops.task import Task
from kdops.training.loop import fit
from kdops.training.losses import DistillationObjective
from kdops.training.values import LoopConfig

logger = logging.getLogger(__name__)

TOKENS = 30_522
"""Size of BERT's own vocabulary, and of the study's students."""


class Side(StrEnum):
    """Whom a predictor stands for when it is said who wins."""

    STUDENT = "a student of kdops"
    TEACHER = "the teacher, which students are made of"
    PEER = "something that is used instead of a student"


@dataclass(frozen=True)
class Peer:
    """One predictor.

    Attributes:
        name: for the table.
        way: how it is loaded.
        folder: what it is loaded from; all files in it count as its storage.
        scored: whether its answers mean anything: new weights answer as fast as trained ones.
        side: whom it stands for.
        training_s: CPU seconds that it took to make it, without its teacher; NaN if that was done elsewhere.
        python: the interpreter that answers.
    """

    name: str
    way: Way
    folder: Path
    scored: bool = True
    side: Side = Side.PEER
    training_s: float = math.nan
    python: str = sys.executable


@dataclass(frozen=True)
class Absent:
    """A predictor that cannot be measured here.

    Attributes:
        name: for the table.
        reason: one line.
    """

    name: str
    reason: str


def of_bundle(bundle: Path, training_s: float, corpus: Corpus, place: Path) -> Iterator[Peer]:
    """A bundle, its int8 form if it passes the gate, and the same student as PyTorch and transformers serve it.

    Args:
        bundle: an fp32 bundle of the corpus, or an int8 one.
        training_s: CPU seconds that it took to make it; NaN if that was done elsewhere.
        corpus: whose validation texts the int8 form must pass on.
        place: a new folder for the others.
    """
    info = read_info(bundle)
    deployed = partial(Peer, way=Way.KDOPS, side=Side.STUDENT, training_s=training_s)
    yield deployed(f"{info.student}, kdops {info.precision}", folder=bundle)
    if info.precision == FP32:
        try:
            write_int8_bundle(place / INT8, bundle, corpus.inputs("validation"), corpus.gold("validation"))
            yield deployed(f"{info.student}, kdops int8", folder=place / INT8)
        except GateError as error:
            logger.info("no int8 form: %s", error)
    if info.student in STUDENTS:
        folder = place / "torch"
        folder.mkdir(parents=True)
        tokenizer = Tokenizer.from_file(str(bundle / TOKENIZER_FILE))
        student = build_student(info.student, tokenizer.get_vocab_size(), len(info.labels), Task.TEXT)
        torch.save(student, folder / "student.pt")
        shutil.copyfile(bundle / TOKENIZER_FILE, folder / TOKENIZER_FILE)
        yield Peer(f"{info.student}, PyTorch eager", Way.EAGER, folder, scored=False)
        if shutil.which("g++") or shutil.which("clang++"):
            yield Peer(f"{info.student}, torch.compile", Way.COMPILED, folder, scored=False)
        else:
            logger.info("no C++ compiler here, so no torch.compile")
        if isinstance(student, BertStudent):
            _write_pipeline(place / "pipeline", student, tokenizer, info)
            yield Peer(f"{info.student}, transformers pipeline", Way.PIPELINE, place / "pipeline", scored=False)


def _write_pipeline(folder: Path, student: BertStudent, tokenizer: Tokenizer, info: BundleInfo) -> None:
    config = BertConfig.from_dict({**student.encoder.config.to_dict(), "id2label": dict(enumerate(info.labels))})
    BertForSequenceClassification(config).save_pretrained(folder)
    pad = tokenizer.id_to_token(info.pad_id)
    TokenizersBackend(tokenizer_object=tokenizer, pad_token=pad).save_pretrained(folder)  # type: ignore[no-untyped-call]


def of_words(corpus: Corpus, place: Path) -> Iterator[Peer]:
    """The linear models of words, trained on the gold labels of the same rows; settings chosen on validation texts."""
    gold = list(corpus.gold("train"))
    texts = [plain(str(text)) for text in corpus.inputs("train")]
    yield Peer("TF-IDF, logistic regression", Way.LINEAR, _linear(texts, gold, corpus, place / "linear"))
    yield Peer("fastText", Way.FASTTEXT, _fasttext(texts, gold, corpus, place / "fasttext"))


def _linear(texts: Sequence[str], gold: Sequence[object], corpus: Corpus, folder: Path) -> Path:
    folder.mkdir(parents=True)

    def train(longest: int, strength: float, balanced: bool) -> Pipeline:
        words = TfidfVectorizer(ngram_range=(1, longest), sublinear_tf=True)
        weights = "balanced" if balanced else None
        return make_pipeline(words, LogisticRegression(C=strength, class_weight=weights, max_iter=1000)).fit(
            texts, gold
        )

    models = (train(*setting) for setting in product((1, 2), (1.0, 10.0, 100.0), (False, True)))
    best = max(models, key=lambda model: _score(corpus, [str(label) for label in model.predict(_validation(corpus))]))
    joblib.dump(best, folder / "model.joblib")
    return folder


def _fasttext(texts: Sequence[str], gold: Sequence[object], corpus: Corpus, folder: Path) -> Path:
    folder.mkdir(parents=True)
    file = folder.with_suffix(".txt")
    numbers = {label: number for number, label in enumerate(corpus.labels)}
    lines = [f"__label__{numbers[str(label)]} {text}" for label, text in zip(gold, texts, strict=True)]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    settings = product((0.1, 0.5), (5, 25, 50))
    models = (_fasttext_model(file, rate, epochs) for rate, epochs in settings)

    def answers(model: "fasttext.FastText._FastText") -> list[str]:
        found, _ = model.predict(_validation(corpus))
        return [corpus.labels[int(one.removeprefix("__label__"))] for (one,) in found]

    best = max(models, key=lambda model: _score(corpus, answers(model)))
    best.save_model(str(folder / "model.bin"))
    return folder


def _fasttext_model(file: Path, rate: float, epochs: int, tries: int = 4) -> "fasttext.FastText._FastText":
    try:
        # Fewer buckets than its default of 2 million, which would be 800 MB for data that has a few thousand words.
        # Always with pairs of words: without them this release ends with NaN, on some data each time, with them seldom.
        return fasttext.train_supervised(
            str(file), lr=rate, epoch=epochs, wordNgrams=2, bucket=200_000, thread=1, verbose=0
        )
    except RuntimeError as error:
        if tries == 1 or "NaN" not in str(error):
            raise
        logger.warning("fastText, learning rate %s, %d epochs: %s; trained again", rate, epochs, error)
    return _fasttext_model(file, rate, epochs, tries - 1)


def _validation(corpus: Corpus) -> list[str]:
    return [plain(str(text)) for text in corpus.inputs("validation")]


def _score(corpus: Corpus, predicted: Sequence[str]) -> float:
    return score(corpus.task, corpus.labels, corpus.gold("validation"), predicted)["f1_macro"]


def quick_bundle(setting: Setting, student: str, place: Path) -> Path:
    """A bundle of a student that was trained on the teacher's logits of the setting's rows, and no others."""
    room = Classroom(setting)
    model, validation = room.new_student(student), room.validation
    loop = LoopConfig(
        epochs=setting.epochs,
        learning_rate=KINDS[student].first.learning_rate,
        batch_size=setting.batch_size,
        patience=setting.epochs,
        seed=setting.seed,
    )
    fit(
        model,
        room.training(room.logits(place / f"{student}-logits")),
        DistillationObjective(),
        validation.scores,
        loop,
        main_metric=room.corpus.main_metric,
        pad_id=validation.pad_id,
        description=student,
        quiet=True,
    )
    info = bundle_info(student, room.corpus.labels, room.pad_id)
    return write_bundle(place / student, model=model, tokenizer=room.vocabulary.tokenizer, info=info)


def untrained(corpus: Corpus, students: Sequence[str], place: Path) -> Iterator[Peer]:
    """New students of `TOKENS` tokens, fp32 and int8, and first a BERT-base of 12 layers of 768."""
    tokenizer = _tokenizer([str(text) for text in corpus.inputs("train")])
    pad_id = tokenizer.token_to_id("[PAD]")
    assert pad_id is not None
    models: dict[str, Callable[[], nn.Module]] = {"BERT-base": partial(_bert_base, corpus.labels)}
    models |= {name: partial(build_student, name, TOKENS, len(corpus.labels), Task.TEXT) for name in students}
    for name, build in models.items():
        torch.manual_seed(1)
        info = bundle_info(name, corpus.labels, pad_id)
        bundle = write_bundle(place / name, model=build(), tokenizer=tokenizer, info=info)
        yield Peer(f"{name}, fp32", Way.KDOPS, bundle, scored=False)
        if name in students:
            int8 = write_ungated_int8_bundle(place / f"{name}-{INT8}", bundle)
            yield Peer(f"{name}, int8", Way.KDOPS, int8, scored=False)


def _bert_base(labels: Sequence[str]) -> TeacherModel:
    config = BertConfig.from_dict({"vocab_size": TOKENS, "id2label": dict(enumerate(labels))})
    return TeacherModel(BertForSequenceClassification(config))


def _tokenizer(texts: Sequence[str]) -> Tokenizer:
    """WordPiece of the texts; as in BERT's own vocabulary, unused tokens fill it up."""
    wordpiece = BertWordPieceTokenizer(lowercase=True)
    wordpiece.train_from_iterator(texts, vocab_size=TOKENS, show_progress=False)
    spec = json.loads(wordpiece.to_str())
    vocabulary = spec["model"]["vocab"]
    vocabulary |= {f"[unused{number}]": number for number in range(len(vocabulary), TOKENS)}
    tokenizer = Tokenizer.from_str(json.dumps(spec))
    specials = [(token, tokenizer.token_to_id(token)) for token in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=specials)
    return tokenizer


def bundle_info(student: str, labels: Sequence[str], pad_id: int) -> BundleInfo:
    """The bundle description of a model that was made for a benchmark."""
    return BundleInfo(
        task=Task.TEXT,
        labels=tuple(labels),
        max_length=Setting.max_length,
        pad_id=pad_id,
        student=student,
        dataset="benchmark",
        licence="",
        teacher="",
        recipe="",
        precision=FP32,
        main_metric="f1_macro",
        main_metric_value=0.0,
        fingerprint="",
    )
