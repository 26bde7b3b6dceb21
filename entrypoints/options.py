"""The parameters that several entry points share. All are text: `default` stands for a step's own default."""

from typing import Annotated

from typer import Option

from kdops.models.kinds import STUDENTS
from kdops.training.recipes import RECIPES

STUDENT_NAMES = ", ".join(STUDENTS)
RECIPE_NAMES = ", ".join(RECIPES)

Dataset = Annotated[str, Option(help="Catalogue name, folder or file of your own, or hub id of a data set.")]
Name = Annotated[str, Option(help="What your own data is called; by default after its folder or file.")]
TextColumn = Annotated[str, Option(help="Column of the text or the words: a name, or a number from 1.")]
LabelColumn = Annotated[str, Option(help="Column of the label or the tags: a name, or a number from 1.")]
Scheme = Annotated[str, Option(help="How tags mark spans: auto, iob1, iob2, iobes, plain.")]
DropLeaks = Annotated[str, Option(help="true: drop the train texts that stand in validation or test too.")]
Teacher = Annotated[str, Option(help="Hub id, local folder, scratch, or the data set's own.")]
Unlabeled = Annotated[
    str, Option(help="Texts without labels: a JSONL or text file, catalogue, augmented (by default: what fits).")
]
UnlabeledMax = Annotated[str, Option(help="Most texts without labels.")]
LengthFilter = Annotated[str, Option(help="false: keep texts without labels that are shorter or longer than train's.")]
Student = Annotated[str, Option(help=STUDENT_NAMES)]
Recipe = Annotated[str, Option(help=RECIPE_NAMES)]
Embeddings = Annotated[
    str,
    Option(help="Where token embeddings start: random, teacher, fasttext, a vector file (by default: the recipe's)."),
]
Init = Annotated[str, Option(help="Where the layers of a BERT student start: random, teacher.")]
Trials = Annotated[str, Option(help="Settings to try.")]
Epochs = Annotated[str, Option(help="Most passes over the training data.")]
Patience = Annotated[str, Option(help="Passes without a better validation score after which a trial stops.")]
BatchSize = Annotated[str, Option(help="Texts a step.")]
TeacherEpochs = Annotated[str, Option(help="Most passes over the teacher's training data.")]
LearningRate = Annotated[str, Option(help="The teacher's peak learning rate; a student's is tuned.")]
MaxLength = Annotated[str, Option(help="Most tokens a text.")]
Precision = Annotated[str, Option(help="What is registered: fp32, int8, auto: the fastest that passes its gate.")]
Threads = Annotated[str, Option(help="CPU threads of each model while it is measured.")]
Seed = Annotated[str, Option(help="Of everything random.")]
Workers = Annotated[str, Option(help="Trials at a time, each in a process of its own with one thread.")]
Storage = Annotated[str, Option(help="Optuna storage URL; by default a file beside the runs.")]
Force = Annotated[str, Option(help="true: do everything again although it is finished.")]
