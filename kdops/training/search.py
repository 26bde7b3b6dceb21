"""Search for the temperature, the loss weights, the learning rate and the dropout of a student."""

import logging
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.pruners import MedianPruner
from optuna.samplers import RandomSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState

from kdops.process import identity, is_dead
from kdops.training.losses import DistillationObjective, GoldObjective
from kdops.training.recipes import SOFT_LOSSES, Recipe, SoftLoss
from kdops.training.storage import open_storage, storage_answers
from kdops.training.workers import WorkerDied, Workers

logger = logging.getLogger(__name__)

_FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)
_MOST_FAILURES = 3
_UNPRUNED_TRIALS = 3
_FIRST = "first_settings"
_PROCESS = "process"
_QUEUED = "fixed_params"
_SECOND_TRY = "second_try"
_LEARNING_RATE_FACTORS = (0.3, 10.0)
_TEMPERATURES = (1.0, 10.0)
_DROPOUTS = (0.0, 0.5)
_STUDY_SETTING = {"soft": "mse", "gold_weight": 0.0}
_HINTON_SETTING = {"soft": "kl", "gold_weight": 0.5, "temperature": 2.0}
_GOLD_SETTING = {"soft": "kl", "gold_weight": 1.0, "temperature": 2.0}
# With unlabeled text few texts of a batch have a gold label, and the teacher knows those labels already.
_LOGITS_SETTING = {"soft": "kl", "gold_weight": 0.2, "temperature": 1.0}
_HALF_SETTING = {"soft": "kl", "gold_weight": 0.5, "temperature": 1.0}

Range = tuple[float, float]
LossSettings = tuple[Mapping[str, Any], ...]


def first_losses(recipe: Recipe) -> LossSettings:
    """The losses that a study tries before its sampler draws any, the most promising first.

    For a student from a random start: that of arXiv:2201.00558 (mse, no gold labels), then the usual one of Hinton et
    al. 2015 (arXiv:1503.02531), half gold labels, half softened probabilities. After general distillation the plain
    KL divergence does better, and gold labels alone are all that some data sets need.
    """
    if not recipe.general:
        return (_STUDY_SETTING, _HINTON_SETTING)
    if recipe.unlabeled:
        return (_LOGITS_SETTING, _HALF_SETTING, _STUDY_SETTING)
    return (_HALF_SETTING, _GOLD_SETTING, _HINTON_SETTING, _STUDY_SETTING)


@dataclass(frozen=True)
class Candidate:
    """One setting to try."""

    learning_rate: float
    dropout: float
    objective: GoldObjective | DistillationObjective

    @property
    def parameters(self) -> dict[str, object]:
        """Everything that was chosen, by name."""
        chosen = {name: value for name, value in vars(self.objective).items() if name != "heads"}
        return {"learning_rate": self.learning_rate, "dropout": self.dropout, **chosen}


@dataclass(frozen=True)
class SearchSpace:
    """The search space of a study, and its first trials.

    Attributes:
        learning_rate: of the first trials, as far as the range allows.
        dropout: of the first trials; the range is 0 to 0.5.
        distills: whether there are losses to search over.
        losses: the first settings to try.
        learning_rates: least and most; None: from 0.3 to 10 times `learning_rate`.
        soft_losses: distillation losses to choose from.
        gold_weights: least and most.
        temperatures: least and most, of `kl`.
    """

    learning_rate: float
    dropout: float
    distills: bool
    losses: LossSettings = (_STUDY_SETTING, _HINTON_SETTING)
    learning_rates: Range | None = None
    soft_losses: tuple[SoftLoss, ...] = SOFT_LOSSES
    gold_weights: Range = (0.0, 1.0)
    temperatures: Range = _TEMPERATURES

    @property
    def first(self) -> list[dict[str, object]]:
        """The settings tried before any that the sampler draws, each once; numbers beyond a range become its end."""
        usual: dict[str, object] = {
            "learning_rate": _within(self.learning_rate, self._learning_rates),
            "dropout": self.dropout,
        }
        if not self.distills:
            return [usual]
        losses = [self._bounded(setting) for setting in self.losses if setting["soft"] in self.soft_losses]
        return [usual | loss for number, loss in enumerate(losses) if loss not in losses[:number]]

    @property
    def _learning_rates(self) -> Range:
        low, high = (factor * self.learning_rate for factor in _LEARNING_RATE_FACTORS)
        return self.learning_rates or (low, high)

    def _bounded(self, setting: Mapping[str, Any]) -> dict[str, object]:
        ranges = {"gold_weight": self.gold_weights, "temperature": self.temperatures}
        return {name: _within(value, ranges[name]) if name in ranges else value for name, value in setting.items()}

    def suggest(self, trial: optuna.trial.BaseTrial) -> Candidate:
        """The setting of a trial; without distillation only learning rate and dropout are searched."""
        learning_rate = trial.suggest_float("learning_rate", *self._learning_rates, log=True)
        dropout = trial.suggest_float("dropout", *_DROPOUTS)
        if not self.distills:
            return Candidate(learning_rate, dropout, GoldObjective())
        soft: SoftLoss = trial.suggest_categorical("soft", self.soft_losses)  # type: ignore[assignment]
        gold_weight = trial.suggest_float("gold_weight", *self.gold_weights)
        temperature = trial.suggest_float("temperature", *self.temperatures, log=True) if soft == "kl" else 1.0
        return Candidate(learning_rate, dropout, DistillationObjective(soft, gold_weight, temperature))


