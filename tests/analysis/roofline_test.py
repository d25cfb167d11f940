"""analysis/roofline.py: explained steps under a card's roofs."""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

ANALYSIS = pathlib.Path(__file__).resolve().parents[2] / "analysis"
sys.path.insert(0, str(ANALYSIS))
try:
    import matplotlib
    import pandas
except ImportError as missing:
    print(f"SKIPPED, because {sys.executable} lacks a library: {missing}", file=sys.stderr)
    sys.exit(77)

import roofline
import server_series
import style


class Roofline(unittest.TestCase):
    def setUp(self):
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.folder = pathlib.Path(place.name)

    def explain(self, name, *options):
        table = self.folder / name
        with open(table, "w", encoding="utf-8") as file:
            subprocess.run([os.environ["TESSERA_PROGRAM"], "explain", "--gpu", "t4", "--model",
                            "llama-7b", "--format", "csv", *options], stdout=file, check=True)
        return table

    def draw(self, *arguments):
        return subprocess.run(["/usr/bin/python3", "-B", str(ANALYSIS / "roofline.py"),
                               *map(str, arguments)], capture_output=True, text=True, check=False)

    def test_decodes_lie_left_of_the_ridge_and_prefills_right(self):
        decode = roofline.read_step(self.explain("decode.csv", "--batch", "8"))
        prefill = roofline.read_step(self.explain("p.csv", "--phase", "prefill",
                                                  "--new-tokens", "1024"))
        style.apply()
        figure = roofline.figure_of([("decode", decode), ("prefill", prefill)],
                                    roofline.parse(["x.csv"]))
        title = figure.texts[0].get_text()
        self.assertIn("Below 203 FLOP/B the T4 waits for memory, as in 1 of these 2 steps", title)
        # No operation is above the roof.
        for table in (decode, prefill):
            roofs = (table["intensity"] * 0.32).clip(upper=65)
            self.assertTrue((table["tflops"] < roofs).all())
        self.assertEqual(style.overlaps(figure), [])

    def test_it_writes_the_picture_or_says_why_not(self):
        table = self.explain("decode.csv")
        done = self.draw(table, "-o", self.folder / "a.svg")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("<svg", (self.folder / "a.svg").read_text())
        self.assertEqual(self.draw(self.folder / "none.csv").returncode, 66)
        self.assertEqual(self.draw(table, "-o", "a.gif").returncode, 64)
        (self.folder / "bad.csv").write_text("op,flops\nx,1\n")
        bad = self.draw(self.folder / "bad.csv")
        self.assertEqual(bad.returncode, 65)
        self.assertIn("missing columns bytes, time_us", bad.stderr)


class ServerSeries(unittest.TestCase):
    def test_it_says_how_far_apart_the_series_are(self):
        times = [1.0, 2.0, 3.0]
        simulated = pandas.DataFrame({"t": times, "running": [5.0, 6, 7], "waiting": [0.0, 2, 4],
                                      "kv": [0.5, 0.6, 0.7]})
        measured = simulated.assign(running=[6.0, 7, 8], kv=[0.6, 0.7, 0.8])
        style.apply()
        figure = server_series.figure_of(simulated, measured)
        caption = figure.texts[1].get_text()
        self.assertIn("1.0 running and 0.0 waiting requests and 10.0 % of the KV cache", caption)
        self.assertEqual(style.overlaps(figure), [])


if __name__ == "__main__":
    unittest.main()
