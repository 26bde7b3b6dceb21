"""Whether a teacher can become a bundle at all, found out before it is trained."""

from pathlib import Path
from tempfile import TemporaryDirectory

from kdops.deploy.onnx import export
from kdops.errors import UserError
from kdops.models.teachers.model import Teacher
from kdops.task import Task

_LONGEST_REASON = 200


def check_exports(teacher: Teacher, source: str, task: Task, max_length: int) -> None:
    """Export an untrained teacher and compare the graph with it, which takes seconds.

    Training, tuning and measuring take hours, and the bundle comes last: a kind of encoder that the exporter cannot
    handle, Longformer for one, is better refused before them.

    Args:
        teacher: the teacher.
        source: what the user called it.
        task: the task.
        max_length: most tokens of a text.

    Raises:
        UserError: if it cannot be exported, saying why.
    """
    with TemporaryDirectory() as folder:
        try:
            export(teacher.model, Path(folder) / "model.onnx", task, max_length=max_length)
        except Exception as error:  # the exporter raises what the model's code does under tracing
            reason = " ".join(str(error).replace(folder, "").split()) or type(error).__name__
            kind = teacher.model.encoder.config.model_type
            raise UserError(
                f"teacher {source!r} is a {kind} that cannot be exported to ONNX; give another kind of encoder "
                f"({reason[:_LONGEST_REASON]})"
            ) from error
