#!/usr/bin/python3
"""Runs every scenario as its header says, and holds the run to the numbers that the header gives.

A header's first command is run; its lines "#   POINT COLUMN VALUE" below "# Checked:" name a cell of
summary.csv (POINT is the point of a sweep, or "run") to three digits. "A/B" for the point is A's cell
as a share of B's; a column may be such a share, too, of sums: "a/b+c". `--update` writes the cells
that a change of the simulation is meant to have moved.

The words above must then be mended by a person: every number of the answer has to be one of the
checked ones, as people would say it (12 %, 12 % more or less, 1.2 s of 1200 ms), or one that the
scenario itself or the question has. What the sentences say of a paper is the paper's.

Usage: scenario_headers_test.py TESSERA SCENARIOS [--update]
"""

import csv
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

COMMAND = re.compile(r"#   (tessera (?:run|sweep|capacity) .*)")
CHECK = re.compile(r"(#   ([0-9]{4}(?:/[0-9]{4})?|run) ([a-z0-9_/+]+) )(\S+)$")
NUMBER = re.compile(r"(?<![\w.])\d[\d,]*(?:\.\d+)?(?![\w])")


def header_of(text):
    lines = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        lines.append(line)
    return lines


def command_of(lines):
    """The first command; a line that goes on is indented further."""
    for place, line in enumerate(lines):
        match = COMMAND.match(line)
        if match:
            words = match.group(1)
            for further in lines[place + 1:]:
                if not further.startswith("#     "):
                    break
                words += " " + further[1:].strip()
            return shlex.split(words.split("  #")[0])
    return None


def cells_of(folder):
    """{point: row}; a run's only row is called "run"."""
    with open(folder / "summary.csv", newline="", encoding="utf-8") as file:
        return {row.get("point", "run"): row for row in csv.DictReader(file)}


def three_digits(text):
    try:
        value = float(text)
    except ValueError:
        return text or "-"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def close(shown, text):
    if three_digits(text) == shown:
        return True
    try:
        return abs(float(shown) - float(text)) <= 0.005 * abs(float(text))
    except ValueError:
        return False


def cell(cells, point, column):
    """The text of a cell, or of a share of two; None where there is none such."""
    def sum_of(name, columns):
        return sum(float(cells[name][one]) for one in columns.split("+"))

    try:
        above, _, below = point.partition("/")
        part, _, whole = column.partition("/")
        if not below and not whole:
            return cells[point][column]
        value = sum_of(above, part)
        return repr(value / (sum_of(below, part) if below else sum_of(above, whole)))
    except KeyError:
        return None


def readings(value):
    """What people would say for a checked value: itself, in thousands, in percent, as a change."""
    yield from (value, value / 1000, 100 * value, 100 * (value - 1), 100 * (1 - value))


def unfounded(lines, body, checks):
    """The numbers of the answer that neither a check nor the scenario has."""
    start = next(place for place, line in enumerate(lines) if line.startswith("# Answer:"))
    end = lines.index("# Checked:")
    answer = " ".join(line.lstrip("# ") for line in lines[start:end])
    sentences = [part for part in re.split(r"(?<=[.;:)]) ", answer)
                 if not re.search("paper|published", part)]
    given = {float(number.replace(",", "")) for number in NUMBER.findall("\n".join(lines[:start]) + body)}
    values = []
    for match in checks:
        try:
            values.append(float(match.group(4)))
        except ValueError:
            pass
    wrong = []
    for text in NUMBER.findall(" ".join(sentences)):
        number = text.replace(",", "")
        decimals = len(number.partition(".")[2])
        # A rounded value of three digits may be half a digit off before it is rounded again.
        near = 0.501 * 10 ** -decimals + 0.005 * abs(float(number))
        if float(number) not in given and not any(abs(abs(said) - float(number)) <= near
                                           for value in values for said in readings(value)):
            wrong.append(text)
    return wrong


def run(tessera, scenarios, command, folder):
    words = [word.replace("scenarios/", f"{scenarios}/", 1) for word in command[1:]]
    if "-o" in words:
        place = words.index("-o")
        del words[place:place + 2]
    done = subprocess.run([tessera, *words, "-o", folder / "out", "--quiet"], text=True,
                          capture_output=True, check=False)
    if done.returncode:
        raise AssertionError(f"{shlex.join(command)} ended with {done.returncode}: {done.stderr}")
    return cells_of(folder / "out")


def check(tessera, scenarios, file, update):
    """What is wrong with one scenario, as lines."""
    lines = header_of(file.read_text(encoding="utf-8"))
    command = command_of(lines)
    checks = [match for match in map(CHECK.match, lines) if match]
    if command is None or not checks:
        return [f"{file.name}: the header says neither how to run it nor what comes out"]
    with tempfile.TemporaryDirectory() as folder:
        cells = run(tessera, scenarios, command, pathlib.Path(folder))
    wrong = []
    text = file.read_text(encoding="utf-8")
    for match in checks:
        start, point, column, shown = match.groups()
        found = cell(cells, point, column)
        if found is None:
            wrong.append(f"{file.name}: there is no {column} of {point}")
        elif update:
            text = text.replace(match.group(0) + "\n", start + three_digits(found) + "\n")
        elif not close(shown, found):
            wrong.append(f"{file.name}: {point} {column}: the header says {shown}, the run "
                         f"{three_digits(found)}")
    if update:
        file.write_text(text, encoding="utf-8")
        lines = header_of(text)
        checks = [match for match in map(CHECK.match, lines) if match]
    body = text[len("\n".join(lines)):]
    return wrong + [f"{file.name}: the answer says {number}, which is none of the checked numbers"
                    for number in unfounded(lines, body, checks)]


def main(arguments):
    tessera, scenarios = arguments[0], pathlib.Path(arguments[1])
    update = "--update" in arguments
    named = [word for word in arguments[2:] if word.endswith(".yaml")]
    files = sorted(scenarios.glob("*.yaml"))
    if named:
        files = [file for file in files if file.name in named]
    wrong = []
    for file in files:
        found = check(tessera, scenarios, file, update)
        print(f"{'FAILED' if found else 'ok    '} {file.name}", flush=True)
        wrong += found
    print("\n".join(wrong))
    print(f"{len(files) - len({line.split(':')[0] for line in wrong})} passed, "
          f"{len({line.split(':')[0] for line in wrong})} failed")
    return 1 if wrong or not files else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
