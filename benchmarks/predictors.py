"""One text in, its label out: by a bundle, by the same student served otherwise, and by linear models of words."""

import math
from collections.abc import Mapping, Sequence, Set
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.answering import Answer, Request, Way
from benchmarks.contest import Contestant, Figures, Standing, Work, contest
from benchmarks.peers import Peer, of_bundle, of_words, quick_bundle, untrained
from benchmarks.setting import Setting
from benchmarks.tables import table
from kdops.data.corpus import Corpus, load_corpus
from kdops.measure.clean_process import ask
from kdops.measure.probes import BYTES_PER_MB
from kdops.metrics import score
from kdops.task import Task

WORDS = 20
"""Length of a timed text, about."""

_TEXTS = 64
_CALLS = 400
_CALL_SECONDS = 3.0
_STUDENTS = ("bilstm", "cnn", "bert-tiny")
_UNSCORED = "not scored"


@dataclass(frozen=True)
class Exam:
    """The texts that all predictors answer.

    Attributes:
        labels: in the order of the models' classes.
        texts: to be timed.
        scored: test texts.
        gold: their labels.
    """

    labels: Sequence[str]
    texts: Sequence[str]
    scored: Sequence[str]
    gold: Sequence[str]


def exam_of(corpus: Corpus) -> Exam:
    """The test texts of a corpus, and those of them with about 20 words."""
    scored = [str(text) for text in corpus.inputs("test")]
    texts = sorted(scored, key=lambda text: abs(len(text.split()) - WORDS))[:_TEXTS]
    return Exam(corpus.labels, texts, scored, [str(label) for label in corpus.gold("test")])


def beside_peers(setting: Setting, bundles: Sequence[Path], rounds: int, place: Path) -> str:
    """The table of bundles of one data set beside their peers.

    Args:
        setting: data set and teacher.
        bundles: of the data set, which were trained elsewhere; none: students are trained now, on few rows.
        rounds: turns of each.
        place: a folder that is not there yet, or empty.
    """
    corpus = load_corpus(setting.dataset)
    bundles = bundles or [quick_bundle(setting, student, place) for student in _STUDENTS]
    peers = [peer for number, bundle in enumerate(bundles) for peer in of_bundle(bundle, corpus, place / str(number))]
    peers += [Peer("teacher, transformers pipeline", Way.PIPELINE, Path(setting.teacher)), *of_words(corpus, place)]
    standings = measured(peers, exam_of(corpus), rounds)
    ways = {peer.name: peer.way for peer in peers}
    return f"{table([_row(one) for one in standings])}\n\n{verdict(standings, ways)}"


def verdict(standings: Sequence[Standing], ways: Mapping[str, Way]) -> str:
    """Whether a student of kdops is worth its trouble: the best of them beside the best linear model of words.

    Args:
        standings: of all, some of which have no score.
        ways: how each is served, by its name.
    """
    student, score = _best(standings, ways, {Way.KDOPS})
    linear, other = _best(standings, ways, {Way.LINEAR, Way.FASTTEXT})
    winner = "Nobody wins" if score == other else "The students win" if score > other else "A linear model wins"
    return f"{winner}: best student {student}, macro F1 {score:.3f}; best linear model {linear}, {other:.3f}."


def _best(standings: Sequence[Standing], ways: Mapping[str, Way], among: Set[Way]) -> tuple[str, float]:
    scores = [(one.figure("f1"), one.name) for one in standings if ways[one.name] in among]
    score, name = max(pair for pair in scores if not math.isnan(pair[0]))
    return name, score


def at_full_vocabulary(setting: Setting, rounds: int, place: Path) -> str:
    """The table of untrained students of as many tokens as a BERT, beside a BERT-base."""
    corpus = load_corpus(setting.dataset)
    standings = measured(list(untrained(corpus, _STUDENTS, place)), exam_of(corpus), rounds)
    base = standings[0]
    rows = [
        {name: value for name, value in _row(one).items() if name != "test macro F1"}
        | {"times faster than BERT-base": f"{base.figure('cpu_ms') / one.figure('cpu_ms'):.0f}"}
        for one in standings
    ]
    return table(rows)


def measured(peers: Sequence[Peer], exam: Exam, rounds: int) -> list[Standing]:
    """Each in a fresh process, in turns."""
    return contest([Contestant(peer.name, partial(_turn, peer, exam)) for peer in peers], rounds)


def _turn(peer: Peer, exam: Exam) -> Work:
    request = Request(
        bundle=str(peer.folder.resolve()),
        way=peer.way,
        labels=exam.labels,
        max_length=Setting.max_length,
        texts=exam.texts,
        calls=_CALLS,
        call_seconds=_CALL_SECONDS,
        scored=exam.scored if peer.scored else [],
    )

    def work() -> Figures:
        answer = Answer(**ask("benchmarks.answering", asdict(request), threads=1))
        cpu_ms = float(np.median(answer.cpu_ms))
        stored = sum(path.stat().st_size for path in peer.folder.rglob("*") if path.is_file())
        return {
            "p50_ms": float(np.median(answer.wall_ms)),
            "p95_ms": float(np.percentile(answer.wall_ms, 95)),
            "cpu_ms": cpu_ms,
            "tokenizing": float(np.median(answer.encoding_ms)) / cpu_ms if answer.encoding_ms else math.nan,
            "ram_mb": answer.ram_mb,
            "disk_mb": stored / BYTES_PER_MB,
            "f1": _f1(exam, answer.labels) if peer.scored else math.nan,
        }

    return work


def _f1(exam: Exam, predicted: Sequence[str]) -> float:
    return score(Task.TEXT, exam.labels, exam.gold, predicted)["f1_macro"]


def _row(one: Standing) -> dict[str, str]:
    def told(name: str, form: str, else_: str = "") -> str:
        value = one.figure(name)
        return else_ if math.isnan(value) else f"{value:{form}}"

    return {
        "predictor": one.name,
        "test macro F1": told("f1", ".3f", _UNSCORED),
        "p50, ms": told("p50_ms", ".2f"),
        "p95, ms": told("p95_ms", ".2f"),
        "CPU, ms": told("cpu_ms", ".2f"),
        "of it tokenizing": told("tokenizing", ".0%"),
        "RAM, MB": told("ram_mb", ".0f"),
        "disk, MB": told("disk_mb", ".1f"),
    }
