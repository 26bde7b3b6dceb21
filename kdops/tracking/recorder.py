"""The recorder: the one writer of runs. Steps hand it what they computed; nothing of that is read back from MLflow."""

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from kdops.errors import UserError
from kdops.tracking import artifacts, logged_models, names, runs, store
from kdops.tracking.logged_models import LoggedModel
from kdops.tracking.names import Role
from kdops.tracking.registry import bundles, registered

if TYPE_CHECKING:
    from kdops.data.corpus import Corpus
    from kdops.deploy.tolerances import Parity
    from kdops.measure.costs import Cost
    from kdops.training.values import Epoch, Fit, ModelScores


logger = logging.getLogger(__name__)


class Recording(runs.Run):
    """An open run that takes results."""

    def data(self, corpus: "Corpus", counts: Mapping[str, float]) -> None:
        """The data set that the work reads, and what its checks counted."""
        self.dataset(corpus)
        self.metrics(counts)

    def model(self, role: Role, corpus: "Corpus", name: str, params: Mapping[str, object]) -> None:
        """The logged model that scores and costs from now on belong to; its files stay with the run.

        Args:
            role: what it is for.
            corpus: the data set that it is measured on.
            name: what the UI calls it.
            params: what it is, by name.
        """
        self.subject = logged_models.create(self.run_id, role, corpus, name, _of(corpus, params))

    def served_model(self, bundle: Path, corpus: "Corpus", name: str, params: Mapping[str, object]) -> None:
        """The same of a bundle that MLflow serves, which is copied into the logged model."""
        model_id = bundles.log_bundle(bundle, self, name, params=_of(corpus, params))
        self.subject = LoggedModel(model_id, corpus.name, corpus.fingerprint)

    def described(self, in_short: str, note: str) -> None:
        """Write what the UI shows first: the name, which ends with the result, and the description in Markdown."""
        name = store.client().get_run(self.run_id).info.run_name
        self.tags({names.RUN_NAME: f"{name}: {in_short}", names.NOTE: note[: registered.LONGEST_DESCRIPTION]})

    def epoch(self, epoch: "Epoch") -> None:
        """An epoch's losses and validation scores, as the next point of each curve."""
        losses = names.prefixed(names.EPOCH_LOSS_PREFIX, epoch.losses)
        self.metrics(losses | names.prefixed(names.EPOCH_SCORE_PREFIX, epoch.scores), epoch.number)

    def fit(self, fit: "Fit", main_metric: str) -> None:
        """How training went, if there was any: the best epoch, and the curves as a picture."""
        from kdops.tracking.pictures import curves

        if not fit.history:
            return
        self.metrics({"best_epoch": fit.best_epoch})
        self.figure(partial(curves, fit.history, main_metric), "curves")

    def predictions(self, corpus: "Corpus", scores: "ModelScores") -> None:
        """Write the scores of each class on the test split, and the predictions there."""
        from kdops.metrics import by_class, confusion
        from kdops.tracking.pictures import confusion_matrix

        if not scores.test_labels:
            return
        asked = (corpus.task, corpus.labels, corpus.gold("test"), scores.test_labels)
        content: dict[str, object] = {"labels": list(corpus.labels), "classes": by_class(*asked)}
        if not corpus.task.several:  # else no label stands in place of another
            counts = confusion(*asked)
            self.figure(partial(confusion_matrix, counts, corpus.labels), "confusion_matrix")
            content["confusion"] = counts.tolist()
        self.text(json.dumps(content, ensure_ascii=False), names.BY_CLASS)
        rows = zip(corpus.gold("test"), scores.test_labels, strict=True)
        lines = (json.dumps({"gold": gold, "predicted": guess}, ensure_ascii=False) for gold, guess in rows)
        self.text("\n".join(lines), names.PREDICTIONS)

    def parity(self, parity: "Parity") -> None:
        """How far the fp32 bundle is from the trained model."""
        self.metrics(names.prefixed(names.PARITY_PREFIX, parity.numbers()))
        self.tags({names.PARITY: "passed" if parity.passed else "failed"})

    def int8_parity(self, parity: "Parity") -> None:
        """How far the int8 bundle is from the fp32 one."""
        self.metrics(names.prefixed(names.INT8_PREFIX, parity.numbers()))
        self.tags({names.INT8: "passed" if parity.passed else "failed"})


