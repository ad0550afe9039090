"""The steps of one stage: gradients, updates, evaluations, checkpoints.

A step is atomic: its conversations go through the model in pieces, their gradients add up, the
optimizer moves once. When memory runs out in the middle, the gradients are thrown away, the
random numbers are set back, and the step is done again in smaller pieces (`retreat`). Several
processes share the pieces of a step and add up their gradients (`team`).

The loss of a step is the mean over all its trained tokens, whatever pieces they came in.

Shape: PEFT model, Encoded, Settings -> Curve, and a state that a checkpoint can hold.
"""

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.nn.utils import clip_grad_norm_

from echoes_lib.models.adapters import in_float32
from echoes_lib.models.render import Encoded
from echoes_lib.progress import report
from echoes_lib.training.batches import blank, cut, plan_steps
from echoes_lib.training.curve import Curve, check_finite, put_trainable, trainable
from echoes_lib.training.loss import TokenLoss
from echoes_lib.training.randomness import random_state, set_random_state
from echoes_lib.training.retreat import Retreat, check_can_retreat
from echoes_lib.training.scoring import Scorer
from echoes_lib.training.team import this_team

State = dict[str, Any]
Save = Callable[["Loop", bool], None]  # (loop, whether it must be now)


class Loop:
    """One stage while it runs."""

    def __init__(
        self,
        model: Any,
        pad: int,
        train: Sequence[Encoded],
        validation: Sequence[Encoded],
        settings: Any,
        planned: int,
        warmup: int,
    ):
        """Prepare optimizer, schedule and plan; nothing runs yet."""
        params = settings.params
        self.model, self.pad, self.settings, self.params = model, pad, settings, params
        self.train, self.validation, self.planned = train, validation, planned
        self.team = this_team()
        self.loss = TokenLoss(in_float32(model))
        self.device = self.loss.device
        self.retreat = Retreat(model, params.max_tokens_per_pass, settings.recomputed_layers)
        self.scorer = Scorer(self.loss, pad, params.max_tokens_per_pass)
        self.weights = [p for p in model.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(
            self.weights, settings.learning_rate, weight_decay=params.weight_decay, fused=True
        )
        self.schedule = _schedule(self.optimizer, params, warmup, planned)
        size = params.per_device_train_batch_size * params.gradient_accumulation_steps
        self.scaler = torch.amp.GradScaler("cuda", enabled=self.loss.half is torch.float16)
        self.plan = plan_steps([len(e.input_ids) for e in train], size, planned, params.seed)
        count = min(settings.evaluations, planned)
        self.due = {round(planned * k / count) for k in range(1, count + 1)}
        self.curve = Curve(settings.on_point)
        self.step = self.tokens = 0
        self.train_s = 0.0
        self._since = {"loss": 0.0, "steps": 0, "tokens": 0, "train_s": 0.0}

    def run(self, saved: State | None, save: Save | None) -> None:
        """Run until the plan is done, patience is over or somebody raises."""
        if saved:
            self.restore(saved)
        else:
            torch.manual_seed(self.params.seed)
            self.curve.score(0, self.scorer.mean(self.validation), self.model)
        while self.step < self.planned and not self._is_patience_over():
            self._advance()
            self._keep(save)

    def _keep(self, save: Save | None) -> None:
        """Save when it is time, pause when it is hot, and save before stopping for good."""
        pace = self.settings.pace
        hot = self.team.any(pace.too_hot, self.device)  # all stop at one step, and it is saved
        if save and self.team.is_first:
            save(self, hot)
        if hot:
            pace.stop(f"{self.settings.name}, step {self.step}")
        pace.pause()

    def state(self) -> State:
        """Return everything that the rest of the stage depends on."""
        return {
            "weights": trainable(self.model),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "scaler": self.scaler.state_dict(),
            "random": random_state(),
            "curve": self.curve.as_dict(),
            "retreat": self.retreat.as_dict(),
            "since": dict(self._since),
            "step": self.step,
            "tokens": self.tokens,
            "train_s": self.train_s,
        }

    def restore(self, saved: State) -> None:
        """Go back to where a state was taken."""
        put_trainable(self.model, saved["weights"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.schedule.load_state_dict(saved["schedule"])
        self.scaler.load_state_dict(saved["scaler"])
        self.retreat.restore(saved["retreat"])
        self._since = dict(saved["since"])
        self.step, self.tokens, self.train_s = saved["step"], saved["tokens"], saved["train_s"]
        self.curve.restore(saved["curve"])
        set_random_state(saved["random"])

    def _advance(self) -> None:
        began = time.perf_counter()
        examples = [self.train[i] for i in self.plan[self.step]]
        loss = self._gradients(examples)
        check_finite("training", loss, self.step)
        self.scaler.unscale_(self.optimizer)
        clip_grad_norm_(self.weights, self.params.max_grad_norm)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.schedule.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.step += 1
        self.tokens += sum(len(e.input_ids) for e in examples)
        self.train_s += time.perf_counter() - began
        self._tell(loss)
        if self.step in self.due:
            self.curve.score(self.step, self.scorer.mean(self.validation), self.model)

    def _gradients(self, examples: Sequence[Encoded]) -> float:
        """Fill the gradients of a step, in pieces as large as the memory allows."""
        self.model.train()
        before = random_state()
        while True:
            loss, failed = math.nan, False
            try:
                loss = self._accumulate(examples)
            except (RuntimeError, MemoryError) as error:
                check_can_retreat(error, self.retreat.max_tokens, self.team.is_split)
                failed = True
            if not self.team.any(failed, self.device):
                break
            self.optimizer.zero_grad(set_to_none=True)
            set_random_state(before)
            self.retreat.step_back(max(len(e.input_ids) for e in examples))
        return self._added_up(loss)

    def _accumulate(self, examples: Sequence[Encoded]) -> float:
        pieces = cut(examples, self._room(examples), self.params.packing, self.pad)
        tokens = max(1, sum(piece.trained_tokens for piece in pieces))
        total = torch.zeros((), device=self.device)
        for piece in self.team.share(pieces, blank(self.pad)):
            loss = self.loss(piece) / tokens
            self.scaler.scale(loss).backward()
            total += loss.detach()
        return total.item()

    def _room(self, examples: Sequence[Encoded]) -> int:
        """Return the tokens of a piece: what fits, and small enough that every process has one."""
        if self.team.size == 1:
            return self.retreat.max_tokens
        lengths = [len(e.input_ids) for e in examples]
        share = math.ceil(sum(lengths) / self.team.size)
        return min(self.retreat.max_tokens, max(share, *lengths))

    def _added_up(self, loss: float) -> float:
        if self.team.size == 1:
            return loss
        for weight in self.weights:
            weight.grad = torch.zeros_like(weight) if weight.grad is None else weight.grad
        total = torch.tensor([loss], device=self.device)
        self.team.add_up([total, *(weight.grad for weight in self.weights)])
        return total.item()

    def _tell(self, loss: float) -> None:
        if self.team.is_first:
            report(self.step, self.planned, self._label())
        since = self._since
        since["loss"] += loss
        since["steps"] += 1
        every = max(1, self.planned // 40)
        if self.step % every and self.step < self.planned:
            return
        seconds = self.train_s - since["train_s"]
        self.curve.add(
            {
                "step": self.step,
                "loss": since["loss"] / since["steps"],
                "learning_rate": self.schedule.get_last_lr()[0],
                "tokens_per_s": (self.tokens - since["tokens"]) / max(seconds, 1e-9),
            }
        )
        self._since = {"loss": 0.0, "steps": 0, "tokens": self.tokens, "train_s": self.train_s}

    def _label(self) -> str:
        line = self.settings.pace.line()
        return f"{self.settings.name}, {line}" if line else self.settings.name

    def _is_patience_over(self) -> bool:
        patience = self.settings.patience
        return patience is not None and self.curve.since_best >= patience


def _schedule(optimizer: Any, params: Any, warmup: int, planned: int) -> Any:
    from transformers import get_scheduler

    return get_scheduler(params.lr_scheduler_type, optimizer, warmup, planned)
