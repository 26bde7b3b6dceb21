"""The parameters of steps that read a data set, and of those that train on it."""

import logging
from typing import TYPE_CHECKING, Any, Literal, Self

from kdops.data.raw import DataOptions, Scheme
from kdops.errors import UserError
from kdops.steps.parameters import StepConfig, parameter
from kdops.task import Task

if TYPE_CHECKING:
    from pathlib import Path

    from kdops.data.corpus import Corpus
    from kdops.data.unlabeled import Unlabeled

logger = logging.getLogger(__name__)


class DataConfig(StepConfig):
    """The parameters of a step that reads a data set; see `DataOptions`."""

    dataset: str = parameter(
        "sample", "Data set: a catalogue name, a folder or file of your own, or a hub id.", setting=False
    )
    name: str | None = parameter(None, "Name of your own data; auto: that of its folder or file.", setting=False)
    text_column: str | None = parameter(
        None, "Column of the text or the words: a name, or a number from 1; auto: found by its name.", setting=False
    )
    label_column: str | None = parameter(
        None,
        "Column of the label or the tags: a name, or a number from 1; first,second,... where a text has several; auto: "
        "found by its name.",
        setting=False,
    )
    scheme: Scheme = parameter("auto", "How tags mark spans; auto: read off the tags.", setting=False)
    task: Task | None = parameter(None, f"{', '.join(Task)}; auto: read off the columns.", setting=False)
    separator: str | None = parameter(
        None,
        "The separator of the columns of a .csv or .tsv file, tab for tabs; auto: found in its lines.",
        setting=False,
    )
    drop_leaks: bool = parameter(
        False, "Drop the training texts that are in validation or test as well.", setting=False
    )

    @property
    def options(self) -> DataOptions:
        """How the data set is read."""
        return DataOptions(
            name=self.name,
            text_column=self.text_column,
            label_column=self.label_column,
            scheme=self.scheme,
            task=self.task,
            separator=self.separator,
            drop_leaks=self.drop_leaks,
        )

    @property
    def corpus_name(self) -> str:
        """The data set's name; none of its files is read for it."""
        from kdops.data.corpus import corpus_name

        return corpus_name(self.dataset, self.options)

    def corpus(self) -> "Corpus":
        """The data set, read anew.

        Raises:
            UserError: for anything that training should not start with.
        """
        from kdops.data.corpus import load_corpus

        return load_corpus(self.dataset, self.options)


