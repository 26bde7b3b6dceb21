import pytest

from entrypoints import cli
from kdops.data.catalog import CATALOG
from kdops.errors import UserError
from kdops.models.student_kinds import STUDENTS, STUDY_STUDENTS
from kdops.steps.distill.config import DistillConfig
from kdops.steps.exam.config import ExamConfig
from kdops.steps.exam.grid import Cell, in_turns
from kdops.training.recipes import RECIPES, STUDY_RECIPES


def test_the_words_of_mlproject_are_read() -> None:
    config = cli.settings(
        ExamConfig, preset="none", datasets="smsa, nergrit,smsa", students="all", recipes="all", seeds="3", plan="true"
    )
    assert config.datasets == ("smsa", "nergrit")
    assert (config.students, config.recipes) == (STUDENTS, tuple(RECIPES))
    assert (config.seeds, config.plan, config.workers) == (3, True, None)


def test_resources_are_numbers_by_name() -> None:
    config = cli.settings(ExamConfig, backend="ray", resources="num_cpus=1, num_gpus=0.25")
    assert config.resources == {"num_cpus": 1.0, "num_gpus": 0.25}
    assert cli.settings(ExamConfig, backend="ray", resources="num_gpus=0").resources == {"num_gpus": 0.0}


def test_the_grid_of_the_paper_is_its_public_data_sets_with_its_teacher() -> None:
    config = cli.settings(ExamConfig, preset="paper", datasets="default", seeds="1")
    assert len(config.datasets) == 8
    assert {CATALOG[name].default_teacher for name in config.datasets} == {"indobenchmark/indobert-base-p1"}
    assert (config.students, config.recipes) == (STUDY_STUDENTS, STUDY_RECIPES)


def test_what_is_given_goes_before_the_preset() -> None:
    config = cli.settings(ExamConfig, preset="paper", datasets="emot", students="cnn")
    assert (config.datasets, config.students, config.recipes) == (("emot",), ("cnn",), STUDY_RECIPES)


@pytest.mark.parametrize(
    ("given", "line"),
    [
        *(
            (
                {"backend": "ray", "resources": f"num_cpus={amount}"},
                f"resources=num_cpus={amount}: num_cpus must be a number, more than 0",
            )
            for amount in ("nan", "inf", "-1", "0")
        ),
        (
            {"backend": "ray", "resources": "num_cpus=1,num_gpus=-1"},
            "resources=num_cpus=1,num_gpus=-1: num_gpus must be a number, at least 0",
        ),
        (
            {"backend": "ray", "resources": "=1"},
            "resources==1: give names with numbers, as in num_cpus=1,num_gpus=0.25",
        ),
        ({"hung_after_min": "inf"}, "hung_after_min=inf: Input should be a finite number"),
        ({"hung_after_min": "nan"}, "hung_after_min=nan: Input should be a finite number"),
        ({"seeds": "0"}, "seeds=0: Input should be greater than or equal to 1"),
        ({"hung_after_min": "0"}, "hung_after_min=0: Input should be greater than 0"),
        ({"resources": "num_gpus=1"}, "resources=num_gpus=1: only backend=ray knows resources"),
        (
            {"backend": "ray", "resources": "num_gpus"},
            "resources=num_gpus: give names with numbers, as in num_cpus=1,num_gpus=0.25",
        ),
        ({"workers": "0"}, "workers=0: Input should be greater than or equal to 1"),
        ({"datasets": " , "}, "datasets= , : no name is given"),
        ({"students": ","}, "students=,: no name is given"),
        ({"preset": "papre"}, "unknown preset 'papre'; choose one of: paper"),
    ],
)
def test_a_grid_that_cannot_be(given: dict[str, str], line: str) -> None:
    with pytest.raises(UserError) as caught:
        cli.settings(ExamConfig, **given)
    assert str(caught.value) == line


def test_a_cell_has_the_budget_of_all() -> None:
    each = DistillConfig(trials=7, storage="sqlite:///studies.db", teacher="scratch")
    asked = ExamConfig(each=each).cell("emot", "cnn", "kd", 2)
    assert asked == each.model_copy(update={"dataset": "emot", "student": "cnn", "recipe": "kd", "seed": 2})


def test_workers_begin_with_different_groups() -> None:
    def cell(dataset: str, student: str) -> Cell:
        return Cell(dataset, DistillConfig(student=student), "")  # type: ignore[arg-type]

    groups = [[cell("a", "bilstm"), cell("a", "cnn")], [cell("b", "bilstm")], [cell("c", "bilstm"), cell("c", "cnn")]]
    assert [(one.dataset, one.student) for one in in_turns(groups)] == [
        *(("a", "bilstm"), ("b", "bilstm"), ("c", "bilstm")),
        *(("a", "cnn"), ("c", "cnn")),
    ]
