"""Entry point `exam`: the grid of data sets, students, recipes and seeds."""

from kdops.errors import Failed, NothingFits
from kdops.steps.distill.config import DistillConfig
from kdops.steps.exam.config import GRID, ExamConfig
from kdops.steps.parameters import options

from . import cli

_OF_THE_GRID = options(ExamConfig)
_OF_EACH_CELL = options(DistillConfig, leave_out=GRID)


def exam(**given: str) -> None:
    """Distill every student by every recipe on every data set, and say which is best; what is finished is reused."""
    each = cli.settings(DistillConfig, **{one.name: given.pop(one.name) for one in _OF_EACH_CELL})
    config = cli.settings(ExamConfig, each=each, **given)
    cli.begins("exam")
    from kdops.steps.exam.step import Examined
    from kdops.steps.exam.step import exam as run_exam

    found = run_exam(config)
    print(found)
    if isinstance(found, Examined) and found.failures:
        raise Failed("\n".join(found.failures))
    if isinstance(found, Examined) and found.nothing:
        raise NothingFits("\n".join(found.nothing))


main = cli.program(exam, [*_OF_THE_GRID, *_OF_EACH_CELL])

if __name__ == "__main__":
    main()
