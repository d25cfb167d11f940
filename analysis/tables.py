"""Reads the CSV files of a run or a sweep, and refuses what is none, saying where and why."""

import math

import pandas

# Exit statuses, those of the simulator itself; command.py has the others.
BAD_DATA = 65
NO_INPUT = 66
NO_OUTPUT = 74

# Where a request's time goes: they sum to e2el_ms.
TIME_PARTS = ["queued_slot", "queued_memory", "prefill", "decode", "stalled", "preempted",
              "recomputed", "swapped", "held"]
SUMMARY_COLUMNS = [
    "request_throughput", "output_throughput", "duration_s", "num_finished", "num_preemptions",
    "mean_ttft_ms", "median_ttft_ms", "p90_ttft_ms", "p99_ttft_ms",
    "mean_tpot_ms", "median_tpot_ms", "p90_tpot_ms", "p99_tpot_ms",
    "mean_e2el_ms", "median_itl_ms", "p99_itl_ms", *(f"mean_{part}_ms" for part in TIME_PARTS),
    "kv_waste_of_reserved", "kv_waste_of_pool", "kv_live_of_pool"]

# The classes of the device ledger, as memory.csv has them: they sum to the capacity.
LEDGER_CLASSES = [
    "driver", "weights", "workspace_used", "workspace_idle", "graphs", "kv_live",
    "kv_cached_prefix", "kv_dead", "kv_pad", "kv_duplicate", "kv_reserved_future",
    "kv_reserved_never", "kv_rounding", "cached_free", "withheld", "free_unusable", "free_usable"]
# Held by a request and holding nothing that is wanted.
WASTE_CLASSES = ["kv_dead", "kv_pad", "kv_duplicate", "kv_reserved_future", "kv_reserved_never",
                 "kv_rounding"]


class Failure(Exception):
    """What went wrong, in words, and the exit status to end with."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


def header_of(path):
    """The column names of a CSV file."""
    return list(read_text(path, nrows=0).columns)


def read_text(path, **options):
    """A CSV file as it stands: every cell text, an empty cell an empty text."""
    try:
        return pandas.read_csv(path, dtype=str, keep_default_na=False, **options)
    except OSError as error:
        raise Failure(NO_INPUT, f"cannot read {path}: {error.strerror}") from error
    except pandas.errors.EmptyDataError as error:
        raise Failure(BAD_DATA, f"{path}: the file is empty") from error
    except (ValueError, UnicodeDecodeError) as error:
        raise Failure(BAD_DATA, f"{path}: not a CSV table: {str(error).strip()}") from error


def require_columns(path, present, wanted):
    missing = [column for column in wanted if column not in present]
    if missing:
        raise Failure(BAD_DATA, f"{path}: missing column{'s' if len(missing) > 1 else ''} "
                                f"{', '.join(missing)}")


def read_numbers(path, columns, texts=()):
    """The named columns of a CSV file: `columns` as numbers (empty is NaN), `texts` as text."""
    require_columns(path, header_of(path), [*columns, *texts])
    kinds = {**{column: float for column in columns}, **{column: str for column in texts}}
    try:
        table = pandas.read_csv(path, usecols=list(kinds), dtype=kinds, keep_default_na=False,
                                na_values={column: [""] for column in columns})
        numbers = table[list(columns)]
        fine = not numbers.isin([math.inf, -math.inf]).any(axis=None)
    except (ValueError, UnicodeDecodeError):
        fine = False
    if not fine:
        # The quick way does not say where; the slow one does.
        table = as_numbers(path, read_text(path, usecols=list(kinds)), columns)
    if table.empty:
        raise Failure(BAD_DATA, f"{path}: the table has no rows")
    return table


def as_numbers(path, table, columns):
    """Turns text columns into numbers, or says which cell is none."""
    table = table.copy()
    for column in columns:
        numbers = pandas.to_numeric(table[column].where(table[column] != ""), errors="coerce")
        numbers = numbers.where(numbers.abs() < math.inf)
        wrong = numbers.isna() & (table[column] != "")
        if wrong.any():
            row = wrong.idxmax()
            raise Failure(BAD_DATA, f"{path}, row {row + 1}: {column} is "
                                    f"'{table[column][row]}', which is not a number")
        table[column] = numbers.astype(float)
    return table


def read_memory(path):
    """memory.csv, summed over the devices: time_s, capacity_bytes and a column a class."""
    bytes_columns = ["capacity_bytes"] + [name + "_bytes" for name in LEDGER_CLASSES]
    table = read_numbers(path, ["time_s", "engine", "device", *bytes_columns])
    classes = table[bytes_columns[1:]].sum(axis=1)
    wrong = classes != table["capacity_bytes"]
    if wrong.any():
        row = wrong.idxmax()
        raise Failure(BAD_DATA, f"{path}, row {row + 1}: the classes sum to {classes[row]:.0f} "
                                f"bytes, not to capacity_bytes {table['capacity_bytes'][row]:.0f}")
    devices = len(table[["engine", "device"]].drop_duplicates())
    by_time = table.groupby("time_s")
    # An instant at which some device has no row yet would show less memory than there is.
    whole = by_time.size() == devices
    node = by_time[bytes_columns].sum()[whole].reset_index()
    node.columns = [name[:-len("_bytes")] if name.endswith("_bytes") else name
                    for name in node.columns]
    node.attrs["devices"] = devices
    return node


def read_series(path):
    """timeseries.csv, summed over the engines, with the length of each row's interval."""
    summed = ["request_throughput", "output_throughput", "num_running", "num_waiting",
              "kv_live_bytes", "kv_wasted_bytes"]
    table = read_numbers(path, ["time_s", "engine", *summed, "kv_waste_of_pool"])
    by_time = table.groupby("time_s")
    node = by_time[summed].sum(min_count=1)
    # Engines of a node are alike, so that the mean of their shares is the share of the whole.
    node["kv_waste_of_pool"] = by_time["kv_waste_of_pool"].mean()
    node = node.reset_index()
    held = node["kv_live_bytes"] + node["kv_wasted_bytes"]
    node["kv_waste_of_reserved"] = (node["kv_wasted_bytes"] / held).where(held > 0)
    node["interval_s"] = node["time_s"].diff().fillna(node["time_s"])
    return node
