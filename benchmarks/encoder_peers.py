"""The peers that are the teacher in another form, or are made of the same encoder by other libraries."""

import json
import logging
from collections.abc import Iterator
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

from benchmarks.answering import Way
from benchmarks.environments import MODEL2VEC, SETFIT, Environment, NoEnvironmentError, interpreter
from benchmarks.peer_training import PAIRS, Answer, Request
from benchmarks.peers import Absent, Peer, Side, bundle_info
from benchmarks.setting import Setting
from kdops.data.corpus import Corpus
from kdops.deploy.bundle import INT8, write_bundle, write_ungated_int8_bundle
from kdops.measure.clean_process import MeasurementError, ask
from kdops.models.teachers.loading import load_teacher

logger = logging.getLogger(__name__)

_TRAINING_S = 4 * 3600

_WAYS = {
    MODEL2VEC: {"model2vec, fine-tuned": Way.MODEL2VEC},
    SETFIT: {
        f"SetFit, at most {PAIRS:,} pairs, PyTorch": Way.SETFIT,
        f"SetFit, at most {PAIRS:,} pairs, ONNX": Way.SETFIT_ONNX,
    },
}
"""The ways in which the model of each environment answers, by the names of the rows; each has a folder of its own."""


def of_teacher(setting: Setting, corpus: Corpus, place: Path) -> Iterator[Peer]:
    """The teacher in a pipeline of transformers and as kdops' bundles, fp32 and by dynamic quantisation.

    Args:
        setting: whose teacher it is.
        corpus: its data set.
        place: a new folder for the bundles.
    """
    teacher = load_teacher(setting.teacher, corpus.task, corpus.labels)
    info = replace(bundle_info("teacher", corpus.labels, teacher.pad_id), max_length=setting.max_length)
    bundle = write_bundle(place / "teacher", model=teacher.model, tokenizer=teacher.tokenizer, info=info)
    int8 = write_ungated_int8_bundle(place / f"teacher-{INT8}", bundle)
    made = partial(Peer, training_s=setting.teacher_s)
    yield made("teacher, transformers pipeline", Way.PIPELINE, Path(setting.teacher), side=Side.TEACHER)
    yield made("teacher, kdops fp32", Way.KDOPS, bundle, side=Side.TEACHER)
    yield made("teacher, kdops int8", Way.KDOPS, int8)


def of_encoder(setting: Setting, corpus: Corpus, place: Path, environments: Path) -> Iterator[Peer | Absent]:
    """model2vec and SetFit, made of the setting's encoder and trained on the gold labels of the same rows.

    Args:
        setting: encoder, length of texts and seed.
        corpus: training and validation texts.
        place: a folder for rows and models.
        environments: where those of these libraries are found or made.
    """
    for environment, ways in _WAYS.items():
        try:
            python = interpreter(environment, environments)
            cpu_s = _trained(environment, python, setting, corpus, place)
        except (NoEnvironmentError, MeasurementError) as error:
            logger.warning("%s: %s", environment.name, error)
            # Of a failed process the last line says why.
            reason = str(error).splitlines()[-1]
            yield from (Absent(name, reason) for name in ways)
        else:
            for name, way in ways.items():
                yield Peer(name, way, place / environment.name / way, training_s=cpu_s, python=python)


def _trained(environment: Environment, python: str, setting: Setting, corpus: Corpus, place: Path) -> float:
    request = Request(
        bundle=str(place / environment.name),
        peer=environment.name,
        encoder=setting.encoder,
        train=str(_rows(corpus, "train", place)),
        validation=str(_rows(corpus, "validation", place)),
        labels=corpus.labels,
        max_length=setting.max_length,
        seed=setting.seed,
    )
    answer = ask("benchmarks.peer_training", asdict(request), threads=1, python=python, timeout_s=_TRAINING_S)
    return Answer(**answer).cpu_s


def _rows(corpus: Corpus, split: str, place: Path) -> Path:
    place.mkdir(parents=True, exist_ok=True)
    file = place / f"{split}.jsonl"
    pairs = zip(corpus.inputs(split), corpus.gold(split), strict=True)
    lines = [json.dumps({"text": str(text), "label": str(label)}) for text, label in pairs]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file
