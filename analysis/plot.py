#!/usr/bin/python3
"""Draws the pictures of a run or of a sweep from its CSV files. It never simulates.

Needs Debian's python3-matplotlib and python3-pandas. Exit status: 0 done, 64 wrong usage, 65 bad
data, 66 no such folder or file, 69 a library is missing, 74 a picture could not be written.
"""

import argparse
import pathlib
import sys

import command

# Points of a sweep whose device allocator is drawn, the first ones.
MOST_ALLOCATORS = 12


def formats(text):
    chosen = list(dict.fromkeys(part.strip() for part in text.split(",")))
    wrong = [part for part in chosen if part not in ("png", "svg", "pdf")]
    if wrong:
        raise argparse.ArgumentTypeError(f"'{wrong[0]}' is none of png, svg, pdf")
    return chosen


def parse(arguments):
    parser = command.Parser(prog="plot.py", description="Draws the pictures of a run or a sweep.")
    parser.add_argument("folder", metavar="DIR", type=pathlib.Path,
                        help="what `tessera run` or `tessera sweep` wrote")
    parser.add_argument("-o", dest="output", metavar="PICTURES_DIR", type=pathlib.Path,
                        help="where the pictures go (default: DIR/pictures)")
    parser.add_argument("--format", dest="formats", type=formats, default=["png"],
                        metavar="png,svg,pdf", help="one or more of png, svg, pdf (default: png)")
    parser.add_argument("--request", type=int, metavar="ID",
                        help="the request whose KV growth is drawn (default: a long one)")
    parser.add_argument("--point", metavar="ID",
                        help="the point of a sweep whose memory and requests are drawn (default: "
                             "memory of the first and the last, requests of the best)")
    return parser.parse_args(arguments)


def pictures_of_run(folder, request):
    """Yields (name, figure) for each table that the run wrote."""
    import run_pictures
    import tables
    memory, series, requests, growth = (folder / name for name in (
        "memory.csv", "timeseries.csv", "requests.csv", "request_kv.csv"))
    if memory.exists():
        table = tables.read_memory(memory)
        yield "memory_stack", run_pictures.memory_stack(table)
        yield "waste_by_class", run_pictures.waste_by_class(table)
        yield "reserved_and_allocated", run_pictures.reserved_and_allocated(table)
    yield from free_runs_of(folder)
    if requests.exists():
        yield from pictures_of_requests(folder)
    if series.exists():
        table = tables.read_series(series)
        yield "throughput_over_time", run_pictures.throughput_over_time(table)
        yield "waste_over_time", run_pictures.waste_over_time(table)
    if growth.exists():
        table = tables.read_numbers(growth, ["request_id", "time_s", "written_bytes",
                                             "reserved_bytes"])
        chosen = run_pictures.request_to_show(table) if request is None else request
        if not (table["request_id"] == chosen).any():
            raise tables.Failure(tables.BAD_DATA, f"{growth}: there is no request {chosen}")
        yield "request_kv_growth", run_pictures.request_growth(table, chosen)


def free_runs_of(folder, where=""):
    """Yields (name, figure) of free_runs.csv, where there is one."""
    import run_pictures
    import tables
    runs = folder / "free_runs.csv"
    if runs.exists():
        table = tables.read_numbers(runs, ["time_s", "engine", "at_least_bytes", "num_runs",
                                           "free_bytes"])
        yield "free_runs", run_pictures.free_runs(table[table["engine"] == 0], where)


def pictures_of_requests(folder, where=""):
    """Yields (name, figure) of requests.csv: latencies, where time went, a bar a request."""
    import request_pictures
    import run_pictures
    import tables
    table = tables.read_numbers(
        folder / "requests.csv", ["ttft_ms", "tpot_ms", "e2el_ms",
                                  *request_pictures.TIMELINE_COLUMNS,
                                  *request_pictures.TIME_COLUMNS], ["status"])
    yield "latency_distributions", run_pictures.distributions(
        table[table["status"] == "finished"], where)
    yield "where_time_went", request_pictures.time_parts(table, where)
    steps = None
    if (folder / "iterations.csv").exists():
        steps = tables.read_numbers(folder / "iterations.csv", request_pictures.STEP_COLUMNS)
        steps = steps[steps["engine"] == 0]
    yield "request_timeline", request_pictures.timeline(table, steps, where)


def pictures_of_sweep(folder, wanted):
    """Yields (name, figure): the sweep's own, the memory of its first and last point, and the
    requests of one point: the wanted one, else the one of the highest throughput."""
    import run_pictures
    import sweep_pictures
    import sweeps
    import tables
    summary = folder / "summary.csv"
    read = sweeps.read_sweep(summary)
    if wanted is not None and wanted not in set(read.points["point"]):
        raise tables.Failure(tables.BAD_DATA, f"{summary}: no point {wanted} is done; the first is "
                                              f"{read.points['point'].iloc[0]}")
    yield from sweep_pictures.pictures(read)
    header = tables.header_of(summary)
    axes = header[header.index("point") + 1:header.index("status")]

    def where(point):
        return f"point {point}: {sweep_pictures.setting_of(read, point, axes)}".rstrip(": ")

    for point in sweep_pictures.end_points(read) if wanted is None else [wanted]:
        memory = folder / "runs" / point / "memory.csv"
        if memory.exists():
            yield f"memory_stack_{point}", run_pictures.memory_stack(tables.read_memory(memory),
                                                                     where(point))
    for point in read.points["point"][:MOST_ALLOCATORS]:
        memory = folder / "runs" / point / "memory.csv"
        if memory.exists():
            yield f"reserved_and_allocated_{point}", run_pictures.reserved_and_allocated(
                tables.read_memory(memory), where(point))
        for name, figure in free_runs_of(folder / "runs" / point, where(point)):
            yield f"{name}_{point}", figure
    point = wanted or sweep_pictures.best_point(read)
    if (folder / "runs" / point / "requests.csv").exists():
        for name, figure in pictures_of_requests(folder / "runs" / point, where(point)):
            yield f"{name}_{point}", figure


def pictures_of(options):
    import tables
    folder = options.folder
    if not folder.is_dir():
        what = "is not a folder" if folder.exists() else "there is no such folder"
        raise tables.Failure(tables.NO_INPUT, f"{folder}: {what}")
    summary = folder / "summary.csv"
    if not summary.exists():
        raise tables.Failure(tables.NO_INPUT, f"{folder}: no summary.csv in it, so it is neither "
                                              f"a run's folder nor a sweep's")
    if "point" in tables.header_of(summary):
        return pictures_of_sweep(folder, options.point)
    return pictures_of_run(folder, options.request)


def draw(options):
    import style
    import tables
    style.apply()
    output = options.output or options.folder / "pictures"
    # All are drawn before the first is written, so that bad data leaves no half set of pictures.
    drawn = [(f"{name}.{form}", style.write(figure, form))
             for name, figure in pictures_of(options)
             if figure is not None for form in options.formats]
    if not drawn:
        raise tables.Failure(tables.BAD_DATA, f"{options.folder}: its tables hold nothing to draw")
    try:
        output.mkdir(parents=True, exist_ok=True)
        for name, content in drawn:
            (output / name).write_bytes(content)
            print(output / name)
    except OSError as error:
        raise tables.Failure(tables.NO_OUTPUT, f"cannot write {error.filename or output}: "
                                               f"{error.strerror}") from error


def main(arguments):
    return command.run("plot.py", draw, parse(arguments))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
