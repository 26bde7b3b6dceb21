"""Names for pieces of work: the same inputs, the same name."""

import hashlib
import json
from collections.abc import Iterable


def fingerprint(*parts: object) -> str:
    """16 hexadecimal digits over anything that JSON can write, or `str` can name."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def content_fingerprint(texts: Iterable[str | Iterable[str]]) -> str:
    """16 hexadecimal digits over texts, or lists of words, in their order."""
    digest = hashlib.sha256()
    for text in texts:
        digest.update(json.dumps(text if isinstance(text, str) else list(text)).encode())
    return digest.hexdigest()[:16]
