"""Follow a stage while it trains: points of the curves, the best adapter, when to stop.

The best adapter is kept in memory (a copy of some megabytes), which costs no disk and no
reload, and lets the adapter from before the first step be the best.

Shape: trainer events -> points {"step", "loss" | "eval_loss", ...} and a copy of the best weights.
"""

import math
import time
from collections.abc import Callable
from typing import Any

from peft import get_peft_model_state_dict, set_peft_model_state_dict
from transformers import TrainerCallback

from echoes_lib.errors import ModelError
from echoes_lib.progress import report


class Curve:
    """The points of one stage, and the best weights so far."""

    def __init__(self, on_point: Callable[[dict[str, float]], None]):
        """Keep `on_point`, which is called with every new point and may raise to stop."""
        self.points: list[dict[str, float]] = []
        self.best_step, self.best_loss, self.first_loss = 0, math.inf, math.inf
        self.since_best = 0
        self._best: dict[str, Any] = {}
        self._on_point = on_point

    def add(self, point: dict[str, float]) -> None:
        """Keep a point and pass it on."""
        self.points.append(point)
        self._on_point(point)

    def score(self, step: int, loss: float, model: Any) -> None:
        """Keep a validation loss, and the weights when it is the lowest so far.

        Raises:
            ModelError: the loss is not a number.
        """
        if not math.isfinite(loss):
            raise ModelError(
                f"the validation loss is {loss} at step {step}: lower learning_rate, "
                "or set dtype: float32"
            )
        if step == 0:
            self.first_loss = loss
        self.since_best += 1
        if loss < self.best_loss:
            self.best_step, self.best_loss, self.since_best = step, loss, 0
            state = get_peft_model_state_dict(model, save_embedding_layers=False)
            self._best = {name: value.detach().clone() for name, value in state.items()}
        self.add({"step": step, "eval_loss": loss})

    def restore_best(self, model: Any) -> None:
        """Put the best weights back into the model."""
        set_peft_model_state_dict(model, self._best)


class CurveCallback(TrainerCallback):
    """Asks the trainer for evaluations and turns its events into points."""

    def __init__(self, curve: Curve, model: Any, planned: int, settings: Any):
        """Plan the evaluations: spread evenly, the last one after the last step."""
        self.curve, self.model, self.planned, self.settings = curve, model, planned, settings
        count = min(settings.evaluations, planned)
        self._due = {round(planned * k / count) for k in range(1, count + 1)}
        self.tokens, self.train_s = 0, 0.0
        self._began = self._logged_s = 0.0
        self._logged_tokens = 0

    def on_step_begin(self, args, state, control, **kwargs):
        """Start the clock of a step."""
        self._began = time.perf_counter()

    def on_step_end(self, args, state, control, **kwargs):
        """Stop the clock, tell how far it is, and ask for an evaluation when one is due."""
        self.train_s += time.perf_counter() - self._began
        self.tokens = int(state.num_input_tokens_seen)
        report(state.global_step, self.planned, self.settings.name)
        control.should_evaluate = state.global_step in self._due

    def on_evaluate(self, args, state, control, metrics, **kwargs):
        """Keep the loss; stop when it has not fallen for `patience` evaluations."""
        self.curve.score(state.global_step, metrics["eval_loss"], self.model)
        patience = self.settings.patience
        if patience is not None and self.curve.since_best >= patience:
            control.should_training_stop = True

    def on_log(self, args, state, control, logs=None, **kwargs):
        """Turn the trainer's log of the last steps into a point."""
        if not logs or "loss" not in logs:
            return
        seconds = self.train_s - self._logged_s
        rate = (self.tokens - self._logged_tokens) / seconds if seconds > 0 else 0.0
        self._logged_s, self._logged_tokens = self.train_s, self.tokens
        self.curve.add(
            {
                "step": state.global_step,
                "loss": logs["loss"],
                "learning_rate": logs["learning_rate"],
                "tokens_per_s": rate,
            }
        )
