"""A sweep's summary.csv as lines to draw: one axis across, a line for each setting of the others."""

import dataclasses
import re

import pandas

import tables

BATCH_LIMIT = "max_num_seqs"
UNITS = re.compile(r"^([-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?)\s*([^\d\s].*)?$")


@dataclasses.dataclass
class Across:
    """The axis that pictures have across: its values in order, and how to name them."""
    path: str
    values: list
    positions: list
    numeric: bool
    unit: str = ""

    @property
    def short(self):
        return self.path.rsplit(".", 1)[-1]

    @property
    def is_batch_limit(self):
        return self.short == BATCH_LIMIT

    @property
    def slug(self):
        return "batch_limit" if self.is_batch_limit else re.sub(r"\W+", "_", self.short).strip("_")

    @property
    def label(self):
        if self.is_batch_limit:
            return "batch limit: sequences at once (max_num_seqs)"
        return f"{self.path} ({self.unit})" if self.unit else self.path

    @property
    def words(self):
        return "batch limit" if self.is_batch_limit else self.short

    @property
    def logarithmic(self):
        low, high = min(self.positions), max(self.positions)
        return self.numeric and low > 0 and high >= 8 * low

    @property
    def wordy(self):
        return not self.numeric

    @property
    def margin(self):
        """The room at both ends of a linear axis."""
        span = max(self.positions) - min(self.positions)
        return 0.06 * span if self.numeric and span else 0.5

    def text(self, position):
        value = self.values[self.positions.index(position)].strip()
        if re.fullmatch(r"\d+", value) and self.numeric:
            return f"{int(value):,}"
        return spoken(value)

    def phrase(self, position):
        """`64 sequences`, `block_size 32`, `contiguous: max`, `point 0003`."""
        text = self.text(position)
        if self.is_batch_limit:
            return f"{text} sequence" if text == "1" else f"{text} sequences"
        plain = self.numeric or self.path == "point" or text in ("true", "false")
        return f"{self.short} {text}" if plain else text

    def from_to(self, first, last):
        """`from 1 to 32 sequences`."""
        if self.is_batch_limit:
            return f"from {self.text(first)} to {self.phrase(last)}"
        return f"from {self.short} {self.text(first)} to {self.text(last)}"


@dataclasses.dataclass
class Line:
    """The points of one setting, in order of the axis across. An unnamed line is the only one."""
    name: str
    rows: pandas.DataFrame

    def at(self, column, position):
        found = self.rows.loc[self.rows["position"] == position, column]
        return float(found.iloc[0]) if len(found) else float("nan")

    def peak(self, column):
        """The position and the value of the highest cell, the first of equals."""
        row = self.rows[column].idxmax()
        return self.rows["position"][row], float(self.rows[column][row])


@dataclasses.dataclass
class Sweep:
    across: Across
    lines: list
    notes: list
    points: pandas.DataFrame

    def has(self, column):
        return any(line.rows[column].notna().any() for line in self.lines)

    def settings(self, column):
        """What competes, where the column has values: the lines; or, where the axis across is
        made of words, each of its points."""
        found = self.lines
        if self.across.wordy:
            found = [Line(", ".join(part for part in (self.across.phrase(position), line.name)
                                    if part), line.rows[line.rows["position"] == position])
                     for line in self.lines for position in line.rows["position"]]
        return [line for line in found if line.rows[column].notna().any()]


def spoken(value):
    """A value of an axis for people: `{kind: contiguous, reserve: max}` is `contiguous: max`."""
    text = value.strip()
    if not (text.startswith("{") and text.endswith("}")):
        return text
    pairs = [pair.split(":", 1) for pair in re.split(r",(?![^{\[]*[}\]])", text[1:-1])]
    kind, rest = "", []
    for pair in pairs:
        key, given = pair[0].strip(), pair[-1].strip()
        if key == "kind":
            kind = given
        elif re.fullmatch(r"[A-Za-z_]\w*", given) and given not in ("true", "false"):
            rest.append(given)
        else:
            rest.append(f"{key} {given}")
    return ": ".join(part for part in (kind, ", ".join(rest)) if part)


def parts_of(text):
    """The pairs of a mapping on one line, whose values may be mappings; the text where it is none."""
    text = text.strip()
    if not (text.startswith("{") and text.endswith("}")):
        return text
    pairs, depth, begin = [], 0, 1
    for place, letter in enumerate(text):
        depth += (letter in "{[") - (letter in "}]")
        if (letter == "," and depth == 1) or (letter == "}" and depth == 0):
            key, _, value = text[begin:place].partition(":")
            pairs.append((key.strip(), parts_of(value)))
            begin = place + 1
    return pairs


def flat(parts, path=()):
    for key, value in parts:
        if isinstance(value, list):
            yield from flat(value, (*path, key))
        else:
            yield (*path, key), value


def is_word(value):
    return re.fullmatch(r"[A-Za-z_]\w*", value) and value not in ("true", "false")


