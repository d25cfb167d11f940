#!/bin/bash
# Sweeps by four MPI processes on this machine against one process: the same bytes; and a process
# that is killed costs only the points at work.
#
#   mpi.sh PROGRAM MPI_PROGRAM FOLDER [POINTS]
set -u
scripts=$(dirname "$(readlink -f "$0")")
# What Open MPI and its plugins never free is not ours; leaks of a sweep show without MPI.
export ASAN_OPTIONS=detect_leaks=0
program=$1 mpi_program=$2 folder=$3 points=${4:-60}
rm -rf "$folder" && mkdir -p "$folder" && cd "$folder" || exit 1
cp "$scripts/small.yaml" . || exit 1
axes=(--vary "seed=1..$((points / 3))" --vary engine.policy.max_num_seqs=2,0,4 --quiet)
mpi=(mpirun --allow-run-as-root --oversubscribe -n 4 "$mpi_program")

fail() { echo "$1"; cat -- *.err; exit 1; }
same() { diff -r --exclude=manifest.json reference "$1" > difference.txt || { head difference.txt; fail "$1 differs"; }; }

"$program" sweep small.yaml "${axes[@]}" -o reference > reference.out 2> reference.err
[ $? -eq 2 ] || fail "one process failed"
"${mpi[@]}" sweep small.yaml "${axes[@]}" -o four > four.out 2> four.err
[ $? -eq 2 ] || fail "four processes failed"
same four
grep -q "4" <(grep num_workers four/manifest.json) || fail "not four workers"
echo "four processes: the same bytes"

# Kills one process of a sweep of so many requests a point; fails where it was too quick for that.
kill_one() {
  rm -rf killed
  "${mpi[@]}" sweep small.yaml "${axes[@]}" --requests "$1" -o killed > killed.out 2> killed.err &
  job=$!
  until [ "$(ls killed/runs 2> /dev/null | wc -l)" -ge 3 ]; do
    kill -0 $job 2> /dev/null || break
    sleep 0.01
  done
  victim=$(pgrep -P "$job" -f -- "-o killed" | tail -1)
  [ -n "$victim" ] && kill -KILL "$victim"
  wait $job && fail "the job did not notice"
  [ ! -e killed/summary.csv ]
}

# Longer runs until there is time to kill one, however fast the machine is.
requests=3000
until kill_one $requests; do
  requests=$((requests * 4))
  [ $requests -lt 1000000 ] || fail "it was always finished already"
done
left=$(ls killed/runs | wc -l)
"${mpi[@]}" sweep small.yaml "${axes[@]}" --requests $requests -o killed --resume \
  > killed.out 2> killed.err
[ $? -eq 2 ] || fail "resuming failed"
rm -rf reference
"$program" sweep small.yaml "${axes[@]}" --requests $requests -o reference \
  > reference.out 2> reference.err
same killed
echo "one of four processes killed after $left points: resumed, the same bytes"
cd / && rm -rf "$folder"
