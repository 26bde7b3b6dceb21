"""Folders of brat: a text in NAME.txt, its entities in NAME.ann (https://brat.nlplab.org/standoff.html)."""

import re
from pathlib import Path

from kdops.data.raw import Example, FileRows
from kdops.data.readers.examples import checked
from kdops.data.readers.lines import decode
from kdops.data.readers.spans import SpanError, TextSpan, tag_words
from kdops.errors import UserError

# T1<tab>Person 0 5<tab>Maria; of spans in parts 0 5;8 12
_ENTITY = re.compile(r"T\S+\t(\S+) (\d+ \d+(?:;\d+ \d+)*)(?:\t.*)?")
_LINE = re.compile(r"[^\n]+")


def is_brat(folder: Path) -> bool:
    """Whether a folder holds brat's annotations."""
    return next(folder.glob("*.ann"), None) is not None


def read_brat(folder: Path) -> FileRows:
    """The lines of all texts of a folder, each as words and tags; relations, events and notes are left out.

    Entities in several parts, and those that go on over the end of a line, are left out and counted.

    Raises:
        UserError: naming the file and line that cannot be used.
    """
    rows: list[Example] = []
    split = inside = overlapping = 0
    for annotations in sorted(folder.glob("*.ann")):
        path = annotations.with_suffix(".txt")
        if not path.is_file():
            raise UserError(f"{path}: no such file, but {annotations.name} is there")
        text = decode(path.read_bytes(), path, 1)
        spans, parts = _spans(annotations)
        lines = [found for found in _LINE.finditer(text) if found[0].strip()]
        left = list(spans)
        for found in lines:
            own = [span for span in spans if found.start() <= span.start and span.end <= found.end()]
            left = [span for span in left if span not in own]
            line = text.count("\n", 0, found.start()) + 1
            try:
                tagged = tag_words(found[0], [_moved(span, -found.start()) for span in own])
            except SpanError as error:
                raise UserError(f"{path}:{line}: {error}") from None
            inside += tagged.inside
            overlapping += tagged.overlapping
            rows.append(checked(tagged.words, tagged.tags, path, line))
        outside = next((span for span in left if span.end > len(text)), None)
        if outside is not None:
            raise UserError(f"{annotations}: span {outside.start} to {outside.end} ends beyond the text")
        split += parts + len(left)
    counts = {
        "entities left out: in several parts, or over the end of a line": split,
        "entities left out: a longer one has some of their characters": overlapping,
        "entities that begin or end inside a word, which was cut there": inside,
    }
    notes = tuple(f"{count} {what}" for what, count in counts.items() if count)
    return FileRows(rows, columns="words of .txt, tags from .ann", notes=notes)


def _spans(path: Path) -> tuple[list[TextSpan], int]:
    """The entities of a file in one part each, and how many there are in several."""
    spans: list[TextSpan] = []
    parts = 0
    for line, content in enumerate(decode(path.read_bytes(), path, 1).splitlines(), 1):
        if not content.startswith("T"):
            continue
        found = _ENTITY.fullmatch(content)
        if found is None:
            raise UserError(f"{path}:{line}: not an entity as brat writes them: {content!r:.60}")
        if ";" in found[2]:
            parts += 1
            continue
        start, end = map(int, found[2].split())
        spans.append(TextSpan(start, end, found[1]))
    return spans, parts


def _moved(span: TextSpan, by: int) -> TextSpan:
    return TextSpan(span.start + by, span.end + by, span.type)
