"""The plan of a student's own vocabulary and its general distillation, fixed before any of it is made."""

from dataclasses import asdict, dataclass

from kdops.data.general_texts import GeneralTexts
from kdops.fingerprint import fingerprint
from kdops.models.teachers.sources import teacher_identity
from kdops.training.values import GeneralConfig
from kdops.workspace import GENERAL_STUDENTS, VOCABULARIES, Piece


@dataclass(frozen=True)
class VocabularySpec:
    """A student's vocabulary.

    Attributes:
        own: whether it is trained on the texts; else it is the encoder's, trimmed to the tokens of the texts.
        size: tokens of an own one.
        lowercase: whether upper and lower case are one in an own one.
    """

    own: bool
    size: int
    lowercase: bool


@dataclass(frozen=True)
class GeneralPlan:
    """A general student before it is made.

    Attributes:
        texts: the texts that it reads.
        vocabulary: its vocabulary.
        encoder: the pre-trained encoder, a hub id or a folder.
        training: how it is trained.
    """

    texts: GeneralTexts
    vocabulary: VocabularySpec
    encoder: str
    training: GeneralConfig

    @property
    def vocabulary_piece(self) -> Piece:
        """The vocabulary in the workspace; an own one has nothing to do with the encoder."""
        source = "" if self.vocabulary.own else teacher_identity(self.encoder)
        return Piece(VOCABULARIES, fingerprint(asdict(self.vocabulary), source, self.texts.fingerprint))

    @property
    def piece(self) -> Piece:
        """The general student in the workspace."""
        encoder = teacher_identity(self.encoder)
        return Piece(GENERAL_STUDENTS, fingerprint(encoder, self.vocabulary_piece.key, asdict(self.training)))
