"""Entry point `main`: distills with its defaults, then lets `promote` decide whether the new student serves."""

from typing import Annotated

from typer import Option

from entrypoints import cli


def distill_and_promote(
    dataset: Annotated[str, Option(help="Catalogue name, or a folder of JSONL files.")] = "sample",
    student: Annotated[str, Option(help="bilstm")] = "bilstm",
    recipe: Annotated[str, Option(help="vanilla, kd, kd-unlabeled, kd-unlabeled-teacher")] = "default",
    teacher: Annotated[str, Option(help="Hub id, local folder, scratch, or the data set's own.")] = "default",
    unlabeled: Annotated[str, Option(help="JSONL file of texts without labels.")] = "default",
    trials: Annotated[str, Option(help="Settings to try.")] = "default",
    epochs: Annotated[str, Option(help="Most passes over the student's training data.")] = "default",
    max_length: Annotated[str, Option(help="Most tokens a text.")] = "default",
    seed: Annotated[str, Option(help="Of everything random.")] = "default",
    force: Annotated[str, Option(help="true: do everything again although it is finished.")] = "false",
) -> None:
    """Distill with the defaults, then promote the student if it is no worse than the champion."""
    parameters = locals()
    from kdops.steps.distill import DistillConfig, distill
    from kdops.steps.promote import PromoteConfig, promote

    print(distill(cli.settings(DistillConfig, **parameters)))
    print(promote(PromoteConfig(dataset=dataset)))


main = cli.program(distill_and_promote)

if __name__ == "__main__":
    main()
