#!/usr/bin/python3
"""Opens the page of `tessera report` in Chromium and uses it as a person would.

Usage: report_test.py TESSERA CHROMIUM SCENARIOS [unittest arguments]
"""

import csv
import pathlib
import subprocess
import sys
import tempfile
import unittest

from chromium import Page

TESSERA, CHROMIUM, SCENARIOS = sys.argv[1:4]

# Texts that share a place, or that do not fit theirs. Tables scroll, so their inside may be hidden.
BAD_TEXTS = """(() => {
  const bad = [], seen = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const parent = node.parentElement, text = node.textContent.trim();
    if (!text || parent.closest("script, style, noscript, option, .scroll, pre, .skip, [hidden]")) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const box of range.getClientRects()) {
      if (box.width < 1 || box.height < 1) continue;
      if (box.right > document.documentElement.clientWidth + 0.5 || box.left < -0.5) bad.push("beyond the page: " + text);
      seen.push({text, left: box.left + 1, right: box.right - 1, top: box.top + 3, bottom: box.bottom - 3});
    }
    const style = getComputedStyle(parent);
    if (style.overflowX === "hidden" && parent.scrollWidth > parent.clientWidth + 1) bad.push("cut: " + text);
  }
  for (let i = 0; i < seen.length; ++i) for (let k = i + 1; k < seen.length; ++k) {
    const a = seen[i], b = seen[k];
    if (a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom) bad.push(`overlap: "${a.text}" and "${b.text}"`);
  }
  return bad;
})()"""


def write_pages(folder):
    """A sweep of seven points with series, and a run; gives the pages' paths."""
    few = ["--set", "workload.requests=60", "--quiet"]
    subprocess.run([TESSERA, "sweep", f"{SCENARIOS}/t4_llama7b_int8.yaml", "-o", folder / "sweep",
                    "--vary", "engine.policy.max_num_seqs=1,2,4,8,16,32,64",
                    "--set", "output.memory={every: 1 s}", "--set", "output.timeseries={every: 1 s}",
                    "--set", "output.iterations=true", *few],
                   check=True, stdout=subprocess.DEVNULL)
    subprocess.run([TESSERA, "run", f"{SCENARIOS}/t4_llama7b_int8.yaml", "-o", folder / "run",
                    *few], check=True, stdout=subprocess.DEVNULL)
    # Two thousand points: five rates, eight limits, five budgets, ten seeds.
    subprocess.run([TESSERA, "sweep", f"{SCENARIOS}/t4_block_size.yaml", "-o", folder / "many",
                    "--vary", "workload.arrivals={kind: poisson, rate: 0.5 /s},"
                              "{kind: poisson, rate: 1 /s},{kind: poisson, rate: 2 /s},"
                              "{kind: poisson, rate: 4 /s},{kind: poisson, rate: 8 /s}",
                    "--vary", "engine.kv_cache.block_size=16",
                    "--vary", "engine.policy.max_num_seqs=1..128*2",
                    "--vary", "engine.policy.max_num_batched_tokens=128..2048*2",
                    "--vary", "seed=1..10", "--set", "workload.requests=8", "--quiet"],
                   check=True, stdout=subprocess.DEVNULL)
    for name in ("sweep", "run", "many"):
        subprocess.run([TESSERA, "report", folder / name, "--quiet"], check=True)
    return {name: folder / name / "report.html" for name in ("sweep", "run", "many")}


