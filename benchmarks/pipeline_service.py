"""A fine-tuned model behind HTTP as most would do it: FastAPI around a pipeline of transformers."""

import os
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

FOLDER = "KDOPS_BENCHMARK_MODEL"
"""Environment variable: the model's folder."""


class Texts(BaseModel):
    """A request."""

    inputs: list[str]


def application() -> FastAPI:
    """The service; for `uvicorn --factory`."""
    from transformers import pipeline

    classify: Any = pipeline("text-classification", model=os.environ[FOLDER], device="cpu")
    app = FastAPI()

    @app.post("/invocations")
    def invocations(texts: Texts) -> dict[str, Any]:
        return {"predictions": classify(texts.inputs)}

    @app.get("/ping")
    def ping() -> str:
        return ""

    return app
