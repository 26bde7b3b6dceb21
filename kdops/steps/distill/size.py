"""Refuse a student before training whose weights alone are over the limit on storage."""

import torch

from kdops.deploy.bundle import FP32, INT8
from kdops.errors import NothingFits
from kdops.measure.probes import BYTES_PER_MB
from kdops.models.build import build_student, parameter_counts
from kdops.steps.distill.job import Job
from kdops.steps.general_distillation.make import vocabulary_of
from kdops.steps.metric_text import figure
from kdops.tracking import names

_BYTES_PER_WEIGHT = {FP32: 4, INT8: 1}


def check_size(job: Job, most_mb: float) -> None:
    """Refuse a student whose weights alone are larger than `most_mb`, the limit on storage.

    An own vocabulary is made now, which the student needs anyway. Of the teacher's tokens nobody knows yet how many are
    kept: without an own vocabulary the table of token embeddings does not count.

    Raises:
        NothingFits: it is one, in the smallest precision that the parameters allow.
    """
    config, corpus = job.config, job.corpus
    vocabulary = vocabulary_of(job.plan) if job.plan and job.plan.vocabulary.own else None
    with torch.device("meta"):  # no memory, no random numbers
        tokens = vocabulary.size if vocabulary else 1
        separator = 0 if corpus.compared else None
        student = build_student(config.student, tokens, len(corpus.labels), corpus.task, separator_id=separator)
    whole, without_table = parameter_counts(student)
    weights, counted = (whole, f"with {tokens:,} tokens") if vocabulary else (without_table, "without token embeddings")
    precision = FP32 if config.precision == FP32 else INT8
    size_mb = weights * _BYTES_PER_WEIGHT[precision] / BYTES_PER_MB
    if size_mb <= most_mb:
        return
    smaller = {"student": True, "vocabulary_size": vocabulary is not None, "precision=int8": precision == FP32}
    raise NothingFits(
        f"{config.student} is too large: its {weights:,} weights {counted} are "
        f"{figure(names.STORAGE_MB, size_mb, unlike=most_mb)} in {precision}, and max_storage_mb allows "
        f"{figure(names.STORAGE_MB, most_mb, unlike=size_mb)}; what makes it smaller: "
        f"{', '.join(way for way, possible in smaller.items() if possible)}"
    )
