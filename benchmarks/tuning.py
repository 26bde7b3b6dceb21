"""A student's trials: with and without pruning, by one worker and by two."""

import tempfile
from functools import partial
from pathlib import Path

from benchmarks.contest import Contestant, Figures, Work
from benchmarks.setting import Classroom, Setting

PRUNED, UNPRUNED = "pruned", "not pruned"
ONE, TWO = "1 worker", "2 workers"

_STUDENT = "bilstm"
_PATIENCE = 3


def pruning(setting: Setting, trials: int) -> list[Contestant]:
    """The same trials with and without pruning, one after the other."""
    return [
        Contestant(PRUNED, partial(_tuning, setting, trials, workers=1, pruned=True)),
        Contestant(UNPRUNED, partial(_tuning, setting, trials, workers=1, pruned=False)),
    ]


def workers(setting: Setting, trials: int) -> list[Contestant]:
    """The same number of trials by one process and by two, none pruned, so that both do the same work."""
    return [
        Contestant(ONE, partial(_tuning, setting, trials, workers=1, pruned=False)),
        Contestant(TWO, partial(_tuning, setting, trials, workers=2, pruned=False)),
    ]


def _tuning(setting: Setting, trials: int, *, workers: int, pruned: bool) -> Work:
    import mlflow
    import optuna

    from kdops.steps.material import prepare
    from kdops.steps.start import start_of
    from kdops.steps.teacher import TrainedTeacher
    from kdops.steps.trials import Budget, tuned_student
    from kdops.tracking import runs
    from kdops.tracking.names import Role
    from kdops.training.recipes import RECIPES

    room, folder = Classroom(setting), Path(tempfile.mkdtemp())
    mlflow.set_tracking_uri(f"sqlite:///{folder / 'mlflow.db'}")
    runs.connect()
    teacher = TrainedTeacher(room.teacher, setting.teacher, "", "benchmark", {}, reused=True)
    material = prepare(room.corpus, teacher, RECIPES["kd"], None, setting.max_length)
    start = start_of(_STUDENT, material, from_teacher=False, seed=setting.seed, folder=folder)
    budget = Budget(
        student=_STUDENT,
        init="random",
        trials=trials,
        epochs=setting.epochs,
        # None is pruned before so many epochs; all of them: never.
        patience=_PATIENCE if pruned else setting.epochs,
        batch_size=setting.batch_size,
        seed=setting.seed,
        storage=f"sqlite:///{folder / 'optuna.db'}",
        workers=workers,
        force=False,
    )

    def work() -> Figures:
        with runs.tracked(Role.STUDENT, "benchmark") as run:
            _, best = tuned_student(start, budget, "benchmark", folder, run.run_id)
        study = optuna.load_study(study_name="benchmark", storage=budget.storage)
        epochs = sum(len(trial.intermediate_values) for trial in study.trials)
        return {"score": float(best.values[0]), "epochs": epochs}

    return work
