"""The pictures of a sweep: functions of it that return a figure, or nothing without data."""

import math

from matplotlib import ticker
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

import findings
import stacked_pictures
import style
from stacked_pictures import MOST_PANELS
from sweeps import named

MOST_LINES = 16
# Where a point's label may stand, in points from it, the best first.
BESIDE = ((-5, 2), (5, -2), (-4, 6), (5, 4), (0, 7), (0, -7), (4, -6), (-4, -6))
# What contiguous reservations are said to waste (PagedAttention, SOSP 2023, section 1 and figure 2).
CLAIMED_WASTE = (0.60, 0.80)


def pictures(sweep):
    """Yields (name, figure) in the order in which people want them."""
    slug = sweep.across.slug
    for name, draw in ((f"waste_against_{slug}", waste), (f"throughput_against_{slug}", throughput),
                       ("throughput_against_latency", latency),
                       (f"gaps_between_tokens_against_{slug}", gaps),
                       (f"memory_classes_against_{slug}", stacked_pictures.memory_classes),
                       (f"waste_by_class_against_{slug}", stacked_pictures.waste_by_class),
                       (f"where_time_went_against_{slug}", stacked_pictures.time_parts)):
        figure = draw(sweep)
        if figure is not None:
            yield name, figure


def lines_of(sweep):
    """The lines to draw, with their looks. More than MOST_LINES no palette tells apart."""
    names = [line.name for line in sweep.lines]
    looks = [style.line_look(line.name, i, names) for i, line in enumerate(sweep.lines)]
    return list(zip(sweep.lines, looks))[:MOST_LINES]


def caption(sweep, text):
    return stacked_pictures.caption(sweep, text, MOST_LINES)


def legend(sweep, extra=()):
    handles, names = [], []
    if len(sweep.lines) > 1:
        for line, look in lines_of(sweep):
            handles.append(Line2D([], [], markersize=7, **look))
            names.append(line.name)
    for handle, name in extra:
        handles.append(handle)
        names.append(name)
    return handles, names


def draw_lines(axes, sweep, column):
    lines = lines_of(sweep)
    for index, (line, look) in enumerate(lines):
        rows = line.rows.dropna(subset=[column])
        shown = dict(look) if sweep.across.numeric else {**look, "linestyle": "none"}
        axes.plot(rows["position"], rows[column], markeredgecolor="white", markeredgewidth=0.9,
                  markersize=style.marker_sizes(index, len(lines)) + (3 if sweep.across.wordy else 0),
                  zorder=3 + index, **shown)


def throughput(sweep):
    column = "request_throughput"
    if not sweep.has(column):
        return None
    preempted = any((line.rows["num_preemptions"] > 0).any() for line in sweep.lines)
    figure = style.new_figure(6.2 if preempted else 5.0)
    panels = figure.subplots(2 if preempted else 1, 1, squeeze=False, sharex=True,
                             gridspec_kw={"height_ratios": [3, 1.1]} if preempted else None)[:, 0]
    draw_lines(panels[0], sweep, column)
    highest = max(line.rows[column].max() for line in sweep.lines)
    panels[0].set_ylim(0, highest * 1.14 if highest > 0 else 1)
    panels[0].set_ylabel("throughput (requests/s)")
    style.plain_axis(panels[0].yaxis)
    if preempted:
        draw_lines(panels[1], sweep, "num_preemptions")
        most = max(line.rows["num_preemptions"].max() for line in sweep.lines)
        panels[1].set_ylim(-0.04 * most, most * 1.15)
        panels[1].yaxis.get_major_locator().set_params(nbins=3, integer=True)
        style.plain_axis(panels[1].yaxis)
        panels[1].set_ylabel("preemptions")
        panels[1].set_title(f"Up to {findings.preemption_note(sweep)}", color=style.GREY)
    style.compose(figure, findings.throughput_title(sweep),
                  caption(sweep, f"Requests served per second against the {sweep.across.words}"),
                  legend(sweep), bottom=style.bottom_for(sweep.across), between=0.5)
    style.across_axis(panels[-1], sweep.across)
    if len(sweep.lines) <= MOST_PANELS:
        mark_peaks(panels[0], sweep, column)
    return figure


