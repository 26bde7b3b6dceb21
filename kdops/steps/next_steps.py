"""The next commands for a student: the last lines of `distill` and `promote`."""

from pathlib import Path

from kdops.data.inputs import Text, joined, sides

_LONGEST = 60


def next_steps(bundle: Path, example: Text, model: str | None) -> list[str]:
    """Lines that use a bundle in Python, and serve it.

    Args:
        bundle: its folder.
        example: a text, the words of one, or a pair.
        model: the registered model, as in `models:/kdops-sample/1`; None: there is none.
    """
    texts = [_cut(joined(side)) for side in sides(example)]
    shown = texts[0] if len(texts) == 1 else {"text": texts[0], "text_pair": texts[1]}
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


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[:_LONGEST].rpartition(" ")[0] or text[:_LONGEST]
