#!/usr/bin/python3
"""Draws steps that `tessera explain --format csv` took apart under a GPU's roofs.

Every point is an operation: across, its FLOPs a byte; up, the FLOP/s that it reaches. The roofs are
the data sheet's: bandwidth times intensity, and the peak rate; they meet at the ridge point.
Needs Debian's python3-matplotlib and python3-pandas. Exit statuses are those of plot.py.
"""

import pathlib
import sys

import command

# The T4's data sheet: FP16 with tensor cores, GDDR6.
T4_PEAK, T4_BANDWIDTH = 65.0, 320.0
PRODUCTS = ("qkv_proj", "attention", "out_proj", "mlp_up", "mlp_down", "lm_head", "total")
NAMES = {"qkv_proj": "QKV", "attention": "attention", "out_proj": "out", "mlp_up": "MLP up",
         "mlp_down": "MLP down", "lm_head": "LM head", "total": "whole step"}


def parse(arguments):
    parser = command.Parser(prog="roofline.py", description="Draws explained steps under a GPU's roofs.")
    parser.add_argument("tables", metavar="STEP.csv", type=pathlib.Path, nargs="+",
                        help="what `tessera explain --format csv` printed; its name is the label")
    parser.add_argument("-o", dest="output", metavar="PICTURE", type=pathlib.Path,
                        default=pathlib.Path("roofline.png"), help="png, svg or pdf")
    parser.add_argument("--gpu", default="T4", help="what the picture calls the card (T4)")
    parser.add_argument("--peak", type=float, default=T4_PEAK, metavar="TFLOPS",
                        help=f"its peak rate ({T4_PEAK:g} TFLOP/s)")
    parser.add_argument("--bandwidth", type=float, default=T4_BANDWIDTH, metavar="GBS",
                        help=f"its memory's bandwidth ({T4_BANDWIDTH:g} GB/s)")
    options = parser.parse_args(arguments)
    parser.require_picture(options.output)
    if not (options.peak > 0 and options.bandwidth > 0):
        parser.error("--peak and --bandwidth are above 0")
    return options


def read_step(path):
    """The matrix products, attention and the total: op, intensity, reached TFLOP/s."""
    import tables
    table = tables.read_numbers(path, ["flops", "bytes", "time_us"], ["op"])
    shown = table[table["op"].isin(PRODUCTS) & (table["flops"] > 0) & (table["time_us"] > 0)].copy()
    if shown.empty:
        raise tables.Failure(tables.BAD_DATA, f"{path}: no operation has FLOPs")
    shown["intensity"] = shown["flops"] / shown["bytes"]
    shown["tflops"] = shown["flops"] / shown["time_us"] / 1e6
    return shown


def figure_of(steps, options):
    """`steps` are (label, table)."""
    import numpy
    import style
    ridge = options.peak * 1e3 / options.bandwidth
    intensities = numpy.concatenate([table["intensity"] for _, table in steps] + [[ridge]])
    low, high = intensities.min() / 2, intensities.max() * 2.5
    figure = style.new_figure(5.4)
    axes = figure.subplots(1, 1)
    axes.set_xscale("log")
    axes.set_yscale("log")
    across = numpy.array([low, ridge, high])
    roof = numpy.minimum(across * options.bandwidth / 1e3, options.peak)
    axes.plot(across, roof, color=style.INK)
    axes.axvline(ridge, color=style.GREY, linewidth=1, linestyle=":")
    axes.set_xlim(low, high)
    rates = numpy.concatenate([table["tflops"] for _, table in steps])
    axes.set_ylim(min(rates.min(), roof[0]) / 1.6, options.peak * 2.2)
    axes.set_xlabel("arithmetic intensity (FLOP per byte)")
    axes.set_ylabel("TFLOP/s")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(style.ticker.FuncFormatter(style.plain))
    handles, names = [], []
    for index, (label, table) in enumerate(steps):
        look = style.line_look(label, index, [name for name, _ in steps])
        handles += axes.plot(table["intensity"], table["tflops"], **look | {"linestyle": "none"})
        names.append(label)
    totals = [table[table["op"] == "total"].iloc[0] for _, table in steps
              if (table["op"] == "total").any()]
    bound = sum(1 for row in totals if row["intensity"] < ridge)
    title = (f"Below {ridge:,.0f} FLOP/B the {options.gpu} waits for memory, as in {bound} of "
             f"these {len(totals)} steps" if len(totals) > 1 else
             f"Below {ridge:,.0f} FLOP/B the {options.gpu} waits for memory")
    style.compose(figure, title, f"Operations of a step under the data sheet's roofs: "
                                 f"{options.peak:g} TFLOP/s, {options.bandwidth:g} GB/s; "
                                 f"dotted: the ridge point", (handles, names))
    label_points(axes, steps, list(zip(across, roof)))
    return figure


def label_points(axes, steps, roof):
    """Names the operations that have room; the others are told by their neighbours."""
    import style
    room = style.Room(axes, [roof] + [[point] for _, table in steps
                                      for point in zip(table["intensity"], table["tflops"])])
    offsets = [(7, 0), (0, -7), (-7, 0), (0, 7), (9, -9), (-9, 9)]
    for _, table in steps:
        for _, row in table.sort_values("op", key=lambda ops: ops != "total").iterrows():
            room.place((row["intensity"], row["tflops"]), NAMES[row["op"]], 8.5, offsets,
                       color=style.GREY)


def draw(options):
    import style
    style.apply()
    figure = figure_of([(path.stem.replace("_", " "), read_step(path)) for path in options.tables],
                       options)
    command.write_picture(figure, options.output)


def main(arguments):
    return command.run("roofline.py", draw, parse(arguments))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
