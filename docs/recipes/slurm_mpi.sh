#!/bin/bash
#SBATCH --job-name=study
#SBATCH --ntasks=64
# A sweep as one MPI job: a process a core, points handed to whoever is free.
#
#   sbatch docs/recipes/slurm_mpi.sh study.yaml out/s
#
# A node that dies ends the job and costs the points at work; submit it again for the rest.
set -u
mpirun -n "$SLURM_NTASKS" tessera-mpi sweep "$1" --resume -o "$2" --quiet
status=$?
[ $status -eq 2 ] || exit $status