def mark_peaks(axes, sweep, column):
    """Rings the highest point of each line and writes its value beside it."""
    seen = set()
    room = style.Room(axes, [list(zip(line.rows["position"], line.rows[column]))
                             for line in sweep.lines])
    for line, look in lines_of(sweep):
        if not line.rows[column].notna().any():
            continue
        position, value = line.peak(column)
        if (position, round(value, 6)) in seen:
            continue
        seen.add((position, round(value, 6)))
        axes.plot([position], [value], "o", markersize=13, markerfacecolor="none",
                  markeredgecolor=look["color"], markeredgewidth=1.5, zorder=20)
        room.place((position, value), findings.significant(value), 10.5,
                   ((0, 8), (0, -8), (6, -6), (-6, 6)), color=look["color"], weight="bold")


def waste(sweep):
    columns = [("kv_waste_of_reserved", "share of the reserved KV memory"),
               ("kv_waste_of_pool", "share of the whole KV pool")]
    if not sweep.has(columns[0][0]):
        return None
    figure = style.new_figure(5.0)
    panels = figure.subplots(1, 2, sharey=True)
    band = {"facecolor": "#FAF5BD", "linewidth": 0}
    for axes, (column, title) in zip(panels, columns):
        axes.axhspan(*CLAIMED_WASTE, zorder=0.5, **band)
        draw_lines(axes, sweep, column)
        axes.set_title(f"Wasted: {title}", color=style.GREY)
        axes.set_ylim(-0.025, 1.0)
        style.percent_axis(axes.yaxis)
    panels[0].set_ylabel("wasted KV memory")
    style.compose(
        figure, findings.waste_title(sweep),
        caption(sweep, "KV memory kept for requests and holding no token, averaged over time"),
        legend(sweep, [(Patch(**band), "60–80 %: claimed for contiguous reservations")]),
        bottom=style.bottom_for(sweep.across))
    for axes in panels:
        style.across_axis(axes, sweep.across)
    return figure


def latency(sweep):
    panels = [(name, title) for name, title in (("ttft", "Time to first token (TTFT)"),
                                                ("tpot", "Time per output token (TPOT)"))
              if sweep.has(f"mean_{name}_ms")]
    if not panels:
        return None
    figure = style.new_figure(5.2)
    grid = figure.subplots(1, len(panels), squeeze=False, sharey=True)[0]
    highest = max(line.rows["request_throughput"].max() for line in sweep.lines)
    for axes, (_, title) in zip(grid, panels):
        axes.set_ylim(0, highest * 1.14 if highest > 0 else 1)
        axes.set_title(title, color=style.GREY)
    grid[0].set_ylabel("throughput (requests/s)")
    style.plain_axis(grid[0].yaxis)
    extra = [(Line2D([], [], color=style.GREY, marker="o", markersize=6), "mean"),
             (Line2D([], [], color=style.GREY, marker="o", markersize=6, linestyle="--",
                     markerfacecolor="white"), "99th percentile")]
    words = "sequences at once" if sweep.across.is_batch_limit else sweep.across.short
    numbers = "" if sweep.across.wordy else f"; numbers beside the means: {words}"
    style.compose(figure, findings.latency_title(sweep),
                  caption(sweep, f"Throughput against latency{numbers}"),
                  legend(sweep, extra))
    for axes, (name, _) in zip(grid, panels):
        draw_latency(axes, sweep, name)
    return figure


def gaps(sweep):
    """What stalls cost: the gaps between tokens, and what the first token pays for shorter ones."""
    columns = [("p99_itl_ms", "99th percentile of the gaps between tokens (ITL)"),
               ("median_ttft_ms", "Median time to the first token (TTFT)")]
    if not all(sweep.has(column) for column, _ in columns):
        return None
    figure = style.new_figure(5.0)
    panels = figure.subplots(1, 2)
    for axes, (column, title) in zip(panels, columns):
        most = max(line.rows[column].max() for line in sweep.lines) / 1000
        unit, size = findings.time_unit(most)
        draw_lines(axes, sweep, column)
        axes.set_ylim(0, 1000 * most * 1.1)
        axes.yaxis.set_major_locator(ticker.MultipleLocator(even_step(most / size) * 1000 * size))
        axes.yaxis.set_major_formatter(
            lambda value, _, scale=1000 * size: style.plain(round(value / scale, 9)))
        axes.set_ylabel(unit)
        axes.set_title(title, color=style.GREY)
    style.compose(figure, findings.gaps_title(sweep),
                  caption(sweep, f"Pauses in the middle of answers, and the wait for their beginning, "
                                 f"against the {sweep.across.words}"),
                  legend(sweep), bottom=style.bottom_for(sweep.across), between=0.75)
    for axes in panels:
        style.across_axis(axes, sweep.across)
    return figure


