"""Tables with one word per row and a column that numbers the sentences, as tagged spreadsheets are published."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from kdops.data.raw import DataOptions, Example, FileRows
from kdops.data.readers.examples import checked, shown
from kdops.errors import UserError

_SENTENCES = {
    "sentence #", "sentence#", "sentence", "sentence id", "sentence_id", "sentenceid", "sent_id", "sentid", "sent",
    "sentence_idx", "sentence_no", "sentence_number", "sentence number", "sentence no",
}  # fmt: skip
_WORDS = {"word", "token", "words", "tokens"}
_TAGS = ("tag", "ner_tag", "ner", "ner tag", "bio", "iob", "entity", "tags", "ner_tags", "label", "labels", "pos")
_TAG = re.compile(r"O|[BIESLUM][-_].+")
_NUMBER = re.compile(r"[^\d\n]{0,20}\d+|")


@dataclass(frozen=True, slots=True)
class WordRows:
    """The columns of a table of words.

    Attributes:
        sentence: the column with the number of the sentence.
        word: the column with the word.
        tag: the column with its tag.
    """

    sentence: str
    word: str
    tag: str


def find_word_rows(row: Mapping[str, Any], options: DataOptions, place: str) -> WordRows | None:
    """The columns of a table of words, None for any other table.

    It has a column of sentence numbers by one of the names that these have, and one of single words: by its name, or
    named by `text_column` where `label_column` names one of span tags.

    Raises:
        UserError: when it is such a table, but its tags are not found.
    """
    plain = {name: name.strip().casefold() for name in row}
    sentence = next((name for name in row if plain[name] in _SENTENCES and _is_number(row[name])), None)
    word = options.text_column or next((name for name in row if plain[name] in _WORDS), None)
    if sentence is None or word is None or word == sentence or not isinstance(row.get(word), str):
        return None
    if plain[word] not in _WORDS and not _TAG.fullmatch(str(row.get(options.label_column or "", ""))):
        return None
    tag = options.label_column or next((name for wanted in _TAGS for name in row if plain[name] == wanted), None)
    if tag is None or tag not in row:
        wanted = f"label_column={tag} is not a column" if tag else "no column of tags; give label_column"
        raise UserError(f"{place}: {wanted} (found: {', '.join(map(repr, row))})")
    return WordRows(sentence, word, tag)


def join_word_rows(rows: Iterable[tuple[int, Mapping[str, Any]]], columns: WordRows, path: Path) -> FileRows:
    """The sentences of a table of words; an empty sentence number continues the sentence before.

    Raises:
        UserError: naming the row without a word or a tag.
    """
    current = ""
    numbered: list[tuple[str, int, str, str]] = []
    for line, row in rows:
        number = row[columns.sentence]
        current = str(number).strip() or current if number is not None and number == number else current
        word, tag = row[columns.word], row[columns.tag]
        if not isinstance(word, str) or not isinstance(tag, str):
            wrong = columns.tag if isinstance(word, str) else columns.word
            raise UserError(f"{path}:{line}: column {wrong!r} must be a string, found {shown(row[wrong])}")
        numbered.append((current, line, word.strip(), tag.strip()))
    sentences: list[Example] = []
    for _, grouped in groupby(numbered, key=lambda one: one[0]):
        _, lines, words, tags = zip(*grouped, strict=True)
        for line, word, tag in zip(lines, words, tags, strict=True):
            checked([word], [tag], path, line)  # names the row, not the beginning of its sentence
        sentences.append(checked([*words], [*tags], path, lines[0]))
    return FileRows(
        sentences,
        columns=f"words {columns.word!r}, tags {columns.tag!r}, sentences {columns.sentence!r}",
        notes=(f"{len(numbered)} rows of one word each are {len(sentences)} sentences by {columns.sentence!r}",),
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) or (isinstance(value, str) and bool(_NUMBER.fullmatch(value.strip())))
