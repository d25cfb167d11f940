"""What the rows say, in words: the titles of the pictures. Numbers come from the tables alone."""

import math

import numpy

import tables

GIB = 2 ** 30
# Keeps a number and its unit, or the words of a name, on one line.
TIE = "\u00a0"


def significant(value, digits=3):
    """Three significant digits without exponent: 0.125, 1.23, 305, 12,848."""
    if value == 0:
        return "0"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:,.{decimals}f}"


def percent(share):
    """4.1 %, 74 %."""
    value = 100 * share
    return f"{value:.1f}{TIE}%" if value < 9.95 else f"{value:.0f}{TIE}%"


def percent_range(low, high):
    """`3.0–4.4 %`, or one number where both read the same."""
    first, last = percent(low), percent(high)
    return first if first == last else f"{first[:-2]}–{last}"


def times(ratio):
    return f"{ratio:.1f}x" if ratio < 9.95 else f"{ratio:,.0f}x"


def time_unit(seconds):
    """The unit in which people would say so long a time, and its seconds."""
    for unit, size in (("h", 3600), ("min", 60), ("s", 1), ("ms", 1e-3)):
        if seconds >= (2 if size >= 60 else 1) * size:
            return unit, size
    return "µs", 1e-6


def duration(seconds):
    unit, size = time_unit(seconds)
    return f"{significant(seconds / size)}{TIE}{unit}"


def gib(count):
    return f"{count / GIB:.2f}{TIE}GiB"


def small_bytes(count):
    for unit, size in (("GiB", GIB), ("MiB", 2 ** 20), ("KiB", 2 ** 10)):
        if count >= size:
            return f"{significant(count / size)}{TIE}{unit}"
    return f"{count:.0f}{TIE}B"


def round_bytes(count):
    """A power of two without decimals: 64 KiB, 2 GiB."""
    for unit, size in (("GiB", GIB), ("MiB", 2 ** 20), ("KiB", 2 ** 10)):
        if count >= size:
            return f"{count / size:.0f}{TIE}{unit}"
    return f"{count:.0f}{TIE}B"


def capital(text):
    """A sentence begins with a capital, but a key such as block_size keeps its spelling."""
    return text if "_" in text.split(" ")[0].split(TIE)[0] else text[:1].upper() + text[1:]


def tied(line):
    return line.name.replace(" ", TIE) if len(line.name) <= 24 else line.name


def of_line(line):
    """`paged KV` reads better in a sentence than `paged`."""
    return tied(line) + (f"{TIE}KV" if line.name in ("paged", "contiguous", "concat") else "")


def throughput_title(sweep):
    column = "request_throughput"
    settings = sweep.settings(column)
    best = max(settings, key=lambda line: line.peak(column)[1])
    position, peak = best.peak(column)
    # Settings are compared at one batch limit; words have nothing else in common than the picture.
    where = "" if sweep.across.wordy else f" at {sweep.across.phrase(position)}"

    def rate(line):
        return line.peak(column)[1] if sweep.across.wordy else line.at(column, position)

    others = [line for line in settings if line is not best and not math.isnan(rate(line))]
    if not others:
        return lone_throughput_title(sweep, best)
    worst = min(others, key=rate)
    if peak <= 0:
        return f"No setting serves a request{where}"
    if rate(worst) <= 0:
        return f"{capital(of_line(best))} serves {significant(peak)} requests/s{where}, " \
               f"{tied(worst)} none"
    if peak / rate(worst) >= 1.05:
        return f"{capital(of_line(best))} serves {times(peak / rate(worst))} the requests of " \
               f"{tied(worst)}{where}"
    return f"Every setting serves about {significant(peak)} requests/s{where}"


def lone_throughput_title(sweep, line):
    """Of one line: its peak, and what that is against its first point."""
    position, peak = line.peak("request_throughput")
    first = line.rows["position"].iloc[0]
    low = line.at("request_throughput", first)
    text = f"Throughput peaks at {significant(peak)} requests/s with {sweep.across.phrase(position)}"
    if position == first or low <= 0:
        return text
    return f"{text}, {times(peak / low)} that of {sweep.across.phrase(first)}"


