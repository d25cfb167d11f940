#!/usr/bin/python3
"""Runs the recipes for many machines as their schedulers would, and holds them to one process.

What Slurm and Kubernetes do is set the environment of each task and start it: so does this test.

Usage: recipes_test.py BIN RECIPES
"""

import filecmp
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

BIN, RECIPES = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()

# A batch limit of 0 cannot run: a failed point must not fail the job.
STUDY = """name: study
hardware: {gpu: t4}
model: opt-1.3b
workload:
  arrivals: {kind: poisson, rate: 2 /s}
  prompt_tokens: {kind: uniform, min: 16, max: 200}
  output_tokens: {kind: uniform, min: 1, max: 60}
  requests: 20
sweep:
  seed: [1, 2, 3, 4, 5]
  engine.policy.max_num_seqs: [2, 0, 4, 8]
"""


def same_files(folder, other):
    """The names that are not the same in both, by their bytes, manifests apart."""
    names = {str(path.relative_to(root)) for root in (folder, other) for path in root.rglob("*")
             if path.is_file() and path.name != "manifest.json"}
    return sorted(name for name in names if not (folder / name).is_file()
                  or not (other / name).is_file()
                  or not filecmp.cmp(folder / name, other / name, shallow=False))


class Recipes(unittest.TestCase):
    def setUp(self):
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.folder = pathlib.Path(place.name)
        (self.folder / "study.yaml").write_text(STUDY, encoding="utf-8")
        alone = self.run_in(["tessera", "sweep", "study.yaml", "-o", "alone", "--quiet"])
        self.assertEqual(alone.returncode, 2, alone.stderr)

    def run_in(self, command, **environment):
        return subprocess.run(
            command, cwd=self.folder, capture_output=True, text=True, check=False,
            env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", **environment})

    def done(self, command, **environment):
        finished = self.run_in(command, **environment)
        self.assertEqual(finished.returncode, 0, finished.stdout + finished.stderr)

    def equal_to_one_process(self, folder):
        self.assertEqual(same_files(self.folder / "alone", self.folder / folder), [])

    def test_a_slurm_array(self):
        for task in (3, 1, 4, 2):
            self.done([RECIPES / "slurm_array.sh", "study.yaml", "out/s"],
                      SLURM_ARRAY_TASK_ID=str(task), SLURM_ARRAY_TASK_COUNT="4",
                      SLURM_CPUS_PER_TASK="2")
        # A task that is requeued after it was done finds nothing to do.
        self.done([RECIPES / "slurm_array.sh", "study.yaml", "out/s"], SLURM_ARRAY_TASK_ID="1",
                  SLURM_ARRAY_TASK_COUNT="4", SLURM_CPUS_PER_TASK="2")
        self.done([RECIPES / "slurm_merge.sh", "out/s"])
        self.equal_to_one_process("out/s")

    def slurm_with_mpirun(self):
        # Leaks that Open MPI itself has are not ours.
        self.done([RECIPES / "slurm_mpi.sh", "study.yaml", "out"], SLURM_NTASKS="4",
                  OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
                  OMPI_MCA_rmaps_base_oversubscribe="1", ASAN_OPTIONS="detect_leaks=0")
        self.equal_to_one_process("out")

    def test_a_kubernetes_indexed_job(self):
        manifest = (RECIPES / "kubernetes_job.yaml").read_text(encoding="utf-8")
        script = re.search(r"args:\n +- \|\n((?: {14}.*\n)+)", manifest).group(1)
        counts = re.findall(r"(?:completions|parallelism): (\d+)|SHARDS\n +value: \"(\d+)\"", manifest)
        self.assertEqual({first or second for first, second in counts}, {"16"})
        for index in range(4):
            self.done(["sh", "-c", script], JOB_COMPLETION_INDEX=str(index), SHARDS="4")
        self.done(["sh", "-c", "tessera merge out || [ $? -eq 2 ]"])
        self.equal_to_one_process("out")


# Where MPI is not, there is no such program to run.
if (BIN / "tessera-mpi").exists() and shutil.which("mpirun"):
    Recipes.test_slurm_with_mpirun = Recipes.slurm_with_mpirun

if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
