"""The pictures of a run: functions of its tables that return a figure, or nothing without data."""

import numpy
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import NullLocator

import findings
import style
import tables
from stacked_pictures import stack_patch

# No more steps than a picture shows; longer series are averaged.
MOST_STEPS = 240
PERCENTILES = ((50, "p50"), (90, "p90"), (99, "p99"))


def memory_stack(memory, where=""):
    """The ledger's classes over time, stacked to the device total."""
    shown = [name for name in style.LEDGER if (memory[name] > 0).any()]
    if not shown or len(memory) < 2:
        return None
    figure = style.new_figure(5.2)
    axes = figure.subplots(1, 1)
    times = memory["time_s"].to_numpy()
    chunk = -(-len(times) // MOST_STEPS)
    starts = numpy.arange(0, len(times), chunk)
    edges = numpy.append(times[starts], times[-1])
    size = style.time_across(axes, times[-1])
    bottom = numpy.zeros(len(starts))
    for name in shown:
        _, colour, hatch = style.LEDGER[name]
        heights = chunk_means(memory[name].to_numpy(), starts) / findings.GIB
        axes.stairs(bottom + heights, edges / size, baseline=bottom, fill=True, facecolor=colour,
                    hatch=hatch, linewidth=0)
        bottom = bottom + heights
    top = memory["capacity"].max() / findings.GIB
    axes.set_ylim(0, top)
    axes.grid(False)
    style.plain_axis(axes.yaxis)
    axes.set_ylabel("device memory (GiB)")
    devices = memory.attrs.get("devices", 1)
    text = f"Device memory over time, to the total of {top:.2f} GiB" \
        + (f" of {devices} devices" if devices > 1 else "") + (f"; {where}" if where else "")
    style.compose(figure, findings.memory_title(memory), text, right=2.95)
    names = [f"{mean_gib(memory[name])}  {style.LEDGER[name][0]}" for name in reversed(shown)]
    style.legend_beside(axes, [stack_patch(name) for name in reversed(shown)], names, 0.03,
                        "GiB on average")
    return figure


def reserved_and_allocated(memory, where=""):
    """The saw of a KV cache that outgrows its segments; nothing without a device allocator."""
    if len(memory) < 2 or not (memory["cached_free"] > 0).any():
        return None
    figure = style.new_figure(4.8)
    axes = figure.subplots(1, 1)
    times = memory["time_s"].to_numpy()
    size = style.time_across(axes, times[-1])
    allocated = memory[findings.KV_CLASSES].sum(axis=1) / findings.GIB
    reserved = allocated + memory["cached_free"] / findings.GIB
    live = memory["kv_live"] / findings.GIB
    for values, colour in ((reserved, style.VERMILLION), (allocated, style.ORANGE),
                           (live, style.BLUE)):
        axes.fill_between(times / size, 0, values, step="post", color=colour, linewidth=0)
    pool = reserved.max()
    axes.set_ylim(0, pool * 1.06)
    axes.set_ylabel("KV memory (GiB)")
    style.plain_axis(axes.yaxis)
    handles = [Patch(facecolor=colour) for colour in (style.VERMILLION, style.ORANGE, style.BLUE)]
    style.compose(figure, findings.allocator_title(memory),
                  "Device memory of the KV cache in its allocator over time"
                  + (f"; {where}" if where else ""),
                  (handles, ["reserved", "allocated", "live tokens"]))
    return figure


# How many runs a cell of the histogram stands for, and how dark it is.
RUN_COUNTS = ((1, "1", "#c6dbef"), (1.5, "2–3", "#6baed6"), (3.5, "4–7", "#2171b5"),
              (7.5, "8–15", "#08306b"), (15.5, "16 and more", "#000000"))


def free_runs(table, where=""):
    """A histogram of the free runs by size at every instant; nothing where there are too few."""
    times = numpy.unique(table["time_s"])
    if len(times) < 2:
        return None
    counts = table.pivot_table(index="at_least_bytes", columns="time_s", values="num_runs",
                               aggfunc="sum", fill_value=0)
    sizes = 2.0 ** numpy.arange(numpy.log2(counts.index.min()),
                                numpy.log2(counts.index.max()) + 0.5)
    counts = counts.reindex(sizes, fill_value=0)
    starts = numpy.arange(0, len(times), -(-len(times) // MOST_STEPS))
    means = numpy.array([chunk_means(row, starts) for row in counts.to_numpy()])
    figure = style.new_figure(4.8)
    axes = figure.subplots(1, 1)
    size = style.time_across(axes, times[-1])
    edges = numpy.append(times[starts], times[-1]) / size
    limits = [0.01, *(least for least, _, _ in RUN_COUNTS[1:]), 1e9]
    axes.pcolormesh(edges, numpy.append(sizes, 2 * sizes[-1]), numpy.ma.masked_less(means, 0.01),
                    cmap=ListedColormap([colour for _, _, colour in RUN_COUNTS]),
                    norm=BoundaryNorm(limits, len(RUN_COUNTS)), linewidth=0)
    axes.set_yscale("log", base=2)
    axes.set_ylim(sizes[0], 2 * sizes[-1])
    shown = sizes[::-(-len(sizes) // 9)]
    axes.set_yticks(shown, [findings.round_bytes(value) for value in shown])
    axes.yaxis.set_minor_locator(NullLocator())
    axes.grid(False)
    axes.set_ylabel("length of a free run, from")
    style.compose(figure, findings.free_runs_title(table),
                  "Free runs of the KV pool by length over time; darker: more runs"
                  + (f"; {where}" if where else ""),
                  ([Patch(facecolor=colour) for _, _, colour in RUN_COUNTS],
                   [f"{name} run{'s' if least > 1 else ''}" for least, name, _ in RUN_COUNTS]))
    return figure


def waste_by_class(memory, where=""):
    """What requests hold without a token in it over time, by why."""
    shown = [name for name in style.LEDGER
             if name in tables.WASTE_CLASSES and (memory[name] > 0).any()]
    if not shown or len(memory) < 2:
        return None
    figure = style.new_figure(4.8)
    axes = figure.subplots(1, 1)
    times = memory["time_s"].to_numpy()
    starts = numpy.arange(0, len(times), -(-len(times) // MOST_STEPS))
    edges = numpy.append(times[starts], times[-1])
    size = style.time_across(axes, times[-1])
    bottom = numpy.zeros(len(starts))
    for name in shown:
        heights = chunk_means(memory[name].to_numpy(), starts) / findings.GIB
        axes.stairs(bottom + heights, edges / size, baseline=bottom, fill=True,
                    facecolor=style.LEDGER[name][1], linewidth=0)
        bottom = bottom + heights
    axes.set_ylim(0, bottom.max() * 1.08)
    axes.set_ylabel("wasted KV memory (GiB)")
    style.plain_axis(axes.yaxis)
    style.compose(figure, findings.waste_classes_over_time_title(memory, shown),
                  "KV memory that requests hold without a token in it, by class, over time"
                  + (f"; {where}" if where else ""), right=2.95)
    names = [f"{mean_gib(memory[name])}  {style.LEDGER[name][0]}" for name in reversed(shown)]
    style.legend_beside(axes, [stack_patch(name) for name in reversed(shown)], names, 0.03,
                        "GiB on average")
    return figure


def mean_gib(bytes_over_time):
    """Two decimals, padded so that a column of them lines up."""
    text = f"{bytes_over_time.mean() / findings.GIB:.2f}"
    return text.rjust(5, "\u2007") if text != "0.00" else "<0.01"


def chunk_means(values, starts):
    counts = numpy.diff(numpy.append(starts, len(values)))
    return numpy.add.reduceat(values.astype(float), starts) / counts


def distributions(requests, where=""):
    """The share of finished requests within each latency, with the percentiles people quote."""
    panels = [(name, title) for name, title in (("ttft", "Time to first token (TTFT)"),
                                                ("tpot", "Time per output token (TPOT)"))
              if requests[f"{name}_ms"].notna().any()]
    if not panels:
        return None
    figure = style.new_figure(5.0)
    grid = figure.subplots(1, len(panels), squeeze=False, sharey=True)[0]
    for axes, (_, title) in zip(grid, panels):
        axes.set_title(title, color=style.GREY)
        axes.set_ylim(0, 1.1)
        axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
        style.percent_axis(axes.yaxis)
    grid[0].set_ylabel("requests within that time")
    count = len(requests)
    style.compose(figure, findings.distributions_title(requests),
                  f"Shares of {count:,} finished requests within a latency; dots: 50th, 90th and "
                  f"99th percentile{f'; {where}' if where else ''}")
    for axes, (name, _) in zip(grid, panels):
        draw_distribution(axes, requests[f"{name}_ms"].dropna().to_numpy() / 1000, name)
    return figure


def draw_distribution(axes, seconds, name):
    # Quantiles rather than all values: a million steps show no more than a thousand.
    shares = numpy.linspace(0, 1, min(len(seconds), 1000) + 1)
    quantiles = numpy.percentile(seconds, 100 * shares)
    unit, size = findings.time_unit(numpy.percentile(seconds, 99))
    style.log_or_linear(axes.xaxis, quantiles[0] / size, quantiles[-1] / size,
                        bulk=tuple(numpy.percentile(seconds, (10, 90))))
    axes.plot(quantiles / size, shares, color=style.BLUE)
    axes.set_xlabel(f"{name.upper()} ({unit})")
    for share, text in PERCENTILES:
        value = numpy.percentile(seconds, share)
        axes.plot([value / size], [share / 100], "o", color=style.VERMILLION, zorder=5,
                  markeredgecolor="white")
        place_percentile(axes, value / size, share / 100, f"{text} {findings.duration(value)}")


def place_percentile(axes, x, y, text):
    """Below and right of the point, or above and left where the right has no room: off the curve."""
    frame = axes.get_window_extent()
    left = axes.transData.transform((x, y))[0] + 8 * style.DPI / 72
    fits = left + style.text_width(text, 10) * style.DPI < frame.x1
    style.halo(axes.annotate(text, (x, y), (8, -3) if fits else (-5, 4),
                             textcoords="offset points", ha="left" if fits else "right",
                             va="top" if fits else "bottom", size=10, zorder=6))


class Steps:
    """A series averaged over at most MOST_STEPS stretches of time, with the extremes of each."""

    def __init__(self, series):
        times = series["time_s"].to_numpy()
        chunk = -(-len(times) // MOST_STEPS)
        self.starts = numpy.arange(0, len(times), chunk)
        before = numpy.append(times[0] - series["interval_s"].iloc[0], times)
        self.edges = numpy.append(before[self.starts], times[-1])
        self.weights = series["interval_s"].to_numpy()
        self.averaged = chunk > 1

    def mean(self, values):
        known = ~numpy.isnan(values)
        total = numpy.add.reduceat(numpy.where(known, values, 0) * self.weights, self.starts)
        time = numpy.add.reduceat(known * self.weights, self.starts)
        return numpy.divide(total, time, out=numpy.full(len(total), numpy.nan), where=time > 0)

    def draw(self, axes, size, values, colour, extremes=True):
        values = values.to_numpy(dtype=float)
        if self.averaged and extremes:
            low = numpy.fmin.reduceat(values, self.starts)
            high = numpy.fmax.reduceat(values, self.starts)
            axes.fill_between(self.edges / size, numpy.append(low, low[-1]),
                              numpy.append(high, high[-1]), step="post", color=colour, alpha=0.22,
                              linewidth=0)
        mean = self.mean(values)
        axes.step(self.edges / size, numpy.append(mean, mean[-1]), where="post", color=colour,
                  linewidth=1.4)


def line_legend(*names_and_colours):
    return ([Line2D([], [], color=colour) for _, colour in names_and_colours],
            [name for name, _ in names_and_colours])


def averaging(steps):
    return "; shaded: lowest to highest" if steps.averaged else ""


def throughput_over_time(series):
    if len(series) < 2:
        return None
    figure = style.new_figure(5.8)
    upper, lower = figure.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": [3, 2]})
    steps = Steps(series)
    size = style.time_across(lower, series["time_s"].iloc[-1])
    steps.draw(upper, size, series["output_throughput"], style.BLUE)
    steps.draw(lower, size, series["num_running"], style.GREEN)
    steps.draw(lower, size, series["num_waiting"], style.VERMILLION)
    upper.set_ylabel("output tokens/s")
    lower.set_ylabel("requests")
    for axes in (upper, lower):
        axes.set_ylim(bottom=0)
        style.plain_axis(axes.yaxis)
    style.compose(figure, findings.throughput_over_time_title(series),
                  f"Output tokens per second, and requests in the node{averaging(steps)}",
                  line_legend(("output tokens/s", style.BLUE), ("running", style.GREEN),
                              ("waiting", style.VERMILLION)), between=0.25)
    figure.align_ylabels()
    return figure


def waste_over_time(series):
    known = series[["kv_wasted_bytes", "kv_live_bytes"]].dropna()
    if len(series) < 2 or not known.sum(axis=1).gt(0).any():
        return None
    figure = style.new_figure(4.6)
    axes = figure.subplots(1, 1)
    steps = Steps(series)
    size = style.time_across(axes, series["time_s"].iloc[-1])
    steps.draw(axes, size, series["kv_waste_of_reserved"], style.VERMILLION, extremes=False)
    steps.draw(axes, size, series["kv_waste_of_pool"], style.BLUE, extremes=False)
    highest = max(numpy.nanmax(steps.mean(series[column].to_numpy(dtype=float)))
                  for column in ("kv_waste_of_reserved", "kv_waste_of_pool"))
    top = next(limit for limit in (0.05, 0.1, 0.15, 0.25, 0.5, 1.0)
               if highest * 1.1 <= limit or limit == 1.0)
    axes.set_ylim(0, top)
    axes.set_ylabel("wasted KV memory")
    style.percent_axis(axes.yaxis)
    style.compose(figure, findings.waste_over_time_title(series),
                  "KV memory kept for requests and holding no token",
                  line_legend(("share of what is reserved", style.VERMILLION),
                              ("share of the whole KV pool", style.BLUE)))
    return figure


def request_to_show(growth):
    """The request whose memory changed most often, the first of equals: a long answer."""
    return growth["request_id"].value_counts(sort=False).sort_index().idxmax()


def request_growth(growth, request_id):
    rows = growth[growth["request_id"] == request_id]
    if len(rows) < 2:
        return None
    figure = style.new_figure(4.8)
    axes = figure.subplots(1, 1)
    start = rows["time_s"].iloc[0]
    size = style.time_across(axes, rows["time_s"].iloc[-1] - start, "time since it was scheduled")
    times = (rows["time_s"] - start) / size
    unit, unit_bytes = ("GiB", findings.GIB) if rows["reserved_bytes"].max() >= findings.GIB \
        else ("MiB", 2 ** 20)
    written = rows["written_bytes"] / unit_bytes
    reserved = rows["reserved_bytes"] / unit_bytes
    axes.fill_between(times, 0, reserved, step="post", color=style.ORANGE, linewidth=0)
    axes.fill_between(times, 0, written, step="post", color=style.BLUE, linewidth=0)
    axes.set_ylim(0, reserved.max() * 1.06)
    axes.set_ylabel(f"KV memory ({unit})")
    style.plain_axis(axes.yaxis)
    handles = [Patch(facecolor=style.BLUE), Patch(facecolor=style.ORANGE)]
    style.compose(figure, findings.growth_title(request_id, rows),
                  "One request's KV cache from its first step to its end",
                  (handles, ["written", "reserved and empty"]))
    return figure
