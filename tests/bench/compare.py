#!/usr/bin/env python3
"""Ratios of the CPU times of two result files of Google Benchmark, new over old.

usage: compare.py OLD.json NEW.json      (from tessera_bench --benchmark_out=FILE)
"""
import json
import sys


def times(path):
    with open(path, encoding="utf-8") as file:
        results = json.load(file)["benchmarks"]
    nanoseconds = {"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9}
    return {
        result["name"]: result["cpu_time"] * nanoseconds[result["time_unit"]]
        for result in results
        if result.get("run_type", "iteration") == "iteration" and "error_occurred" not in result
    }


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    old, new = times(sys.argv[1]), times(sys.argv[2])
    width = max((len(name) for name in old | new), default=0)
    for name in old | new:
        if name in old and name in new:
            print(f"{name:{width}}  {new[name] / old[name]:6.3f}")
        else:
            print(f"{name:{width}}  only in {'old' if name in old else 'new'}")


if __name__ == "__main__":
    main()