class Recorder:
    """Takes what a step computed, and records none of it; `MlflowRecorder` does."""

    reports = False
    """Whether there are runs to make a report of."""

    def connect(self) -> None:
        """Make sure that runs can be written.

        Raises:
            UserError: they cannot.
        """

    def close_orphans(self) -> None:
        """Close the runs that dead processes of this machine left open."""

    @contextmanager
    def opened(
        self,
        role: Role,
        name: str,
        *,
        fingerprint: str = "",
        tags: Mapping[str, object] | None = None,
        config: Mapping[str, object] | None = None,
        parent_run_id: str | None = None,
    ) -> Iterator[Recording]:
        """Open a run around a piece of work; see `kdops.tracking.runs.tracked`."""
        yield _Nowhere("")

    def finished(self, role: Role, fingerprint: str) -> str | None:
        """The newest finished run that did a piece of work; None: there is none."""
        return None

    def fetch(self, run_id: str, artifact_path: str, target: Path) -> bool:
        """Copy what a run logged as a file or folder to this machine; False: it logged none, or no longer has it."""
        return False

    def costs(self, run_id: str, corpus: "Corpus", costs: Mapping[str, float]) -> None:
        """Write what the model of a finished run costs, by the names of costs, to that run and its logged model."""

    def register(
        self,
        record: Recording,
        bundle: Path,
        corpus_name: str,
        *,
        tags: Mapping[str, object],
        description: str,
        force: bool,
        challenges: bool,
    ) -> int | None:
        """Register a bundle; see `kdops.tracking.registry.registered.register`. None: there is no registry."""
        return None

    def version_of(self, run_id: str, corpus_name: str) -> int | None:
        """The registered version that a finished run made, if it still stands there with its files."""
        return None

    def challenge(self, corpus_name: str, version: int) -> None:
        """Make a registered version the challenger; see `kdops.tracking.registry.registered.challenge`."""

    def challenger(self, corpus_name: str) -> int | None:
        """The registered version that is the challenger."""
        return None


class MlflowRecorder(Recorder):
    """Writes to the MLflow tracking store that `MLFLOW_TRACKING_URI` names."""

    reports = True

    def connect(self) -> None:
        """See `kdops.tracking.runs.connect`."""
        runs.connect()

    def close_orphans(self) -> None:
        """See `kdops.tracking.store.close_orphans`."""
        store.close_orphans()

    @contextmanager
    def opened(
        self,
        role: Role,
        name: str,
        *,
        fingerprint: str = "",
        tags: Mapping[str, object] | None = None,
        config: Mapping[str, object] | None = None,
        parent_run_id: str | None = None,
    ) -> Iterator[Recording]:
        """See `kdops.tracking.runs.tracked`."""
        with runs.tracked(
            role, name, fingerprint=fingerprint, tags=tags, config=config, parent_run_id=parent_run_id, kind=Recording
        ) as run:
            yield cast(Recording, run)

    def finished(self, role: Role, fingerprint: str) -> str | None:
        """See `kdops.tracking.runs.find_finished`."""
        return runs.find_finished(role, fingerprint)

    def fetch(self, run_id: str, artifact_path: str, target: Path) -> bool:
        """See `Recorder.fetch`."""
        try:
            artifacts.fetch(run_id, artifact_path, target)
        except UserError as error:
            logger.warning("%s; it is made again", error)
            return False
        return True

    def costs(self, run_id: str, corpus: "Corpus", costs: Mapping[str, float]) -> None:
        """See `Recorder.costs`."""
        made = runs.Run(run_id, logged_models.of_run(run_id, corpus))
        made.metrics(names.prefixed(names.COST_PREFIX, costs))

    def register(
        self,
        record: Recording,
        bundle: Path,
        corpus_name: str,
        *,
        tags: Mapping[str, object],
        description: str,
        force: bool,
        challenges: bool,
    ) -> int | None:
        """See `kdops.tracking.registry.registered.register`."""
        return registered.register(
            bundle,
            run=record,
            corpus_name=corpus_name,
            tags=tags,
            description=description,
            force=force,
            challenges=challenges,
        )

    def version_of(self, run_id: str, corpus_name: str) -> int | None:
        """See `kdops.tracking.registry.registered.version_of`."""
        return registered.version_of(run_id, corpus_name)

    def challenge(self, corpus_name: str, version: int) -> None:
        """See `kdops.tracking.registry.registered.challenge`."""
        registered.challenge(corpus_name, version)

    def challenger(self, corpus_name: str) -> int | None:
        """See `kdops.tracking.registry.registered.alias_of`."""
        return registered.alias_of(names.registered_model_name(corpus_name), names.CHALLENGER)


class _Nowhere(Recording):
    def _ignore(self, *args: Any, **kwargs: Any) -> None:
        pass

    model = served_model = described = metrics = params = tags = _ignore
    folder = file = figure = text = table = dataset = _ignore


def _of(corpus: "Corpus", params: Mapping[str, object]) -> dict[str, object]:
    """The parameters of a logged model with its data set's name, by which a search on any server finds it."""
    return {"dataset": corpus.name, **params}


def score_metrics(scores: "ModelScores") -> dict[str, float]:
    """Final scores under the names that they are logged by."""
    test = names.prefixed(names.TEST_PREFIX, scores.test)
    return test | names.prefixed(names.VALIDATION_PREFIX, scores.validation)


def cost_metrics(costs: "Cost", teacher: Mapping[str, float]) -> dict[str, float]:
    """A student's costs, its teacher's as far as known, and how many times cheaper it is, by the names of metrics."""
    return {
        **names.prefixed(names.COST_PREFIX, costs.metrics()),
        **names.prefixed(names.TEACHER_COST_PREFIX, teacher),
        **names.prefixed(names.RATIO_PREFIX, costs.ratios(teacher)),
    }
