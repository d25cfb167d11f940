#!/usr/bin/env python3
"""compare.py against two hand-made result files."""
import json
import pathlib
import subprocess
import sys
import tempfile

SCRIPT = pathlib.Path(__file__).with_name("compare.py")


def result(name, time, unit="ns", **more):
    return {"name": name, "cpu_time": time, "time_unit": unit, **more}


def run(*arguments):
    return subprocess.run([sys.executable, "-B", SCRIPT, *arguments], capture_output=True,
                          text=True, check=False)


def main():
    old = [result("same", 200.0), result("faster", 3.0, "us"), result("gone", 1.0),
           result("mean", 9.0, run_type="aggregate"), result("broken", 0.0, error_occurred=True)]
    new = [result("same", 200.0), result("faster", 1500.0), result("came", 1.0)]
    with tempfile.TemporaryDirectory() as room:
        paths = [pathlib.Path(room) / name for name in ("old.json", "new.json")]
        for path, results in zip(paths, (old, new)):
            path.write_text(json.dumps({"benchmarks": results}), encoding="utf-8")
        done = run(*paths)
        lines = {line.split(maxsplit=1)[0]: line.split(maxsplit=1)[1]
                 for line in done.stdout.splitlines()}
        expected = {"same": "1.000", "faster": "0.500", "gone": "only in old",
                    "came": "only in new"}
        assert done.returncode == 0 and lines == expected, (done, expected)
        assert run(paths[0]).returncode != 0, "two files are needed"
    print("ratios are new over old, whatever the unit")


if __name__ == "__main__":
    main()
