"""Entry point `pretrain_student`: a general student ahead of time."""

from kdops.steps.general_distillation.config import PretrainConfig
from kdops.steps.parameters import options

from . import cli


def pretrain_student(**given: str) -> None:
    """Let a student learn the token states of a pre-trained encoder, which distill by a general recipe starts from."""
    config = cli.settings(PretrainConfig, **given)
    cli.begins("pretrain_student")
    from kdops.steps.general_distillation.step import pretrain_student as run_pretrain_student

    print(run_pretrain_student(config))


main = cli.program(pretrain_student, options(PretrainConfig))

if __name__ == "__main__":
    main()
