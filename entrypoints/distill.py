"""Entry point `distill`: the main job."""

from entrypoints import cli, options


def distill(
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
    seed: options.Seed = "default",
    storage: options.Storage = "default",
    workers: options.Workers = "default",
    force: options.Force = "false",
) -> None:
    """Find or train the teacher, tune the student, measure both, and register the student as challenger."""
    parameters = locals()
    from kdops.steps.distill.config import DistillConfig
    from kdops.steps.distill.step import distill as run_distill

    print(run_distill(cli.settings(DistillConfig, **parameters)))


main = cli.program(distill)

if __name__ == "__main__":
    main()
