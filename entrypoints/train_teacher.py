"""Entry point `train_teacher`: fine-tunes an encoder."""

from entrypoints import cli, options


def train_teacher(
    dataset: options.Dataset = "sample",
    name: options.Name = "default",
    text_column: options.TextColumn = "default",
    label_column: options.LabelColumn = "default",
    scheme: options.Scheme = "default",
    drop_leaks: options.DropLeaks = "false",
    teacher: options.Teacher = "default",
    unlabeled: options.Unlabeled = "default",
    unlabeled_max: options.UnlabeledMax = "default",
    length_filter: options.LengthFilter = "true",
    epochs: options.Epochs = "default",
    batch_size: options.BatchSize = "default",
    learning_rate: options.LearningRate = "default",
    max_length: options.MaxLength = "default",
    seed: options.Seed = "default",
    force: options.Force = "false",
) -> None:
    """Fine-tune an encoder on a data set and log it with its scores.

    Texts without labels are read by a teacher from scratch only, which takes its vocabulary from them.
    """
    parameters = locals()
    from kdops.steps.teacher.config import TeacherConfig
    from kdops.steps.teacher.step import train_teacher as run_train_teacher

    trained = run_train_teacher(cli.settings(TeacherConfig, **parameters))
    if trained:
        print(trained)


main = cli.program(train_teacher)

if __name__ == "__main__":
    main()
