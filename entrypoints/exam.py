"""Entry point `exam`: the grid of data sets, students, recipes and seeds."""

from typing import Annotated

from typer import Option

from entrypoints import cli, options
from kdops.errors import Failed

_GRID = (
    "preset",
    "datasets",
    "students",
    "recipes",
    "seeds",
    "backend",
    "workers",
    "resources",
    "hung_after_min",
    "plan",
)


def exam(
    preset: Annotated[
        str,
        Option(help="paper: all students and recipes of the study on its public data sets; what is given goes first."),
    ] = "none",
    datasets: Annotated[
        str, Option(help="Data sets with commas between them: catalogue names, folders or files of your own, hub ids.")
    ] = "default",
    students: Annotated[
        str, Option(help=f"Names with commas between them, or all: {options.STUDENT_NAMES}")
    ] = "default",
    recipes: Annotated[str, Option(help=f"Names with commas between them, or all: {options.RECIPE_NAMES}")] = "default",
    seeds: Annotated[str, Option(help="How often each is done, with seeds 1, 2, and so on.")] = "default",
    backend: Annotated[str, Option(help="Where workers run: loky (here), ray (a Ray cluster).")] = "default",
    workers: Annotated[
        str, Option(help="Cells at a time, each one thread; by default one a core of this machine.")
    ] = "default",
    resources: Annotated[
        str, Option(help="What a worker asks the Ray cluster for, as in num_cpus=1,num_gpus=0.25.")
    ] = "default",
    hung_after_min: Annotated[
        str, Option(help="Minutes without a sign of life after which a worker is killed, and its cell begun again.")
    ] = "default",
    plan: Annotated[
        str, Option(help="true: only print the cells, which are finished, and how long the rest takes.")
    ] = "false",
    text_column: options.TextColumn = "default",
    label_column: options.LabelColumn = "default",
    scheme: options.Scheme = "default",
    drop_leaks: options.DropLeaks = "false",
    teacher: options.Teacher = "default",
    unlabeled: options.Unlabeled = "default",
    unlabeled_max: options.UnlabeledMax = "default",
    length_filter: options.LengthFilter = "true",
    embeddings: options.Embeddings = "default",
    init: options.Init = "default",
    trials: options.Trials = "default",
    epochs: options.Epochs = "default",
    patience: options.Patience = "default",
    batch_size: options.BatchSize = "default",
    teacher_epochs: options.TeacherEpochs = "default",
    learning_rate: options.LearningRate = "default",
    max_length: options.MaxLength = "default",
    precision: options.Precision = "default",
    threads: options.Threads = "default",
    storage: options.Storage = "default",
) -> None:
    """Distill every student by every recipe on every data set, and say which is best; what is finished is reused."""
    parameters = locals()
    from kdops.steps.distill.config import DistillConfig
    from kdops.steps.exam.grid import ExamConfig
    from kdops.steps.exam.step import Examined
    from kdops.steps.exam.step import exam as run_exam

    grid = {name: parameters.pop(name) for name in _GRID}
    found = run_exam(cli.settings(ExamConfig, each=cli.settings(DistillConfig, **parameters), **grid))
    print(found)
    if isinstance(found, Examined) and found.failures:
        raise Failed("\n".join(found.failures))


main = cli.program(exam)

if __name__ == "__main__":
    main()