def short_names(values):
    """For each mapping among the values a name that no other has: its kind and the words in which
    it differs; its numbers where it has no kind, or where words do not tell it apart."""
    pairs = {value: dict(flat(parts_of(value))) for value in values
             if isinstance(parts_of(value), list)}
    shared = set.intersection(*(set(found.items()) for found in pairs.values())) if pairs else set()

    def name(value, words, numbers):
        said = {}
        for path, given in pairs[value].items():
            if path[-1] == "kind" or ((path, given) not in shared or len(pairs) == 1):
                if words if is_word(given) else numbers:
                    said.setdefault(path[:-1], []).append(
                        (path[-1] == "kind", given if is_word(given) else f"{path[-1]} {given}"))
        groups = []
        for group in said.values():
            kind = ", ".join(text for first, text in group if first)
            rest = ", ".join(text for first, text in group if not first)
            groups.append(": ".join(part for part in (kind, rest) if part))
        return ", ".join(groups)

    names = {}
    for value in values:
        if value not in pairs:
            continue
        has_kind = any(path[-1] == "kind" for path in pairs[value])
        for words, numbers in (((True, False),) if has_kind else ((False, True), (True, False))):
            short = name(value, words, numbers)
            others = (name(other, words, numbers) for other in pairs if other != value)
            if short and short not in others:
                names[value] = short
                break
        else:
            names[value] = name(value, True, True) or spoken(value)
    unique = len(set(names.values())) == len(names)
    return names if unique else {value: spoken(value) for value in names}


def named(path, value):
    """A line's name: a word stands for itself, a number needs its key."""
    text = spoken(value)
    word = re.match(r"[A-Za-z]", text) and text not in ("true", "false")
    return text if word else f"{path.rsplit('.', 1)[-1]} {text}"


def numbers_of(values):
    """The values as numbers and their common unit, or nothing where they are not numbers."""
    matches = [UNITS.match(value.strip()) for value in values]
    units = {match.group(2) or "" for match in matches if match}
    if not all(matches) or len(units) != 1:
        return None
    try:
        return [float(match.group(1)) for match in matches], units.pop()
    except ValueError:
        return None


def choose_across(points, axes):
    """The batch limit where it varies, else the numeric axis with the most values, else any."""
    distinct = {axis: list(dict.fromkeys(points[axis])) for axis in axes}
    varying = [axis for axis in axes if len(distinct[axis]) > 1] or list(axes)
    if not varying:
        return Across("point", list(points["point"]), list(range(len(points))), False)

    def preference(axis):
        return (axis.endswith(BATCH_LIMIT), numbers_of(distinct[axis]) is not None,
                len(distinct[axis]))

    axis = max(varying, key=preference)
    numbers = numbers_of(distinct[axis])
    if numbers is None:
        return Across(axis, distinct[axis], list(range(len(distinct[axis]))), False)
    order = sorted(range(len(numbers[0])), key=numbers[0].__getitem__)
    return Across(axis, [distinct[axis][i] for i in order], [numbers[0][i] for i in order], True,
                  numbers[1])


def read_sweep(path):
    """A sweep's summary.csv. Points that failed are left out, and counted in the notes."""
    header = tables.header_of(path)
    means = [name + "_mean_bytes" for name in tables.LEDGER_CLASSES]
    table = tables.read_text(path)
    if table.empty:
        raise tables.Failure(tables.BAD_DATA, f"{path}: the table has no rows")
    tables.require_columns(path, header, ["point", "status"])
    points = table[table["status"] == "done"]
    if points.empty:
        raise tables.Failure(tables.BAD_DATA, f"{path}: none of its {len(table)} points is done, "
                                              f"so there is nothing to draw")
    columns = tables.SUMMARY_COLUMNS + ["capacity_bytes"] + means
    tables.require_columns(path, header, columns)
    points = tables.as_numbers(path, points, columns).reset_index(drop=True)
    axes = header[header.index("point") + 1:header.index("status")]
    for axis in axes:
        points[axis] = points[axis].replace(short_names(list(dict.fromkeys(points[axis]))))
    seeds = [axis for axis in axes if axis == "seed" and points[axis].nunique() > 1]
    across = choose_across(points, [axis for axis in axes if axis not in seeds])
    points["position"] = points[across.path].map(dict(zip(across.values, across.positions)))
    notes = notes_of(table, points, seeds)
    others = [axis for axis in axes
              if axis not in (across.path, "seed") and points[axis].nunique() > 1]
    # Axes that move together with the one across would leave one point a line: they are one line.
    if others and points.groupby([across.path]).ngroups == points.groupby(
            [across.path, *others]).ngroups:
        notes.append(f"{', '.join(axis.rsplit('.', 1)[-1] for axis in others)} vary along")
        others = []
    return Sweep(across, lines_of(points, others, columns), notes, points)


def notes_of(table, points, seeds):
    notes = []
    failed = len(table) - len(points)
    if failed:
        notes.append(f"{failed} of {len(table)} points failed and are left out")
    if seeds:
        notes.append(f"means of {points['seed'].nunique()} seeds")
    return notes


def lines_of(points, others, columns):
    keys = points[others].apply(tuple, axis=1) if others else pandas.Series([()] * len(points))
    lines = []
    for key in dict.fromkeys(keys):
        rows = points[keys == key].groupby("position")[columns].mean().reset_index()
        name = ", ".join(named(axis, value) for axis, value in zip(others, key))
        lines.append(Line(name, rows))
    return lines
