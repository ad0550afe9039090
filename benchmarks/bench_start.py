"""From `papermill` to the first optimizer step of notebook 3, and where the seconds go.

    make bench-start

A home with Luke's dataset is made first, unmeasured. Then notebook 3 runs as a user runs it, and
is stopped after its first step. Seconds of the clock:

kernel      papermill's own imports, and a kernel that answers
imports     the notebook's first cell: libraries, parameters, the MLflow run
loading     the base model
rest        tokenizing, the adapter, the first score of the validation set, the first step
tokenizing  of the whole dataset, measured by itself in another process; part of `rest`

Prints JSON last.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROUNDS = 3
LIMIT_S = 20.0
ROOT = Path(__file__).resolve().parents[1]
PROFILE = ROOT / "params" / "demo"
_TOKENIZE = """
import sys, time
from pathlib import Path
from echoes_lib.models.load import load_tokenizer
from echoes_lib.params.schema import TrainParams
from echoes_lib.training.dataset import load_training_data
tokenizer = load_tokenizer(TrainParams())
began = time.perf_counter()
load_training_data(Path(sys.argv[1]), tokenizer, 768)
print(time.perf_counter() - began)
"""


def prepare(home: Path) -> Path:
    """Write the sample and Luke's dataset, and make the MLflow store, which a first run would."""
    from echoes_lib.params import PreprocessParams
    from echoes_lib.reflections.dataset import build_dataset, dataset_dir
    from echoes_lib.reflections.sources.sample import write_sample
    from echoes_lib.tracking.store import prepare_store
    from echoes_lib.workspace import workspace

    write_sample(workspace().database_url)
    prepare_store()
    params = PreprocessParams()
    return build_dataset(params, folder=dataset_dir(params)).folder


def start(home: Path) -> dict[str, float]:
    """Run notebook 3 up to its first step."""
    progress, output = home / "progress.json", home / "out.ipynb"
    progress.unlink(missing_ok=True)
    command = [
        sys.executable,
        "-m",
        "papermill",
        str(ROOT / "notebooks/3_train.ipynb"),
        str(output),
    ]
    command += ["-f", str(PROFILE / "common.yaml"), "-f", str(PROFILE / "3_train.yaml")]
    command += ["--no-progress-bar"]
    began = time.time()
    environment = os.environ | {"ECHOES_PROGRESS": str(progress)}
    process = subprocess.Popen(
        command, env=environment, stderr=subprocess.DEVNULL, start_new_session=True
    )
    while "stage1" not in (progress.read_text() if progress.is_file() else ""):
        if process.poll() is not None:
            raise SystemExit("notebook 3 ended before its first step: run it by hand to see why")
        time.sleep(0.01)
    first_step = time.time()
    # Papermill saves after each cell, so what is needed is in the file; its kernel goes with it.
    os.killpg(process.pid, signal.SIGTERM)
    process.wait()
    return _split(json.loads(output.read_text()), began, first_step)


def _split(notebook: dict, began: float, first_step: float) -> dict[str, float]:
    from datetime import datetime

    def ended(mark: str) -> tuple[float, float]:
        cell = next(c for c in notebook["cells"] if mark in "".join(c["source"]))
        times = cell["metadata"]["papermill"]
        return tuple(
            datetime.fromisoformat(times[k]).timestamp() for k in ("start_time", "end_time")
        )

    imports, loading = ended("start_step("), ended("load_base(")
    return {
        "total_s": first_step - began,
        "kernel_s": imports[0] - began,
        "imports_s": imports[1] - imports[0],
        "loading_s": loading[1] - loading[0],
        "rest_s": first_step - loading[1],
    }


def main() -> None:
    """Measure some starts, print each, then the medians as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {"ECHOES_HOME": home, "HF_HUB_OFFLINE": "1"}
        folder = prepare(Path(home))
        found = []
        for _ in range(given.rounds):
            found.append(start(Path(home)))
            print(found[-1], file=sys.stderr)
        alone = subprocess.run(
            [sys.executable, "-c", _TOKENIZE, str(folder)],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    medians = {key: round(statistics.median(f[key] for f in found), 2) for key in found[0]}
    medians |= {"tokenizing_s": round(float(alone.stdout), 2), "limit_s": LIMIT_S}
    print(json.dumps(medians, indent=1))


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
