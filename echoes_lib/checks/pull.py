"""Train an adapter for each sample person and see whom it serves.

If the base can be pulled, the adapter of a person expects that person's held-out answers
better than anybody else's adapter does: the matrix of bits per byte has the least of each
column on its diagonal.

What it does not do: full training (`3_train`); these adapters are small and quick, all with
the same parameters.

Shape: folder to work in -> Pull(bits, base, seconds); Pull -> matplotlib Figure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from tqdm import tqdm

from echoes_lib.checks.yardsticks import by_model
from echoes_lib.evaluation.compare import read_test
from echoes_lib.models.load import load_base
from echoes_lib.params.schema import PreprocessParams, TrainParams
from echoes_lib.reflections.dataset import build_dataset
from echoes_lib.reflections.sources.sample import read_lines, write_sample
from echoes_lib.tracking import NullRun
from echoes_lib.training.stages import train_two_stages

__all__ = ["Pull", "draw_pull", "measure_pull"]

# Twice the usual share is held out: with a tenth one person would have three questions.
DATA = {"test_ratio": 0.2, "target_examples": 150}
TRAINING = {"stage1_epochs": 2.0, "stage2_epochs": 1.0, "evaluations_per_epoch": 1}


@dataclass(frozen=True)
class Pull:
    """What five adapters do to five people's words.

    Attributes:
        bits: Bits per byte by adapter, then by whose held-out answers.
        base: Bits per byte of the base alone, by whose answers.
        questions: How many answers were held out, by person.
        seconds: How long each adapter was trained.
    """

    bits: dict[str, dict[str, float]]
    base: dict[str, float]
    questions: dict[str, int]
    seconds: dict[str, float]

    def off_diagonal(self) -> list[str]:
        """Name the people whose own adapter is not the best for them."""
        return [b for b in self.base if min(self.bits, key=lambda a: self.bits[a][b]) != b]

    def gain(self, name: str) -> float:
        """Return how far a person's own adapter is below the base, as a share of the base."""
        return 1 - self.bits[name][name] / self.base[name]


def measure_pull(work: Path, base_model: str = "seedling") -> Pull:
    """Train the adapters and score each on everybody's held-out answers.

    Args:
        work: Receives a database, datasets and adapters.
        base_model: Name or folder of the base.
    """
    url = f"sqlite:///{work / 'sample.db'}"
    write_sample(url)
    people = {row["user_id"]: row["name"] for row in read_lines("people")}
    common = {"database_url": url, "base_model": base_model}
    folders = {
        user: build_dataset(
            PreprocessParams(user_id=user, **common, **DATA), folder=work / user / "dataset"
        ).folder
        for user in tqdm(people, "datasets", leave=False)
    }
    held_out = {people[user]: _pairs(folder) for user, folder in folders.items()}
    plain = load_base(TrainParams(**common))
    base = by_model(plain.model, plain.tokenizer, held_out)
    bits, seconds = {}, {}
    for user, name in tqdm(people.items(), "adapters", leave=False):
        params = TrainParams(user_id=user, **common, **TRAINING)
        fresh = load_base(params)
        trained = train_two_stages(fresh, folders[user], params, work / user / "train", NullRun())
        seconds[name] = trained.wall_s
        bits[name] = by_model(trained.model, fresh.tokenizer, held_out)
    questions = {name: len(pairs) for name, pairs in held_out.items()}
    return Pull(_of(bits, questions), _of({"": base}, questions)[""], questions, seconds)


def _of(table: Mapping[str, Mapping[str, float]], names: Mapping) -> dict[str, dict[str, float]]:
    """Leave the column of all people out."""
    return {row: {name: found[name] for name in names} for row, found in table.items()}


def _pairs(folder: Path) -> list[tuple[list[dict[str, str]], str]]:
    examples, _ = read_test(folder)
    return [(e["messages"][:-1], e["messages"][-1]["content"].strip()) for e in examples]


def draw_pull(pull: Pull) -> Figure:
    """Draw the matrix: each cell is the change against the base, the least of a column framed."""
    names = list(pull.base)
    figure = Figure(figsize=(8.5, 5.4), layout="constrained")
    axes = figure.subplots()
    change = [[100 * (pull.bits[a][b] / pull.base[b] - 1) for b in names] for a in names]
    most = max(abs(cell) for row in change for cell in row)
    image = axes.imshow(change, cmap="RdBu_r", vmin=-most, vmax=most, aspect="auto")
    for row, a in enumerate(names):
        for column, b in enumerate(names):
            least = min(pull.bits[other][b] for other in names) == pull.bits[a][b]
            _write_cell(axes, column, row, pull.bits[a][b], change[row][column], least, most)
    axes.set_xticks(range(len(names)), [f"{n}\n{pull.questions[n]} answers" for n in names])
    axes.set_yticks(range(len(names)), [f"{name}'s adapter" for name in names])
    axes.set_xlabel("whose held-out answers")
    axes.set_title("Bits per byte, and change against the base; framed: least of the column")
    figure.colorbar(image, label="change against the base, %")
    return figure


def _write_cell(
    axes: Any, column: int, row: int, bits: float, change: float, least: bool, most: float
) -> None:
    colour = "white" if abs(change) > 0.6 * most else "black"
    weight = "bold" if least else "normal"
    text = f"{bits:.3f}\n{change:+.1f}%"
    axes.text(column, row, text, ha="center", va="center", color=colour, fontweight=weight)
    if least:
        corner = (column - 0.47, row - 0.47)
        axes.add_patch(Rectangle(corner, 0.94, 0.94, fill=False, linewidth=2))
