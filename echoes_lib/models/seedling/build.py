"""Build the seedling: corpus -> tokenizer -> pretraining -> a folder to load.

    python -m echoes_lib.models.seedling.build --work data/seedling

What it does not do: download anything. The text is written from a seed, the
weights begin as noise, and the same seed on the same machine gives the same
folder.

Shape: seed + number of conversations -> `weights/` with config.json,
generation_config.json, model.safetensors (float16), tokenizer files and
training.json.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import os
import platform
import shutil
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tokenizers
import torch
import transformers
from tqdm import tqdm
from transformers import GenerationConfig, PreTrainedTokenizerFast

from echoes_lib.models.seedling import SEEDLING_DIR
from echoes_lib.models.seedling.architecture import new_model, seedling_config, train_tokenizer
from echoes_lib.models.seedling.corpus import conversations, held_out
from echoes_lib.models.seedling.pretrain import (
    CHECKPOINT,
    PretrainArgs,
    bits_per_byte,
    half_precision,
    pretrain,
)

__all__ = ["Written", "build", "main", "read_corpus", "render"]

CONVERSATIONS = 60_000
TOKENIZER_CONVERSATIONS = 10_000
HELD_OUT_CONVERSATIONS = 200
CHUNK = 256
THREADS = 2


class Written(NamedTuple):
    """A corpus: the ids of each conversation `(n,)`, and the messages that they render."""

    tokens: list[np.ndarray]
    messages: list[list[dict[str, str]]]

    def sha256(self) -> str:
        """Return the hash of all ids in their order."""
        return hashlib.sha256(np.concatenate(self.tokens).tobytes()).hexdigest()


def read_corpus(tokenizer: PreTrainedTokenizerFast, count: int, seed: int) -> Written:
    """Write conversations and encode them.

    Args:
        tokenizer: Carries the chat template.
        count: How many.
        seed: The corpus seed.
    """
    written = Written([], [])
    for start in tqdm(range(0, count, CHUNK), "corpus", mininterval=5):
        talks = list(conversations(min(CHUNK, count - start), seed, start=start))
        texts = [render(tokenizer, messages) for messages in talks]
        ids = tokenizer(texts, add_special_tokens=False)["input_ids"]
        written.tokens.extend(np.array(row, dtype=np.uint16) for row in ids)
        written.messages.extend(talks)
    return written


def render(tokenizer: PreTrainedTokenizerFast, messages: list[dict[str, str]]) -> str:
    """Write one conversation in the chat format."""
    return tokenizer.apply_chat_template(messages, tokenize=False)


def _train_tokenizer(seed: int) -> PreTrainedTokenizerFast:
    talks = conversations(TOKENIZER_CONVERSATIONS, seed)
    return train_tokenizer(message["content"] for talk in talks for message in talk)


def _score(model: torch.nn.Module, tokenizer: PreTrainedTokenizerFast, seed: int) -> float:
    texts = [render(tokenizer, messages) for messages in held_out(HELD_OUT_CONVERSATIONS, seed)]
    return bits_per_byte(model, tokenizer(texts, add_special_tokens=False)["input_ids"], texts)


def _generation_config(model: torch.nn.Module) -> GenerationConfig:
    """Give a bare `generate` the project's defaults for a reply."""
    ids = ("bos_token_id", "eos_token_id", "pad_token_id")
    sampling = {"do_sample": True, "temperature": 0.7, "top_p": 0.9, "top_k": 50}
    return GenerationConfig(
        **{name: getattr(model.config, name) for name in ids},
        **sampling,
        repetition_penalty=1.1,
        max_new_tokens=256,
    )


def _save(
    folder: Path, model: torch.nn.Module, tokenizer: PreTrainedTokenizerFast, record: dict
) -> None:
    """Write a complete folder beside the target, then swap it in."""
    beside, old = (folder.with_name(folder.name + end) for end in (".tmp", ".old"))
    for leftover in (beside, old):
        shutil.rmtree(leftover, ignore_errors=True)
    # float16 halves the file; loaded as float32 the rounding is far below the training noise.
    model.to(torch.float16).save_pretrained(beside)
    _generation_config(model).save_pretrained(beside)
    tokenizer.save_pretrained(beside)
    _inline_template(beside, tokenizer.chat_template)
    (beside / "model.safetensors").chmod(0o644)
    (beside / "training.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    if folder.exists():
        folder.rename(old)
    beside.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def _inline_template(folder: Path, template: str) -> None:
    """Put the template into the config alone, where older readers look for it."""
    path = folder / "tokenizer_config.json"
    config = json.loads(path.read_text(encoding="utf-8")) | {"chat_template": template}
    path.write_text(json.dumps(config, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (folder / "chat_template.jinja").unlink(missing_ok=True)


def _versions() -> dict[str, str]:
    libraries = {
        module.__name__: module.__version__ for module in (torch, transformers, tokenizers)
    }
    return {"python": platform.python_version(), **libraries}


def build(out: Path, count: int, seed: int = 0, work: Path | None = None) -> dict:
    """Build the seedling into a folder.

    Args:
        out: Replaced when everything is finished, untouched before.
        count: How many conversations to train on, each read once.
        seed: Decides text, weights and order.
        work: Checkpoint folder; None means the run cannot be resumed.

    Returns:
        The record that is also written as `training.json`.
    """
    torch.set_num_threads(THREADS)
    began = time.perf_counter()
    tokenizer = _train_tokenizer(seed)
    written = read_corpus(tokenizer, count, seed)
    args = PretrainArgs(seed=seed)
    model = new_model(seedling_config(), seed)
    if torch.cuda.is_available():
        model.cuda()
    device = next(model.parameters()).device
    ready = time.perf_counter()
    curve = pretrain(model, written.tokens, args, work)
    record = {
        "seed": seed,
        "conversations": count,
        "tokens": sum(map(len, written.tokens)),
        "tokens_sha256": written.sha256(),
        "parameters": sum(p.numel() for p in model.parameters()),
        "args": dataclasses.asdict(args),
        "held_out_bits_per_byte": round(_score(model, tokenizer, seed), 4),
        "corpus_s": round(ready - began, 1),
        "pretrain_s": round(curve[-1][2], 1),
        "device": device.type,
        "precision": "bfloat16" if half_precision(device) else "float32",
        "versions": _versions(),
        "curve": [[step, round(loss, 4), round(seconds, 1)] for step, loss, seconds in curve],
    }
    _save(out, model.cpu(), tokenizer, record)
    if work:  # a finished build is not to be gone on from, perhaps with another corpus
        (work / CHECKPOINT).unlink(missing_ok=True)
    return record


def main(argv: list[str] | None = None) -> None:
    """Read the command line and build."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--conversations", type=int, default=CONVERSATIONS, help="to read, each once")
    add("--out", type=Path, default=SEEDLING_DIR, help="replaced when everything is finished")
    add("--work", type=Path, default=None, help="folder for checkpoints, to resume a killed run")
    add("--seed", type=int, default=0, help="decides text, weights and order")
    given = parser.parse_args(argv)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # sums in one order on CUDA too
    record = build(given.out, given.conversations, given.seed, given.work)
    print(f"{given.out}: {record['held_out_bits_per_byte']} bits per byte on people it never saw")


if __name__ == "__main__":
    main()
