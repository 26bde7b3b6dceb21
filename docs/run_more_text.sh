#!/usr/bin/env bash
# The runs that docs/more_text.md is written from, into the store that MLFLOW_TRACKING_URI names:
#   docs/run_more_text.sh TEACHER NEWS
# TEACHER is a hub id or a folder with an encoder, NEWS a JSONL file of at least 60,000 sentences of news, a `text` a
# line. Finished work is found again and costs seconds; the whole takes about three and a half hours of one core. Then:
# python docs/write_more_text.py
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
teacher=${1:?usage: docs/run_more_text.sh TEACHER NEWS}
news=${2:?usage: docs/run_more_text.sh TEACHER NEWS}
export OMP_NUM_THREADS=1

distill() {
    python -m entrypoints.distill --student "$1" --recipe kd-unlabeled-teacher --trials 1 --teacher "$teacher" "${@:2}"
}

nergrit=(--dataset nergrit --teacher-epochs 10 --learning-rate 2e-4)
distill bilstm "${nergrit[@]}" --epochs 12
distill bilstm "${nergrit[@]}" --epochs 8 --unlabeled "$news" --unlabeled-max 60000

smsa=(--dataset smsa --teacher-epochs 3 --learning-rate 1e-4)
distill bilstm "${smsa[@]}" --epochs 6 --unlabeled-max 25000
for student in bilstm cnn bert-tiny; do
    distill "$student" "${smsa[@]}" --epochs 6 --unlabeled-max 25000 --unlabeled "$news"
done

both=$(mktemp -d)/both.jsonl
python - "$news" > "$both" << 'END'
import json
import sys

from kdops.data.corpus import load_corpus
from kdops.data.unlabeled import load_unlabeled

corpus = load_corpus("smsa")
for source in ("catalogue", sys.argv[1]):
    for text in load_unlabeled(corpus, source, max_texts=25_000).inputs():
        print(json.dumps({"text": text}))
END
distill bilstm "${smsa[@]}" --epochs 5 --unlabeled "$both"