def preemption_note(sweep):
    """Where preemptions are worst, for the lower panel."""
    line = max(sweep.lines, key=lambda candidate: candidate.rows["num_preemptions"].max())
    position, count = line.peak("num_preemptions")
    name = f" ({line.name})" if line.name else ""
    return f"{count:,.0f} preemptions at {sweep.across.phrase(position)}{name}"


def waste_title(sweep, column="kv_waste_of_reserved"):
    settings = sorted(sweep.settings(column), key=lambda line: line.rows[column].mean())
    low, high = settings[0], settings[-1]

    def shares(line):
        return percent_range(line.rows[column].min(), line.rows[column].max())

    if low is high:
        return f"{shares(low)} of the KV memory that requests reserve is wasted"
    if shares(low) == shares(high):
        return f"Every setting wastes {shares(high)} of the KV memory it reserves"
    return f"{capital(of_line(high))} wastes {shares(high)} of the KV memory it reserves, " \
           f"{tied(low)} {shares(low)}"


def latency_title(sweep):
    settings = sweep.settings("request_throughput")
    line = max(settings, key=lambda candidate: candidate.peak("request_throughput")[1])
    position, peak = line.peak("request_throughput")
    first = line.rows["position"].iloc[0]
    low = line.at("request_throughput", first)
    for column, what in (("mean_tpot_ms", "time per output token"),
                         ("mean_ttft_ms", "time to the first token")):
        before, after = line.at(column, first), line.at(column, position)
        if position != first and low > 0 and before > 0 and not math.isnan(after):
            who = f"{of_line(line)} serves" if line.name else "the node serves"
            cost = "the same" if 0.95 < after / before < 1.05 else f"{times(after / before)} the"
            return f"{capital(sweep.across.from_to(first, position))}, {who} " \
                   f"{times(peak / low)} the requests at {cost} {what}"
    who = of_line(line) if line.name else sweep.across.phrase(position)
    text = f"{capital(who)} serves {'most, ' if len(settings) > 1 else ''}" \
           f"{significant(peak)} requests/s"
    tpot = line.at("mean_tpot_ms", position)
    return text if math.isnan(tpot) else f"{text} at {duration(tpot / 1000)} per output token"


def gaps_title(sweep):
    """The longest and the shortest gaps, and how long the first token waits with each."""
    column = "p99_itl_ms"
    rows = [(row[column], row["median_ttft_ms"], line, row["position"])
            for line in sweep.settings(column) for _, row in line.rows.dropna(
                subset=[column, "median_ttft_ms"]).iterrows()]
    high, low = max(rows, key=lambda row: row[0]), min(rows, key=lambda row: row[0])

    def who(row):
        return of_line(row[2]) if sweep.across.wordy or row[2].name else sweep.across.phrase(row[3])

    if high[0] <= 1.05 * low[0]:
        return f"One gap in a hundred lasts {duration(low[0] / 1000)} with every setting"
    return f"One gap in a hundred between tokens lasts {duration(high[0] / 1000)} with {who(high)} " \
           f"and {duration(low[0] / 1000)} with {who(low)}, whose first token comes " \
           f"{sooner(low[1] / high[1])}"


def sooner(ratio):
    """`30 % later` of 1.3, `as early` of 1."""
    if 0.97 < ratio < 1.03:
        return "as early"
    if ratio > 2:
        return f"{times(ratio)} as late"
    return f"{percent(abs(ratio - 1))} {'later' if ratio > 1 else 'sooner'}"


def classes_title(sweep):
    """How much of the KV pool holds live tokens, at the last position that all lines have."""
    column = "kv_live_of_pool"
    settings = sweep.settings(column)
    where, opening = None, ""
    if not sweep.across.wordy:
        shared = [position for position in sweep.across.positions
                  if all(not math.isnan(line.at(column, position)) for line in settings)]
        where = shared[-1] if shared and settings else None
        opening = f"at {sweep.across.phrase(where)}, " if where is not None else ""
    if not settings or not (sweep.across.wordy or opening):
        return "Where the memory goes, averaged over time"

    def share(line):
        return line.rows[column].max() if where is None else line.at(column, where)

    settings = sorted(settings, key=lambda line: -share(line))
    high, low = settings[0], settings[-1]
    if percent(share(high)) == percent(share(low)):
        return capital(f"{opening}live tokens fill {percent(share(high))} of the KV pool")
    return capital(f"{opening}{of_line(high)} fills {percent(share(high))} of the KV pool "
                   f"with live tokens, {tied(low)} {percent(share(low))}")


