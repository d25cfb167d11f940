"""The looks that all pictures share: colours, type, layout, axes, and files of fixed bytes."""

import io
import math

import matplotlib
import numpy
from matplotlib import patheffects, ticker
from matplotlib.figure import Figure
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.font_manager import FontProperties
from matplotlib.transforms import Bbox

import findings
import sweeps

INK = "#222222"
GREY = "#666666"
GRID = "#E3E3E3"
# Okabe and Ito's palette, which the colour-blind tell apart; the order is for lines.
BLUE, VERMILLION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
SKY, ORANGE, YELLOW = "#56B4E9", "#E69F00", "#F0E442"
LINE_COLOURS = [BLUE, VERMILLION, GREEN, PURPLE, SKY, ORANGE, "#000000", "#8C6D31"]
# Managers keep their colours from picture to picture.
KNOWN_COLOURS = {"paged": BLUE, "contiguous": VERMILLION}
MARKERS = "osD^vPX*"
DASHES = ["-", "--", ":"]

# From the bottom of the stack to its top: what is fixed, what is used, what is wasted, what is free.
LEDGER = {
    "driver": ("driver and context", "#1A1A1A", ""),
    "weights": ("weights", "#5A5A5A", ""),
    "graphs": ("CUDA graphs", "#8A8A8A", ""),
    "workspace_used": ("workspace, used", GREEN, ""),
    "workspace_idle": ("workspace, idle", "#A6DCC9", ""),
    "kv_live": ("KV: live tokens", BLUE, ""),
    "kv_cached_prefix": ("KV: cached prefixes", SKY, ""),
    "kv_reserved_future": ("KV: reserved, used later", ORANGE, ""),
    "kv_reserved_never": ("KV: reserved, never used", VERMILLION, ""),
    "kv_dead": ("KV: dead rows", "#7A1F5C", ""),
    "kv_pad": ("KV: padding", PURPLE, ""),
    "kv_duplicate": ("KV: duplicates", "#8C6D31", ""),
    "kv_rounding": ("KV: rounding", YELLOW, ""),
    "cached_free": ("kept by the allocator", "#C9B8DD", ""),
    "free_unusable": ("free, too scattered", "#D9D9D9", "////"),
    "free_usable": ("free", "#F1F1F1", ""),
    "withheld": ("withheld from use", "#FFFFFF", "...."),
}

# Where a request's time goes: what it is called, its colour and its hatch. They sum to e2el.
TIME_PARTS = {
    "queued_slot": ("waiting for a place", "#CFCFCF", ""),
    "queued_memory": ("waiting for memory", "#93A4B3", ""),
    "prefill": ("prefill", ORANGE, ""),
    "decode": ("decode", BLUE, ""),
    "stalled": ("stalled by others' prefills", GREEN, ""),
    "preempted": ("preempted", VERMILLION, ""),
    "recomputed": ("computed again", PURPLE, ""),
    "swapped": ("swapped out", SKY, ""),
    "held": ("held until the batch ended", "#5A5A5A", ""),
}

WIDTH = 9.0     # inches; with DPI, sharp at the width of a README
DPI = 150
LEFT, RIGHT, BOTTOM = 0.95, 0.25, 0.68
# Measures texts before they are drawn.
RULER = RendererAgg(1, 1, DPI)
# A format, and what to leave out of its files: when and by what they were made.
FORMATS = {"png": {"Software": None}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}


def apply():
    """Sets type and lines, whatever the user's own matplotlibrc says."""
    matplotlib.rcdefaults()
    matplotlib.rcParams.update({
        "font.family": "DejaVu Sans", "font.size": 10.5, "text.color": INK,
        "axes.labelcolor": INK, "axes.edgecolor": GREY, "axes.linewidth": 0.8,
        "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True,
        "axes.axisbelow": True, "axes.titlesize": 10.5, "axes.titlelocation": "left",
        "grid.color": GRID, "grid.linewidth": 0.8, "xtick.color": GREY, "ytick.color": GREY,
        "xtick.labelcolor": INK, "ytick.labelcolor": INK, "lines.linewidth": 2.0,
        "lines.markersize": 6.5, "legend.frameon": False, "legend.fontsize": 10.5,
        "hatch.linewidth": 0.5, "hatch.color": "#BBBBBB",
        "svg.hashsalt": "tessera", "path.simplify": True,
    })


