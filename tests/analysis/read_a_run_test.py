"""analysis/read_a_run.py and analysis/paged_attention.py on what the program itself writes."""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
try:
    import matplotlib
    import pandas
except ImportError as missing:
    print(f"SKIPPED, because {sys.executable} lacks a library: {missing}", file=sys.stderr)
    sys.exit(77)


class Scripts(unittest.TestCase):
    def setUp(self):
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.folder = pathlib.Path(place.name)

    def tessera(self, *arguments):
        subprocess.run([os.environ["TESSERA_PROGRAM"], *map(str, arguments), "--quiet"], check=True,
                       stdout=subprocess.DEVNULL)

    def script(self, name, *arguments):
        return subprocess.run(["/usr/bin/python3", "-B", str(ROOT / "analysis" / name),
                               *map(str, arguments)], capture_output=True, text=True, check=False)

    def test_every_cell_of_the_walk_through_answers(self):
        self.tessera("run", ROOT / "scenarios" / "t4_llama7b_int8.yaml", "-o", self.folder / "a",
                     "--set", "workload.requests=80")
        done = self.script("read_a_run.py", self.folder / "a")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("80 of 80 requests finished", done.stdout)
        in_system, rate, stay = (float(word) for word in done.stdout.splitlines()[-1]
                                 .replace("/s", "").replace("s", "").split()
                                 if word.replace(".", "").isdigit())
        self.assertAlmostEqual(in_system, rate * stay, delta=0.02 * in_system)

    def test_the_figure_puts_ours_beside_theirs(self):
        self.tessera("sweep", ROOT / "scenarios" / "paged_attention_fig2.yaml", "-o",
                     self.folder / "f", "--set", "workload.requests=300")
        done = self.script("paged_attention.py", self.folder / "f")
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = {line.split("  ")[0]: line for line in done.stdout.splitlines()}
        self.assertRegex(rows["Orca (Max)"], r"\d+\.\d \(20\.4\) .* \(8\.9\) .* \(7\.00\)")
        self.assertRegex(rows["vLLM"], r"\d+\.\d \(96\.3\) .* \(-\) .* \(30\.42\)")
        picture = self.folder / "f" / "pictures" / "paged_attention.png"
        self.assertGreater(picture.stat().st_size, 20_000)
        self.assertEqual(self.script("paged_attention.py", self.folder).returncode, 66)


if __name__ == "__main__":
    unittest.main()