# What is wasted, as a sentence says it.
WASTED = {"kv_dead": "rows of ended requests", "kv_pad": "padding",
          "kv_duplicate": "copies", "kv_reserved_future": "reserved and used later",
          "kv_reserved_never": "reserved and never used", "kv_rounding": "rounding"}


def waste_classes_title(sweep, parts):
    """Who wastes most, of what kind, and who least, each at its worst point."""
    def worst(line):
        totals = line.rows[[f"{name}_mean_bytes" for name in parts]].sum(axis=1)
        return line.rows.loc[totals.idxmax()], totals.max()

    settings = sorted(sweep.settings(f"{next(iter(parts))}_mean_bytes"),
                      key=lambda line: -worst(line)[1])
    row, total = worst(settings[0])
    most = max(parts, key=lambda name: row[f"{name}_mean_bytes"])
    who = f"{of_line(settings[0])} wastes" if settings[0].name else "requests waste"
    text = capital(f"{who} up to {small_bytes(total)}, {percent(row[f'{most}_mean_bytes'] / total)} "
                   f"of it {WASTED[most]}")
    least = worst(settings[-1])[1]
    return f"{text}; {tied(settings[-1])} {small_bytes(least)}" \
        if len(settings) > 1 and total > 1.05 * least else text


def waste_classes_over_time_title(memory, shown):
    total = memory[shown].sum(axis=1).mean()
    most = max(shown, key=lambda name: memory[name].mean())
    return f"Requests hold {small_bytes(total)} without a token in it on average, " \
           f"{percent(memory[most].mean() / total)} of it {WASTED[most]}"


def time_shares_title(sweep):
    """What takes most of requests' time where most requests are served."""
    settings = sweep.settings("mean_e2el_ms")
    line = max(settings, key=lambda candidate: candidate.peak("request_throughput")[1])
    position, _ = line.peak("request_throughput")
    row = line.rows[line.rows["position"] == position].iloc[0]
    most = max(tables.TIME_PARTS, key=lambda name: row[f"mean_{name}_ms"])
    who = of_line(line) if line.name else sweep.across.phrase(position)
    where = f" at {sweep.across.phrase(position)}" if line.name and not sweep.across.wordy else ""
    return f"With {who}{where}, requests spend {percent(row[f'mean_{most}_ms'] / row['mean_e2el_ms'])} " \
           f"of {duration(row['mean_e2el_ms'] / 1000)} {TIME_SPENT[most]}"


def memory_title(memory):
    """Means over the rows, which are evenly spaced."""
    capacity = memory["capacity"].mean()
    waste = memory[tables.WASTE_CLASSES].sum(axis=1).mean()
    return f"Of {gib(capacity)}, weights take {percent(memory['weights'].mean() / capacity)}, " \
           f"live KV {percent(memory['kv_live'].mean() / capacity)} and KV waste " \
           f"{percent(waste / capacity)} on average"


KV_CLASSES = [name for name in tables.LEDGER_CLASSES if name.startswith("kv_")]


def allocator_title(memory):
    """What is left of what the device allocator has taken."""
    allocated = memory[KV_CLASSES].sum(axis=1)
    reserved = allocated + memory["cached_free"]
    return f"Of {gib(reserved.mean())} that the allocator reserves for KV, " \
           f"{percent(allocated.sum() / reserved.sum())} is allocated and " \
           f"{percent(memory['kv_live'].sum() / reserved.sum())} holds live tokens on average"


def free_runs_title(table):
    """How many runs there are at once, and how long those are that hold half of what is free."""
    instants = table["time_s"].nunique()
    runs = table["num_runs"].sum() / instants
    held = table.groupby("at_least_bytes")["free_bytes"].sum().cumsum()
    middle = held[held >= held.iloc[-1] / 2].index[0]
    if runs < 1.05:
        return "Free KV memory is one run"
    return (f"Free KV memory lies in {significant(runs, 2)} runs on average, half of it in runs "
            f"shorter than {round_bytes(2 * middle)}")


