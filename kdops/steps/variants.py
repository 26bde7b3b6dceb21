"""The forms in which a student may be deployed: fp32, and int8 where it is good enough."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kdops.data.corpus import Corpus
from kdops.deploy.bundle import FP32, INT8, write_int8_bundle
from kdops.deploy.parity import GateError
from kdops.errors import UserError
from kdops.measure.cost import Cost
from kdops.steps.evaluation import prefixed
from kdops.tracking import names, runs

logger = logging.getLogger(__name__)

Precision = Literal["fp32", "int8", "auto"]


@dataclass(frozen=True)
class Variant:
    """A bundle that passed the gate of its precision."""

    precision: str
    bundle: Path


def variants_of(run: runs.Run, bundle: Path, corpus: Corpus, wanted: Precision) -> list[Variant]:
    """An fp32 bundle, and unless fp32 is wanted its int8 form beside it; the gate's numbers go to the run.

    Raises:
        UserError: if int8 is wanted and does not pass its gate.
    """
    fp32 = Variant(FP32, bundle)
    if wanted == FP32:
        return [fp32]
    folder = bundle.with_name(f"{bundle.name}-{INT8}")
    try:
        parity, reason = write_int8_bundle(folder, bundle, corpus.inputs("validation"), corpus.gold("validation")), ""
    except GateError as error:
        parity, reason = error.parity, str(error)
    run.metrics(prefixed(names.INT8_PREFIX, parity.numbers()))
    run.tags({names.INT8: "failed" if reason else "passed"})
    if not reason:
        return [fp32, Variant(INT8, folder)]
    if wanted == INT8:
        raise UserError(f"precision=int8: {reason}; precision=auto takes fp32 then")
    logger.warning("%s; it is deployed in fp32", reason)
    return [fp32]


def choose(
    run: runs.Run, variants: Sequence[Variant], costs: Sequence[Cost], wanted: Precision
) -> tuple[Variant, Cost]:
    """The variant that is wanted, by `auto` the one of the lowest median latency; what each costs goes to the run.

    Args:
        run: the student's.
        variants: of `variants_of`.
        costs: of each, measured side by side.
        wanted: what the user asked for.
    """
    for variant, cost in zip(variants, costs, strict=True):
        run.metrics(prefixed(names.variant_cost_prefix(variant.precision), cost.metrics()))
    pairs = [pair for pair in zip(variants, costs, strict=True) if wanted in ("auto", pair[0].precision)]
    variant, cost = min(pairs, key=lambda pair: pair[1].latency_p50_ms)
    run.tags({names.PRECISION: variant.precision})
    logger.info("student: deployed in %s, %.3f ms p50", variant.precision, cost.latency_p50_ms)
    return variant, cost
