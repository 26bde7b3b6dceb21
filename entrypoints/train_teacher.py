"""Entry point `train_teacher`: fine-tunes an encoder."""

from typing import Annotated

from typer import Option

from entrypoints import cli


def train_teacher(
    dataset: Annotated[str, Option(help="Catalogue name, or a folder of JSONL files.")] = "sample",
    teacher: Annotated[str, Option(help="Hub id, local folder, scratch, or the data set's own.")] = "default",
    unlabeled: Annotated[str, Option(help="JSONL file that a scratch teacher takes its vocabulary from.")] = "default",
    epochs: Annotated[str, Option(help="Most passes over the training data.")] = "default",
    batch_size: Annotated[str, Option(help="Texts a step.")] = "default",
    learning_rate: Annotated[str, Option(help="Peak learning rate; by default what suits the teacher.")] = "default",
    max_length: Annotated[str, Option(help="Most tokens a text.")] = "default",
    seed: Annotated[str, Option(help="Of everything random.")] = "default",
    force: Annotated[str, Option(help="true: train again although it is finished.")] = "false",
) -> None:
    """Fine-tune an encoder on a data set and log it with its scores."""
    parameters = locals()
    from kdops.steps.teacher import TeacherConfig
    from kdops.steps.teacher import train_teacher as run_train_teacher

    print(run_train_teacher(cli.settings(TeacherConfig, **parameters)))


main = cli.program(train_teacher)

if __name__ == "__main__":
    main()