def _within(value: float, ends: Range) -> float:
    low, high = ends
    return min(max(value, low), high)


def open_study(
    name: str,
    storage: str,
    space: SearchSpace,
    *,
    seed: int,
    warmup_epochs: int,
    force: bool = False,
    gone: Collection[str] = (),
) -> optuna.Study:
    """The study of that name; a new one begins with the first settings of its space.

    Trials that a process left running when it was killed are closed as failed and queued again, if it is known to be
    gone: those of this machine are. A trial that bears no name yet counts as one of those that `gone` names.

    Args:
        name: names everything that a trial's result depends on.
        storage: an SQLAlchemy URL.
        space: what is searched.
        seed: of the sampler.
        warmup_epochs: how long a trial runs before it is compared with the others and maybe pruned.
        force: forget the trials there are.
        gone: processes of any machine that work on the study no more, as `kdops.process.identity` names them.

    Raises:
        UserError: if the storage cannot be opened.
    """
    rdb = open_storage(storage)
    if force and name in optuna.get_all_study_names(rdb):
        optuna.delete_study(study_name=name, storage=rdb)
    study = optuna.create_study(
        storage=rdb,
        study_name=name,
        direction="maximize",
        load_if_exists=True,
        pruner=_pruner(warmup_epochs),
    )
    # A resumed sampler must not repeat the draws of the first one.
    study.sampler = TPESampler(seed=seed + len(study.trials), multivariate=True)
    study.set_user_attr(_FIRST, space.first)
    for trial in study.get_trials(states=(TrialState.RUNNING,)):
        process = str(trial.user_attrs.get(_PROCESS, ""))
        if process in gone or is_dead(process) or (gone and not process):
            logger.info("trial %d was cut off by the end of its process; its setting is tried again", trial.number)
            _put_back(study, trial)
    return study


def missing_trials(study: optuna.Study, trials: int) -> int:
    """The number of trials that a study still needs to have `trials` finished ones; pruned trials are finished."""
    return max(0, trials - len(study.get_trials(states=_FINISHED)))


def open_trial(study_name: str, storage: str, trial_id: int, *, warmup_epochs: int) -> optuna.Trial:
    """A running trial, opened in another process than the one that began it, to report scores and check pruning."""
    study = optuna.load_study(
        study_name=study_name, storage=open_storage(storage), sampler=RandomSampler(), pruner=_pruner(warmup_epochs)
    )
    return optuna.Trial(study, trial_id)


@storage_answers()
def run_trials(study: optuna.Study, objective: Callable[[optuna.Trial], float], trials: int) -> FrozenTrial:
    """Run trials until the study has that many finished ones, and give the best.

    Pruned trials count as finished. A failed trial is recorded and does not count.

    Raises:
        RuntimeError: when several trials in a row failed.
        Stopped: if the database of the study went away.
    """

    def marked(trial: optuna.Trial) -> float:
        trial.set_user_attr(_PROCESS, identity())
        try:
            return objective(trial)
        except Exception as error:
            errors.append(error)
            raise

    ended: list[TrialState] = []
    errors: list[BaseException | None] = []
    _log_progress(study, trials)
    while missing_trials(study, trials):
        _queue_first(study)
        # Not the state of the study's last trial: that may be one that waits.
        study.optimize(marked, n_trials=1, catch=(Exception,), callbacks=[lambda _, trial: ended.append(trial.state)])
        _check_failures(study, ended, errors)
    return study.best_trial


