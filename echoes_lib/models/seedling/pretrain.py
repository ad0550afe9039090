"""Train a causal language model from nothing on conversations.

A plain loop over planned batches, and a rate that rises, stays and falls. What a step does
depends on the seed and the step number alone, so a run that was killed continues from its
checkpoint to the same weights, bit for bit on the same machine.

What it does not do: write the corpus (`corpus`), choose batches (`batches`), adapters, or
several devices.

Shape: model + conversations (arrays of ids) -> the model, trained in place, and its loss curve.
"""

from __future__ import annotations

import contextlib
import math
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional
from tqdm import tqdm

from echoes_lib.models.seedling.architecture import CONTROL_TOKENS
from echoes_lib.models.seedling.batches import IGNORED, lay_out, plan_batches
from echoes_lib.models.seedling.optimizers import Optimizers, rate_at

__all__ = ["CHECKPOINT", "PretrainArgs", "bits_per_byte", "half_precision", "pretrain"]

CHECKPOINT = "checkpoint.pt"
OPENING_TOKENS = 24
Curve = list[tuple[int, float, float]]


@dataclass(frozen=True)
class PretrainArgs:
    """How to train.

    Attributes:
        batch_tokens: The most tokens of a step, padding included.
        context: Tokens of the longest row.
        token_dropout: Share of input tokens that are hidden behind `<unk>`, so that the model
            leans on the whole context and not on the last words of a frame, 0-1.
        question_dropout: The same within questions, so that it leans on no single word of
            them and follows a question that is asked in other words, 0-1.
        opening_weight: How many times as much as another the loss of a token among the first
            `OPENING_TOKENS` of an answer counts: they are what depends most on the question.
        matrix_learning_rate: Peak of Muon, reached after the warmup.
        learning_rate: Peak of AdamW, likewise.
        warmup_steps: Steps in which the rates rise; a number and not a share, so that up to the
            fall a long run is the same as a short one.
        decay_ratio: Share of the steps, at the end, in which they fall.
        final_ratio: What is left of the peaks at the last step.
        weight_decay: On the matrices inside the layers.
        max_grad_norm: Gradients longer than this are shortened to it.
        checkpoint_every: Steps between checkpoints.
        log_every: Steps between points of the curve.
        seed: Orders the batches and hides tokens.
        compiled: Let torch.compile fuse what it can, a third faster; where there is no C++
            compiler the run is not compiled, whatever this says.
    """

    batch_tokens: int = 4096
    context: int = 1024
    token_dropout: float = 0.05
    question_dropout: float = 0.2
    opening_weight: float = 2.0
    matrix_learning_rate: float = 1e-2
    learning_rate: float = 4e-3
    warmup_steps: int = 50
    decay_ratio: float = 0.4
    final_ratio: float = 0.02
    weight_decay: float = 0.1
    max_grad_norm: float = 1.0
    checkpoint_every: int = 100
    log_every: int = 20
    seed: int = 0
    compiled: bool = True


def half_precision(device: torch.device) -> bool:
    """Say whether the device multiplies bfloat16 in hardware; others are slower by it.

    Two builds are equal byte for byte only if this is the same for both.
    """
    if device.type == "cuda":
        return True
    known = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(known.get("avx512_bf16") or known.get("amx_bf16"))


def _loss(
    model: torch.nn.Module, inputs: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor
) -> torch.Tensor:
    """Weighted mean cross-entropy over the targets that count; all `(rows, width)`."""
    device = inputs.device
    half = half_precision(device)
    with torch.autocast(device.type, torch.bfloat16) if half else contextlib.nullcontext():
        logits = model(input_ids=inputs, use_cache=False).logits
    losses = functional.cross_entropy(
        logits.flatten(0, 1).float(), targets.flatten(), ignore_index=IGNORED, reduction="none"
    )
    weights = weights.flatten() * (targets.flatten() != IGNORED)
    return (losses * weights).sum() / weights.sum()


def _weigh(inputs: torch.Tensor, args: PretrainArgs) -> torch.Tensor:
    """Let the first targets of each answer count more; weights `(rows, width)`.

    The input at which an answer's first target stands is the mark before it.
    """
    places = torch.arange(inputs.shape[1]).expand_as(inputs)
    never = -OPENING_TOKENS
    marks = places.masked_fill(inputs != CONTROL_TOKENS.index("[/INST]"), never).cummax(1).values
    opens = places - marks < OPENING_TOKENS
    return torch.where(opens, args.opening_weight, 1.0)


def _hide(inputs: torch.Tensor, step: int, args: PretrainArgs) -> torch.Tensor:
    """Put `<unk>`, id 0, in the place of some tokens, chosen by the step."""
    chance = torch.Generator().manual_seed(args.seed * 1_000_003 + step)
    began, ended = ((inputs == CONTROL_TOKENS.index(t)).cumsum(1) for t in ("[INST]", "[/INST]"))
    share = torch.where(began > ended, args.question_dropout, args.token_dropout)
    hidden = torch.rand(inputs.shape, generator=chance) < share
    return inputs.masked_fill(hidden & (inputs >= len(CONTROL_TOKENS)), 0)


