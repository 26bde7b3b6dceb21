"""Entry point `main`: distills with its defaults, then lets `promote` decide whether the new student serves."""

from entrypoints import cli, options


def distill_and_promote(
    dataset: options.Dataset = "sample",
    name: options.Name = "default",
    text_column: options.TextColumn = "default",
    label_column: options.LabelColumn = "default",
    scheme: options.Scheme = "default",
    drop_leaks: options.DropLeaks = "false",
    student: options.Student = "bilstm",
    recipe: options.Recipe = "default",
    teacher: options.Teacher = "default",
    unlabeled: options.Unlabeled = "default",
    trials: options.Trials = "default",
    epochs: options.Epochs = "default",
    max_length: options.MaxLength = "default",
    precision: options.Precision = "default",
    seed: options.Seed = "default",
    workers: options.Workers = "default",
    force: options.Force = "false",
) -> None:
    """Distill with the defaults, then promote the student if it is no worse than the champion."""
    parameters = locals()
    from kdops.steps.distill.config import DistillConfig
    from kdops.steps.distill.step import distill
    from kdops.steps.promote.step import PromoteConfig, promote
    from kdops.steps.setup import DataConfig

    config = cli.settings(DistillConfig, **parameters)
    print(distill(config))
    data = {field: getattr(config, field) for field in DataConfig.model_fields}
    print(promote(PromoteConfig(**data)))


main = cli.program(distill_and_promote)

if __name__ == "__main__":
    main()
