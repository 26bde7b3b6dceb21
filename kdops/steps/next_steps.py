"""What a user can do with a student: the last lines of `distill` and `promote`."""

from collections.abc import Sequence
from pathlib import Path

_LONGEST = 60


def next_steps(bundle: Path, example: str | Sequence[str], model: str | None) -> list[str]:
    """Lines that use a bundle in Python, and serve it.

    Args:
        bundle: its folder.
        example: a text, or the words of one.
        model: the registered model, as in `models:/kdops-sample/1`; None: there is none.
    """
    text = " ".join(example) if not isinstance(example, str) else example
    shown = text if len(text) <= _LONGEST else text[:_LONGEST].rpartition(" ")[0] or text[:_LONGEST]
    lines = [
        f"bundle: {bundle}",
        "use it:",
        "  from kdops import Predictor",
        f'  predictor = Predictor.load("{bundle}")',
        f"  print(predictor.predict([{shown!r}]))",
    ]
    if model:
        lines.append(f'serve it: mlflow models serve -m "{model}" --env-manager local --port 5001')
    return lines
