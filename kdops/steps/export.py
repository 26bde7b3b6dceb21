"""`export`: the bundle of a finished run in fp32 and in int8, each past its gate."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from kdops.data.corpus import Corpus
from kdops.deploy.bundle import FP32, INT8, write_int8_bundle
from kdops.deploy.predictor import Predictor
from kdops.deploy.tolerances import GateError, Parity
from kdops.errors import UserError
from kdops.measure.probes import BYTES_PER_MB
from kdops.steps.distill.precision import bundle_folder
from kdops.steps.export_config import ExportConfig
from kdops.steps.known_data import as_read
from kdops.steps.setup import identifying_tags
from kdops.steps.teacher.bundle import teacher_bundle_of
from kdops.tracking import artifacts, names, runs
from kdops.tracking.names import Role
from kdops.tracking.recorder import MlflowRecorder


@dataclass(frozen=True)
class Exported:
    """Exported bundles.

    Attributes:
        bundles: the folder of each precision that passed its gate.
        int8: how far int8 is from fp32 on validation texts.
    """

    bundles: Mapping[str, Path]
    int8: Parity

    def __str__(self) -> str:
        lines = [f"{precision}: {folder}, {_megabytes(folder):.2f} MB" for precision, folder in self.bundles.items()]
        if INT8 not in self.bundles:
            lines.append(f"int8: not written, {self.int8.reason}")
        lines.append(
            f"int8 beside fp32 on {self.int8.texts} validation texts: {self.int8.label_agreement:.2%} of the labels "
            f"agree, the main metric changes by {0 - 100 * self.int8.metric_difference:+.2f} points"
        )
        return "\n".join(lines)


def export(config: ExportConfig) -> Exported:
    """Write the fp32 and the int8 bundle of a finished student or teacher; int8 only where it passes its gate.

    Raises:
        UserError: if there is no such run, it made no student or teacher that passed its gate, its data set cannot be
            read, or the output folder holds something else.
    """
    runs.connect()
    params = runs.get_params(config.run_id)
    tags = runs.get_tags(config.run_id)
    if names.REUSED_RUN in tags:
        return export(config.model_copy(update={"run_id": tags[names.REUSED_RUN]}))
    role = tags.get(names.ROLE)
    if role not in (Role.STUDENT, Role.BASELINE, Role.TEACHER):
        raise UserError(f"run {config.run_id} is no finished student or teacher; its role is {role}")
    if role != Role.TEACHER and tags.get(names.PARITY) != "passed":
        raise UserError(f"run {config.run_id} has no student that passed its gate")
    if config.output.exists() and (not config.output.is_dir() or any(config.output.iterdir())):
        raise UserError(f"output={config.output} is not an empty folder; name another")
    corpus = _corpus(config, params, tags)
    described = config.model_dump() | {"dataset": corpus.name}
    name = f"export {tags.get(names.RUN_NAME, config.run_id)}"
    with runs.tracked(Role.EXPORT, name, tags=identifying_tags(corpus), config=described) as run:
        run.tags({names.EXPORTED_RUN: config.run_id})
        with TemporaryDirectory() as temporary:
            fetched = Path(temporary) / FP32
            if role == Role.TEACHER:
                fetched = teacher_bundle_of(config.run_id, corpus, MlflowRecorder()).path
            else:
                there = bundle_folder(Path(), FP32, tags.get(names.PRECISION, FP32)).name
                artifacts.fetch(config.run_id, there, fetched)
            exported = _write(fetched, config.output, corpus)
        run.metrics(names.prefixed(names.INT8_PREFIX, exported.int8.numbers()))
        run.tags({names.INT8: "passed" if exported.int8.passed else "failed"})
    return exported


def _corpus(config: ExportConfig, params: Mapping[str, str], tags: Mapping[str, str]) -> Corpus:
    """The data set as the run read it."""
    read = as_read(params, tags[names.DATASET])
    read = read.model_copy(update={"dataset": config.dataset}) if config.dataset else read
    corpus = read.corpus()
    if corpus.task != tags[names.TASK]:
        raise UserError(f"dataset={read.dataset} is for {corpus.task}, the run for {tags[names.TASK]}")
    return corpus


def _write(bundle: Path, output: Path, corpus: Corpus) -> Exported:
    labels = Predictor.load(bundle).info.labels
    if set(labels) != set(corpus.labels):
        raise UserError(f"the run's labels are {', '.join(labels)}, those of {corpus.name} {', '.join(corpus.labels)}")
    output.mkdir(parents=True, exist_ok=True)
    bundles = {FP32: output / FP32}
    shutil.copytree(bundle, bundles[FP32])
    try:
        parity = write_int8_bundle(output / INT8, bundle, corpus.inputs("validation"), corpus.gold("validation"))
        bundles[INT8] = output / INT8
    except GateError as error:
        parity = error.parity
    return Exported(bundles, parity)


def _megabytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.iterdir()) / BYTES_PER_MB
