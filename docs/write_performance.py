"""Writes docs/performance.md from what benchmarks wrote: `python docs/write_performance.py benchmark-results`."""

import shutil
import sys
from pathlib import Path

DOCS = Path(__file__).parent
PICTURES = {"growth": "growth.png"}
HEAD = """# Performance

Written by `python docs/write_performance.py` from the tables of `make bench`; no number in a table was typed by hand.
Below each table stand the data, the machine and the versions. Contestants work in turns, each in a process of its own
with one thread, whose libraries are imported before the clock starts; figures are medians of the rounds, with the
fastest and the slowest. The machine had other work to do meanwhile, so ratios are of CPU time: that is the same whether
a core is shared or not, wall time is not. RAM is what a process needs beyond its libraries, the data and the loading of
the models included.

These tables are of more rows, texts and trials than `make bench` takes by itself, which says less: on 24 rows, say,
two workers take longer to start than all their trials do. Without SetFit and model2vec it took 13 minutes."""

SECTIONS = {
    "teachers": """## Training a teacher

One epoch on gold labels, from the same weights, with the same rows, optimizer and schedule, and a validation score at
its end. What makes the difference: texts are padded in groups of similar length; where a CPU has instructions for
bfloat16, AVX-512 BF16 or AMX, matrix products are of that type, while weights, sums and losses stay float32. A
`Trainer` uses bfloat16 too if it is told to. When this was measured, kdops also computed only the first position of a
classifier's last layer and drew dropout faster, which saved a tenth of a step of this teacher; it no longer does.""",
    "students": """## Training a student

The same rows, student, first weights, optimizer, schedule, loss (mean squared error of the logits) and number of epochs
for all, and a validation score after each epoch; encoding comes before the clock. `score` is the best validation F1;
with so few rows and steps no student has learned anything, so it says only that all do the same.

What makes the difference: the teacher reads each text once and not once an epoch; texts are padded in groups of similar
length, so that little is padding; batches are sliced from flat arrays of integers, not collated from lists; dropout
draws one random number for four activations. For all contestants the student's vocabulary is trimmed to the tokens of
the training text, which spares them the updates of thousands of embeddings that no text uses. Where the CPU multiplies
in bfloat16, kdops' teacher and students do; the others do only if they are told to, and were not here.""",
    "stored": """## Training a student that is given stored logits

The same contest over more rows, where the `Trainer` too finds the teacher's logits on disk. The last line is what one
writes without kdops: a student with as many embeddings as the teacher has, 41,275. The two lines above it are stricter:
they got the vocabulary that kdops trimmed, 16,471 tokens, and one of them was told to multiply in bfloat16, which
kdops does by itself where the CPU can. What is left of the difference to that one is padding, since both train the same
student with the same kernels: at random, 32 of these texts are padded to 2.2 times their tokens, which is about the
most that batches of similar length can win here. What a step costs beside its tokens, a fifth to a third of kdops' own,
is the same for all: optimizer, clipping, the embeddings' gradient and the calls of each layer.

Products in bfloat16 take a quarter off the training of a BiLSTM and of a bert-tiny, for 80 and 170 MB of kernels, and
an eighth to a sixth off a CNN's, for 30 MB; a bert-mini was 1.4 and a bert-small 1.7 times as fast. A CNN's
convolutions of single channels stay float32, as their gradient takes 2.6 times as long in bfloat16. Validation F1 after
two epochs of 9,000 rows, over five seeds each, in bfloat16 and in float32: BiLSTM 0.834 and 0.832, CNN 0.812 and 0.812,
bert-tiny 0.773 and 0.774.

kdops has the allocator use again in a step what the last step freed, which took an eighth to a sixth off a BiLSTM's
step and a tenth off a CNN's, and pads to 40 lengths and not to all 128, which costs no time that could be told and
takes 70 to 130 MB less. Dropout writes its mask as numbers at once, not as booleans first: 0.23 ms for 200,000
activations instead of 0.41. Of fewer than 8,192 rows a step holds groups of several lengths; since groups of nearly one
length are one batch, a BiLSTM and a bert-tiny took 7% less CPU time on 3,000 rows, and a CNN 4%.""",
    "teacher-logits": """## Teacher logits

Texts go through the teacher longest first, in batches of about 2,048 padded tokens. The
first teacher is a fine-tuned one of 12 layers of 384, the second has the shape of a BERT-base, 12 layers of 768, and
new weights. Plain batches go through the model as transformers makes it. The last two lines are not a way to get
logits: they are the time of the matrix products of the same batches, in the type that kdops multiplies in and in
float32, the floor on this machine; when this was measured, both kdops and they made only those of a classifier's last
layer that its first position needs, while kdops now makes all of them. Between kdops and that floor are the
exponentials of attention (14% of the time of the narrow teacher), casts, residual sums, GELU, layer norms, and writing
the store. The type is bfloat16 where the CPU has instructions for it: on 418 sentences of nergrit that left 99.985% of
the teacher's 13,753 tags as they are in float32, with logits off by 0.006 (root of the mean square; their standard
deviation is 2.3). In float32 kdops took 1.11 times what its products took, and half of what plain batches took. ONNX
Runtime was 2 to 11% faster than PyTorch in float32, an int8 teacher changed too many labels; neither is used. Other
ways to attend, weights laid out for the products beforehand and GELU within them made no more than 3% each.""",
    "tuning": """## Tuning

Trials of a BiLSTM for up to twenty epochs, MLflow and the Optuna database included. Pruning ends a trial that is below
the median of the others after as many epochs, from the fourth trial and the third epoch on; with it goes the end of a
trial whose score stopped rising. `epochs` is how many were trained in all. A trial needs three epochs at the least, so
pruning saves the more, the more are allowed: of trials of ten epochs it took 66%, and 56 to 63% when it was replayed
over the curves of 16 trials each of a BiLSTM, a CNN and a bert-tiny on 400 and 1,000 rows. Pruners that keep a third or
a quarter take a few points less there, and lose the best trial more often. The median lost it in two fifths of those
replays, 0.01 on average, and in none over trials of twenty epochs. Workers are processes of one thread each, whose
start of about 10 s is in the time: on half as many rows two did 1.67 times the trials of one, and pruning took 34% of
the computing. The two searches without pruning differ in nothing but the order in which trials end, so their scores
tell how much is chance.""",
    "startup": """## Start-up

Wall time, on the sample data. Help imports neither torch nor MLflow. Most of what a run takes before its first epoch
are the imports of those and of transformers, in the process of `mlflow run` and in the entry point's own; a finished
command imports them too, finds its work and says so.""",
    "threads": """## Threads

One batch of 32 texts of 32 tokens trained again and again, in one process with several threads or in several processes,
alone and beside one busy process per core. PyTorch's threads spin while they wait for each other: on a core that has
other work a spinning thread keeps the one that it waits for from running. kdops lets them sleep (`OMP_WAIT_POLICY`,
`GOMP_SPINCOUNT`), and takes as many as there are cores for its process, within a container's quota. Small
models gain little by threads that sleep, and lose nothing much; processes of one thread each are the best use of the
cores, which is how workers train students. The machine had other work all the time, beside the busy processes of this
benchmark: a third more or less says nothing, and what sleeping costs on an idle machine is not told here.""",
    "growth": """## How the cost grows

Teacher logits and one epoch of a BiLSTM for more and more unlabeled texts. The teacher here is a small untrained BERT
of two layers: a large one would hide what happens around it. Encoding reads the texts one by one into arrays of
integers, logits are written to disk in shards and read as memory maps, so RAM grows by a few bytes per token. The time
around a trial is what Optuna's sampler and database take, on a SQLite file. What the allocator keeps of freed buffers
is given back every sixteen batches of the teacher and once before training, which uses it again step by step and pads
to few lengths, so that buffers fit where others were; without all that, 200,000 texts took 864 MB. Here the BiLSTM
multiplies in bfloat16; in float32 it took 674 MB for 10,000 texts and 709 MB for 200,000, and a third more time. The
peak depends on which holes batches leave and differs by 20 MB from run to run; of its growth, 32 MB are the texts' own
arrays. A batch costs the same whatever the number of texts.""",
    "scheduling": """## Scheduling

What [a cluster](cluster.md) costs beside the work itself: pieces of work that do nothing, handed to a worker process
and back, the first one with the start of that process; the bytes per text that teacher logits take on disk; and the
requests that a cell and an exam make to a tracking server, as its log counts them.""",
    "predictors": """## Predictors

Where a peer wins: on all rows of emot a static model of model2vec is as good as the BiLSTM here (0.671) and takes two
thirds of its time per text, with 37 times its size on disk. On [the page of results](results.md), over three seeds, the
BiLSTM has 0.685 and `bag`, the student of this kind, which is not in this table, 0.680 with 2.2 MB. On 400 rows of smsa
SetFit is far ahead of all others, at the teacher's cost per text. Scores here are of one seed, those of smsa of 100
test texts only.

One real test text of about 20 words in, its label out, tokenizing included, on one thread, each in a process of its
own. Students are beside the same student in PyTorch and in `torch.compile` (with new weights, which answer as fast, so
without a score), the teacher in a pipeline of transformers and as bundles in fp32 and by dynamic quantisation, and what
is picked today in place of a student, trained on the gold labels of the same rows: fastText and TF-IDF with logistic
regression, their settings chosen on validation texts; and, from the teacher's own pre-trained encoder, a static model
of model2vec, fine-tuned end to end, and SetFit, in PyTorch and as ONNX, on at most 1,000 pairs of texts. RAM is the
peak of the whole process. Training is in CPU seconds, where it was part of the run: a student's are those of the
teacher logits and its own epochs, the teacher's stand in the teacher's rows. model2vec and SetFit run in environments
of their own, which uv installs below `--environments`; where it cannot, their rows say why.

First all rows of emot, with the teacher and the students of seed 1 from the page of results (`--teacher` and
`--bundles` take them); then 400 rows of smsa, with a teacher of three epochs and a quick student without general
distillation, as the command makes them by itself. Each second table is of untrained students with as many tokens as
BERT has, beside a BERT-base of 12 layers of 768.""",
}
LIMITS = """## Not measured

On a GPU nothing was measured: none was to be had. The same code runs there with bfloat16 where the card has it, batches
of forward passes grow to 65,536 tokens, and `accelerate launch` trains a teacher on several cards; that path is tested
with two CPU processes, which give what one gives (`tests/training/test_devices.py`)."""


def main(folder: Path) -> None:
    """Write the page from a folder of tables; a part without its table is left out, with a line on stderr.

    Raises:
        SystemExit: if there is no table at all.
    """
    parts = [HEAD]
    for name, text in SECTIONS.items():
        table = folder / f"{name}.md"
        if not table.is_file():
            sys.stderr.write(f"{table} is not there and left out; python -m benchmarks {name} writes it\n")
            continue
        parts += [text, table.read_text(encoding="utf-8").strip()]
        if name in PICTURES:
            shutil.copy(folder / PICTURES[name], DOCS / "figures")
            parts.append(f"![{name}](figures/{PICTURES[name]})")
    if len(parts) == 1:
        sys.exit(f"error: no table in {folder}; python -m benchmarks writes them")
    (DOCS / "performance.md").write_text("\n\n".join([*parts, LIMITS]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python docs/write_performance.py FOLDER")
    main(Path(sys.argv[1]))
