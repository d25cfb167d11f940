#!/bin/bash
#SBATCH --job-name=merge
# One table from the shards of a sweep. It says which points are missing, if any are.
set -u
tessera merge "$1"
status=$?
[ $status -eq 2 ] || exit $status