class Report(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.pages = write_pages(pathlib.Path(cls.folder.name))
        cls.page = Page(CHROMIUM)

    @classmethod
    def tearDownClass(cls):
        cls.page.close()
        cls.folder.cleanup()

    def setUp(self):
        self.page.size(1280, 900)
        self.page.call("Emulation.setEmulatedMedia",
                       features=[{"name": "prefers-color-scheme", "value": "light"}])

    def opened(self, name):
        self.page.open(self.pages[name])
        self.page.frame()
        return self.page

    def memory_chart(self, page):
        """Brings the memory stack into view; gives its plotting area on the screen."""
        return page.run("""(() => {
          const over = document.querySelector("#detail .u-over");
          over.scrollIntoView({block: "center", behavior: "instant"});
          const box = over.getBoundingClientRect();
          return [box.left, box.top, box.width, box.height];
        })()""")

    def shown_times(self, page):
        return page.run("run_view.zoomed()")

    def test_opens_without_complaint_and_quickly(self):
        for name in self.pages:
            with self.subTest(name):
                page = self.opened(name)
                self.assertEqual(page.problems(), [])
                self.assertLess(page.script_seconds(), 1.0)

    def test_fetches_nothing_but_itself(self):
        page = self.opened("sweep")
        self.assertEqual(page.requests(), [f"file://{self.pages['sweep']}"])
        page.run("fetch('https://example.com').catch(() => 0)")
        self.assertTrue(any("Content Security Policy" in text for text in page.problems()))

    def test_says_the_finding_first(self):
        page = self.opened("sweep")
        self.assertRegex(page.run("document.querySelector('#finding p').textContent"),
                         r"Throughput peaks at [0-9.]+ requests/s with max_num_seqs \d+")

    def test_shows_values_under_the_mouse(self):
        page = self.opened("run")
        left, top, width, height = self.memory_chart(page)
        value = "document.querySelector('#detail .u-legend .u-series:nth-child(2) .u-value').textContent"
        self.assertEqual(page.run(value), "\u2013")
        page.mouse("mouseMoved", left + width / 2, top + height / 2)
        page.frame()
        self.assertRegex(page.run(value), r"^[0-9.,]+.[KMG]?i?B$")

    def test_zooms_by_dragging_and_by_keyboard(self):
        page = self.opened("run")
        left, top, width, height = self.memory_chart(page)
        self.assertIsNone(self.shown_times(page))
        page.drag(left + width * 0.25, left + width * 0.5, top + height / 2)
        low, high = self.shown_times(page)
        self.assertLess(0, low)
        page.run("[...document.querySelectorAll('#detail button')].find(b => b.textContent === 'Zoom in').focus()")
        page.key("Enter", 13)
        closer = self.shown_times(page)
        self.assertAlmostEqual(closer[1] - closer[0], (high - low) / 2, places=3)
        page.run("[...document.querySelectorAll('#detail button')].find(b => b.textContent === 'Whole run').focus()")
        page.key("Enter", 13)
        self.assertIsNone(self.shown_times(page))

    def test_selects_a_run_by_keyboard(self):
        page = self.opened("sweep")
        page.run("document.querySelector('#run').focus()")
        before = page.run("document.querySelector('#run').value")
        page.key("ArrowUp", 38)
        after = page.run("document.querySelector('#run').value")
        self.assertNotEqual(before, after)
        self.assertEqual(page.run("document.querySelector('tr.chosen').dataset.run"), after)
        self.assertEqual(page.problems(), [])

    def test_sorts_the_table_and_marks_the_best(self):
        page = self.opened("sweep")
        page.run("[...document.querySelectorAll('th button')].find(b => b.textContent.startsWith('mean_ttft')).click()")
        rows = page.run("[...document.querySelectorAll('.runs tbody tr')].map(row => points.mean_ttft_ms[points.point.indexOf(row.cells[0].textContent)])")
        self.assertNotIn(None, rows)
        self.assertEqual(rows, sorted(rows, reverse=True))
        best = page.run("document.querySelector('tr.best').dataset.run")
        self.assertEqual(best, page.run("points.point[points.request_throughput.indexOf(Math.max(...points.request_throughput))]"))

    def best_of_many(self):
        """The highest mean over seeds of a setting's throughput, from summary.csv."""
        groups = {}
        with open(self.pages["many"].parent / "summary.csv", newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                key = (row["workload.arrivals"], row["engine.policy.max_num_seqs"],
                       row["engine.policy.max_num_batched_tokens"])
                groups.setdefault(key, []).append(float(row["request_throughput"]))
        self.assertEqual({len(group) for group in groups.values()}, {10})
        return max(sum(group) / 10 for group in groups.values())

    def test_two_thousand_points_are_slices_through_the_best_setting(self):
        self.assertLess(self.pages["many"].stat().st_size, 3_000_000)
        page = self.opened("many")
        self.assertEqual(page.problems(), [])
        best = self.best_of_many()
        self.assertAlmostEqual(page.run("settings.column('request_throughput')[settings.best]"),
                               best, places=5)
        self.assertEqual(page.run("document.querySelector('.number .value').textContent"),
                         f"{best:#.3g}")
        self.assertEqual(page.run("[settings.count, view.x_axis, view.shown.length <= 8]"),
                         [200, "engine.policy.max_num_seqs", True])
        page.run("document.querySelector('#across').focus()")
        page.key("ArrowDown", 40)
        self.assertNotEqual(page.run("view.x_axis"), "engine.policy.max_num_seqs")
        self.assertEqual(page.run("document.activeElement.id"), "across")
        self.assertEqual(page.problems(), [])
        self.assertLess(page.script_seconds(), 1.0)

    def test_long_tables_turn_pages_and_filter(self):
        page = self.opened("many")
        ids = "[...document.querySelectorAll('.runs tbody tr')].map(row => row.cells[0].textContent)"
        first = page.run(ids)
        self.assertEqual(len(first), 200)
        page.run("[...document.querySelectorAll('.pages button')].find(b => b.textContent === 'Next').focus()")
        page.key("Enter", 13)
        second = page.run(ids)
        self.assertEqual(len(set(first) | set(second)), 400)
        self.assertEqual(page.run("document.activeElement.textContent"), "Next")
        self.assertEqual(page.run("document.querySelector('.pages span').textContent"),
                         "201\u2013400 of 2,000")
        page.run("document.querySelector('#filter').focus()")
        page.call("Input.insertText", text="max_num_seqs=1 seed=3")
        page.frame()
        found = page.run(ids)
        self.assertEqual(len(found), 25)
        self.assertTrue(page.run(f"""{ids}.every(id => {{
          const i = points.point.indexOf(id.replace("\u2605 ", ""));
          return points["engine.policy.max_num_seqs"][i] === "1" && points.seed[i] === "3";
        }})"""))

    def test_switches_to_dark_and_back(self):
        page = self.opened("run")
        shade = "getComputedStyle(document.documentElement).backgroundColor"
        light = page.run(shade)
        page.run("document.querySelector('#theme').click()")
        self.assertNotEqual(page.run(shade), light)
        page.run("document.querySelector('#theme').click()")
        self.assertEqual(page.run(shade), light)
        page.call("Emulation.setEmulatedMedia",
                  features=[{"name": "prefers-color-scheme", "value": "dark"}])
        page.frame()
        self.assertNotEqual(page.run(shade), light)

    def test_no_text_overlaps_or_is_cut_at_any_width(self):
        for name in self.pages:
            page = self.opened(name)
            for width in (1280, 800, 390):
                with self.subTest(page=name, width=width):
                    page.size(width, 900, mobile=width < 500)
                    page.run("window.scrollTo(0, 0)")
                    self.assertEqual(page.run(BAD_TEXTS), [])
                    self.assertLessEqual(page.run("document.documentElement.scrollWidth"), width)

    def test_prints(self):
        page = self.opened("sweep")
        page.size(720, 900)
        page.call("Emulation.setEmulatedMedia", media="print")
        page.frame()
        # Paper does not scroll, and the run that is drawn has to be said.
        self.assertLessEqual(page.run("document.documentElement.scrollWidth"), 720)
        self.assertRegex(page.run("document.querySelector('.bar').innerText"), r"max_num_seqs \d+")
        self.assertEqual(page.run(BAD_TEXTS), [])
        page.call("Emulation.setEmulatedMedia", media="")
        pdf = page.call("Page.printToPDF")["data"]
        self.assertGreater(len(pdf), 20_000)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[4:]], verbosity=2)
