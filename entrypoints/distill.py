"""Entry point `distill`: the main job."""

from typing import Annotated

from typer import Option

from entrypoints import cli


def distill(
    dataset: Annotated[str, Option(help="Catalogue name, or a folder of JSONL files.")] = "sample",
    student: Annotated[str, Option(help="bilstm")] = "bilstm",
    recipe: Annotated[str, Option(help="vanilla, kd, kd-unlabeled, kd-unlabeled-teacher")] = "default",
    teacher: Annotated[str, Option(help="Hub id, local folder, scratch, or the data set's own.")] = "default",
    unlabeled: Annotated[str, Option(help="JSONL file of texts without labels.")] = "default",
    trials: Annotated[str, Option(help="Settings to try.")] = "default",
    epochs: Annotated[str, Option(help="Most passes over the student's training data.")] = "default",
    batch_size: Annotated[str, Option(help="Texts a step, for the student.")] = "default",
    teacher_epochs: Annotated[str, Option(help="Most passes over the teacher's training data.")] = "default",
    learning_rate: Annotated[str, Option(help="The teacher's; the student's is tuned.")] = "default",
    max_length: Annotated[str, Option(help="Most tokens a text.")] = "default",
    threads: Annotated[str, Option(help="CPU threads of each model while it is measured.")] = "default",
    seed: Annotated[str, Option(help="Of everything random.")] = "default",
    storage: Annotated[str, Option(help="Optuna storage URL; by default a file beside the runs.")] = "default",
    force: Annotated[str, Option(help="true: do everything again although it is finished.")] = "false",
) -> None:
    """Find or train the teacher, tune the student, measure both, and register the student as challenger."""
    parameters = locals()
    from kdops.steps.distill import DistillConfig
    from kdops.steps.distill import distill as run_distill

    print(run_distill(cli.settings(DistillConfig, **parameters)))


main = cli.program(distill)

if __name__ == "__main__":
    main()
