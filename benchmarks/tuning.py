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

    from kdops.models.teachers.sources import teacher_identity
    from kdops.steps.student.budget import Budget, Search
    from kdops.steps.student.inputs import student_inputs
    from kdops.steps.student.start_weights import student_init
    from kdops.steps.student.trials import tuned_student
    from kdops.steps.teacher.result import MODEL, TeacherFacts, TeacherKeys, TrainedTeacher
    from kdops.tracking.names import Role
    from kdops.tracking.recorder import MlflowRecorder
    from kdops.training.recipes import RECIPES
    from kdops.training.values import Fit, ModelScores
    from kdops.workspace import save_result

    room, folder = Classroom(setting), Path(tempfile.mkdtemp())
    mlflow.set_tracking_uri(f"sqlite:///{folder / 'mlflow.db'}")
    recorder = MlflowRecorder()
    recorder.connect()
    room.teacher.save(folder / MODEL)
    facts = TeacherFacts(
        source=setting.teacher,
        weights=teacher_identity(str(folder / MODEL)),
        task=room.corpus.task,
        labels=room.corpus.labels,
        max_length=setting.max_length,
        pad_id=room.teacher.pad_id,
        scores=ModelScores({}, {}, (), ()),
        fit=Fit(0.0, 1, ()),
    )
    save_result(folder, facts)
    teacher = TrainedTeacher.load(folder, TeacherKeys("benchmark", "benchmark"), "", reused=True)
    inputs = student_inputs(room.corpus, teacher, RECIPES["kd"], None, setting.max_length)
    init = student_init(_STUDENT, inputs, from_teacher=False, seed=setting.seed, folder=folder)
    budget = Budget(
        student=_STUDENT,
        init="random",
        residual=False,
        search=Search(),
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
        with recorder.opened(Role.STUDENT, "benchmark") as record:
            _, best = tuned_student(init, budget, "benchmark", folder, recorder, record.run_id)
        study = optuna.load_study(study_name="benchmark", storage=budget.storage)
        epochs = sum(len(trial.intermediate_values) for trial in study.trials)
        return {"score": float(best.values[0]), "epochs": epochs}

    return work
