#!/usr/bin/env python3
"""Instructions that one more request costs the program, counted by callgrind: the same on every run
of one build, whatever else the machine does.

usage: instructions.py TESSERA [--limit N] [-- options of `tessera run`]

Runs the program twice, with few and with many requests, and divides the difference, so that reading
the scenario and writing the summary do not count. With --limit the exit status is 1 where a request
costs more; 77 where it cannot be told, because there is no valgrind or --build says that the program
is not optimised: instructions of another build say nothing.
"""
import argparse
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

PASSED_OVER = 77


def instructions(program, requests, options):
    with tempfile.TemporaryDirectory() as room:
        command = [
            "valgrind", "--tool=callgrind", f"--callgrind-out-file={room}/profile",
            program, "run", *options, "--set", f"workload.requests={requests}",
            "--quiet", "-o", str(pathlib.Path(room) / "out"),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or not found:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr}")
    return int(found.group(1))


def why_not_counted(build):
    if shutil.which("valgrind") is None:
        return "there is no valgrind (apt-get install valgrind)"
    if build != "optimised":
        return f"the build is {build}: the limit is for -O2 or -O3 without sanitizers"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--few", type=int, default=140_000, help="beyond exact percentiles")
    parser.add_argument("--many", type=int, default=180_000)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--build", default="optimised")
    # argparse would take what follows -- for the program's own.
    split = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    asked = parser.parse_args(sys.argv[1:split])
    options = sys.argv[split + 1 :]
    why = why_not_counted(asked.build)
    if why:
        print(f"instructions a request are not counted: {why}")
        sys.exit(PASSED_OVER)
    few = instructions(asked.program, asked.few, options)
    many = instructions(asked.program, asked.many, options)
    each = (many - few) / (asked.many - asked.few)
    print(f"{each:.0f} instructions a request")
    if asked.limit is not None and each > asked.limit:
        sys.exit(f"more than {asked.limit}")


if __name__ == "__main__":
    main()
