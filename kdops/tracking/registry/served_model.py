"""The model that `mlflow models serve` runs: text in, labels out, by a bundle.

MLflow copies this file into the registered model and runs it where kdops is not installed, so it imports nothing of
kdops: the predictor's source travels along as an artifact, and is loaded from there.
"""

import hashlib
import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel

THREADS = "KDOPS_THREADS"  # environment variable: CPU threads of one prediction, by default 1


class ServedModel(PythonModel):
    """Answers each text with one row: label and probabilities, or words, tags and spans."""

    def load_context(self, context: Any) -> None:
        """Load the predictor and its bundle from the model's artifacts."""
        self.source: Any = _load_module(Path(context.artifacts["predictor"]))
        self.predictor = self.source.Predictor.load(context.artifacts["bundle"], threads=_threads())

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> list[Any]:
        """Predict texts, or for token tasks lists of words too: a list or an array of them, or a table's column `text`.

        Of a model for pairs the columns `text` and `text_pair`, or a list of pairs.

        Raises:
            MlflowException: The request is not texts, or too large for one; the server answers 400 and says so.
        """
        texts = _texts(model_input, pairs=self.predictor.info.pairs)
        if not texts:
            raise MlflowException.invalid_parameter_value("there is no text in the request")
        try:
            self.source.check_size(texts)
            predictions = self.predictor.predict(texts)
        except (TypeError, self.source.TooLarge) as error:
            raise MlflowException.invalid_parameter_value(str(error)) from error
        return [_row(prediction) for prediction in predictions]


def _texts(model_input: Any, *, pairs: bool) -> list[Any]:
    """The rows of what MLflow makes of a request."""
    if isinstance(model_input, pd.DataFrame) and pairs and "text" in model_input:
        if "text_pair" not in model_input:
            raise MlflowException.invalid_parameter_value("this model takes pairs: there is no column 'text_pair'")
        return list(model_input[["text", "text_pair"]].to_dict("records"))
    if isinstance(model_input, pd.DataFrame):
        # By the model's signature MLflow may pass on the first column only, so a wrong one must not go unnoticed.
        column = model_input.columns[0]
        if isinstance(column, str) and column != "text":
            raise MlflowException.invalid_parameter_value(f"the first column must be 'text', not {column!r}")
        return model_input[column].tolist()
    if isinstance(model_input, str):
        return [model_input]
    if not isinstance(model_input, pd.Series | np.ndarray | list) or getattr(model_input, "ndim", 1) == 0:
        raise MlflowException.invalid_parameter_value(f"texts must come as a list, not {model_input!r:.50}")
    return list(model_input)


def _row(prediction: Any) -> dict[str, Any]:
    """A prediction's fields; `dataclasses.asdict` would copy every value, which takes a tenth of a request's time."""
    row = dict(vars(prediction))
    return row | {"spans": [dict(vars(span)) for span in row["spans"]]} if "spans" in row else row


def _threads() -> int:
    given = os.environ.get(THREADS, "1")
    if not given.isdecimal() or int(given) < 1:
        raise ValueError(f"{THREADS}={given!r}: the number of CPU threads must be a whole number, at least 1")
    return int(given)


def _load_module(path: Path) -> ModuleType:
    # Under a name of its own: two registered models in one process may carry different predictors.
    name = "kdops_predictor_" + hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            raise ImportError(f"{path} is not Python source")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module  # dataclasses look their module up there
        spec.loader.exec_module(module)
    return sys.modules[name]


set_model(ServedModel())
