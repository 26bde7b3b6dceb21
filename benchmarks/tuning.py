"""A student's trials: with and without pruning, by one worker and by two."""

import tempfile
from functools import partial
from pathlib import Path

from benchmarks.contest import Contestant, Figures, Work
from benchmarks.setting import Classroom, Setting

PRUNED, UNPRUNED, TWO_WORKERS = "pruned", "not pruned", "not pruned, 2 workers"

_STUDENT = "bilstm"
_EPOCHS, _PATIENCE = 20, 3


def contestants(setting: Setting, trials: int) -> list[Contestant]:
    """The same number of trials of twenty epochs with and without pruning, and without it by two processes."""
    return [
        Contestant(PRUNED, partial(_tuning, setting, trials, workers=1, pruned=True)),
        Contestant(UNPRUNED, partial(_tuning, setting, trials, workers=1, pruned=False)),
        Contestant(TWO_WORKERS, partial(_tuning, setting, trials, workers=2, pruned=False)),
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
        epochs=_EPOCHS,
        # None is pruned before so many epochs; all of them: never.
        patience=_PATIENCE if pruned else _EPOCHS,
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