class TrainingDataConfig(DataConfig):
    """The parameters of a step that trains: data, more text, and the teacher that reads both."""

    teacher: str | None = parameter(
        None,
        "Hub id, local folder, registered model (models:/name@alias), scratch, or a file of probabilities (.jsonl, "
        ".parquet); several with commas between them teach together; auto: the data set's own.",
    )
    labels: Literal["gold", "teacher"] = parameter(
        "gold",
        "gold: the data's own; teacher: the teacher labels the texts of dataset=, which may have none, and scores are "
        "agreement with it.",
    )
    teacher_mode: Literal["train", "as_is"] = parameter(
        "train",
        "train: fine-tune the teacher on the data; as_is: it is already fine-tuned for the data's labels.",
    )
    teacher_precision: Literal["auto", "fp32"] = parameter(
        "auto", "What a teacher multiplies in; auto: bfloat16 where the machine has it and the model can."
    )
    teacher_seeds: int = parameter(1, "Train the teacher so many times, with seeds of its own; all teach.", ge=1)
    label_names: str | None = parameter(
        None,
        "The data's names of labels of an as_is teacher or of a file, as in LABEL_0=negative,LABEL_1=positive.",
    )
    teacher_missing: Literal["refuse", "gold"] = parameter(
        "refuse", "Training texts that a file of probabilities lacks: refuse, or gold: they have their gold labels."
    )
    unlabeled: str | None = parameter(
        None,
        "Unlabeled text: a .jsonl or .txt file, catalogue (other data sets of the task) or augmented (variations of "
        "the training texts); auto: catalogue, or unlabeled.jsonl beside your own data.",
    )
    unlabeled_max: int | None = parameter(
        None, "Use at most this many unlabeled texts; none: all of them.", shown="none", ge=1
    )
    length_filter: bool = parameter(True, "Leave out unlabeled texts shorter or longer than the training texts.")

    max_length: int = parameter(128, "Tokens per text; longer texts are cut.", ge=3)
    system_metrics: bool = parameter(
        False, "Log what the machine does meanwhile: CPU, memory, disk, network, GPU and energy.", setting=False
    )

    def at_hand(self) -> Self:
        """The same with the version of each registered model in the place of its alias, its files on this machine.

        Raises:
            UserError: if one cannot be had.
        """
        from kdops.models.teachers.sources import REGISTERED

        named = {name: getattr(self, name, None) or "" for name in ("teacher", "general_encoder")}
        registered = {name: value for name, value in named.items() if REGISTERED in value}
        if not registered:
            return self
        from kdops.tracking.registry.teachers import at_hand

        found = {
            name: ",".join(at_hand(one) if one.startswith(REGISTERED) else one for one in self.named_sources(value))
            for name, value in registered.items()
        }
        return self.model_copy(update=found)

    @property
    def place(self) -> str:
        """Where the data set is: where the user says, or the folder that has the teacher's labels too.

        Raises:
            UserError: if the teacher cannot label it.
        """
        if self.labels == "gold":
            return self.dataset
        from kdops.training.labeling import Labeling, labeled_by_teacher

        teachers = self._labeling_teachers()
        asked = Labeling(self.dataset, self.options, teachers, self.labels_of_teacher, self.max_length)
        return str(labeled_by_teacher(asked))

    def _labeling_teachers(self) -> tuple[str, ...]:
        from kdops.models.teachers.sources import SCRATCH, check_teacher, file_of

        named = self.named_sources(self.teacher or SCRATCH)
        if SCRATCH in named:
            raise UserError("labels=teacher needs a teacher that knows labels: a fine-tuned model or a file")
        if self.teacher_missing != "refuse":
            raise UserError(f"teacher_missing={self.teacher_missing} needs gold labels, and labels=teacher has none")
        for source in named:
            check_teacher(source)
        files = [source for source in named if file_of(source)]
        if files and len(named) > 1:
            raise UserError(f"teacher {files[0]!r} is a file of probabilities, which teaches alone and once")
        if not files and self.teacher_mode != "as_is":
            raise UserError("labels=teacher needs teacher_mode=as_is: without gold labels there is nothing to train on")
        return named

    def corpus(self) -> "Corpus":
        """The data set, read anew, with the labels that the parameters ask for.

        Raises:
            UserError: for anything that training should not start with.
        """
        return super().corpus() if self.labels == "gold" else DataConfig(dataset=self.place).corpus()

    @property
    def data_described(self) -> dict[str, Any]:
        """The parameters by which another step reads the same data, as runs log them."""
        kept = self if self.labels == "gold" else DataConfig(dataset=self.place)
        return {name: getattr(kept, name) for name in DataConfig.model_fields}

    def sources(self, corpus: "Corpus") -> tuple[str, ...]:
        """The encoders that are fine-tuned: the user's choice, or the data set's own."""
        return self.named_sources(self.teacher or corpus.default_teacher)

    @staticmethod
    def named_sources(teacher: str) -> tuple[str, ...]:
        """The teachers in a list with commas, each once."""
        return tuple(dict.fromkeys(name.strip() for name in teacher.split(",") if name.strip()))

    def source(self, corpus: "Corpus") -> str:
        """The encoder that is fine-tuned; of several the first, which general distillation learns from."""
        return self.sources(corpus)[0]

    def teacher_file(self, corpus: "Corpus") -> "Path | None":
        """The file of probabilities that teaches; None: encoders do."""
        from kdops.models.teachers.sources import file_of

        return file_of(self.source(corpus))

    @property
    def labels_of_teacher(self) -> dict[str, str]:
        """The data's name of each label of an as_is teacher that is called otherwise.

        Raises:
            UserError: if they are not written as pairs.
        """
        pairs = [pair.partition("=") for pair in (self.label_names or "").split(",") if pair.strip()]
        if not all(its.strip() and ours.strip() for its, _, ours in pairs):
            raise UserError(f"label_names={self.label_names}: give pairs, as in LABEL_0=negative,LABEL_1=positive")
        return {its.strip(): ours.strip() for its, _, ours in pairs}

    def unlabeled_texts(self, corpus: "Corpus", *, wanted: bool = True) -> "Unlabeled | None":
        """The texts without labels that the parameters name; None where there are none.

        Args:
            corpus: the data set that they are added to.
            wanted: whether the step uses them; if not, they are not read, with a warning if the user named some.

        Raises:
            UserError: if they cannot be had or used.
        """
        from kdops.data.unlabeled import load_unlabeled

        if not wanted:
            if self.unlabeled not in (None, "default"):
                logger.warning(
                    "unlabeled=%s is not used: this recipe and teacher take no unlabeled text", self.unlabeled
                )
            return None
        mask = None
        if self.unlabeled == "augmented":
            from kdops.models.teachers.tokenizers import mask_token

            mask = mask_token(self.source(corpus))
        return load_unlabeled(
            corpus, self.unlabeled, max_texts=self.unlabeled_max, length_filter=self.length_filter, mask_token=mask
        )
