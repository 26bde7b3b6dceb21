"""Entry point `train_teacher`: fine-tunes an encoder."""

from kdops.steps.parameters import options
from kdops.steps.teacher.config import TeacherConfig

from . import cli


def train_teacher(**given: str) -> None:
    """Fine-tune an encoder on a data set and log it with its scores.

    Unlabeled text is read by a teacher from scratch only, which takes its vocabulary from it.
    """
    config = cli.settings(TeacherConfig, **given)
    cli.begins("train_teacher")
    from kdops.steps.teacher.step import train_teacher as run_train_teacher

    trained = run_train_teacher(config)
    if trained:
        print(trained)


main = cli.program(train_teacher, options(TeacherConfig))

if __name__ == "__main__":
    main()
