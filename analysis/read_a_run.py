#!/usr/bin/python3
# %% [markdown]
# # A run's files with pandas
# Open this file in an editor that knows `# %%` cells (VS Code, Spyder, Jupytext), or run it whole:
# `python3 analysis/read_a_run.py out/a`. Each cell asks one question of the files of `tessera run`.
import pathlib
import sys

import pandas

folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "out/a")
requests = pandas.read_csv(folder / "requests.csv")
finished = requests[requests["status"] == "finished"]
print(f"{len(finished)} of {len(requests)} requests finished\n")

# %% How long do people wait for the first token, by the length of their prompt?
by_prompt = finished.groupby(pandas.qcut(finished["prompt_tokens"], 4, duplicates="drop"),
                             observed=True)
print("TTFT in ms by prompt length")
print(by_prompt["ttft_ms"].describe(percentiles=[0.5, 0.99])[["count", "50%", "99%"]], "\n")

# %% Where did the time of the slowest tenth go? The parts sum to e2el_ms.
parts = ["queued_slot_ms", "queued_memory_ms", "prefill_ms", "decode_ms", "stalled_ms",
         "preempted_ms", "recomputed_ms", "swapped_ms", "held_ms"]
slowest = finished.nlargest(max(1, len(finished) // 10), "e2el_ms")
print("Share of the slowest tenth's time")
print((slowest[parts].sum() / slowest["e2el_ms"].sum()).round(3).to_string(), "\n")

# %% Which requests held KV memory that they did not use?
waste = finished.assign(gib_s=finished["kv_wasted_byte_s"] / 2 ** 30).nlargest(5, "gib_s")
print("The five that wasted most, in GiB x s")
print(waste[["request_id", "prompt_tokens", "output_tokens", "gib_s"]].to_string(index=False), "\n")

# %% When was the KV pool fullest, and with what?
memory_file = folder / "memory.csv"
if memory_file.exists():
    memory = pandas.read_csv(memory_file)
    classes = [name for name in memory.columns if name.startswith("kv_")]
    fullest = memory.loc[memory[classes].sum(axis=1).idxmax()]
    print(f"The KV pool is fullest at {fullest['time_s']:g} s, in GiB")
    print((fullest[classes].astype(float) / 2 ** 30).round(3).to_string(), "\n")

# %% Does Little's law hold? Requests in the system = arrivals a second x time in it.
span = requests["finished_s"].max() - requests["arrival_s"].min()
in_system = finished["e2el_ms"].sum() / 1000 / span
rate = len(finished) / span
print(f"{in_system:.2f} requests in the system on average = {rate:.3f} /s x "
      f"{finished['e2el_ms'].mean() / 1000:.2f} s")
