"""The errors of transformers for a teacher that it cannot load, each as one line with advice."""

import re

from kdops.errors import UserError

_LONGEST_REASON = 400
# Of packages that cut words in Python: the package would not help, since only fast tokenizers go into a bundle.
_PYTHON_TOKENIZER = re.compile(r"need to install \S+ to use (\w+Tokenizer)")
_NO_CLASS = re.compile(
    r"Unrecognized configuration class <class '[\w.]*?(\w+)Config'>.*?(AutoTokenizer|AutoModelFor\w+)"
)


def cannot_load(source: str, error: Exception) -> UserError:
    """The error for a teacher that transformers cannot load: its whole reason in one line, and advice that helps."""
    reason = " ".join(str(error).split()) or type(error).__name__
    if "trust_remote_code" in reason or "custom code" in reason:
        return UserError(
            f"teacher {source!r} needs code from its own repository (auto_map), and kdops runs no such code; "
            "choose a model whose type transformers knows"
        )
    if "backend tokenizer" in reason:
        return UserError(
            f"teacher {source!r} has no tokenizer.json, and its other files are not enough for its tokenizer; load and "
            "save it by AutoTokenizer where it works, and put the tokenizer.json beside its config.json"
        )
    if found := _PYTHON_TOKENIZER.search(reason):
        return UserError(
            f"teacher {source!r} has a tokenizer ({found[1]}) that runs Python code, which no bundle can hold; give a "
            "model with a tokenizer.json"
        )
    if found := _NO_CLASS.search(reason):
        return UserError(f"teacher {source!r} is a {found[1]}, and transformers has no {found[2]} for it")
    if "weights_only" in reason or "Unpickling" in type(error).__name__:
        return UserError(
            f"teacher {source!r} has a weights file that is damaged, or a pickle that would run code when it is "
            "loaded, which kdops refuses; get the file again, best as model.safetensors"
        )
    if len(reason) > _LONGEST_REASON:
        reason = f"{reason[: _LONGEST_REASON - 4]} ..."
    return UserError(f"teacher {source!r} cannot be loaded: {reason}")
