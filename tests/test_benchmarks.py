"""The benchmark of GPUs: it says when there is none, and its whole way runs on a miniature."""

import json
import subprocess
import sys

import pytest

from benchmarks.bench_gpu import CASES, flops_per_token
from benchmarks.random_base import MISTRAL_7B
from echoes_lib.workspace import PROJECT
from tests.training.data import make_dataset

BENCH = PROJECT / "benchmarks" / "bench_gpu.py"


def run(*arguments):
    command = [sys.executable, str(BENCH), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def test_without_a_gpu_nothing_is_measured():
    assert run() == {"skipped": "no CUDA GPU here, nothing was measured"}


def test_the_arithmetic_of_a_token():
    # 4 x (6.98 billion in the layers, half the head) and 6 x 84 million in adapters of rank 32.
    found = {"trained_share": 0.5, "trainable_parameters": 83_886_080}
    assert flops_per_token(MISTRAL_7B, found) == pytest.approx(28.7e9, rel=0.01)


@pytest.mark.slow
def test_a_miniature_goes_the_whole_way(tmp_path):
    result = run("--tiny", "--data", make_dataset(tmp_path / "data"))
    assert set(result["cases"]) == set(CASES) and result["machine"]["gpu"] is None
    cases = result["cases"]
    assert all(case["tokens_per_s"] > 0 and case["steps"] > 0 for case in cases.values())
    assert (cases["two_stage"]["recomputed_layers"], cases["low"]["recomputed_layers"]) == (0, 2)
    ratio = cases["two_stage"]["tokens_per_s"] / cases["trl"]["tokens_per_s"]
    assert result["faster_than_trl"] == pytest.approx(ratio)
