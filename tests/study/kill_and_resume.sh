#!/bin/bash
# Kills a sweep with SIGKILL at a random moment, resumes it, and kills it again, until it is done;
# then compares every byte with a sweep that nobody disturbed. As many times as asked for; a time
# in which the sweep was quicker than the first kill does not count.
#
#   kill_and_resume.sh PROGRAM FOLDER POINTS TIMES [SEED]
#
# FOLDER is made and removed. The seed decides the moments, as far as the clock lets it.
set -u
scripts=$(dirname "$(readlink -f "$0")")
program=$1 folder=$2 points=$3 times=$4
RANDOM=${5:-1}
rm -rf "$folder" && mkdir -p "$folder" && cd "$folder" || exit 1
cp "$scripts/small.yaml" . || exit 1
# Every fourth batch limit cannot run: failed points must come out the same, too.
sweep=(sweep small.yaml --vary "seed=1..$((points / 4))" --vary engine.policy.max_num_seqs=2,0,4,8 -j 2 --quiet)

milliseconds() { echo $((${EPOCHREALTIME/./} / 1000)); }
begin=$(milliseconds)
"$program" "${sweep[@]}" -o reference > reference.out 2> reference.err
[ $? -eq 2 ] || { echo "the undisturbed sweep failed"; cat reference.err; exit 1; }
whole=$(($(milliseconds) - begin))

same() { diff -r --exclude=manifest.json "$1" "$2" > difference.txt; }

span=$whole
for ((time = 1; time <= times; ++time)); do
  kills=0 finished_before=()
  rm -rf disturbed
  while :; do
    "$program" "${sweep[@]}" --resume -o disturbed > disturbed.out 2> disturbed.err &
    sweeping=$!
    # At any moment of a whole sweep's time; after three deaths, let it finish.
    if [ $kills -lt 3 ]; then
      moment=$((RANDOM * span / 32768))
      sleep "$(printf '%d.%03d' $((moment / 1000)) $((moment % 1000)))"
      kill -KILL $sweeping 2> /dev/null
    fi
    wait $sweeping 2> /dev/null
    status=$?
    [ $status -eq 137 ] || break
    kills=$((kills + 1))
    finished_before+=("$(find disturbed/runs -mindepth 1 -maxdepth 1 2> /dev/null | wc -l)")
  done
  [ $status -eq 2 ] || { echo "resuming ended with status $status"; cat disturbed.err; exit 1; }
  if [ $kills -eq 0 ]; then
    span=$((span * 9 / 10 + 1)) time=$((time - 1))
    continue
  fi
  same reference disturbed || { echo "the bytes differ:"; head difference.txt; exit 1; }
  cmp -s reference.out <(sed 's/disturbed/reference/g' disturbed.out) ||
    { echo "the table differs"; exit 1; }
  echo "time $time: killed $kills times, after ${finished_before[*]} points; resumed, the same bytes"
done
cd / && rm -rf "$folder"
