"""What it does to repeat a share of stage 1 in stage 2: loss on questions that nobody trained on.

    make bench-replay

For some of the sample people and seeds: stage 1 once, then stage 2 from its end with each share.
Validation chooses the point that is kept; the test questions tell what it is worth, in nats per
token: `voice` over all of them, `memories` over the conversations of stage 2 themselves, which says
how well they were learnt. Prints JSON last.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

PEOPLE = ("agnes", "dev", "luke")
SEEDS = (7, 8)
SHARES = (0.0, 0.5, 1.0)


def measure(user_id: str, seed: int, home: Path) -> list[dict[str, Any]]:
    """Train stage 1 once and stage 2 with each share; a row per share."""
    from echoes_lib.models.adapters import new_adapter
    from echoes_lib.models.load import load_base
    from echoes_lib.models.templates import training_template
    from echoes_lib.params import PreprocessParams, load_step
    from echoes_lib.reflections.dataset import build_dataset
    from echoes_lib.reflections.sources.sample import write_sample
    from echoes_lib.training.curve import put_trainable, trainable
    from echoes_lib.training.dataset import encode_all, load_training_data, read_examples
    from echoes_lib.training.scoring import validation_loss

    url, folder = f"sqlite:///{home}/sample.db", home / f"{user_id}-{seed}"
    if not (home / "sample.db").exists():
        write_sample(url)
    given = PreprocessParams(database_url=url, user_id=user_id, seed=seed)
    build_dataset(given, folder=folder)
    params = load_step("3_train", "demo", {"user_id": user_id, "seed": seed})
    base = load_base(params)
    data = load_training_data(folder, base.tokenizer, params.max_length)
    template = training_template(base.tokenizer)
    held_out = read_examples(folder / "test.jsonl")
    test = encode_all(held_out, base.tokenizer, template, params.max_length)
    model = new_adapter(base.model, params)
    first = _fit(model, base, data, params, "stage1")
    after, rows, pad = trainable(model), [], base.tokenizer.pad_token_id
    for share in SHARES:
        put_trainable(model, after)
        given = params.model_copy(update={"stage2_replay_ratio": share})
        second = _fit(model, base, data, given, "stage2")
        rows.append(
            {
                "user_id": user_id,
                "seed": seed,
                "share": share,
                "stage1": first,
                "validation": second,
                "voice": validation_loss(model, test, pad),
                "memories": validation_loss(model, data.stage2, pad),
            }
        )
        print(rows[-1], file=sys.stderr)
    return rows


def _fit(model: Any, base: Any, data: Any, params: Any, name: str) -> float:
    """Train one stage as the trainer does, and return the lowest validation loss."""
    from echoes_lib.tracking import NullRun
    from echoes_lib.training.course import Course, plan_stages
    from echoes_lib.training.fit import fit
    from echoes_lib.training.pace import Pace

    stages = {stage[0]: stage for stage in plan_stages(data, params)}
    _, examples, epochs, ratio = stages[name]
    course = Course(model, base.tokenizer, data, params, NullRun(), None, Pace())
    settings = course.settings(name, epochs, ratio)
    return fit(model, base.tokenizer, examples, data.validation, settings).best_loss


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Take means over people and seeds, and how often a share was better than none."""
    result = {}
    for share in SHARES:
        mine = [row for row in rows if row["share"] == share]
        none = [row for row in rows if row["share"] == 0.0]
        result[str(share)] = {
            **{k: round(statistics.mean(r[k] for r in mine), 4)
               for k in ("stage1", "validation", "voice", "memories")},
            "voice_better_than_none": sum(a["voice"] < b["voice"]
                                          for a, b in zip(mine, none, strict=True)),
            "of": len(mine),
        }  # fmt: skip
    return result


def main() -> None:
    """Measure all people and seeds, print each row, then the summary as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", nargs="+", default=PEOPLE)
    parser.add_argument("--seeds", nargs="+", type=int, default=SEEDS)
    given = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as home:
        for user_id in given.people:
            for seed in given.seeds:
                rows += measure(user_id, seed, Path(home))
    print(json.dumps(summary(rows), indent=1))


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    main()
