"""Golden renderings: what a conversation looks like to each model, token by token.

    python -m tests.models.golden    writes tests/models/golden/<family>.json anew

Run it only when a template or a miniature tokenizer is meant to change, and read the diff.

Shape: family -> cases of {system, turns, text, ids, mask}.
"""

import json
from pathlib import Path
from typing import Any

from echoes_lib.models.render import IGNORED, encode
from echoes_lib.models.templates import training_template
from tests.models.families import TOKENIZERS, make_family_tokenizer

FOLDER = Path(__file__).parent / "golden"
SYSTEM = {"role": "system", "content": "You are Luke."}
TURNS = [
    ("What small thing makes you happy?", "Rain on a tin roof."),
    ("And who taught you to notice it?", "My brother; he kept pigeons – naïve ones."),
    ("Why?", "It was a good day.\nIt was dry."),
    ("  Was it\n\nthe canal? ", "1 bench, green, with one slat gone!"),
]


def talk(system: bool, turns: int) -> list[dict[str, str]]:
    """Return a conversation of some turns, with or without a system message."""
    said = [
        {"role": role, "content": content}
        for turn in TURNS[:turns]
        for role, content in zip(("user", "assistant"), turn, strict=True)
    ]
    return [SYSTEM, *said] if system else said


def cases(family: str) -> list[dict[str, Any]]:
    """Render every conversation with the training template of a family."""
    tokenizer = make_family_tokenizer(family)
    template = training_template(tokenizer)
    made = []
    for system in (False, True):
        for turns in range(1, len(TURNS) + 1):
            messages = talk(system, turns)
            encoded = encode(tokenizer, template, messages)
            made.append(
                {
                    "system": system,
                    "turns": turns,
                    "text": tokenizer.apply_chat_template(
                        messages, chat_template=template, tokenize=False
                    ),
                    "ids": encoded.input_ids,
                    "mask": [int(label != IGNORED) for label in encoded.labels],
                }
            )
    return made


def golden(family: str) -> list[dict[str, Any]]:
    """Read the golden cases of a family."""
    return json.loads((FOLDER / f"{family}.json").read_text(encoding="utf-8"))


def write(family: str) -> None:
    """Write the golden cases of a family, one line per field."""
    lines = [
        "  {\n"
        + ",\n".join(f'    "{k}": {json.dumps(v, ensure_ascii=False)}' for k, v in c.items())
        for c in cases(family)
    ]
    text = "[\n" + "\n  },\n".join(lines) + "\n  }\n]\n"
    (FOLDER / f"{family}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for each in TOKENIZERS:
        write(each)
