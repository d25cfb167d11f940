"""The pictures of a run's requests: where their time went, and what the steps did meanwhile."""

import numpy
from matplotlib.patches import Patch

import findings
import style

# As many as can be told apart on a page, and as many stretches of time as it shows.
MOST_REQUESTS = 240
MOST_STRETCHES = 360
MOST_GROUPS = 10

WAITING, PREFILL, DECODE, LOST = "#C4C4C4", style.ORANGE, style.BLUE, style.VERMILLION

TIME_COLUMNS = [f"{name}_ms" for name in style.TIME_PARTS]
TIMELINE_COLUMNS = ["arrival_s", "scheduled_s", "first_token_s", "finished_s"]
STEP_COLUMNS = ["engine", "start_s", "end_s", "prefill_tokens"]


def timeline(requests, steps=None, where=""):
    """A bar a request from its arrival to its end; below, what the steps did, where that is known."""
    requests = requests.dropna(subset=["arrival_s"]).sort_values("arrival_s", kind="stable")
    ends = requests["finished_s"].dropna()
    if not len(ends):
        return None
    count = min(len(requests), MOST_REQUESTS)
    shown = requests.iloc[[i * len(requests) // count for i in range(count)]]
    figure = style.new_figure(6.4 if steps is not None else 5.4)
    panels = figure.subplots(1 if steps is None else 2, 1, squeeze=False, sharex=True,
                             gridspec_kw=None if steps is None else {"height_ratios": [7, 1]})[:, 0]
    size = style.time_across(panels[-1], ends.max())
    states = draw_requests(panels[0], shown, size)
    panels[0].set_ylim(count - 0.5, -0.5)
    panels[0].set_yticks([])
    panels[0].set_ylabel("requests, in order of arrival")
    panels[0].grid(axis="y", visible=False)
    if steps is not None:
        draw_strip(panels[1], steps, ends.max(), size)
    which = f"{count:,} of {len(requests):,} requests, evenly chosen" \
        if count < len(requests) else f"All {count:,} requests"
    strip = "" if steps is None else "; below, the share of time in steps with and without prefill"
    names = {WAITING: "waiting", PREFILL: "to the first token", DECODE: "to the last token",
             LOST: "turned away or cut off"}
    style.compose(figure, findings.timeline_title(requests, steps),
                  f"{which}{strip}{f'; {where}' if where else ''}",
                  ([Patch(facecolor=colour) for colour in states],
                   [names[colour] for colour in states]), between=0.18)
    return figure


def draw_requests(axes, requests, size):
    """Draws the bars; returns the colours that are there, in the order of a request's life."""
    rows = numpy.arange(len(requests))
    arrival, scheduled, first, finished = (requests[name].to_numpy() / size
                                           for name in TIMELINE_COLUMNS)
    end = numpy.where(numpy.isnan(finished), arrival, finished)
    served = ~numpy.isnan(scheduled)
    whole = (requests["status"] == "finished").to_numpy()
    begun = numpy.where(numpy.isnan(first), end, first)
    least = axes.get_xlim()[1] / 400
    states = []
    for colour, chosen, left, right in (
            (WAITING, served, arrival, scheduled), (PREFILL, served, scheduled, begun),
            (DECODE, served & whole, begun, end), (LOST, served & ~whole, begun, end),
            (LOST, ~served, arrival, numpy.maximum(end, arrival + least))):
        chosen = chosen & (right > left)
        if chosen.any():
            axes.barh(rows[chosen], (right - left)[chosen], left=left[chosen], height=1,
                      color=colour, linewidth=0)
            if colour not in states:
                states.append(colour)
    return states


def draw_strip(axes, steps, end, size):
    """The share of each stretch of time that steps took: with prefill, and with decode alone."""
    edges = numpy.linspace(0, end, min(MOST_STRETCHES, max(2, len(steps))) + 1)
    with_prefill = steps["prefill_tokens"] > 0
    prefill = busy_share(steps[with_prefill], edges)
    decode = busy_share(steps[~with_prefill], edges)
    axes.stairs(decode, edges / size, fill=True, facecolor=DECODE, linewidth=0)
    axes.stairs(decode + prefill, edges / size, baseline=decode, fill=True, facecolor=PREFILL,
                linewidth=0)
    axes.set_ylim(0, 1)
    axes.set_yticks([0, 1])
    axes.set_ylabel("steps")
    axes.grid(False)
    style.percent_axis(axes.yaxis)


def busy_share(steps, edges):
    """How much of each stretch the steps fill: differences of the time that is busy until an edge."""
    starts, ends = steps["start_s"].to_numpy(), steps["end_s"].to_numpy()
    until = numpy.concatenate([[0], numpy.cumsum(ends - starts)])
    at = numpy.searchsorted(starts, edges, side="right")
    last = numpy.maximum(at - 1, 0)
    over = numpy.where(at > 0, numpy.maximum(0, ends[last] - edges), 0) if len(steps) else 0
    return numpy.diff(until[at] - over) / numpy.diff(edges)


def time_parts(requests, where=""):
    """The mean time of requests by its cause, from the quickest tenth to the slowest."""
    finished = requests[(requests["status"] == "finished") & requests["e2el_ms"].notna()]
    finished = finished.sort_values("e2el_ms", kind="stable")
    if not len(finished):
        return None
    groups = numpy.array_split(numpy.arange(len(finished)), min(MOST_GROUPS, len(finished)))
    means = {name: numpy.array([finished[f"{name}_ms"].to_numpy()[group].mean() / 1000
                                for group in groups]) for name in style.TIME_PARTS}
    used = [name for name in style.TIME_PARTS if (means[name] > 0).any()]
    totals = sum(means[name] for name in used)
    figure = style.new_figure(4.9)
    axes = figure.subplots(1, 1)
    unit, size = findings.time_unit(totals[-1])
    left = 0 * totals
    for name in used:
        _, colour, hatch = style.TIME_PARTS[name]
        axes.barh(range(len(groups)), means[name] / size, left=left, height=0.82, color=colour,
                  hatch=hatch, linewidth=0)
        left = left + means[name] / size
    for row, total in enumerate(totals):
        style.halo(axes.annotate(findings.duration(total), (total / size, row), (4, 0), size=9.5,
                                 textcoords="offset points", va="center"))
    axes.set_xlim(0, totals[-1] / size * 1.12)
    axes.set_ylim(len(groups) - 0.5, -0.5)
    axes.set_yticks(range(len(groups)))
    axes.set_yticklabels(["quickest", *map(str, range(2, len(groups))), "slowest"][:len(groups)]
                         if len(groups) > 1 else ["all"])
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(f"mean time from arrival to the last token ({unit})")
    style.plain_axis(axes.xaxis)
    parts = f"{len(groups)} groups from the quickest to the slowest" if len(groups) > 1 else "mean"
    style.compose(figure, findings.time_parts_title(used, means, totals),
                  f"Where the time of {len(finished):,} finished requests went, in {parts}"
                  f"{f'; {where}' if where else ''}",
                  ([Patch(facecolor=style.TIME_PARTS[name][1]) for name in used],
                   [style.TIME_PARTS[name][0] for name in used]))
    return figure
