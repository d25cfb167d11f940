#!/usr/bin/env python3
"""Bytes of resident memory that one more request costs the program at its peak, and the peak itself.

usage: resident.py TESSERA [--few N] [--many N] [-- options of `tessera run`]
"""
import argparse
import os
import pathlib
import subprocess
import sys
import tempfile


def peak_bytes(program, requests, options):
    with tempfile.TemporaryDirectory() as room:
        command = [program, "run", *options, "--set", f"workload.requests={requests}", "--quiet",
                   "-o", str(pathlib.Path(room) / "out")]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{' '.join(command)} failed")
    return usage.ru_maxrss * 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--few", type=int, default=200_000, help="beyond exact percentiles")
    parser.add_argument("--many", type=int, default=2_000_000)
    # argparse would take what follows -- for the program's own.
    split = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    asked = parser.parse_args(sys.argv[1:split])
    options = sys.argv[split + 1 :]
    few = peak_bytes(asked.program, asked.few, options)
    many = peak_bytes(asked.program, asked.many, options)
    each = (many - few) / (asked.many - asked.few)
    print(f"{each:.2f} bytes a request; {many / 2**20:.1f} MiB at the most")


if __name__ == "__main__":
    main()
