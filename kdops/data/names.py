"""Names of the user's data sets in tags, files and the registry."""

import hashlib
import re
import unicodedata
from pathlib import Path

from kdops.data.catalog import CATALOG
from kdops.data.readers.by_suffix import is_file_name, is_path
from kdops.data.teacher_labels import teacher_labels_of
from kdops.errors import UserError

_CYRILLIC = "абвгдежзийклмнопрстуфхцчшщъыьэюя"
_AS_LATIN = "a b v g d e zh z i y k l m n o p r s t u f kh ts ch sh shch - y - e yu ya"
# Unicode's names say how most other letters sound: HIRAGANA LETTER KO, HANGUL SYLLABLE SEO, GREEK SMALL LETTER TAU
_SOUND = re.compile(r".*\b(?:LETTER|SYLLABLE|VOWEL SIGN|CHARACTER)(?: (?:FINAL|SMALL|SARA))? ([A-Z]+)")
_HASH_DIGITS = 6


def own_name(name_or_path: str, chosen: str | None) -> str:
    """Return the name of a user's data set, of lower-case letters, digits and hyphens; the data need not exist.

    Letters of other scripts are written in Latin ones, as well as that goes letter by letter. Then, and where no letter
    or digit is left, a short hash of the whole name is added, so that names stay different.

    Args:
        name_or_path: as `read_own` takes it.
        chosen: the user's choice; None: after its folder, file or id.

    Raises:
        UserError: for a choice that is the name of a public data set.
    """
    path = Path(name_or_path).expanduser()
    if chosen is None and (marked := teacher_labels_of(name_or_path)):
        return marked.name
    is_file = path.is_file() or (is_file_name(path) and not path.is_dir())
    base = _base(path, is_file) if path.exists() or is_path(name_or_path) else name_or_path
    name = _safe(chosen or base)
    if name not in CATALOG:
        return name
    if chosen is not None:
        raise UserError(f"name={chosen} is the name of a public data set; choose another")
    # a folder called smsa must not pass for the public one in the registry
    return f"{name}-{'file' if is_file else 'folder'}"


def _base(path: Path, is_file: bool) -> str:
    name = path.resolve().name
    return Path(name.removesuffix(".gz")).stem if is_file else name


def _safe(name: str) -> str:
    letters = "".join(map(_latin, unicodedata.normalize("NFC", name).casefold()))
    safe = re.sub(r"[^a-z0-9]+", "-", letters).strip("-")
    if safe and name.isascii():
        return safe
    digest = hashlib.sha256(unicodedata.normalize("NFC", name).encode("utf-8", "surrogateescape")).hexdigest()
    return f"{safe or 'dataset'}-{digest[:_HASH_DIGITS]}"


def _latin(character: str) -> str:
    if character.isascii():
        return character
    if character in _CYRILLIC:
        return _AS_LATIN.split()[_CYRILLIC.index(character)].strip("-")
    plain = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    if plain:
        return plain
    sound = _SOUND.match(unicodedata.name(character, ""))
    return sound[1].lower() if sound else "-"
