"""What exists by name: each data set's files, parser, labels, licence and citation."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from kdops.data.parsers import Example, read_conll, read_jsonl, read_text_tsv

SPLITS = ("train", "validation", "test")
INDOBERT = "indobenchmark/indobert-base-p1"
SCRATCH = "scratch"

_INDONLU = "IndoNLP/indonlu"
_INDONLU_COMMIT = "ce728f6926a36174b9923dfe49d6a6839b6e9bb7"
_INDONLU_CITATION = (
    "Wilie et al. (2020), IndoNLU: Benchmark and Resources for Evaluating Indonesian Natural Language Understanding, "
    "AACL-IJCNLP 2020"
)
_SAMPLE_FOLDER = Path(__file__).parent / "sample"

Parser = Callable[[Path], Iterable[Example]]


@dataclass(frozen=True)
class RemoteFile:
    """One public file, fixed to a commit.

    Attributes:
        repository: owner and name.
        commit: the full hash.
        path: the file's path inside the repository.
        sha256: of its bytes, hexadecimal.
        size_bytes: how many there are.
    """

    repository: str
    commit: str
    path: str
    sha256: str
    size_bytes: int

    @property
    def address(self) -> str:
        """Where the file lies below the host, or below a mirror of it."""
        return f"{self.repository}/{self.commit}/{self.path}"


@dataclass(frozen=True)
class DatasetCard:
    """Everything needed to load one data set and to say where it comes from.

    Attributes:
        name: what the user calls it.
        files: one file a split: public, or on this machine.
        parser: reads one of the files.
        labels: all labels in the order of the model's classes; empty: those of train, sorted.
        licence: under which the data may be used.
        citation: whom to name.
        default_teacher: the encoder to fine-tune when the user names none.
        unlabeled: a JSONL file of more texts, if there is one.
    """

    name: str
    files: Mapping[str, RemoteFile | Path]
    parser: Parser
    labels: tuple[str, ...]
    licence: str
    citation: str
    default_teacher: str
    unlabeled: Path | None = None


def iob2(*types: str) -> tuple[str, ...]:
    """The tags of a span task: O, then B- and I- of each type."""
    return ("O", *(f"{position}-{name}" for name in types for position in "BI"))


def _sample(name: str, folder: str, labels: tuple[str, ...]) -> DatasetCard:
    return DatasetCard(
        name=name,
        files={split: _SAMPLE_FOLDER / folder / f"{split}.jsonl" for split in SPLITS},
        parser=read_jsonl,
        labels=labels,
        licence="Apache-2.0",
        citation="kdops: synthetic, written by kdops.data.sample.generate",
        default_teacher=SCRATCH,
        unlabeled=_SAMPLE_FOLDER / folder / "unlabeled.jsonl",
    )


def _indonlu(path: str, sha256: str, size_bytes: int) -> RemoteFile:
    return RemoteFile(_INDONLU, _INDONLU_COMMIT, f"dataset/{path}", sha256, size_bytes)


_CARDS = (
    _sample("sample", "text", ("negative", "neutral", "positive")),
    _sample("sample-tags", "tags", iob2("PERSON", "PLACE", "ORGANISATION")),
    DatasetCard(
        name="smsa",
        files={
            "train": _indonlu(
                "smsa_doc-sentiment-prosa/train_preprocess.tsv",
                "50f38ceed9b31521bf1581e126620532cc9b790712938159a2cdcf6906977a9b",
                2186718,
            ),
            "validation": _indonlu(
                "smsa_doc-sentiment-prosa/valid_preprocess.tsv",
                "6ab41ddc9d58a35086f05ebd2e209c74cb03d87d4f51d6abdfba674eafbefa74",
                246974,
            ),
            "test": _indonlu(
                "smsa_doc-sentiment-prosa/test_preprocess.tsv",
                "4e8016daa8e4e1b193f2a28a79d3a7804dd4e3f926a3ab7e8a64264f5f416a6f",
                75949,
            ),
        },
        parser=read_text_tsv,
        labels=("negative", "neutral", "positive"),
        licence="Apache-2.0",
        citation="Purwarianti and Crisdayanti (2019), Improving Bi-LSTM Performance for Indonesian Sentiment Analysis; "
        f"{_INDONLU_CITATION}",
        default_teacher=INDOBERT,
    ),
    DatasetCard(
        name="nergrit",
        files={
            "train": _indonlu(
                "nergrit_ner-grit/train_preprocess.txt",
                "4bbef1355fad21b405b5c511a7c80331a5ee71c91db9b82dc03efda5cb99f964",
                522268,
            ),
            "validation": _indonlu(
                "nergrit_ner-grit/valid_preprocess.txt",
                "330ee7307f40f5e999110e02390243c07180b78c2e2a06f8a529ab46b0f4e907",
                64884,
            ),
            "test": _indonlu(
                "nergrit_ner-grit/test_preprocess.txt",
                "30c4fbcdfc6d4093c4fc802b00fa1b0842df548317f0b7f152669f9bd805d816",
                64073,
            ),
        },
        parser=read_conll,
        labels=iob2("PERSON", "PLACE", "ORGANISATION"),
        licence="learning or commercial use; keep the licence and the names of the contributors",
        citation=f"NERGrit contributors (2019), NERGrit Corpus; {_INDONLU_CITATION}",
        default_teacher=INDOBERT,
    ),
)
CATALOG: Mapping[str, DatasetCard] = {card.name: card for card in _CARDS}
