"""Read a dataset folder and turn its conversations into tokens and masks, in memory.

The folder is what 1_preprocess wrote (train_stage1, train_stage2, validation, manifest).
Writes nothing: no caches are left beside the dataset or in a home folder.

Shape: folder + tokenizer -> TrainingData(stage1, stage2, validation: lists of Encoded).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from echoes_lib.errors import DataError, NoAnswers, NoConsent
from echoes_lib.models.render import Encoded, check_end_is_trained, encode
from echoes_lib.models.templates import training_template

SPLITS = {"stage1": "train_stage1", "stage2": "train_stage2", "validation": "validation"}


@dataclass(frozen=True)
class TrainingData:
    """A person's conversations as tokens, and the manifest they came with."""

    stage1: list[Encoded]
    stage2: list[Encoded]
    validation: list[Encoded]
    manifest: dict[str, Any]

    def counts(self) -> list[dict[str, Any]]:
        """Count examples and tokens per split, one row each."""
        return [
            {
                "split": split,
                "examples": len(examples),
                "tokens": sum(len(example.input_ids) for example in examples),
                "trained_tokens": sum(example.trained_tokens for example in examples),
                "longest": max(len(example.input_ids) for example in examples),
                "truncated": sum(example.truncated for example in examples),
            }
            for split, examples in (
                ("stage1", self.stage1),
                ("stage2", self.stage2),
                ("validation", self.validation),
            )
        ]


def load_training_data(folder: Path, tokenizer: Any, max_length: int) -> TrainingData:
    """Read and tokenise the splits that training looks at; the test split stays closed.

    Args:
        folder: the dataset folder of 1_preprocess.
        tokenizer: of the base model.
        max_length: tokens to keep per conversation.

    Returns:
        Tokens, masks and manifest.

    Raises:
        DataError: the folder or one of its files is missing or damaged.
        NoAnswers: a split is empty.
        NoConsent: its manifest names nobody who allowed to train on it.
        ModelError: the mask of a conversation is empty, or its end is not trained.
    """
    folder = Path(folder)
    manifest = _read_manifest(folder)
    _check_consent(manifest)
    template = training_template(tokenizer)
    splits = {
        split: encode_all(read_examples(folder / f"{name}.jsonl"), tokenizer, template, max_length)
        for split, name in SPLITS.items()
    }
    return TrainingData(**splits, manifest=manifest)


def read_examples(path: Path) -> list[dict[str, Any]]:
    """Read one JSONL file of examples.

    Raises:
        DataError: it is missing, or a line is not a JSON object with messages.
        NoAnswers: it holds no example.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except FileNotFoundError:
        raise DataError(f"{path.name} is missing: run notebook 1_preprocess first") from None
    examples = [_example(path, number, line) for number, line in enumerate(lines, 1) if line]
    if not examples:
        raise NoAnswers(
            f"{path.name} holds no example: lower min_words or the ratios in 1_preprocess.yaml "
            "and run 1_preprocess again"
        )
    return examples


def record_data(data: TrainingData, folder: Path, run: Any) -> None:
    """Name in a run the dataset that was learned from and validated on.

    Args:
        data: as read from `folder`.
        folder: the dataset folder of 1_preprocess.
        run: a tracking Run, or NullRun.
    """
    digest, user_id = data.manifest["dataset_hash"], data.manifest["user_id"]
    run.set_tags({"dataset_hash": digest})
    for split, name in SPLITS.items():
        context = "validation" if split == "validation" else "training"
        run.log_dataset(Path(folder) / f"{name}.jsonl", f"{user_id}-{name}", digest, context)


def encode_all(
    examples: Sequence[dict[str, Any]], tokenizer: Any, template: str, max_length: int
) -> list[Encoded]:
    """Tokenise examples and check that every mask is right at its end."""
    encoded = [encode(tokenizer, template, row["messages"], max_length) for row in examples]
    for example in encoded:
        check_end_is_trained(tokenizer, example)
    return encoded


def _example(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        example = json.loads(line)
        example["messages"][0]["role"]
        return example
    except (json.JSONDecodeError, KeyError, TypeError, IndexError):
        raise DataError(
            f"{path.name} line {number} is no example with messages: run 1_preprocess again"
        ) from None


def _check_consent(manifest: dict[str, Any]) -> None:
    """Refuse words that nobody gave for training; who did stands in the manifest."""
    given = [c for c in manifest.get("consents") or () if isinstance(c, dict)]
    if not any(consent.get("purpose") == "training" for consent in given):
        user_id = manifest.get("user_id", "…")
        raise NoConsent(
            f"the dataset's manifest names no consent of user {user_id} to training: record it "
            f"with `echoes consent --user {user_id} --purpose training --by …` and run "
            "1_preprocess again"
        )


def _read_manifest(folder: Path) -> dict[str, Any]:
    try:
        return json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError):
        raise DataError(
            f"the dataset folder {folder.name} has no readable manifest.json: "
            "run notebook 1_preprocess first"
        ) from None
