"""One text in, its label out: by a bundle, by the same student served otherwise, by what is used instead."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.answering import Answer, Request
from benchmarks.contest import Contestant, Figures, Standing, Work, contest
from benchmarks.encoder_peers import of_encoder, of_teacher
from benchmarks.peers import Absent, Peer, Side, of_bundle, of_words, quick_bundle, untrained
from benchmarks.setting import Setting
from benchmarks.tables import table
from kdops.data.corpus import Corpus, load_corpus
from kdops.measure.clean_process import ask
from kdops.measure.probes import BYTES_PER_MB, usage
from kdops.metrics import score
from kdops.task import Task

WORDS = 20
"""Length of a timed text, about."""

_TEXTS = 64
_CALLS = 400
_CALL_SECONDS = 3.0
_BATCH_SECONDS = 1.5
STUDENTS = ("bilstm", "cnn", "bert-tiny")
_UNSCORED = "not scored"
_F1, _TRAINING = "test macro F1", "training, CPU s"


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


def beside_peers(
    setting: Setting, bundles: Sequence[Path], students: Sequence[str], rounds: int, place: Path, environments: Path
) -> str:
    """The table of bundles of one data set beside their peers.

    Args:
        setting: data set and teacher.
        bundles: of the data set, which were trained elsewhere.
        students: trained now, on the teacher's logits of the training rows only, if there are no bundles.
        rounds: turns of each.
        place: a folder that is not there yet, or empty.
        environments: where the peers that have one of their own find it, or make it.
    """
    corpus = load_corpus(setting.dataset)
    trained = [(bundle, math.nan) for bundle in bundles] or [_quick(setting, name, place) for name in students]
    made: list[Peer | Absent] = []
    for number, (bundle, training_s) in enumerate(trained):
        made += of_bundle(bundle, training_s, corpus, place / str(number))
    made += [*of_teacher(setting, corpus, place), *of_words(corpus, place)]
    made += of_encoder(setting, corpus, place / "encoder", environments)
    peers = [one for one in made if isinstance(one, Peer)]
    standings = measured(peers, exam_of(corpus), rounds)
    rows = [row_of(one) for one in standings]
    rows += [absent_row(one, list(rows[0])) for one in made if isinstance(one, Absent)]
    return f"{table(rows)}\n\n{verdict(standings, {peer.name: peer.side for peer in peers})}"


def _quick(setting: Setting, student: str, place: Path) -> tuple[Path, float]:
    with usage() as used:
        bundle = quick_bundle(setting, student, place)
    return bundle, used.cpu_s


def verdict(standings: Sequence[Standing], sides: Mapping[str, Side]) -> str:
    """Who has the best macro F1, peers that are ahead of every student of kdops first, and what each costs.

    Args:
        standings: of all, some of which have no score.
        sides: whom each stands for, by its name.
    """
    scored = [one for one in standings if not math.isnan(one.figure("f1"))]
    ranked = sorted(scored, key=lambda one: one.figure("f1"), reverse=True)
    best = next(one for one in ranked if sides[one.name] is Side.STUDENT)
    peers = [one for one in ranked if sides[one.name] is Side.PEER]
    ahead = [one for one in peers if one.figure("f1") > best.figure("f1")]
    level = [one for one in peers if one.figure("f1") == best.figure("f1")]
    behind = peers[len(ahead) + len(level) :]
    winner = f"Peers win: {_listed(ahead)}" if ahead else "Nobody wins" if level else "The students win"
    told = [winner, f"best student {_listed([best])}"]
    told += [f"{how} {_listed(those)}" for how, those in (("level", level), ("behind", behind)) if those]
    return f"{'; '.join(told)}."


def _listed(standings: Sequence[Standing]) -> str:
    def told(one: Standing) -> str:
        f1, cpu_ms, disk_mb = (one.figure(name) for name in ("f1", "cpu_ms", "disk_mb"))
        return f"{one.name} (macro F1 {f1:.3f}, {cpu_ms:.2f} ms of CPU, {disk_mb:.1f} MB)"

    return ", ".join(told(one) for one in standings)


def at_full_vocabulary(setting: Setting, rounds: int, place: Path) -> str:
    """The table of untrained students of as many tokens as a BERT, beside a BERT-base."""
    corpus = load_corpus(setting.dataset)
    standings = measured(list(untrained(corpus, STUDENTS, place)), exam_of(corpus), rounds)
    base = standings[0]
    rows = [
        {name: value for name, value in row_of(one).items() if name not in {_F1, _TRAINING}}
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
        batch_seconds=_BATCH_SECONDS,
        scored=exam.scored if peer.scored else [],
    )

    def work() -> Figures:
        answer = Answer(**ask("benchmarks.answering", asdict(request), threads=1, python=peer.python))
        cpu_ms = float(np.median(answer.cpu_ms))
        stored = sum(path.stat().st_size for path in peer.folder.rglob("*") if path.is_file())
        return {
            "p50_ms": float(np.median(answer.wall_ms)),
            "p99_ms": float(np.percentile(answer.wall_ms, 99)),
            "cpu_ms": cpu_ms,
            "tokenizing": float(np.median(answer.encoding_ms)) / cpu_ms if answer.encoding_ms else math.nan,
            "per_cpu_s": answer.per_cpu_s,
            "ram_mb": answer.ram_mb,
            "disk_mb": stored / BYTES_PER_MB,
            "f1": _f1(exam, answer.labels) if peer.scored else math.nan,
            "training_s": peer.training_s,
        }

    return work


def _f1(exam: Exam, predicted: Sequence[str]) -> float:
    return score(Task.TEXT, exam.labels, exam.gold, predicted)["f1_macro"]


def row_of(one: Standing) -> dict[str, str]:
    """The row of a predictor: what it answers right, what an answer takes, what making it took."""

    def told(name: str, form: str, else_: str = "") -> str:
        value = one.figure(name)
        return else_ if math.isnan(value) else f"{value:{form}}"

    return {
        "predictor": one.name,
        _F1: told("f1", ".3f", _UNSCORED),
        "p50, ms": told("p50_ms", ".2f"),
        "p99, ms": told("p99_ms", ".2f"),
        "CPU, ms": told("cpu_ms", ".2f"),
        "of it tokenizing": told("tokenizing", ".0%"),
        "texts/CPU s, batches of 32": told("per_cpu_s", ",.0f"),
        "RAM, MB": told("ram_mb", ".0f"),
        "disk, MB": told("disk_mb", ".1f"),
        _TRAINING: told("training_s", ",.0f"),
    }


def absent_row(absent: Absent, columns: Sequence[str]) -> dict[str, str]:
    """The row of a predictor that could not be measured: its name and why."""
    reason = absent.reason.replace("|", "/")
    return dict.fromkeys(columns, "") | {columns[0]: absent.name, columns[1]: f"not measured: {reason}"}
