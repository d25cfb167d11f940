#!/bin/bash
#SBATCH --job-name=study
#SBATCH --array=1-16
#SBATCH --cpus-per-task=8
# A sweep as a job array: each task runs its shard of the points, alone. Submit it, then the merge,
# which waits for all tasks:
#
#   job=$(sbatch --parsable docs/recipes/slurm_array.sh study.yaml out/s)
#   sbatch --dependency=afterany:$job docs/recipes/slurm_merge.sh out/s
#
# A task that is requeued goes on where it was; give the same command again for what is missing.
set -u
tessera sweep "$1" --shard "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT" --resume \
  -j "$SLURM_CPUS_PER_TASK" -o "$2" --quiet
status=$?
# 2: some points cannot run; the table says which and why.
[ $status -eq 2 ] || exit $status