class _Course:
    """A run between two of its steps: what has been reached, and what a checkpoint holds."""

    def __init__(
        self, model: torch.nn.Module, conversations: Sequence[np.ndarray], args: PretrainArgs
    ):
        lengths = [*map(len, conversations)]
        rates = args.matrix_learning_rate, args.learning_rate
        self.args, self.model, self.conversations = args, model, conversations
        self.plan = plan_batches(lengths, args.batch_tokens, args.context, args.seed)
        self.optimizers = Optimizers(model, *rates, args.weight_decay)
        self.device = next(model.parameters()).device
        self.loss_of = _fused(args)
        self.done = 0
        self.curve: Curve = []
        self._losses: list[float] = []

    def step(self) -> None:
        """Read the next batch and move the weights."""
        inputs, targets = lay_out(self.plan[self.done], self.conversations, self.args.context, 0)
        rows = _hide(inputs, self.done, self.args), targets, _weigh(inputs, self.args)
        loss = self.loss_of(self.model, *(row.to(self.device) for row in rows))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.args.max_grad_norm)
        self.optimizers.step(_ratio(self.done, len(self.plan), self.args))
        self._losses.append(loss.item())
        self.done += 1

    def note(self, seconds: float) -> None:
        """Add a point to the curve."""
        self.curve.append((self.done, sum(self._losses) / len(self._losses), seconds))
        self._losses.clear()

    def save(self, path: Path) -> None:
        """Write beside and rename, so that a kill leaves the old checkpoint or the new one."""
        weights = {"model": self.model.state_dict(), "optimizers": self.optimizers.state_dict()}
        state = {"args": self.args, "steps": len(self.plan), "step": self.done, "curve": self.curve}
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_suffix(".tmp")
        torch.save(state | weights, beside)
        beside.replace(path)

    def resume(self, path: Path) -> None:
        """Go on from a checkpoint."""
        saved = torch.load(path, map_location=self.device, weights_only=False)
        if (saved["args"], saved["steps"]) != (self.args, len(self.plan)):
            raise ValueError(
                f"{path} belongs to a run of {saved['steps']} steps with {saved['args']}, this "
                f"one has {len(self.plan)} steps: delete it or use another folder"
            )
        self.model.load_state_dict(saved["model"])
        self.optimizers.load_state_dict(saved["optimizers"])
        self.done, self.curve = saved["step"], saved["curve"]


def pretrain(
    model: torch.nn.Module,
    conversations: Sequence[np.ndarray],
    args: PretrainArgs,
    checkpoint_dir: Path | None = None,
    stop_after: int | None = None,
) -> Curve:
    """Train in place, each conversation once.

    Args:
        model: A causal language model with `model.layers` that returns `.logits`.
        conversations: Token ids of each.
        args: How to train.
        checkpoint_dir: Where to save and resume; None keeps nothing.
        stop_after: Save and leave after this step, as a kill would; for tests.

    Returns:
        The curve: (step, mean loss in nats since the last point, seconds of training so far,
        those of killed processes included).

    Raises:
        ValueError: The checkpoint is of another run.
    """
    course = _Course(model, conversations, args)
    path = checkpoint_dir / CHECKPOINT if checkpoint_dir else None
    if path and path.exists():
        course.resume(path)
    with _same_sums(course.device):
        _go(course, path, min(len(course.plan), stop_after or len(course.plan)))
    return course.curve


@contextlib.contextmanager
def _same_sums(device: torch.device) -> Iterator[None]:
    """Add in a fixed order: threads that add as they come round differently each time.

    On CUDA what has no such order warns, and CUBLAS_WORKSPACE_CONFIG=:4096:8 is needed.
    """
    before = torch.are_deterministic_algorithms_enabled()
    only_warned = torch.is_deterministic_algorithms_warn_only_enabled()
    torch.use_deterministic_algorithms(True, warn_only=device.type == "cuda")
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before, warn_only=only_warned)


def _go(course: _Course, path: Path | None, last: int) -> None:
    """Train up to a step, with progress, points of the curve and checkpoints."""
    began = time.perf_counter() - (course.curve[-1][2] if course.curve else 0.0)
    course.model.train()
    whole = {"total": len(course.plan), "initial": course.done, "unit": "step", "mininterval": 5}
    with tqdm(desc="pretrain", **whole) as bar:
        while course.done < last:
            course.step()
            ends = course.done == last
            if ends or course.done % course.args.log_every == 0:
                course.note(time.perf_counter() - began)
                bar.set_postfix(loss=f"{course.curve[-1][1]:.3f}", refresh=False)
            if path and (ends or course.done % course.args.checkpoint_every == 0):
                course.save(path)
            bar.update()


def _fused(args: PretrainArgs) -> Callable[..., torch.Tensor]:
    """Return the loss, compiled once for all shapes where that is possible."""
    can = args.compiled and any(map(shutil.which, ("g++", "clang++")))
    return torch.compile(_loss, dynamic=True) if can else _loss


def _ratio(step: int, steps: int, args: PretrainArgs) -> float:
    decay = max(1, round(steps * args.decay_ratio))
    return rate_at(step, steps, args.warmup_steps, decay, args.final_ratio)


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
    device = next(model.parameters()).device
    rows = [torch.tensor([ids[:limit]], device=device) for ids in encoded]
    evenly = torch.ones((1, 1), device=device)
    nats = 0.0
    for row in rows:
        mean = _loss(model, row[:, :-1], row[:, 1:], evenly.expand(1, row.shape[1] - 1))
        nats += mean.item() * (row.shape[1] - 1)
    return nats / math.log(2) / sum(len(text.encode()) for text in texts)
