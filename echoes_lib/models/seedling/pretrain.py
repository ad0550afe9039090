"""Train a causal language model from nothing on a stream of tokens.

A plain loop: fixed-length blocks cut from the concatenated conversations, AdamW,
a rate that rises, stays and falls. The batch of a step depends on the seed and
the step number alone, so a run that was killed continues from its checkpoint to
the same weights, bit for bit on the same machine. Before the fall begins, a run
may also be continued with another number of steps, shorter or longer, and still
equals the run that had this number from the start.

What it does not do: write the corpus (`corpus`), adapters, or several devices.
Blocks may hold the end of one conversation and the start of the next; `<s>`
between them is all that tells the model so.

Shape: model + tokens (n,) -> the model, trained in place, and its loss curve.
"""

from __future__ import annotations

import contextlib
import math
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional
from torch.optim import Optimizer
from tqdm import tqdm

__all__ = ["PretrainArgs", "bits_per_byte", "learning_rate_at", "pretrain"]

CHECKPOINT = "checkpoint.pt"
Curve = list[tuple[int, float, float]]
State = tuple[int, Curve]


@dataclass(frozen=True)
class PretrainArgs:
    """How to train.

    Attributes:
        steps: Optimizer steps.
        batch_size: Blocks per step.
        block_tokens: Tokens per block; no text is seen in a longer piece than this.
        whole_every: Every so many steps the blocks are read whole, otherwise as
            halves: attention over halves is cheaper, and most conversations fit.
        learning_rate: Peak, reached after the warmup.
        warmup_steps: Steps of linear rise.
        decay_steps: Steps of linear fall at the end.
        final_ratio: What is left of the peak at the last step.
        weight_decay: On matrices only.
        max_grad_norm: Gradients longer than this are shortened to it.
        checkpoint_every: Steps between checkpoints.
        log_every: Steps between points of the curve.
        seed: Orders the blocks.
    """

    steps: int
    batch_size: int = 2
    block_tokens: int = 1024
    whole_every: int = 4
    learning_rate: float = 2e-3
    warmup_steps: int = 100
    decay_steps: int = 500
    final_ratio: float = 0.02
    weight_decay: float = 0.05
    max_grad_norm: float = 1.0
    checkpoint_every: int = 100
    log_every: int = 20
    seed: int = 0


def learning_rate_at(step: int, args: PretrainArgs) -> float:
    """Return the rate of a step: a linear rise, a plain, a linear fall.

    Example:
        >>> args = PretrainArgs(steps=10, warmup_steps=2, decay_steps=4, learning_rate=1.0)
        >>> learning_rate_at(0, args), learning_rate_at(5, args)
        (0.5, 1.0)

    Source: warmup-stable-decay, MiniCPM, arXiv 2404.06395.
    """
    if step < args.warmup_steps:
        return args.learning_rate * (step + 1) / args.warmup_steps
    left = min(1.0, (args.steps - 1 - step) / max(1, args.decay_steps))
    return args.learning_rate * (args.final_ratio + (1 - args.final_ratio) * left)


def _blocks(tokens: np.ndarray, args: PretrainArgs) -> np.ndarray:
    """Cut the stream into rows of inputs plus the one token after them: (n, block + 1)."""
    count = (len(tokens) - 1) // args.block_tokens
    if count < args.batch_size:
        raise ValueError(
            f"{len(tokens)} tokens make {count} blocks, fewer than "
            f"batch_size={args.batch_size}: write more text"
        )
    starts = np.arange(count)[:, None] * args.block_tokens
    return tokens[starts + np.arange(args.block_tokens + 1)[None, :]].astype(np.int64)


