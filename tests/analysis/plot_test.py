"""analysis/plot.py: which pictures it draws, what their titles say, and how it refuses bad input."""

import csv
import hashlib
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import unittest

ANALYSIS = pathlib.Path(__file__).resolve().parents[2] / "analysis"
sys.path.insert(0, str(ANALYSIS))
try:
    import matplotlib
    import numpy
    import pandas
except ImportError as missing:
    print(f"SKIPPED, because {sys.executable} lacks a library: {missing}", file=sys.stderr)
    sys.exit(77)

import findings
import plot
import request_pictures
import run_pictures
import style
import sweep_pictures
import sweeps
import tables

GIB = 2 ** 30
CLASSES = ("driver weights workspace_used workspace_idle graphs kv_live kv_cached_prefix kv_dead "
           "kv_pad kv_duplicate kv_reserved_future kv_reserved_never kv_rounding cached_free "
           "withheld free_unusable free_usable").split()

TIME_PARTS = ("queued_slot queued_memory prefill decode stalled preempted recomputed swapped "
              "held").split()


def write_csv(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def words(text):
    """A title with plain spaces."""
    return text.replace("\u00a0", " ")


def summary_cells(throughput=1.0, tpot=40.0, ttft=900.0, waste=0.05, pool_waste=0.02, live=0.5,
                  preemptions=0):
    cells = {"num_finished": 100, "duration_s": 100 / throughput,
             "request_throughput": throughput, "output_throughput": 200 * throughput,
             "num_preemptions": preemptions, "kv_waste_of_reserved": waste,
             "kv_waste_of_pool": pool_waste, "kv_live_of_pool": live, "capacity_bytes": 15 * GIB}
    for name, value in (("ttft", ttft), ("tpot", tpot)):
        for statistic, factor in (("mean", 1), ("median", 0.9), ("p90", 1.8), ("p99", 2.5)):
            cells[f"{statistic}_{name}_ms"] = value * factor if value != "" else ""
    cells |= {"median_itl_ms": tpot, "p99_itl_ms": tpot if tpot == "" else 10 * tpot}
    for name, share in zip(CLASSES, ledger_shares()):
        cells[f"{name}_mean_bytes"] = share
    times = dict.fromkeys(TIME_PARTS, 0) | {"queued_memory": 600, "prefill": 150, "decode": 250}
    cells |= {f"mean_{name}_ms": time for name, time in times.items()}
    cells["mean_e2el_ms"] = sum(times.values())
    return cells


def ledger_shares(live=3 * GIB):
    """Seven classes in use, which sum to 15 GiB."""
    held = {"driver": GIB // 4, "weights": 7 * GIB, "workspace_idle": GIB // 4, "kv_live": live,
            "kv_reserved_future": GIB // 2, "withheld": GIB}
    held["free_usable"] = 15 * GIB - sum(held.values())
    return [held.get(name, 0) for name in CLASSES]


def sweep_rows(points, **axes_of_all):
    """`points` are (axes, cells); a point whose cells are a text failed for that reason."""
    rows = []
    columns = list(summary_cells())
    for number, (axes, cells) in enumerate(points):
        failed = isinstance(cells, str)
        rows.append({"point": f"{number:04}", **axes, **axes_of_all,
                     "status": "failed" if failed else "done", "reason": cells if failed else "",
                     **({column: "" for column in columns} if failed else cells)})
    return rows


def two_managers():
    """Contiguous stops at 2 requests/s, paged goes on to 5.2 at 64 sequences."""
    points = []
    for kind, rates, waste, live in (
            ("{kind: contiguous, reserve: max}", (0.5, 2.0, 2.0, 2.0), 0.74, 0.2),
            ("{kind: paged}", (0.5, 2.0, 4.9, 5.2), 0.03, 0.9)):
        for limit, rate in zip((1, 4, 16, 64), rates):
            points.append(({"engine.kv_cache": kind, "engine.policy.max_num_seqs": limit},
                           summary_cells(throughput=rate, tpot=30.0 + limit,
                                         waste=waste + limit / 6400, pool_waste=waste / 2,
                                         live=live, preemptions=9 * (rate > 5))))
    return sweep_rows(points)


def memory_rows(count=30, devices=1):
    return [{"time_s": time, "engine": 0, "device": device, "capacity_bytes": 15 * GIB,
             **{f"{name}_bytes": value for name, value in
                zip(CLASSES, ledger_shares(live=(1 + time % 4) * GIB))},
             "largest_free_bytes": GIB, "inactive_split_bytes": 0, "external_shape": 0,
             "external_static_bytes": 0, "external_demand_bytes": 0}
            for time in range(count) for device in range(devices)]


def request_rows(count=200):
    """A request a second: number / 10 seconds of waiting, one of prefill, two of decode."""
    rows = []
    for number in range(count):
        # Every tenth was turned away, and has no latencies.
        turned_away = number % 10 == 9
        times = dict.fromkeys(TIME_PARTS, 0)
        times |= {"queued_memory": 100 * number, "prefill": 1000, "decode": 2000}
        row = {"request_id": number, "engine": 0, "arrival_s": number,
               "scheduled_s": number * 1.1, "first_token_s": number * 1.1 + 1,
               "finished_s": number * 1.1 + 3, "ttft_ms": 100 + 10 * number,
               "tpot_ms": 40 + number / 10 if number else "", "e2el_ms": 3000 + 100 * number,
               "status": "finished", "reason": "",
               **{f"{name}_ms": time for name, time in times.items()}}
        if turned_away:
            row |= {"status": "rejected", "scheduled_s": "", "first_token_s": ""}
            row |= {name: "" for name in row if name.endswith("_ms")}
        rows.append(row)
    return rows


def step_rows(count=440):
    """Steps of half a second without a gap, every fourth with a prefill."""
    return [{"iteration": step, "engine": 0, "start_s": step / 2, "end_s": (step + 1) / 2,
             "prefill_tokens": 100 if step % 4 == 0 else 0, "decode_tokens": 5}
            for step in range(count)]


def series_rows(count=600, engines=1):
    rows = []
    for step in range(count):
        # The last interval is half as long as the others.
        time = step + (1 if step < count - 1 else 0.5)
        for engine in range(engines):
            known = step > 0
            rows.append({"time_s": time, "engine": engine, "request_throughput": 1.5,
                         "output_throughput": 100 + 100 * (step % 3),
                         "total_token_throughput": 900,
                         "num_running": step % 20 if known else "",
                         "num_waiting": step % 7 if known else "",
                         "kv_reserved_bytes": 4 * GIB if known else "",
                         "kv_live_bytes": 3 * GIB if known else "",
                         "kv_wasted_bytes": GIB if known else "",
                         "kv_waste_of_reserved": 0.25 if known else "",
                         "kv_waste_of_pool": 0.125 if known else "", "external_fragmentation": 0})
    return rows


def growth_rows():
    """Request 3 grows in blocks of 16 MiB, loses all once, and grows again; request 1 is short."""
    rows = [{"request_id": 1, "engine": 0, "time_s": 0, "written_bytes": 0,
             "reserved_bytes": 2 ** 24}]
    for step in range(41):
        written = 2 ** 20 * step
        gone = step in (20, 40)
        rows.append({"request_id": 3, "engine": 0, "time_s": 5 + step,
                     "written_bytes": 0 if gone else written,
                     "reserved_bytes": 0 if gone else -(-(written + 1) // 2 ** 24) * 2 ** 24})
    return rows


class WithFolder(unittest.TestCase):
    def setUp(self):
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.folder = pathlib.Path(place.name)
        style.apply()

    def plot(self, *arguments, python_options=()):
        return subprocess.run(
            ["/usr/bin/python3", "-B", *python_options, str(ANALYSIS / "plot.py"),
             *map(str, arguments)], capture_output=True, text=True, check=False)

    def write_run(self):
        write_csv(self.folder / "summary.csv", [summary_cells()])
        write_csv(self.folder / "memory.csv", memory_rows())
        write_csv(self.folder / "requests.csv", request_rows())
        write_csv(self.folder / "timeseries.csv", series_rows())
        write_csv(self.folder / "request_kv.csv", growth_rows())
        write_csv(self.folder / "iterations.csv", step_rows())

    def write_sweep(self, rows=None):
        write_csv(self.folder / "summary.csv", rows or two_managers())
        return self.folder / "summary.csv"

    def read_sweep(self, rows):
        return sweeps.read_sweep(self.write_sweep(rows))

    def fails(self, status, *messages, arguments=()):
        done = self.plot(self.folder, "-o", self.folder / "p", *arguments)
        self.assertEqual(done.returncode, status, done.stderr)
        for message in messages:
            self.assertIn(message, done.stderr)
        self.assertNotIn("Traceback", done.stderr)
        self.assertEqual(done.stdout, "")
        self.assertFalse((self.folder / "p").exists(), "no picture is written")


class Files(WithFolder):
    def check_png(self, path):
        content = path.read_bytes()
        self.assertEqual(content[:8], b"\x89PNG\r\n\x1a\n")
        width, height = struct.unpack(">II", content[16:24])
        self.assertEqual(width, 1350)
        self.assertTrue(600 <= height <= 1100, height)
        pixels = matplotlib.image.imread(path)
        self.assertGreater(pixels[:, :, :3].std(), 0.05, f"{path.name} is not blank")

    def test_a_sweep_s_pictures(self):
        self.write_sweep()
        write_csv(self.folder / "runs/0000/memory.csv", memory_rows())
        write_csv(self.folder / "runs/0007/memory.csv", memory_rows())
        write_csv(self.folder / "runs/0003/memory.csv", memory_rows())
        # The last point has the highest throughput.
        write_csv(self.folder / "runs/0007/requests.csv", request_rows())
        done = self.plot(self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stderr, "")
        pictures = [pathlib.Path(line) for line in done.stdout.splitlines()]
        self.assertEqual([path.name for path in pictures], [
            "waste_against_batch_limit.png", "throughput_against_batch_limit.png",
            "throughput_against_latency.png", "gaps_between_tokens_against_batch_limit.png",
            "memory_classes_against_batch_limit.png",
            "waste_by_class_against_batch_limit.png", "where_time_went_against_batch_limit.png",
            "memory_stack_0000.png", "memory_stack_0007.png", "latency_distributions_0007.png",
            "where_time_went_0007.png", "request_timeline_0007.png"])
        for path in pictures:
            self.assertEqual(path.parent, self.folder / "pictures")
            self.check_png(path)

    def test_a_run_s_pictures(self):
        self.write_run()
        done = self.plot(self.folder, "-o", self.folder / "deep/er")
        self.assertEqual(done.returncode, 0, done.stderr)
        pictures = [pathlib.Path(line) for line in done.stdout.splitlines()]
        self.assertEqual([path.name for path in pictures], [
            "memory_stack.png", "waste_by_class.png", "latency_distributions.png",
            "where_time_went.png", "request_timeline.png", "throughput_over_time.png",
            "waste_over_time.png", "request_kv_growth.png"])
        for path in pictures:
            self.assertEqual(path.parent, self.folder / "deep/er")
            self.check_png(path)

    def test_the_histogram_of_free_runs(self):
        self.write_run()
        # Two runs of 1 MiB at each instant, and every other time one of 64 MiB.
        write_csv(self.folder / "free_runs.csv", [
            {"time_s": second, "engine": 0, "at_least_bytes": size << 20, "num_runs": runs,
             "free_bytes": runs * size << 20}
            for second in range(40) for size, runs in ((1, 2), (64, 1))
            if size == 1 or second % 2 == 0])
        done = self.plot(self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("free_runs.png", done.stdout)
        self.check_png(self.folder / "pictures/free_runs.png")
        (_, figure), = plot.free_runs_of(self.folder)
        title = words(figure.texts[0].get_text())
        self.assertTrue(title.startswith("Free KV memory lies in 2.5 runs on average, half of it"),
                        title)
        cells = figure.axes[0].collections[0].get_array().reshape(7, 40)
        self.assertTrue((cells[0] == 2).all())
        self.assertEqual(cells.mask[1:6].all(), True, "nothing lies between")
        self.assertEqual(list(cells.mask[6][:4]), [False, True, False, True])
        self.assertEqual(style.overlaps(figure), [])

    def test_a_point_that_was_asked_for(self):
        self.write_sweep()
        write_csv(self.folder / "runs/0002/memory.csv", memory_rows())
        write_csv(self.folder / "runs/0002/requests.csv", request_rows())
        done = self.plot(self.folder, "--point", "0002")
        self.assertEqual(done.returncode, 0, done.stderr)
        names = [pathlib.Path(line).name for line in done.stdout.splitlines()]
        self.assertEqual(names[7:], ["memory_stack_0002.png", "latency_distributions_0002.png",
                                     "where_time_went_0002.png", "request_timeline_0002.png"])
        done = self.plot(self.folder, "--point", "2")
        self.assertEqual(done.returncode, 65)
        self.assertIn("no point 2 is done; the first is 0000", done.stderr)

    def test_the_same_rows_give_the_same_bytes(self):
        self.write_sweep()
        digests = []
        for name in ("a", "b"):
            done = self.plot(self.folder, "-o", self.folder / name, "--format", "svg,png")
            self.assertEqual(done.returncode, 0, done.stderr)
            digests.append([(pathlib.Path(line).name,
                             hashlib.sha256(pathlib.Path(line).read_bytes()).hexdigest())
                            for line in done.stdout.splitlines()])
        self.assertEqual(len(digests[0]), 14)
        self.assertEqual(digests[0], digests[1])
        drawing = (self.folder / "a/waste_against_batch_limit.svg").read_text(encoding="utf-8")
        self.assertIn("<svg", drawing)
        self.assertNotIn("<dc:date>", drawing)

    def test_tables_that_were_not_asked_for_are_left_out(self):
        write_csv(self.folder / "summary.csv", [summary_cells()])
        write_csv(self.folder / "requests.csv", request_rows())
        done = self.plot(self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(done.stdout.splitlines()), 3)

    def test_what_the_program_writes_can_be_drawn(self):
        program = os.environ.get("TESSERA_PROGRAM", "")
        if not pathlib.Path(program).is_file():
            self.skipTest("TESSERA_PROGRAM does not name the program")
        scenario = self.folder / "small.yaml"
        scenario.write_text(
            "name: small\nseed: 7\nhardware: {gpu: t4}\nmodel: opt-1.3b\n"
            "workload:\n  arrivals: {kind: burst}\n"
            "  prompt_tokens: {kind: uniform, min: 20, max: 200}\n"
            "  output_tokens: {kind: uniform, min: 5, max: 80}\n  requests: 60\n"
            "sweep: {engine.policy.max_num_seqs: [1, 8, 64]}\n"
            "output: {request_kv: true, iterations: true, memory: {every: 1 s}, timeseries: {every: 1 s}}\n",
            encoding="utf-8")
        for verb, pictures in (("sweep", 12), ("run", 8)):
            made = subprocess.run([program, verb, scenario, "-o", self.folder / verb],
                                  capture_output=True, text=True, check=False)
            self.assertEqual(made.returncode, 0, made.stderr)
            done = self.plot(self.folder / verb)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(len(done.stdout.splitlines()), pictures, done.stdout)


class Titles(WithFolder):
    def test_a_sweep_s_titles_say_the_rows_numbers(self):
        sweep = self.read_sweep(two_managers())
        self.assertEqual(words(findings.throughput_title(sweep)),
                         "Paged KV serves 2.6x the requests of contiguous: max at 64 sequences")
        self.assertEqual(words(findings.waste_title(sweep)),
                         "Contiguous: max wastes 74–75 % of the KV memory it reserves, "
                         "paged 3.0–4.0 %")
        self.assertEqual(words(findings.latency_title(sweep)),
                         "From 1 to 64 sequences, paged KV serves 10x the requests at 3.0x the "
                         "time per output token")
        self.assertEqual(words(findings.classes_title(sweep)),
                         "At 64 sequences, paged KV fills 90 % of the KV pool with live tokens, "
                         "contiguous: max 20 %")
        self.assertEqual(findings.preemption_note(sweep),
                         "9 preemptions at 64 sequences (paged)")

    def test_a_sweep_of_one_axis_has_one_unnamed_line(self):
        sweep = self.read_sweep(sweep_rows(
            [({"engine.policy.max_num_seqs": limit}, summary_cells(throughput=rate))
             for limit, rate in ((1, 0.5), (2, 0.9), (4, 1.25), (8, 1.2))]))
        self.assertEqual([line.name for line in sweep.lines], [""])
        self.assertEqual(findings.throughput_title(sweep),
                         "Throughput peaks at 1.25 requests/s with 4 sequences, "
                         "2.5x that of 1 sequence")
        self.assertEqual(words(findings.waste_title(sweep)),
                         "5.0 % of the KV memory that requests reserve is wasted")

    def test_equal_settings_are_not_praised(self):
        rows = two_managers()
        for row in rows:
            row["request_throughput"] = 1.0
        self.assertEqual(findings.throughput_title(self.read_sweep(rows)),
                         "Every setting serves about 1.00 requests/s at 1 sequence")

    def test_a_run_s_titles_say_the_rows_numbers(self):
        self.write_run()
        memory = tables.read_memory(self.folder / "memory.csv")
        live = sum(1 + time % 4 for time in range(30)) / 30
        self.assertEqual(words(findings.memory_title(memory)),
                         f"Of 15.00 GiB, weights take 47 %, live KV {100 * live / 15:.0f} % "
                         f"and KV waste 3.3 % on average")
        requests = pandas.DataFrame({"ttft_ms": [100.0, 200.0, 300.0], "tpot_ms": [20.0, 30.0, 40.0]})
        self.assertEqual(words(findings.distributions_title(requests)),
                         "Half of the requests see their first token within 200 ms, 99 % within "
                         "298 ms; half get the next ones every 30.0 ms or faster")
        series = tables.read_series(self.folder / "timeseries.csv")
        # 600 intervals that repeat 100, 200, 300, the last one half as long.
        mean = (100 * 200 + 200 * 200 + 300 * 199.5) / 599.5
        self.assertEqual(words(findings.throughput_over_time_title(series)),
                         f"{mean:.0f} output tokens/s on average over 9.99 min, with up to 6 "
                         f"requests waiting")
        self.assertEqual(words(findings.waste_over_time_title(series)),
                         "On average 25 % of the reserved KV memory is wasted, 12 % of the pool")

    def test_the_titles_of_requests_say_the_rows_numbers(self):
        self.write_run()
        requests = pandas.read_csv(self.folder / "requests.csv")
        steps = pandas.read_csv(self.folder / "iterations.csv")
        waits = sorted(0.1 * number for number in range(200) if number % 10 != 9)
        median = (waits[89] + waits[90]) / 2
        self.assertEqual(words(findings.timeline_title(requests, steps)),
                         f"Half of the requests wait {median:.2f} s or longer for their first "
                         f"step; 25 % of the steps' time has a prefill in it")
        # The slowest tenth are numbers 180 to 198 without those that were turned away.
        figure = request_pictures.time_parts(requests)
        slowest = [number for number in range(200) if number % 10 != 9][-18:]
        waited = sum(slowest) / 180
        self.assertEqual(words(figure.texts[0].get_text()),
                         f"The slowest tenth spends {100 * waited / (waited + 3):.0f} % of its "
                         f"{waited + 3:.1f} s waiting for memory")

    def test_the_strip_says_how_long_steps_took(self):
        steps = pandas.DataFrame({"start_s": [0.0, 1.0, 3.5], "end_s": [0.5, 3.0, 4.0]})
        shares = request_pictures.busy_share(steps, numpy.array([0.0, 1.0, 2.0, 3.0, 4.0]))
        self.assertEqual(list(shares), [0.5, 1.0, 1.0, 0.5])

    def test_a_sweep_s_stacks_say_the_rows_numbers(self):
        rows = two_managers()
        for row in rows[:4]:
            row["kv_reserved_never_mean_bytes"] = 3 * GIB
            row["kv_reserved_future_mean_bytes"] = GIB
        sweep = self.read_sweep(rows)
        parts = [name for name in style.LEDGER if name in tables.WASTE_CLASSES]
        self.assertEqual(words(findings.waste_classes_title(sweep, parts)),
                         "Contiguous: max wastes up to 4.00 GiB, 75 % of it reserved and never "
                         "used; paged 512 MiB")
        self.assertEqual(words(findings.time_shares_title(sweep)),
                         "With paged KV at 64 sequences, requests spend 60 % of 1.00 s waiting "
                         "for memory")

    def test_gaps_between_tokens(self):
        rows = [({"engine.policy.max_num_batched_tokens": budget},
                 summary_cells(tpot=budget / 10, ttft=ttft))
                for budget, ttft in ((128, 1300), (512, 1100), (2048, 1000))]
        sweep = self.read_sweep(sweep_rows(rows))
        self.assertEqual(words(findings.gaps_title(sweep)),
                         "One gap in a hundred between tokens lasts 2.05 s with "
                         "max_num_batched_tokens 2,048 and 128 ms with max_num_batched_tokens "
                         "128, whose first token comes 30 % later")
        self.assertEqual([words(findings.sooner(ratio)) for ratio in (1.0, 0.8, 1.5, 3.0)],
                         ["as early", "20 % sooner", "50 % later", "3.0x as late"])

    def test_names_say_in_what_settings_differ(self):
        def names(*values):
            return list(sweeps.short_names(values).values())

        self.assertEqual(names("{kind: vllm_v1, max_num_seqs: 64}", "{kind: sglang, seqs: 64}",
                               "{kind: tensorrt_llm, size: 64, policy: keep}",
                               "{kind: tensorrt_llm, size: 64, policy: evict}"),
                         ["vllm_v1", "sglang", "tensorrt_llm: keep", "tensorrt_llm: evict"])
        self.assertEqual(names("{replicas: 1}", "{replicas: 4, router: least}", "{tensor: 4}"),
                         ["replicas 1", "replicas 4", "tensor 4"])
        self.assertEqual(names("{policy: {kind: orca, n: 8}, kv: {kind: contiguous, reserve: max}}",
                               "{policy: {kind: orca, n: 8}, kv: {kind: paged}}"),
                         ["orca, contiguous: max", "orca, paged"])
        self.assertEqual(names("{kind: sarathi, chunk: 512}", "{kind: sarathi, chunk: 2048}"),
                         ["sarathi: chunk 512", "sarathi: chunk 2048"])
        self.assertEqual(names("paged", "64"), [], "only mappings need a name")

    def test_a_request_s_growth(self):
        write_csv(self.folder / "g.csv", growth_rows())
        table = tables.read_numbers(self.folder / "g.csv", ["request_id", "time_s",
                                                            "written_bytes", "reserved_bytes"])
        chosen = run_pictures.request_to_show(table)
        self.assertEqual(chosen, 3)
        rows = table[table["request_id"] == chosen]
        written = sum(step for step in range(40) if step != 20)
        reserved = sum(-(-(step * 2 ** 20 + 1) // 2 ** 24) * 16 for step in range(40) if step != 20)
        self.assertEqual(words(findings.growth_title(chosen, rows)),
                         f"Request 3's KV cache grows to 39.0 MiB in 40.0 s, preempted once; "
                         f"{100 * (1 - written / reserved):.0f} % of its reservation stands empty")

    def test_numbers_in_words(self):
        self.assertEqual([findings.significant(value) for value in
                          (0, 0.12466, 0.999, 1.2263, 305.2, 12848)],
                         ["0", "0.125", "0.999", "1.23", "305", "12,848"])
        self.assertEqual([words(findings.duration(value)) for value in
                          (0.00005, 0.0381, 1.5, 100, 788, 8022)],
                         ["50.0 µs", "38.1 ms", "1.50 s", "100 s", "13.1 min", "2.23 h"])
        self.assertEqual([words(findings.percent(share)) for share in (0, 0.0412, 0.09949, 0.744)],
                         ["0.0 %", "4.1 %", "9.9 %", "74 %"])
        self.assertEqual([sweeps.spoken(value) for value in
                          ("{kind: contiguous, reserve: pow2}", "{kind: paged, block_size: 16}",
                           "{kind: paged}", "64", "{kind: a, memory: {b: 1, c: 2}}")],
                         ["contiguous: pow2", "paged: block_size 16", "paged", "64",
                          "a: memory {b: 1, c: 2}"])


    def test_settings_in_words_compete_with_each_other(self):
        sweep = self.read_sweep(sweep_rows(
            [({"engine.kv_cache": f"{{kind: {kind}}}"},
              summary_cells(throughput=rate, waste=waste, live=live))
             for kind, rate, waste, live in (("contiguous", 1.5, 0.7, 0.3), ("paged", 4.5, 0.04, 0.9),
                                             ("radix", 4.0, 0.01, 0.8))]))
        self.assertEqual([words(title(sweep)) for title in (
            findings.throughput_title, findings.waste_title, findings.latency_title,
            findings.classes_title)],
            ["Paged KV serves 3.0x the requests of contiguous",
             "Contiguous KV wastes 70 % of the KV memory it reserves, radix 1.0 %",
             "Paged KV serves most, 4.50 requests/s at 40.0 ms per output token",
             "Paged KV fills 90 % of the KV pool with live tokens, contiguous 30 %"])


class Sweeps(WithFolder):
    def test_failed_points_are_left_out_and_counted(self):
        rows = sweep_rows([({"engine.policy.max_num_seqs": 1}, summary_cells()),
                           ({"engine.policy.max_num_seqs": 0}, "must be at least 1"),
                           ({"engine.policy.max_num_seqs": 4}, summary_cells(throughput=3))])
        sweep = self.read_sweep(rows)
        self.assertEqual(sweep.across.values, ["1", "4"])
        self.assertEqual(sweep.notes, ["1 of 3 points failed and are left out"])

    def test_seeds_are_averaged(self):
        rows = sweep_rows([({"engine.policy.max_num_seqs": limit, "seed": seed},
                            summary_cells(throughput=limit + seed))
                           for limit in (1, 8) for seed in (1, 2, 3)])
        sweep = self.read_sweep(rows)
        self.assertEqual(len(sweep.lines), 1)
        self.assertEqual(list(sweep.lines[0].rows["request_throughput"]), [3.0, 10.0])
        self.assertEqual(sweep.notes, ["means of 3 seeds"])

    def test_values_with_units_are_in_order_of_size(self):
        rows = sweep_rows([({"workload.arrivals.rate": rate}, summary_cells())
                           for rate in ("10 /s", "2 /s", "0.5 /s")])
        across = self.read_sweep(rows).across
        self.assertEqual((across.positions, across.unit), ([0.5, 2.0, 10.0], "/s"))
        self.assertTrue(across.logarithmic)

    def test_axes_that_move_together_are_one_line(self):
        rows = sweep_rows([({"engine.policy.max_num_seqs": limit, "seed": 7,
                             "engine.policy.max_num_batched_tokens": 100 * limit}, summary_cells())
                           for limit in (1, 2, 4)])
        sweep = self.read_sweep(rows)
        self.assertEqual(len(sweep.lines), 1)


class Looks(WithFolder):
    def check(self, pictures):
        count = 0
        for name, figure in pictures:
            if figure is None:  # there is nothing of its kind to draw
                continue
            self.assertEqual(style.overlaps(figure), [], f"texts touch in {name}")
            count += 1
        return count

    def test_no_texts_touch_in_a_sweep(self):
        names = ("engine.kv_cache", "engine.policy.max_num_seqs")
        three = [({names[0]: f"{{kind: contiguous, reserve: {reserve}}}", names[1]: limit,
                   "engine.policy.chunked_prefill": chunked},
                  summary_cells(throughput=0.001 * limit, tpot=3e4 + limit, preemptions=123456))
                 for reserve in ("max", "pow2", "oracle") for limit in range(1, 25)
                 for chunked in ("true", "false")]
        words_across = [({names[0]: f"{{kind: {kind}}}"}, summary_cells())
                        for kind in ("paged", "contiguous", "static_cache", "tensorrt_llm", "radix")]
        cases = {
            "two managers": two_managers(),
            "six lines, many limits": sweep_rows(three),
            "words across": sweep_rows(words_across),
            "one point": sweep_rows([({"seed": 1}, summary_cells())]),
            "no axis": sweep_rows([({}, summary_cells())]),
            "twenty lines": sweep_rows([({"a.block_size": a, names[1]: b}, summary_cells())
                                        for a in range(20) for b in (1, 256, 65536)]),
            "nothing measured": sweep_rows([({names[1]: limit}, summary_cells(
                tpot="", ttft="", waste="", pool_waste="", live="")) for limit in (1, 2)]),
            "nothing served": sweep_rows([({names[1]: limit}, {**summary_cells(),
                                                               "request_throughput": 0})
                                          for limit in (1, 2)]),
        }
        for case, rows in cases.items():
            with self.subTest(case):
                drawn = self.check(sweep_pictures.pictures(self.read_sweep(rows)))
                self.assertEqual(drawn, 4 if case == "nothing measured" else 7)

    def test_no_texts_touch_in_a_run(self):
        self.write_run()
        write_csv(self.folder / "memory.csv", memory_rows(count=1000, devices=2))
        write_csv(self.folder / "timeseries.csv", series_rows(count=100, engines=2))
        self.assertEqual(self.check(plot.pictures_of_run(self.folder, None)), 8)

    def test_the_stack_reaches_the_device_total_and_leaves_zero_classes_out(self):
        write_csv(self.folder / "memory.csv", memory_rows(devices=2))
        figure = run_pictures.memory_stack(tables.read_memory(self.folder / "memory.csv"))
        axes = figure.axes[0]
        self.assertEqual(axes.get_ylim(), (0, 30))
        self.assertEqual(len(axes.get_legend().get_texts()), 7)
        self.assertEqual(len(axes.patches), 7)

    def test_every_class_has_a_place_and_a_colour_of_its_own(self):
        self.assertEqual(set(style.LEDGER), set(CLASSES))
        self.assertEqual(set(tables.LEDGER_CLASSES), set(CLASSES))
        self.assertEqual(len({colour for _, colour, _ in style.LEDGER.values()}), len(CLASSES))

    def test_managers_keep_their_colours(self):
        both = ["contiguous: max", "paged"]
        self.assertEqual(style.line_look("paged", 1, both)["color"], style.BLUE)
        three = ["radix", "contiguous: max", "contiguous: pow2"]
        looks = [style.line_look(name, i, three)["color"] for i, name in enumerate(three)]
        self.assertEqual(len(set(looks)), 3)


class BadInput(WithFolder):
    def test_wrong_usage(self):
        for arguments in ((), (self.folder, "--format", "gif"), (self.folder, "--what")):
            done = self.plot(*arguments)
            self.assertEqual(done.returncode, 64, done.stderr)
        self.assertIn("usage", self.plot("--help").stdout)

    def test_no_folder(self):
        done = self.plot(self.folder / "nowhere")
        self.assertEqual(done.returncode, 66)
        self.assertIn("nowhere: there is no such folder", done.stderr)
        file = self.folder / "file"
        file.write_text("")
        self.assertEqual(self.plot(file).returncode, 66)

    def test_a_folder_of_something_else(self):
        self.fails(66, "no summary.csv")

    def test_missing_columns(self):
        self.write_run()
        write_csv(self.folder / "requests.csv",
                  [{key: value for key, value in row.items() if key != "tpot_ms"}
                   for row in request_rows()])
        self.fails(65, "requests.csv: missing column tpot_ms")
        self.write_sweep([{key: value for key, value in row.items()
                           if key not in ("kv_waste_of_pool", "request_throughput")}
                          for row in two_managers()])
        self.fails(65, "missing columns request_throughput, kv_waste_of_pool")

    def test_cells_that_are_no_numbers(self):
        for text in ("fast", "nan", "inf"):
            rows = two_managers()
            rows[2]["request_throughput"] = text
            self.write_sweep(rows)
            self.fails(65, f"summary.csv, row 3: request_throughput is '{text}'")
            rows = request_rows()
            rows[4]["ttft_ms"] = text
            write_csv(self.folder / "summary.csv", [summary_cells()])
            write_csv(self.folder / "requests.csv", rows)
            self.fails(65, f"requests.csv, row 5: ttft_ms is '{text}'")
            (self.folder / "requests.csv").unlink()

    def test_a_ledger_that_does_not_sum(self):
        write_csv(self.folder / "summary.csv", [summary_cells()])
        rows = memory_rows()
        rows[6]["kv_live_bytes"] += 1
        write_csv(self.folder / "memory.csv", rows)
        self.fails(65, "memory.csv, row 7: the classes sum to 16106127361 bytes")

    def test_tables_without_rows(self):
        for content, message in (("", "the file is empty"), ("point,status\n", "no rows"),
                                 ("a,b\n1,2,3,4\n\"", "nothing to draw"),
                                 (b"\xff\xfe\x00point", "not a CSV table")):
            data = content if isinstance(content, bytes) else content.encode()
            (self.folder / "summary.csv").write_bytes(data)
            self.fails(65, message)

    def test_a_sweep_of_failures(self):
        self.write_sweep(sweep_rows([({"seed": 1}, "no memory"), ({"seed": 2}, "no memory")]))
        self.fails(65, "none of its 2 points is done")

    def test_a_request_that_is_not_there(self):
        self.write_run()
        self.fails(65, "there is no request 99", arguments=("--request", "99"))

    def test_pictures_that_cannot_be_written(self):
        self.write_sweep()
        (self.folder / "file").write_text("")
        done = self.plot(self.folder, "-o", self.folder / "file/below")
        self.assertEqual(done.returncode, 74, done.stderr)
        self.assertIn("cannot write", done.stderr)
        self.assertNotIn("Traceback", done.stderr)

    def test_no_libraries(self):
        self.write_sweep()
        # Without its site packages, the interpreter has neither pandas nor matplotlib.
        done = self.plot(self.folder, python_options=("-S",))
        self.assertEqual(done.returncode, 69)
        self.assertIn("apt-get install -y --no-install-recommends python3-matplotlib "
                      "python3-pandas", done.stderr)


if __name__ == "__main__":
    unittest.main()
