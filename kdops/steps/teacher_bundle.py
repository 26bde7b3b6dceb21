"""The teacher in the form that students are compared with: an ONNX bundle, made once."""

import shutil
from pathlib import Path

from kdops.data.corpus import Corpus
from kdops.deploy.bundle import FP32, write_bundle
from kdops.deploy.parity import check_parity
from kdops.deploy.predictor import BundleInfo, Predictor
from kdops.home import home
from kdops.steps.teacher import TrainedTeacher
from kdops.tracking import names

_PARITY_TEXTS = 100


def teacher_bundle(teacher: TrainedTeacher, corpus: Corpus, max_length: int) -> Path:
    """The fp32 bundle of a teacher, on this machine.

    Raises:
        RuntimeError: if it does not say what the teacher says.
    """
    folder = home() / "teachers" / "bundles" / f"{teacher.fingerprint}-{max_length}"
    if folder.exists():
        return folder
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
    parity = check_parity(teacher.model.model, Predictor.load(folder), inputs, gold, max_texts=_PARITY_TEXTS)
    if not parity.passed:
        shutil.rmtree(folder)
        raise RuntimeError(f"the teacher's ONNX bundle does not match the teacher: {parity.reason}")
    return folder