def even_step(most):
    """A round step of which four to eight reach `most`."""
    power = 10 ** math.floor(math.log10(most / 4))
    return next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= most / 7)


def draw_latency(axes, sweep, name):
    """Mean (solid) and p99 (dashed) of one latency, each point with its value of the axis across."""
    columns = [f"mean_{name}_ms", f"p99_{name}_ms"]
    values = [line.rows[column].dropna() for line in sweep.lines for column in columns]
    low = min(column.min() for column in values if len(column))
    high = max(column.max() for column in values if len(column))
    unit, size = findings.time_unit((low * high) ** 0.5 / 1000 if low > 0 else high / 1000)
    scale = 1000 * size
    style.log_or_linear(axes.xaxis, low / scale, high / scale)
    axes.set_xlabel(f"{name.upper()} ({unit})")
    lines = lines_of(sweep)
    for index, (line, look) in enumerate(lines):
        rows = line.rows.dropna(subset=columns)
        for column, line_style, face in zip(columns, ("-", "--"), (look["color"], "white")):
            axes.plot(rows[column] / scale, rows["request_throughput"], color=look["color"],
                      marker=look["marker"], markerfacecolor=face,
                      linestyle="none" if sweep.across.wordy else line_style,
                      markeredgewidth=1.2, linewidth=1.6, zorder=3 + index,
                      markersize=style.marker_sizes(index, len(lines)) - 1)
    label_points(axes, sweep, columns[0], scale)


def label_points(axes, sweep, column, scale):
    """Writes each mean point's value of the axis across beside it, where there is room.

    Points that lie on each other share a label: `8–64`.
    """
    lines = lines_of(sweep)[:MOST_PANELS]
    curves = [list(zip(rows[name] / scale, rows["request_throughput"]))
              for name in (column, column.replace("mean", "p99"))
              for rows in (line.rows.dropna(subset=[name]) for line, _ in lines)]
    room = style.Room(axes, curves)
    said = []
    # The fastest line first: where lines lie on each other, it is the one that is seen.
    for line, look in sorted(lines, key=lambda pair: -pair[0].rows["request_throughput"].max()):
        for point, text in reversed(clusters(axes, sweep, line, (column, scale))):
            pixel = axes.transData.transform(point)
            if any(text == other and abs(pixel - place).max() < 8 for other, place in said):
                continue
            said.append((text, pixel))
            room.place(point, text, 9, BESIDE, color=look["color"])


def clusters(axes, sweep, line, across):
    """A line's points with their labels, those within a few pixels of each other as one."""
    column, scale = across
    rows = line.rows.dropna(subset=[column])
    found = []
    for position, x, y in zip(rows["position"], rows[column] / scale, rows["request_throughput"]):
        pixel = axes.transData.transform((x, y))
        if found and abs(pixel - found[-1][1]).max() < 10:
            found[-1][3] = position
        else:
            found.append([(x, y), pixel, position, position])
    between = ", " if sweep.across.wordy else "–"
    return [(point, between.join(sweep.across.text(position)
                                 for position in dict.fromkeys((first, last))))
            for point, _, first, last in found]


def end_points(sweep):
    """The first and the last point that are done."""
    names = list(sweep.points["point"])
    return names[:1] + names[-1:] if len(names) > 1 else names


def best_point(sweep):
    """The point of the highest throughput."""
    rates = sweep.points["request_throughput"]
    return sweep.points["point"][rates.idxmax() if rates.notna().any() else sweep.points.index[0]]


def setting_of(sweep, point, axes):
    """A point's settings in words."""
    row = sweep.points[sweep.points["point"] == point].iloc[0]
    return ", ".join(named(axis, row[axis]) for axis in axes)
