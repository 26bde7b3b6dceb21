"""The precision that a student is deployed in: fp32, or int8 where it is good enough and faster."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kdops.data.corpus import Corpus
from kdops.deploy.bundle import FP32, INT8, write_int8_bundle
from kdops.deploy.tolerances import GateError, Parity
from kdops.errors import UserError
from kdops.measure.costs import Cost
from kdops.measure.measurement import cheapest
from kdops.steps.distill.config import Precision
from kdops.steps.student.result import BUNDLE

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Exported:
    """The bundles of a student that passed the gate of their precision.

    Attributes:
        bundles: by precision.
        int8: how far the int8 bundle is from the fp32 one; None: nobody wanted one.
    """

    bundles: Mapping[str, Path]
    int8: Parity | None


def bundle_folder(folder: Path, precision: str, deployed: str) -> Path:
    """Where the bundle of a precision lies in a student's folder: the deployed one is `bundle`."""
    return folder / (BUNDLE if precision == deployed else f"{BUNDLE}-{precision}")


def deploy(folder: Path, precision: str) -> Path:
    """Make the bundle of a precision the one that is called `bundle`, which was the fp32 one."""
    if precision != FP32:
        bundle_folder(folder, FP32, FP32).rename(bundle_folder(folder, FP32, precision))
        bundle_folder(folder, precision, FP32).rename(bundle_folder(folder, precision, precision))
    return bundle_folder(folder, precision, precision)


def exported(folder: Path, corpus: Corpus, wanted: Precision) -> Exported:
    """The fp32 bundle in a folder, and unless fp32 is wanted its int8 form beside it if that is good enough.

    Raises:
        UserError: if int8 is wanted and does not pass its gate.
    """
    bundles = {FP32: bundle_folder(folder, FP32, FP32)}
    if wanted == FP32:
        return Exported(bundles, None)
    int8 = bundle_folder(folder, INT8, FP32)
    try:
        parity = write_int8_bundle(int8, bundles[FP32], corpus.inputs("validation"), corpus.gold("validation"))
    except GateError as error:
        if wanted == INT8:
            raise UserError(f"precision=int8: {error}; precision=auto takes fp32 then") from error
        logger.warning("%s; fp32 is taken", error)
        return Exported(bundles, error.parity)
    return Exported(bundles | {INT8: int8}, parity)


def chosen_precision(costs: Mapping[str, Cost], wanted: Precision) -> str:
    """The precision that is wanted, by `auto` the one of the lowest median latency, of equals within noise the smaller.

    Args:
        costs: of each precision that passed its gate, measured side by side.
        wanted: the user's choice.
    """
    able = [precision for precision in costs if wanted in ("auto", precision)]
    chosen = able[cheapest([(costs[one].latency_p50_ms, costs[one].storage_mb) for one in able])[0]]
    logger.info("student: deployed in %s, %.3f ms p50", chosen, costs[chosen].latency_p50_ms)
    return chosen
