"""A dataset folder of invented conversations, in the layout that 1_preprocess leaves.

Shape: folder -> the same folder with four JSONL files and a manifest.
"""

import json
import random
from pathlib import Path

from tests.models.tiny import SENTENCES

SYSTEM = "You are Luke, sharing your authentic thoughts and experiences with warmth and wisdom."
CONSENT = {
    "user_id": "luke",
    "purpose": "training",
    "granted_by": "Luke",
    "granted_on": "2026-11-01",
}
QUESTIONS = ["What did you learn?", "Who taught you?", "Where do you go?", "What stays with you?"]


def make_dataset(folder: Path, examples: int = 24, sentences: int = 2) -> Path:
    """Write a small dataset: `examples` in stage 1, a third of that elsewhere."""
    folder.mkdir(parents=True, exist_ok=True)
    draw = random.Random(5)
    sizes = {"train_stage1": examples, "train_stage2": examples // 3}
    sizes |= {"validation": examples // 3, "test": examples // 3}
    for name, size in sizes.items():
        rows = [_example(f"{name}-{n}", draw, sentences) for n in range(size)]
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    manifest = {
        "dataset_hash": "0" * 64,
        "user_id": "luke",
        "name": "Luke",
        "system_prompt": SYSTEM,
        "consents": [CONSENT],
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def _example(name: str, draw: random.Random, sentences: int) -> dict:
    answer = " ".join(draw.sample(SENTENCES, sentences))
    return {
        "example_id": name,
        "kind": "original",
        "category": "work",
        "question_ids": [draw.randrange(100)],
        "messages": [
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": draw.choice(QUESTIONS)},
            {"role": "assistant", "content": answer},
        ],
    }
