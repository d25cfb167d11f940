"""The pictures of a sweep in stacked bars: a bar a point, a panel a line of the sweep."""

from matplotlib.patches import Patch

import findings
import style
import tables

MOST_PANELS = 4
# The room for the legend beside the panels, in inches.
BESIDE = 2.75


class Slots:
    """The axis across with its values evenly spaced, as bars are."""

    def __init__(self, across):
        self.path, self.label = across.path, across.label
        self.values = [style.plain(position) for position in across.positions] if across.numeric \
            else across.values
        self.positions = list(range(len(across.values)))
        self.numeric = self.logarithmic = False
        self.wordy = across.wordy
        self.margin = 0.55


def caption(sweep, text, most=MOST_PANELS):
    notes = list(sweep.notes)
    if len(sweep.lines) > most:
        notes.append(f"the first {most} of {len(sweep.lines)} settings")
    return "; ".join([text, *notes])


def looks_patch(look):
    _, colour, hatch = look
    return Patch(facecolor=colour, hatch=hatch, edgecolor="#999999", linewidth=0.5)


def stack_patch(name):
    return looks_patch(style.LEDGER[name])


def bars(sweep, parts, columns, size):
    """A figure with a panel a line, the parts on each other; gives its panels and what is shown.

    `parts` is {name: (title, colour, hatch)}, `columns` {name: column}; heights are divided by
    `size`, a number or a column.
    """
    lines = sweep.lines[:MOST_PANELS]
    shown = [name for name in parts if any((line.rows[columns[name]] > 0).any() for line in lines)]
    if not shown:
        return None
    figure = style.new_figure(5.2)
    panels = figure.subplots(1, len(lines), squeeze=False, sharey=True)[0]
    highest = 0
    for axes, line in zip(panels, lines):
        rows = line.rows.dropna(subset=[columns[name] for name in shown])
        slots = [sweep.across.positions.index(position) for position in rows["position"]]
        bottom = 0 * rows["position"]
        for name in shown:
            _, colour, hatch = parts[name]
            height = rows[columns[name]] / (rows[size] if isinstance(size, str) else size)
            axes.bar(slots, height, bottom=bottom, width=0.86, color=colour, hatch=hatch,
                     linewidth=0)
            bottom = bottom + height
        highest = max(highest, bottom.max())
        axes.grid(False)
        axes.set_title(line.name, color=style.GREY)
    return figure, panels, shown, highest


def finish(sweep, drawn, parts, title, text):
    """Titles, the axis across once below all panels, and the legend beside them."""
    figure, panels, shown, _ = drawn
    style.compose(figure, title, caption(sweep, text), right=BESIDE,
                  bottom=style.bottom_for(sweep.across))
    slots = Slots(sweep.across)
    for axes in panels:
        style.across_axis(axes, slots, label=False)
    height = figure.get_size_inches()[1]
    figure.text((style.LEFT + style.WIDTH - BESIDE) / 2 / style.WIDTH,
                (style.BOTTOM - 0.29) / height, slots.label, ha="center", va="top")
    names = list(reversed(shown))
    style.legend_beside(panels[-1], [looks_patch(parts[name]) for name in names],
                        [parts[name][0] for name in names], 0.04 * len(panels))
    return figure


def memory_classes(sweep):
    """The mean bytes of each ledger class to the device total."""
    drawn = bars(sweep, style.LEDGER, {name: f"{name}_mean_bytes" for name in style.LEDGER},
                 findings.GIB)
    if drawn is None:
        return None
    panels = drawn[1]
    top = max(line.rows["capacity_bytes"].max() for line in sweep.lines) / findings.GIB
    panels[0].set_ylim(0, top)
    panels[0].set_ylabel("device memory (GiB)")
    style.plain_axis(panels[0].yaxis)
    return finish(sweep, drawn, style.LEDGER, findings.classes_title(sweep),
                  f"Mean device memory by what it holds, to the total of {top:.2f} GiB")


def waste_by_class(sweep):
    """What requests hold without a token in it, by why."""
    parts = {name: style.LEDGER[name] for name in style.LEDGER if name in tables.WASTE_CLASSES}
    drawn = bars(sweep, parts, {name: f"{name}_mean_bytes" for name in parts}, findings.GIB)
    if drawn is None:
        return None
    panels, highest = drawn[1], drawn[3]
    panels[0].set_ylim(0, highest * 1.08)
    panels[0].set_ylabel("wasted KV memory (GiB)")
    panels[0].grid(axis="y", visible=True)
    style.plain_axis(panels[0].yaxis)
    return finish(sweep, drawn, parts, findings.waste_classes_title(sweep, parts),
                  "Mean KV memory that requests hold without a token in it, by class")


def time_parts(sweep):
    """Where requests' time went, as shares of the mean time from arrival to the last token."""
    drawn = bars(sweep, style.TIME_PARTS, {name: f"mean_{name}_ms" for name in style.TIME_PARTS},
                 "mean_e2el_ms")
    if drawn is None:
        return None
    panels = drawn[1]
    panels[0].set_ylim(0, 1)
    panels[0].set_ylabel("share of requests' time")
    style.percent_axis(panels[0].yaxis)
    return finish(sweep, drawn, style.TIME_PARTS, findings.time_shares_title(sweep),
                  "What requests did from their arrival to their last token, on average")
