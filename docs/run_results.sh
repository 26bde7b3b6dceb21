#!/usr/bin/env bash
# The runs that docs/results.md is written from, into the store that MLFLOW_TRACKING_URI names:
#   docs/run_results.sh TEACHER
# TEACHER is a hub id or a folder with an encoder. Finished work is found again and costs seconds.
# Then: python docs/write_results.py emot nergrit keps wrete hoasa casa
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
teacher=${1:?usage: docs/run_results.sh TEACHER}
export OMP_NUM_THREADS=1

common=(--seeds 3 --trials 1 --teacher "$teacher" --teacher-epochs 6 --learning-rate 1e-4 --teacher-seed 1
    --general-texts catalogue)
exam() { python -m entrypoints.exam "${common[@]}" "$@"; }

exam --datasets emot,nergrit --students bilstm --recipes vanilla,general,general-kd
exam --datasets nergrit --students bilstm --recipes general-kd-unlabeled
exam --datasets emot,nergrit --students cnn --recipes auto
exam --datasets keps,wrete --students bilstm,cnn --recipes auto
exam --datasets hoasa --students bilstm,cnn,bag --recipes auto --seeds 1
exam --datasets wrete --students bag --recipes auto
# At 1e-4 the teacher of casa answers one thing to everything.
exam --datasets casa --students bilstm,cnn,bag --recipes auto --teacher-epochs 10 --learning-rate auto
exam --datasets emot --students bag --recipes auto
