#!/usr/bin/python3
"""Draws the queues and the KV cache of a simulated run over those of a real server.

The run's folder has a timeseries.csv; the server's log has columns t (s), running, waiting and
kv_cache_pct, as vLLM logs them once a second. Both begin with the first request.
Needs Debian's python3-matplotlib and python3-pandas. Exit statuses are those of plot.py.
"""

import pathlib
import sys

import command

SERIES = (("running", "requests running"), ("waiting", "requests waiting"),
          ("kv", "KV cache in use"))


def parse(arguments):
    parser = command.Parser(prog="server_series.py",
                            description="Draws a run's queues and KV cache over a real "
                                        "server's.")
    parser.add_argument("folder", metavar="RUN_DIR", type=pathlib.Path,
                        help="what `tessera run` wrote")
    parser.add_argument("measured", metavar="MEASURED.csv", type=pathlib.Path,
                        help="the server's series: t, running, waiting, kv_cache_pct")
    parser.add_argument("-o", dest="output", metavar="PICTURE", type=pathlib.Path,
                        default=pathlib.Path("server_series.png"), help="png, svg or pdf")
    options = parser.parse_args(arguments)
    parser.require_picture(options.output)
    return options


def read_measured(path):
    import tables
    table = tables.read_numbers(path, ["t", "running", "waiting", "kv_cache_pct"])
    table["kv"] = table["kv_cache_pct"] / 100
    return table


def read_simulated(folder):
    import tables
    path = folder / "timeseries.csv"
    table = tables.read_numbers(path, ["time_s", "num_running", "num_waiting", "kv_live_bytes",
                                       "kv_wasted_bytes", "kv_waste_of_pool"])
    table = table.rename(columns={"time_s": "t", "num_running": "running",
                                  "num_waiting": "waiting"})
    wasting = table[table["kv_waste_of_pool"] > 0]
    if wasting.empty:
        raise tables.Failure(tables.BAD_DATA, f"{path}: nothing tells the size of the KV pool")
    pool = (wasting["kv_wasted_bytes"] / wasting["kv_waste_of_pool"]).median()
    # What requests hold: blocks that are only kept for their prefixes count as free, as in vLLM.
    table["kv"] = (table["kv_live_bytes"] + table["kv_wasted_bytes"]) / pool
    return table.dropna()


def figure_of(simulated, measured):
    import numpy
    import style
    figure = style.new_figure(7.2)
    grid = figure.subplots(len(SERIES), 1, sharex=True)
    end = max(simulated["t"].max(), measured["t"].max())
    size = style.time_across(grid[2], end, "time since the first request")
    for axes, (name, label) in zip(grid, SERIES):
        axes.plot(measured["t"] / size, measured[name], color=style.GREY, linewidth=3, alpha=0.5)
        axes.plot(simulated["t"] / size, simulated[name], color=style.BLUE, linewidth=1.4)
        axes.set_title(label)
        axes.set_ylim(bottom=0)
    style.percent_axis(grid[2].yaxis)
    # How far apart the two are, on average over the server's samples.
    apart = {name: numpy.abs(numpy.interp(measured["t"], simulated["t"], simulated[name])
                             - measured[name]).mean() for name, _ in SERIES}
    handles = [grid[0].lines[1], grid[0].lines[0]]
    style.compose(figure, "The simulated server runs as the real one did",
                  f"On average {apart['running']:.1f} running and {apart['waiting']:.1f} waiting "
                  f"requests and {100 * apart['kv']:.1f} % of the KV cache apart",
                  (handles, ["simulated", "measured"]))
    return figure


def draw(options):
    import style
    style.apply()
    figure = figure_of(read_simulated(options.folder), read_measured(options.measured))
    command.write_picture(figure, options.output)


def main(arguments):
    return command.run("server_series.py", draw, parse(arguments))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
