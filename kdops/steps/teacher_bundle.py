"""The teacher in the form that students are compared with: an ONNX bundle, made once."""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from filelock import FileLock

from kdops.data.corpus import Corpus
from kdops.deploy.bundle import FP32, write_bundle
from kdops.deploy.parity import check_parity
from kdops.deploy.predictor import FORMAT_VERSION, BundleInfo, Predictor
from kdops.home import home
from kdops.models.teacher import load_teacher, teacher_identity
from kdops.steps.evaluation import prefixed
from kdops.steps.teacher import TrainedTeacher
from kdops.steps.teacher_training import ARTIFACT
from kdops.tracking import artifacts, names, runs


def teacher_bundle(teacher: TrainedTeacher, corpus: Corpus, max_length: int) -> Path:
    """The fp32 bundle of a teacher, on this machine; when it is made, the teacher's run learns how exact it is.

    Raises:
        RuntimeError: if it does not say what the teacher says.
    """
    # One of an older format is made again: it may be slower than it need be.
    folder = home() / "teachers" / "bundles" / f"{teacher.fingerprint}-{max_length}-v{FORMAT_VERSION}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Students of one teacher may come here at the same time.
    with FileLock(folder.with_name(f".{folder.name}.lock")):
        if not folder.exists():
            _write(folder, teacher, corpus, max_length)
    return folder


def _write(folder: Path, teacher: TrainedTeacher, corpus: Corpus, max_length: int) -> None:
    info = BundleInfo(
        task=corpus.task,
        labels=corpus.labels,
        max_length=max_length,
        pad_id=teacher.model.pad_id,
        student="teacher",
        dataset=corpus.name,
        licence=corpus.licence,
        teacher=teacher.source,
        recipe="fine-tuned",
        precision=FP32,
        main_metric=corpus.main_metric,
        main_metric_value=teacher.metrics[names.VALIDATION_PREFIX + corpus.main_metric],
        fingerprint=teacher.fingerprint,
    )
    write_bundle(folder, model=teacher.model.model, tokenizer=teacher.model.tokenizer, info=info)
    inputs, gold = corpus.inputs("validation"), corpus.gold("validation")
    # With a BERT-base about two minutes on one core, once a teacher: little beside its training and its signals.
    parity = check_parity(teacher.model.model, Predictor.load(folder), inputs, gold)
    run = runs.Run(teacher.run_id)
    run.metrics(prefixed(names.PARITY_PREFIX, parity.numbers()))
    run.tags({names.PARITY: "passed" if parity.passed else "failed"})
    if not parity.passed:
        shutil.rmtree(folder)
        raise RuntimeError(f"the teacher's ONNX bundle does not match the teacher: {parity.reason}")


def teacher_bundle_of(run_id: str, corpus: Corpus) -> Path:
    """The fp32 bundle of the teacher that a finished run made, on this machine.

    Raises:
        UserError: if that run keeps no teacher.
    """
    params = runs.get_params(run_id)
    with TemporaryDirectory() as temporary:
        fetched = artifacts.fetch_folder(run_id, ARTIFACT, Path(temporary) / ARTIFACT)
        model = load_teacher(str(fetched), corpus.task, corpus.labels)
        identity = teacher_identity(str(fetched))
        source = params[f"{names.CONFIG_PREFIX}teacher"]
        teacher = TrainedTeacher(model, source, run_id, identity, runs.get_metrics(run_id), reused=True)
        return teacher_bundle(teacher, corpus, int(params[f"{names.CONFIG_PREFIX}max_length"]))
