"""The signature of a served model: what it takes and what it answers, by task."""

from typing import TYPE_CHECKING

from kdops.task import Task

if TYPE_CHECKING:
    from mlflow.models import ModelSignature
    from mlflow.types.schema import ColSpec, TensorSpec


def signature_of(task: Task, *, pairs: bool = False) -> "ModelSignature":
    """The signature of a task's models, which may read pairs."""
    from mlflow.models import ModelSignature
    from mlflow.types.schema import AnyType, ColSpec, DataType, Schema

    outputs = Schema([*_answers()[task], ColSpec(DataType.boolean, "truncated")])
    if task.of_words or pairs:
        # Of a list, or of two columns, for one without a name MLflow passes on the first part; without a schema all.
        return ModelSignature(outputs=outputs)
    # The input has no name: MLflow then takes plain lists of texts, and tables too. And no type: for a string MLflow
    # would make a text of whatever comes, of null the text None; the predictor refuses what is no text. By type hints
    # MLflow would be faster, but take no tables; without a schema it makes one array of all texts, each as wide as the
    # longest.
    anything = AnyType()  # type: ignore[no-untyped-call]
    return ModelSignature(inputs=Schema([ColSpec(anything)]), outputs=outputs)


def _answers() -> "dict[Task, list[ColSpec | TensorSpec]]":
    """The columns of an answer, by task, without the one for texts that were cut."""
    from mlflow.types.schema import Array, ColSpec, DataType, Map, Object, Property

    strings = Array(DataType.string)
    span = [Property("type", DataType.string), Property("text", DataType.string)]
    span += [Property("start", DataType.long), Property("end", DataType.long)]
    return {
        Task.TEXT: [ColSpec(DataType.string, "label"), ColSpec(Map(DataType.double), "probabilities")],
        Task.MULTI_LABEL: [
            ColSpec(strings, "labels"),
            ColSpec(Map(DataType.double), "probabilities"),
            ColSpec(Map(DataType.double), "thresholds"),
        ],
        Task.ASPECTS: [
            ColSpec(Map(DataType.string), "aspects"),
            ColSpec(Map(Map(DataType.double)), "probabilities"),
        ],
        Task.TOKEN: [ColSpec(strings, "words"), ColSpec(strings, "tags"), ColSpec(Array(Object(span)), "spans")],
    }