def distributions_title(requests):
    ttft = requests["ttft_ms"].dropna()
    tpot = requests["tpot_ms"].dropna()
    parts = []
    if len(ttft):
        median, tail = (duration(value / 1000) for value in numpy.percentile(ttft, (50, 99)))
        parts.append(f"half of the requests see their first token within {median}, "
                     f"99 % within {tail}")
    if len(tpot):
        parts.append(f"half get the next ones every {duration(numpy.percentile(tpot, 50) / 1000)} "
                     f"or faster")
    return capital("; ".join(parts))


def timeline_title(requests, steps):
    """How long requests wait for their first step, and what others' prefills take of the time."""
    waits = (requests["scheduled_s"] - requests["arrival_s"]).dropna()
    if not len(waits):
        return "No request is ever scheduled"
    half = numpy.percentile(waits, 50)
    text = f"Half of the requests wait {duration(half)} or longer for their first step" \
        if half >= 1e-3 else "Half of the requests are scheduled at once"
    busy = 0 if steps is None else (steps["end_s"] - steps["start_s"]).sum()
    if busy <= 0:
        return text
    prefill = steps[steps["prefill_tokens"] > 0]
    share = (prefill["end_s"] - prefill["start_s"]).sum() / busy
    return f"{text}; {percent(share)} of the steps' time has a prefill in it"


# What the slowest requests are said to be doing for most of their time.
TIME_SPENT = {
    "queued_slot": "waiting for a place in the batch", "queued_memory": "waiting for memory",
    "prefill": "in their own prefill", "decode": "in decode",
    "stalled": "stalled by others' prefills", "preempted": "preempted",
    "recomputed": "computing again what they had lost", "swapped": "swapped out",
    "held": "held until their batch had ended"}


def time_parts_title(used, means, totals):
    """`means` are seconds of each group by part, the slowest group last."""
    most = max(used, key=lambda name: means[name][-1])
    who = "The slowest tenth spends" if len(totals) == 10 else "The slowest spend"
    return f"{who} {percent(means[most][-1] / totals[-1])} of {'its' if len(totals) == 10 else 'their'} " \
           f"{duration(totals[-1])} {TIME_SPENT[most]}"


def throughput_over_time_title(series):
    time = series["interval_s"]
    mean = (series["output_throughput"] * time).sum() / time.sum()
    text = f"{significant(mean)} output tokens/s on average over {duration(time.sum())}"
    waiting = series["num_waiting"].max()
    return text if math.isnan(waiting) else f"{text}, with up to {waiting:,.0f} requests waiting"


def waste_over_time_title(series):
    known = series.dropna(subset=["kv_wasted_bytes", "kv_live_bytes"])
    time = known["interval_s"]
    wasted = (known["kv_wasted_bytes"] * time).sum()
    held = ((known["kv_wasted_bytes"] + known["kv_live_bytes"]) * time).sum()
    pool = (known["kv_waste_of_pool"] * time).sum() / time.sum()
    return f"On average {percent(wasted / held)} of the reserved KV memory is wasted, " \
           f"{percent(pool)} of the pool"


def growth_title(request_id, rows):
    """One request's KV memory: its peak, its time, how often it lost all, how much stood empty."""
    span = rows["time_s"].iloc[-1] - rows["time_s"].iloc[0]
    length = rows["time_s"].diff().shift(-1).fillna(0)
    written = (rows["written_bytes"] * length).sum()
    reserved = (rows["reserved_bytes"] * length).sum()
    text = f"Request {request_id:.0f}'s KV cache grows to " \
           f"{small_bytes(rows['written_bytes'].max())} in {duration(span)}"
    lost = ((rows["reserved_bytes"] == 0) & (rows["reserved_bytes"].shift(1) > 0)).iloc[:-1].sum()
    if lost:
        text += f", preempted {'once' if lost == 1 else f'{lost} times'}"
    if reserved <= 0:
        return text
    return f"{text}; {percent(1 - written / reserved)} of its reservation stands empty"
