#!/usr/bin/python3
"""PagedAttention's Figure 2 from a sweep over KV managers: a table beside the paper's, and bars.

Reads the kv_pool of each point's summary.json. The four categories are the paper's: token states
(written, of requests that still run), reservation (will be written), internal fragmentation (never
will be), external fragmentation and others (rounding, holes, watermark, what is free).
Needs Debian's python3-matplotlib and python3-pandas. Exit statuses are those of plot.py.
"""

import json
import pathlib
import re
import sys

import command

CATEGORIES = {"token_states": ("token states", "#0072B2"),
              "reservation": ("reservation", "#E69F00"),
              "internal_fragmentation": ("internal fragmentation", "#D55E00"),
              "external_fragmentation_and_others": ("external and others", "#D9D9D9")}
# Kwon et al., "Efficient Memory Management for Large Language Model Serving with PagedAttention",
# SOSP 2023: the bars of Figure 2 in percent of the KV pool, and Figure 13a's mean number of batched
# requests (ShareGPT, 2 requests/s). vLLM's other bars carry no numbers.
PUBLISHED = {"Orca (Max)": ((20.4, 13.3, 57.3, 8.9), 7.00),
             "Orca (Pow2)": ((26.8, 17.9, 13.6, 41.6), 9.81),
             "Orca (Oracle)": ((38.2, 25.2, 0.0, 36.6), 13.62),
             "vLLM": ((96.3, None, None, None), 30.42)}
KNOWN_TO_DIFFER = """Known to differ:
- The paper says neither how long its run was nor how it weighted it; here each byte counts for the time
  that it was in its state, over the whole run, with a queue that never empties.
- vLLM's 30.42 was measured at 2 requests/s. Our card is the faster one: at that load its pool is not
  full (the last line). The others' pools are full at that load, as here.
- A prompt's slots count as reserved until the step that computes it has ended: 1 to 2 points of vLLM's
  reservation, which the paper's bar may count as token states.
- Lengths are a histogram of a published sample of ShareGPT, not the paper's own sample."""


def parse(arguments):
    parser = command.Parser(prog="paged_attention.py",
                            description="Compares a sweep over KV managers with "
                                        "PagedAttention's Figure 2.")
    parser.add_argument("folder", metavar="DIR", type=pathlib.Path,
                        help="what `tessera sweep scenarios/paged_attention_fig2.yaml` wrote")
    parser.add_argument("-o", dest="output", metavar="PICTURE", type=pathlib.Path,
                        help="default: DIR/pictures/paged_attention.png")
    options = parser.parse_args(arguments)
    if options.output:
        parser.require_picture(options.output)
    return options


def setting(mapping, key):
    """The value of a key in a mapping on one line, as an axis of a sweep has it."""
    found = re.search(rf"[{{ ]{key}: ([^,}}]+)", mapping)
    return found.group(1).strip() if found else ""


def name_of(row):
    """What the paper calls this point of the sweep, and its load where it is not a full queue."""
    kv_cache = row["engine.kv_cache"]
    kind = setting(kv_cache, "kind") or kv_cache
    if kind == "contiguous":
        kind = f"Orca ({setting(kv_cache, 'reserve').capitalize()})"
    elif kind == "paged":
        kind = "vLLM"
    rate = setting(row.get("workload.arrivals", ""), "rate")
    return kind + (f", {rate}" if rate else "")


def read_points(folder):
    """(name, shares in percent, mean batch) a point."""
    import tables
    summary = tables.read_text(folder / "summary.csv")
    tables.require_columns(folder / "summary.csv", list(summary.columns),
                           ["point", "status", "engine.kv_cache"])
    points = []
    for row in summary[summary["status"] == "done"].to_dict("records"):
        run = folder / "runs" / row["point"] / "summary.json"
        try:
            numbers = json.loads(run.read_text(encoding="utf-8"))
            shares = [100 * numbers["kv_pool"]["paged_attention_categories"][name]
                      for name in CATEGORIES]
            points.append((name_of(row), shares, numbers["batch"]["mean_num_running"]))
        except OSError as error:
            raise tables.Failure(tables.NO_INPUT, f"{run}: {error.strerror}") from error
        except (KeyError, ValueError) as error:
            raise tables.Failure(tables.BAD_DATA, f"{run}: no {error}") from error
    if not points:
        raise tables.Failure(tables.BAD_DATA, f"{folder}/summary.csv: no point has finished")
    return points


def cell(ours, theirs):
    return f"{ours:5.1f} ({'-' if theirs is None else f'{theirs:.1f}'})".ljust(15)


def table_of(points):
    """Ours, and the paper's in brackets."""
    lines = ["% of the KV pool, ours (published, of OPT-13B on an A100)",
             "".ljust(18) + "".join(title.ljust(15) for title in
                                    ("token states", "reservation", "internal", "external+", "batch"))]
    for name, shares, batch in points:
        theirs, their_batch = PUBLISHED.get(name.split(",")[0], ((None,) * 4, None))
        columns = [cell(*pair) for pair in zip(shares, theirs)]
        batches = f"{batch:.2f} ({'-' if their_batch is None else f'{their_batch:.2f}'})"
        lines.append(name.ljust(18) + "".join(columns) + batches)
    return "\n".join(lines)


def figure_of(points):
    import style
    figure = style.new_figure(5.0)
    axes = figure.subplots(1, 1)
    for place, (name, shares, _) in enumerate(points):
        theirs = PUBLISHED.get(name.split(",")[0], ((None,) * 4, None))[0]
        for values, offset, alpha in ((shares, -0.2, 1.0), (theirs, 0.2, 0.55)):
            bottom = 0
            for value, (_, colour) in zip(values, CATEGORIES.values()):
                if value is None:
                    continue
                axes.bar(place + offset, value, 0.36, bottom=bottom, color=colour, alpha=alpha)
                if value >= 5:
                    axes.text(place + offset, bottom + value / 2, f"{value:.1f}", ha="center",
                              va="center", fontsize=9, color="white" if colour == "#0072B2" else style.INK)
                bottom += value
    axes.set_xticks(range(len(points)), [name.replace(", ", "\n") for name, _, _ in points])
    axes.set_ylabel("share of the KV pool (%)")
    axes.set_ylim(0, 100)
    axes.grid(axis="x", visible=False)
    import matplotlib.patches
    patches = [matplotlib.patches.Patch(color=colour) for _, colour in CATEGORIES.values()]
    live = {name: shares[0] for name, shares, _ in points}
    best, worst = max(live, key=live.get), min(live, key=live.get)
    style.compose(figure, f"{best} fills {live[best]:.0f} % of the KV pool with tokens, {worst} "
                  f"{live[worst]:.0f} %", "Left bars: simulated. Right, pale: Figure 2 of the "
                  "PagedAttention paper.", (patches, [title for title, _ in CATEGORIES.values()]))
    return figure


def draw(options):
    points = read_points(options.folder)
    print(table_of(points))
    print(KNOWN_TO_DIFFER)
    import style
    style.apply()
    target = options.output or options.folder / "pictures" / "paged_attention.png"
    command.write_picture(figure_of(points), target)


def main(arguments):
    return command.run("paged_attention.py", draw, parse(arguments))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
