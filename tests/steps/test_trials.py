from pathlib import Path

import pytest

from kdops.models.students import STUDENTS, first_setting
from kdops.training.losses import DistillationObjective, GoldObjective
from kdops.training.tuning import SearchSpace, open_study


@pytest.mark.parametrize("student", STUDENTS)
@pytest.mark.parametrize("distills", [True, False])
def test_each_student_is_tuned_from_a_setting_of_its_own(student: str, distills: bool, tmp_path: Path) -> None:
    setting = first_setting(student)
    space = SearchSpace(setting.learning_rate, setting.dropout, distills)
    study = open_study("any", f"sqlite:///{tmp_path}/optuna.db", space, seed=1, warmup_epochs=1)
    # Optuna draws anew what lies outside its range, with no more than a warning.
    first = space.suggest(study.ask())
    assert (first.learning_rate, first.dropout) == (setting.learning_rate, setting.dropout)
    assert first.objective == (DistillationObjective("mse", 0.0, 1.0) if distills else GoldObjective())


def test_larger_students_take_smaller_steps() -> None:
    rates = [first_setting(f"bert-{size}").learning_rate for size in ("tiny", "mini", "small")]
    assert rates == sorted(rates, reverse=True)
    assert len(set(rates)) == 3
