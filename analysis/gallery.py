#!/usr/bin/python3
"""Makes docs/gallery.md: what the shipped scenarios show, each in a picture.

Each scenario's header has the question, the command and the answer; the command is run, and plot.py
draws. `--words` writes the page alone, `--check` only says whether the page still says what the headers say, and its pictures are
there. Needs Debian's python3-matplotlib and python3-pandas. Exit status: 0 done, 1 out of date, 64
wrong usage.

Usage: gallery.py TESSERA | gallery.py --words | gallery.py --check
"""

import pathlib
import shlex
import subprocess
import sys
import tempfile
import textwrap

ANALYSIS = pathlib.Path(__file__).resolve().parent
ROOT = ANALYSIS.parent
PAGE = ROOT / "docs" / "gallery.md"
PICTURES = ROOT / "docs" / "gallery"
# Scenario and picture, in the order in which people ask.
SHOWN = [
    ("demo", "throughput_against_batch_limit"),
    ("t4_llama7b_int8", "memory_stack"),
    ("reserve_by_max_tokens", "throughput_against_kv_cache"),
    ("t4_cache_on_or_off", "throughput_against_batch_limit"),
    ("t4_int8_or_fp16", "memory_classes_against_weights"),
    ("t4_chunk_size", "gaps_between_tokens_against_max_num_batched_tokens"),
    ("t4_block_size", "waste_against_block_size"),
    ("t4_one_or_four", "throughput_against_parallel"),
    ("t4_recompute_or_swap", "throughput_against_preemption"),
    ("t4_chat_prefix_caching", "where_time_went_against_prefix_caching"),
    ("t4_a_day", "latency_distributions"),
    ("t4_hf_dynamic_cache", "reserved_and_allocated_0000"),
    ("engines", "throughput_against_latency"),
    ("stall_free", "gaps_between_tokens_against_policy"),
    ("orderings", "throughput_against_latency"),
    ("paged_attention_fig2", "paged_attention"),
]
OPENING = """# What the scenarios show

Each picture is drawn by `analysis/plot.py` from what the command wrote, and each answer is held to
the run by a test. `analysis/gallery.py build/release/bin/tessera` makes this page again.
"""


def header_of(scenario):
    """The question, the first command and the answer, each on one line."""
    question, commands, answer = [], [], []
    part = question
    for line in (ROOT / "scenarios" / f"{scenario}.yaml").read_text(encoding="utf-8").splitlines()[1:]:
        if not line.startswith("#") or line == "# Checked:":
            break
        if line.startswith("# Answer:"):
            part = answer
            line = "# " + line[len("# Answer:"):].strip()
        if line.startswith("#   tessera "):
            commands.append(line[4:].split("  #")[0])
        elif not line.startswith("#   ") and (part is answer or not commands):
            part.append(line[1:].strip())
    said = " ".join(answer)
    return " ".join(question).strip(), commands[0], said[:1].upper() + said[1:]


def page():
    parts = [OPENING]
    for scenario, picture in SHOWN:
        question, command, answer = header_of(scenario)
        opening, mark, rest = question.partition("? ")
        title = opening + "?" if mark else scenario
        told = rest if mark else question
        parts.append("\n".join([
            f"## {title}", "", *([textwrap.fill(told, 110, break_on_hyphens=False), ""] if told else []),
            "```sh", command, "```", "", textwrap.fill(answer, 110, break_on_hyphens=False), "",
            f"![{scenario}](gallery/{scenario}.png)", ""]))
    return "\n".join(parts)


def draw(tessera, folder):
    """Runs each scenario and keeps its picture, in few colours: charts need no more."""
    from PIL import Image
    PICTURES.mkdir(exist_ok=True)
    for scenario, picture in SHOWN:
        _, command, _ = header_of(scenario)
        words = shlex.split(command)[1:]
        if "-o" in words:
            del words[words.index("-o"):words.index("-o") + 2]
        out = folder / scenario
        subprocess.run([tessera, *words, "-o", out, "--quiet"], cwd=ROOT, check=True,
                       stdout=subprocess.DEVNULL)
        script = f"{picture}.py" if (ANALYSIS / f"{picture}.py").exists() else "plot.py"
        subprocess.run([sys.executable, "-B", ANALYSIS / script, out], check=True,
                       stdout=subprocess.DEVNULL)
        drawn = Image.open(out / "pictures" / f"{picture}.png").convert("RGB")
        drawn.quantize(64, dither=Image.Dither.NONE).save(PICTURES / f"{scenario}.png",
                                                          optimize=True)
        print(f"docs/gallery/{scenario}.png", flush=True)


def problems():
    found = []
    if not PAGE.exists() or PAGE.read_text(encoding="utf-8") != page():
        found.append("docs/gallery.md does not say what the scenarios' headers say: run "
                     "analysis/gallery.py --words, or with the program for new pictures")
    there = {path.name for path in PICTURES.glob("*")}
    wanted = {f"{scenario}.png" for scenario, _ in SHOWN}
    found += [f"docs/gallery/{name} is missing" for name in sorted(wanted - there)]
    found += [f"docs/gallery/{name} is shown nowhere" for name in sorted(there - wanted)]
    size = sum(path.stat().st_size for path in PICTURES.glob("*"))
    if size > 2_000_000:
        found.append(f"docs/gallery holds {size:,} bytes: repositories should stay light")
    return found


def main(arguments):
    if len(arguments) != 1:
        print(__doc__.strip().rsplit("\n", 1)[-1], file=sys.stderr)
        return 64
    if arguments[0] == "--check":
        found = problems()
        print("\n".join(found))
        return 1 if found else 0
    if arguments[0] != "--words":
        with tempfile.TemporaryDirectory() as folder:
            draw(pathlib.Path(arguments[0]).resolve(), pathlib.Path(folder))
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