def new_figure(height=5.0):
    # Made without pyplot, which would keep every figure alive and ask for a display.
    figure = Figure(figsize=(WIDTH, height), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def write(figure, form):
    """The picture's bytes: the same for the same rows, so without a date."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format=form, dpi=DPI, metadata=FORMATS[form])
    return buffer.getvalue()


def bottom_for(across):
    """The room below the axes: words may need two rows."""
    return BOTTOM + (0.2 if across.wordy else 0)


def text_width(text, size, weight="normal"):
    """In inches."""
    font = FontProperties(family="DejaVu Sans", weight=weight, size=size)
    return RULER.get_text_width_height_descent(text, font, False)[0] / DPI if text else 0.0


def wrapped(text, size, weight, width):
    lines, line = [], ""
    for word in text.split(" "):
        longer = f"{line} {word}".strip()
        if line and text_width(longer, size, weight) > width:
            lines.append(line)
            line = word
        else:
            line = longer
    return lines + [line]


def compose(figure, title, caption, legend=None, right=RIGHT, bottom=BOTTOM, between=0.35):
    """Puts the title, the caption and the legend above the axes, and the axes below them.

    `legend` is (handles, names). `right`, `bottom` and `between` are inches around the axes.
    """
    width, height = figure.get_size_inches()
    top = height - 0.18
    for text, size, weight, colour in ((title, 13.5, "bold", INK), (caption, 10.5, "normal", GREY)):
        for line in wrapped(text, size, weight, width - 0.4):
            figure.text(0.2 / width, top / height, line, size=size, weight=weight, color=colour,
                        va="top")
            top -= size * 1.4 / 72
        top -= 0.04
    if legend and legend[0]:
        top -= 0.02
        top -= legend_above(figure, legend, top)
    grid = figure.axes[0].get_subplotspec().get_gridspec()
    panel = (width - LEFT - right - between * (grid.ncols - 1)) / grid.ncols
    top -= 0.16 + wrap_panel_titles(figure, panel)
    figure.subplots_adjust(left=LEFT / width, right=1 - right / width, bottom=bottom / height,
                           top=top / height)
    figure.subplots_adjust(
        wspace=between / panel,
        hspace=between / ((top - bottom - between * (grid.nrows - 1)) / grid.nrows))


def wrap_panel_titles(figure, panel):
    """Fits the titles of the upper panels to their width; returns their height in inches."""
    most = 0
    for axes in figure.axes:
        title = axes.get_title(loc="left")
        if title and axes.get_subplotspec().is_first_row():
            lines = wrapped(title, 10.5, "normal", panel)
            axes.set_title("\n".join(lines), color=GREY)
            most = max(most, len(lines))
    return 0.18 * most


def legend_above(figure, legend, top):
    """A legend in as few rows as its names allow; returns its height in inches."""
    handles, names = legend
    width, height = figure.get_size_inches()
    for columns in range(len(names), 0, -1):
        widths = [max(text_width(name, 10.5) for name in names[column::columns])
                  for column in range(columns)]
        if sum(widths) + 0.62 * columns <= width - 0.5:
            break
    rows = math.ceil(len(names) / columns)
    # The library fills columns first; people read rows first.
    order = [row * columns + column for column in range(columns) for row in range(rows)
             if row * columns + column < len(names)]
    figure.legend([handles[i] for i in order], [names[i] for i in order], loc="upper left",
                  bbox_to_anchor=(0.2 / width, top / height), ncol=columns, borderaxespad=0,
                  borderpad=0, handlelength=1.9, columnspacing=1.4, handletextpad=0.5,
                  labelspacing=0.35)
    return 0.21 * rows + 0.02


def legend_beside(axes, handles, names, distance, title=None):
    """A legend to the right of the axes, for stacks."""
    legend = axes.legend(handles, names, loc="upper left", bbox_to_anchor=(1.0 + distance, 1.0),
                         borderaxespad=0, borderpad=0, handlelength=1.2, handleheight=1.0,
                         handletextpad=0.6, labelspacing=0.55, fontsize=9.5, title=title,
                         title_fontsize=9.5)
    legend.get_title().set_color(GREY)
    legend._legend_box.align = "left"


def line_look(name, index, names):
    """Colour, marker and dashes of a line: known managers keep their colours."""
    kinds = [other.split(":")[0].split(",")[0] for other in names]
    kind = kinds[index]
    known = [KNOWN_COLOURS[k] for k in kinds if kinds.count(k) == 1 and k in KNOWN_COLOURS]
    if name and kinds.count(kind) == 1 and kind in KNOWN_COLOURS:
        colour = KNOWN_COLOURS[kind]
    else:
        free = [colour for colour in LINE_COLOURS if colour not in known]
        turn = sum(1 for k in kinds[:index] if not (kinds.count(k) == 1 and k in KNOWN_COLOURS))
        colour = free[turn % len(free)]
    return {"color": colour, "marker": MARKERS[index % len(MARKERS)],
            "linestyle": DASHES[index // len(LINE_COLOURS) % len(DASHES)]}


def marker_sizes(index, count):
    """Lines that lie on each other stay visible: the ones below have the larger markers."""
    return 9.0 if index == 0 and count > 1 else 6.0


def halo(text):
    text.set_path_effects([patheffects.withStroke(linewidth=3, foreground="white")])
    return text


def plain(value, _position=None):
    return f"{value:,.10g}"


def across_axis(axes, across, label=True):
    """The axis that a sweep has across: its own values as ticks."""
    positions = list(across.positions)
    if across.logarithmic:
        axes.set_xscale("log", base=2)
        axes.set_xlim(min(positions) / 2 ** 0.35, max(positions) * 2 ** 0.35)
    else:
        axes.set_xlim(min(positions) - across.margin, max(positions) + across.margin)
    if across.numeric:
        texts = [plain(position) for position in positions]
    else:
        spoken = [sweeps.spoken(value) for value in across.values]
        texts = [text if len(text) <= 26 else text[:25] + "…" for text in spoken]
    ticks = ticks_with_room(axes, positions, texts)
    if across.wordy and len(ticks) < len(texts):
        # Words that do not fit beside each other stand in two rows.
        ticks = [row + 2 * i for row in (0, 1)
                 for i in ticks_with_room(axes, positions[row::2], texts[row::2])]
        texts = ["\n" * (i % 2) + text for i, text in enumerate(texts)]
    axes.xaxis.set_major_locator(ticker.FixedLocator([positions[i] for i in ticks]))
    axes.xaxis.set_major_formatter(ticker.FixedFormatter([texts[i] for i in ticks]))
    axes.xaxis.set_minor_locator(ticker.NullLocator())
    if label:
        axes.set_xlabel(across.label)


def ticks_with_room(axes, positions, texts):
    """Indices of the ticks whose texts do not touch, from the first on."""
    width = axes.get_position().width * WIDTH
    low, high = axes.get_xlim()
    scale = math.log if axes.get_xscale() == "log" else float
    chosen, end = [], -math.inf
    for i in sorted(range(len(positions)), key=positions.__getitem__):
        centre = width * (scale(positions[i]) - scale(low)) / (scale(high) - scale(low))
        half = text_width(texts[i], 10.5) / 2 + 0.04
        if centre - half >= end:
            chosen.append(i)
            end = centre + half
    return chosen


def percent_axis(axis, decimals=0):
    axis.set_major_formatter(ticker.PercentFormatter(1.0, decimals=decimals, symbol=" %"))


class PlainFormatter(ticker.Formatter):
    """Numbers without exponent, all with as many decimals as the one that needs most."""

    def format_ticks(self, values):
        decimals = max((len(plain(value).partition(".")[2]) for value in values), default=0)
        return [f"{value:,.{decimals}f}" if value else "0" for value in values]

    def __call__(self, value, pos=None):
        return plain(value)


def plain_axis(axis):
    axis.set_major_formatter(PlainFormatter())


def time_across(axes, end_s, label="simulated time"):
    """Time on the x axis, in the unit that suits its end. Returns the seconds of the unit."""
    unit, size = findings.time_unit(end_s)
    axes.set_xlim(0, end_s / size)
    axes.set_xlabel(f"{label} ({unit})")
    plain_axis(axes.xaxis)
    return size


def log_or_linear(axis, low, high, bulk=None):
    """A latency axis: logarithmic where the bulk of the values spans more than a factor of 20."""
    least, most = bulk or (low, high)
    if low > 0 and most / least > 20:
        axis.axes.set_xscale("log")
        ratio = high / low
        axis.set_major_locator(ticker.LogLocator(
            subs=(1, 2, 5) if ratio < 60 else (1, 3) if ratio < 2000 else (1,)))
        axis.set_minor_locator(ticker.NullLocator())
        axis.axes.set_xlim(low / 1.25, high * 1.25)
    else:
        axis.axes.set_xlim(0, high * 1.08)
        plain_axis(axis)
        return
    axis.set_major_formatter(ticker.FuncFormatter(plain))


class Room:
    """Finds places for texts beside points of the axes, away from lines, markers and each other."""

    def __init__(self, axes, curves):
        """`curves` are sequences of (x, y) in data coordinates, as drawn."""
        self.axes = axes
        self.frame = axes.get_window_extent()
        self.taken = []
        self.obstacles = numpy.concatenate(
            [numpy.empty((0, 2))] + [self.along(curve) for curve in curves if len(curve)])

    def along(self, curve):
        """Pixels along a curve, close enough that no text slips between."""
        pixels = self.axes.transData.transform(numpy.asarray(curve, dtype=float))
        return numpy.concatenate([pixels] + [
            numpy.linspace(start, end, 60) for start, end in zip(pixels, pixels[1:])])

    def place(self, point, text, size, offsets, **looks):
        """Writes the text at the first offset (in points) with room, or not at all."""
        pixels = DPI / 72
        centre = self.axes.transData.transform(point)
        half = numpy.array([text_width(text, size, looks.get("weight", "normal")) * DPI / 2 + 2,
                            0.62 * size * pixels])
        for offset in offsets:
            away = numpy.array(offset, dtype=float)
            # The offset is to the text's nearest edge, so that long texts do not cover the point.
            middle = centre + away * pixels + numpy.sign(away) * half
            low, high = middle - half, middle + half
            if self.free(low, high):
                self.taken.append((low, high))
                halo(self.axes.annotate(text, point, tuple((middle - centre) / pixels),
                                        textcoords="offset points", ha="center",
                                        va="center_baseline", size=size, zorder=30, **looks))
                return True
        return False

    def free(self, low, high):
        inside = (low[0] >= self.frame.x0 and high[0] <= self.frame.x1
                  and low[1] >= self.frame.y0 and high[1] <= self.frame.y1)
        covered = ((self.obstacles > low - 3) & (self.obstacles < high + 3)).all(axis=1).any()
        apart = all((high <= other_low).any() or (other_high <= low).any()
                    for other_low, other_high in self.taken)
        return inside and apart and not covered


def overlaps(figure):
    """Pairs of texts that touch, and texts that leave the picture: what a reader would see first."""
    renderer = figure.canvas.get_renderer()
    figure.draw(renderer)
    frame = figure.bbox
    boxes = []
    for text in visible_texts(figure):
        box = text.get_window_extent(renderer)
        lines = text.get_text().split("\n")
        empty = sum(1 for line in lines if not line.strip()) / len(lines)
        box = Bbox.from_extents(box.x0, box.y0, box.x1, box.y1 - empty * box.height)
        boxes.append((text.get_text(), box))
    found = [(name, "the edge") for name, box in boxes
             if box.x0 < frame.x0 - 1 or box.x1 > frame.x1 + 1 or box.y0 < frame.y0 - 1
             or box.y1 > frame.y1 + 1]
    for i, (name, box) in enumerate(boxes):
        for other, second in boxes[i + 1:]:
            if (min(box.x1, second.x1) - max(box.x0, second.x0) > 1
                    and min(box.y1, second.y1) - max(box.y0, second.y0) > 1):
                found.append((name, other))
    return found


def visible_texts(figure):
    texts = list(figure.texts)
    for legend in figure.legends:
        texts += legend.get_texts()
    for axes in figure.axes:
        texts += axes.texts + [axes.title, axes._left_title, axes.xaxis.label, axes.yaxis.label]
        if axes.get_legend():
            texts += axes.get_legend().get_texts()
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            for tick in axis.get_major_ticks():
                if low <= tick.get_loc() <= high:
                    texts.append(tick.label1)
    return [text for text in texts if text.get_visible() and text.get_text().strip()]
