"""kdops: which small model can replace a fine-tuned BERT, how good is it, and what does it cost?

As a library it offers `distill`, `load_dataset` and `Predictor` with the types of what they give. Each is imported when
it is first asked for, so that serving needs no more than `Predictor` does.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kdops.data.corpus import Corpus as Corpus
    from kdops.deploy.predictor import Predictor as Predictor
    from kdops.steps.distill.result import Distilled as Distilled
    from kdops.steps.library import distill as distill
    from kdops.steps.library import load_dataset as load_dataset

__version__ = "0.1.0"

_PUBLIC = {
    "Corpus": "kdops.data.corpus",
    "Distilled": "kdops.steps.distill.result",
    "Predictor": "kdops.deploy.predictor",
    "distill": "kdops.steps.library",
    "load_dataset": "kdops.steps.library",
}
__all__ = ["Corpus", "Distilled", "Predictor", "__version__", "distill", "load_dataset"]


def __getattr__(name: str) -> object:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'kdops' has no attribute {name!r}")
    return getattr(importlib.import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