def _batch(blocks: np.ndarray, step: int, args: PretrainArgs) -> torch.Tensor:
    """Return the rows of a step: (batch, block + 1).

    The first pass reads in the order of writing, which is random already and does
    not change when the corpus grows; every later pass has an order of its own.
    """
    epoch, at = divmod(step, len(blocks) // args.batch_size)
    order = np.arange(len(blocks))
    if epoch:
        np.random.default_rng((args.seed, epoch)).shuffle(order)
    return torch.from_numpy(blocks[order[at * args.batch_size : (at + 1) * args.batch_size]])


def _optimizer(model: torch.nn.Module, args: PretrainArgs) -> torch.optim.AdamW:
    matrices = [p for p in model.parameters() if p.ndim >= 2]
    vectors = [p for p in model.parameters() if p.ndim < 2]
    groups = [
        {"params": matrices, "weight_decay": args.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=args.learning_rate, betas=(0.9, 0.95), fused=True)


def _loss(model: torch.nn.Module, rows: torch.Tensor, pieces: int = 1) -> torch.Tensor:
    """Mean cross-entropy of rows (batch, block + 1), each cut into so many pieces."""
    device = next(model.parameters()).device
    inputs, targets = rows.to(device)[:, :-1], rows.to(device)[:, 1:]
    inputs = inputs.reshape(len(rows) * pieces, -1)
    # bf16 only on CUDA: on CPUs without bf16 units it is 25 times slower than fp32.
    cuda = device.type == "cuda"
    with torch.autocast("cuda", torch.bfloat16) if cuda else contextlib.nullcontext():
        logits = model(input_ids=inputs, use_cache=False).logits  # (batch, block, vocabulary)
    return functional.cross_entropy(logits.flatten(0, 1).float(), targets.flatten())


def _save(path: Path, state: dict) -> None:
    """Write beside and rename, so that a kill leaves the old checkpoint or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".tmp")
    torch.save(state, beside)
    beside.replace(path)


def _resume(path: Path, model: torch.nn.Module, optimizer: Optimizer, args: PretrainArgs) -> State:
    """Load a checkpoint into model and optimizer; return its step and curve."""
    if not path.exists():
        return 0, []
    saved = torch.load(path, map_location=next(model.parameters()).device, weights_only=False)
    _check_same_run(path, saved["args"], saved["step"], args)
    model.load_state_dict(saved["model"])
    optimizer.load_state_dict(saved["optimizer"])
    return saved["step"], saved["curve"]


def _check_same_run(path: Path, old: PretrainArgs, step: int, args: PretrainArgs) -> None:
    falling = min(old.steps - old.decay_steps, args.steps - args.decay_steps)
    same = replace(old, steps=args.steps, decay_steps=args.decay_steps) == args
    # Up to the fall the rate knows nothing of the end, so the end may still move.
    if not same or (step > falling and old != args):
        raise ValueError(
            f"{path} at step {step} belongs to a run with other arguments ({old}): "
            "delete it or use another folder"
        )


def pretrain(
    model: torch.nn.Module,
    tokens: np.ndarray,
    args: PretrainArgs,
    checkpoint_dir: Path | None = None,
    stop_after: int | None = None,
) -> Curve:
    """Train in place.

    Args:
        model: A causal language model that takes `input_ids` and returns `.logits`.
        tokens: The corpus, `(n,)` unsigned integers.
        args: How to train.
        checkpoint_dir: Where to save and resume; None keeps nothing.
        stop_after: Save and leave after this step, as a kill would; for tests.

    Returns:
        The curve: (step, mean loss in nats since the last point, seconds of training so far,
        those of killed processes included).

    Raises:
        ValueError: Too few tokens, or the checkpoint has other arguments.
    """
    blocks, optimizer = _blocks(tokens, args), _optimizer(model, args)
    path = checkpoint_dir / CHECKPOINT if checkpoint_dir else None
    start, curve = _resume(path, model, optimizer, args) if path else (0, [])
    last = min(args.steps, stop_after or args.steps)
    began = time.perf_counter() - (curve[-1][2] if curve else 0.0)
    model.train()
    losses: list[float] = []
    steps = range(start, last)
    bar = tqdm(steps, "pretrain", total=args.steps, unit="step", initial=start, mininterval=5)
    for step in bar:
        losses.append(_step(model, optimizer, _batch(blocks, step, args), step, args))
        done = step + 1
        if done % args.log_every == 0 or done == last:
            curve.append((done, sum(losses) / len(losses), time.perf_counter() - began))
            losses.clear()
            bar.set_postfix(loss=f"{curve[-1][1]:.3f}", refresh=False)
        if path and (done % args.checkpoint_every == 0 or done == last):
            _save(path, _state(model, optimizer, args, done, curve))
    return curve


def _step(
    model: torch.nn.Module, optimizer: Optimizer, rows: torch.Tensor, step: int, args: PretrainArgs
) -> float:
    for group in optimizer.param_groups:
        group["lr"] = learning_rate_at(step, args)
    loss = _loss(model, rows, pieces=1 if step % args.whole_every == 0 else 2)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), args.max_grad_norm)
    optimizer.step()
    return loss.item()


def _state(
    model: torch.nn.Module, optimizer: Optimizer, args: PretrainArgs, step: int, curve: Curve
) -> dict:
    weights, moments = model.state_dict(), optimizer.state_dict()
    return {"model": weights, "optimizer": moments, "args": args, "step": step, "curve": curve}


@torch.inference_mode()
def bits_per_byte(model: torch.nn.Module, encoded: list[list[int]], texts: list[str]) -> float:
    """Score texts: lower is better, and tokenizers of any kind compare.

    Args:
        model: A causal language model.
        encoded: The token ids of each text, the first one given for free.
        texts: The texts, whose UTF-8 bytes are counted.

    Returns:
        Total cross-entropy in bits per byte of text.
    """
    model.eval()
    limit = model.config.max_position_embeddings + 1
    rows = [torch.tensor([ids[:limit]]) for ids in encoded]
    nats = sum(_loss(model, row).item() * (row.shape[1] - 1) for row in rows)
    return nats / math.log(2) / sum(len(text.encode()) for text in texts)
