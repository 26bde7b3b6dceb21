"""Search for the temperature, the loss weights and the learning rate of a student."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

import optuna
from optuna.pruners import MedianPruner
from optuna.samplers import TPESampler
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState

from kdops.errors import UserError
from kdops.process import identity, is_dead
from kdops.training.losses import SOFT_LOSSES, DistillationObjective, GoldObjective, Objective, SoftLoss

logger = logging.getLogger(__name__)

_FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)
_MOST_FAILURES = 3
_UNPRUNED_TRIALS = 3
_PROCESS = "process"
_QUEUED = "fixed_params"
_STUDY_LEARNING_RATE = 1e-3
_LEARNING_RATES = (3e-4, 1e-2)
_TEMPERATURES = (1.0, 10.0)


@dataclass(frozen=True)
class Candidate:
    """One setting to try."""

    learning_rate: float
    objective: Objective

    @property
    def parameters(self) -> dict[str, object]:
        """Everything that was chosen, by name."""
        return {"learning_rate": self.learning_rate, **vars(self.objective)}


def open_storage(url: str) -> RDBStorage:
    """Open, or make, the database that studies are kept in.

    Raises:
        UserError: if it cannot be opened.
    """
    # Its log tells of every table that it makes.
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        return RDBStorage(url, engine_kwargs=_engine_options(url))
    except Exception as error:  # SQLAlchemy and its drivers raise many kinds
        raise UserError(f"the Optuna storage {url!r} cannot be opened: {str(error).splitlines()[0]}") from error


def open_study(
    name: str, storage: str, *, distills: bool, seed: int, warmup_epochs: int, force: bool = False
) -> optuna.Study:
    """The study of that name; a new one begins with the setting of arXiv:2201.00558.

    Trials that a process of this machine left running when it was killed are closed as failed and queued again.

    Args:
        name: names everything that a trial's result depends on.
        storage: an SQLAlchemy URL.
        distills: whether there are losses to search over.
        seed: of the sampler.
        warmup_epochs: how long a trial runs before it is compared with the others and maybe pruned.
        force: forget the trials there are.

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
        pruner=MedianPruner(_UNPRUNED_TRIALS, warmup_epochs),
    )
    # A resumed sampler must not repeat the draws of the first one.
    study.sampler = TPESampler(seed=seed + len(study.trials), multivariate=True)
    if not study.trials:
        first = {"soft": "mse", "gold_weight": 0.0} if distills else {}
        study.enqueue_trial({"learning_rate": _STUDY_LEARNING_RATE, **first})
    for trial in study.get_trials(states=(TrialState.RUNNING,)):
        if is_dead(str(trial.user_attrs.get(_PROCESS, ""))):
            logger.info("trial %d was cut off by the end of its process; its setting is tried again", trial.number)
            study.tell(trial.number, state=TrialState.FAIL)
            # What was queued for it counts too: it may have ended before it asked for that.
            study.enqueue_trial({**trial.system_attrs.get(_QUEUED, {}), **trial.params})
    return study


def suggest(trial: optuna.trial.BaseTrial, *, distills: bool) -> Candidate:
    """The setting of a trial; without distillation only the learning rate is searched."""
    learning_rate = trial.suggest_float("learning_rate", *_LEARNING_RATES, log=True)
    if not distills:
        return Candidate(learning_rate, GoldObjective())
    soft: SoftLoss = trial.suggest_categorical("soft", SOFT_LOSSES)  # type: ignore[assignment]
    gold_weight = trial.suggest_float("gold_weight", 0.0, 1.0)
    temperature = trial.suggest_float("temperature", *_TEMPERATURES, log=True) if soft == "kl" else 1.0
    return Candidate(learning_rate, DistillationObjective(soft, gold_weight, temperature))


def run_trials(study: optuna.Study, objective: Callable[[optuna.Trial], float], trials: int) -> FrozenTrial:
    """Run trials until the study has that many finished ones, and give the best.

    Pruned trials count as finished. A failed trial is recorded and does not count.

    Raises:
        RuntimeError: when several trials in a row failed.
    """

    def marked(trial: optuna.Trial) -> float:
        trial.set_user_attr(_PROCESS, identity())
        return objective(trial)

    failures = 0
    logger.info("%d of %d trials are finished", len(study.get_trials(states=_FINISHED)), trials)
    while len(study.get_trials(states=_FINISHED)) < trials:
        study.optimize(marked, n_trials=1, catch=(Exception,))
        failures = failures + 1 if study.trials[-1].state is TrialState.FAIL else 0
        if failures == _MOST_FAILURES:
            raise RuntimeError(f"trials of study {study.study_name} keep failing; their runs hold the errors")
    return study.best_trial


def _engine_options(storage: str) -> dict[str, object]:
    return {"connect_args": {"timeout": 60}} if storage.startswith("sqlite") else {}
