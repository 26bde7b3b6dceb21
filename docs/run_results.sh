#!/usr/bin/env bash
# The runs that docs/results.md is written from, into the store that MLFLOW_TRACKING_URI names:
#   docs/run_results.sh TEACHER
# TEACHER is a hub id or a folder with an encoder. Finished work is found again and costs seconds; the whole takes about
# ten hours of one core. Then: python docs/write_results.py emot nergrit smsa terma
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
teacher=${1:?usage: docs/run_results.sh TEACHER}
export OMP_NUM_THREADS=1

# cell DATASET STUDENT EPOCHS PATIENCE TIMES TEXTS [OPTION ...]: with so many texts without labels; then with none, and
# TIMES the epochs, for as many steps. Each is compared with its baseline, which gets as many steps.
cell() {
    local dataset=$1 student=$2 epochs=$3 patience=$4 times=$5 texts=$6
    local options=(--dataset "$dataset" --student "$student" --trials 1 --teacher "$teacher" "${@:7}")
    case $dataset in
        smsa) options+=(--teacher-epochs 3 --learning-rate 1e-4) ;;
        nergrit) options+=(--teacher-epochs 10 --learning-rate 2e-4) ;;
        *) options+=(--teacher-epochs 5 --learning-rate 2e-4) ;;
    esac
    python -m entrypoints.distill "${options[@]}" --recipe kd-unlabeled-teacher \
        --epochs "$epochs" --patience "$patience" --unlabeled-max "$texts"
    python -m entrypoints.distill "${options[@]}" --recipe kd \
        --epochs $((epochs * times)) --patience $((patience * times))
}

cell emot bilstm 8 3 8 25000
cell emot cnn 8 3 3 7000
cell emot bert-tiny 8 3 3 7000
cell emot bert-mini 4 3 2 3500 --init teacher
cell emot bert-small 2 2 2 3500 --init teacher

cell nergrit bilstm 12 3 15 30000
cell nergrit cnn 12 3 7 10000
cell nergrit bert-tiny 12 3 7 10000
cell nergrit bert-mini 8 3 3 3344 --init teacher
cell nergrit bert-small 3 2 3 3344 --init teacher

cell smsa bilstm 8 3 3 25000
cell smsa cnn 8 3 2 10000
cell smsa bert-tiny 8 3 2 10000
cell smsa bert-mini 3 3 2 3000 --init teacher
cell smsa bert-small 1 1 2 3000 --init teacher

cell terma bilstm 8 3 3 6000
cell terma cnn 8 3 3 6000
cell terma bert-tiny 8 3 3 6000
cell terma bert-mini 6 3 2 3000 --init teacher
cell terma bert-small 2 2 2 3000 --init teacher