@storage_answers()
def run_trials_at_once(
    study: optuna.Study, start: Callable[[Workers, optuna.Trial], Future[float]], trials: int, workers: int
) -> FrozenTrial:
    """As `run_trials`, with several trials at once in other processes, and never more than `trials` of them.

    This process alone chooses settings and records how trials ended. The setting of a trial whose process was
    killed is tried once more; those that were at work when this ends early are queued again.

    Args:
        study: the study.
        start: lets an idle worker run a trial; its outcome is that of the objective of `run_trials`.
        trials: finished ones to reach.
        workers: processes, and so most trials at a time.

    Raises:
        RuntimeError: when several trials in a row failed.
        Stopped: if the database of the study went away.
    """
    ended: list[TrialState] = []
    errors: list[BaseException | None] = []
    running: dict[Future[float], optuna.Trial] = {}
    try:
        with Workers(workers) as processes:
            _log_progress(study, trials)
            while missing := missing_trials(study, trials):
                while len(running) < min(workers, missing):
                    _queue_first(study)
                    trial = study.ask()
                    trial.set_user_attr(_PROCESS, identity())
                    running[start(processes, trial)] = trial
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    ended.append(_write_down(study, running[future], future))
                    errors.append(future.exception())
                    del running[future]
                _log_progress(study, trials)
                _check_failures(study, ended, errors)
    except BaseException:
        for trial in running.values():
            _put_back(study, study.trials[trial.number])
        raise
    return study.best_trial


def _queue_first(study: optuna.Study) -> None:
    """Queue the next first setting that no trial had, unless one waits: interrupted settings come before new ones."""
    if study.get_trials(states=(TrialState.WAITING,)):
        return
    had = [trial.system_attrs.get(_QUEUED, {}) for trial in study.trials]
    new = [first for first in study.user_attrs[_FIRST] if not any(first.items() <= one.items() for one in had)]
    for setting in new[:1]:
        study.enqueue_trial(setting)


def _write_down(study: optuna.Study, trial: optuna.Trial, future: Future[float]) -> TrialState:
    """Record the end of a trial that another process worked on."""
    try:
        return study.tell(trial, future.result()).state
    except optuna.TrialPruned:
        return study.tell(trial, state=TrialState.PRUNED).state
    except WorkerDied:
        logger.warning("the process of trial %d was killed", trial.number)
        frozen = study.trials[trial.number]
        if _SECOND_TRY in frozen.user_attrs:
            return study.tell(trial, state=TrialState.FAIL).state
        return _put_back(study, frozen, **{_SECOND_TRY: True})
    except Exception as error:
        logger.warning("trial %d failed: %s: %s", trial.number, type(error).__name__, error)
        return study.tell(trial, state=TrialState.FAIL).state


def _put_back(study: optuna.Study, trial: FrozenTrial, **marks: object) -> TrialState:
    """Close a running trial as failed and queue its setting."""
    study.tell(trial.number, state=TrialState.FAIL)
    # What was queued for it counts too: it may have ended before it asked for that.
    study.enqueue_trial({**trial.system_attrs.get(_QUEUED, {}), **trial.params}, user_attrs=marks)
    return TrialState.FAIL


def _log_progress(study: optuna.Study, trials: int) -> None:
    logger.info("%d of %d trials are finished", trials - missing_trials(study, trials), trials)


def _check_failures(study: optuna.Study, ended: list[TrialState], errors: list[BaseException | None]) -> None:
    if ended[-_MOST_FAILURES:] != [TrialState.FAIL] * _MOST_FAILURES:
        return
    error = errors[-1] if errors else None
    last = f"the last one with {type(error).__name__}: {error}" if error else "without a score"
    raise RuntimeError(f"trials of study {study.study_name} keep failing, {last}; their runs hold the errors")


def _pruner(warmup_epochs: int) -> MedianPruner:
    return MedianPruner(_UNPRUNED_TRIALS, warmup_epochs)
