"""The two stages one after the other, with what is kept on disk between and inside them.

Stage 2 begins with the best adapter of stage 1. Where a checkpoint of this very training is
found, finished stages are told again to the run and the unfinished one goes on at its step.

Shape: model, tokens, parameters, Keeper -> {stage: Fitted}.
"""

import math
import random
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from echoes_lib.models.render import Encoded
from echoes_lib.training.curve import put_trainable, trainable
from echoes_lib.training.dataset import TrainingData
from echoes_lib.training.fit import Fitted, Settings, fit
from echoes_lib.training.keeper import Keeper
from echoes_lib.training.loop import Loop
from echoes_lib.training.pace import Pace
from echoes_lib.training.team import this_team

Stage = tuple[str, list[Encoded], float, float]  # name, conversations, epochs, rate ratio


@dataclass
class Course:
    """A training on its way through its stages."""

    model: Any
    tokenizer: Any
    data: TrainingData
    params: Any
    run: Any
    keeper: Keeper
    pace: Pace
    recomputed_layers: int = 0

    def go(self) -> dict[str, Fitted]:
        """Run what is left of the stages, and keep the state after each and in between."""
        state = self.keeper.load() or {}
        self.done = {name: Fitted(**saved) for name, saved in state.get("done", {}).items()}
        if state:
            at = state["stage"].get("step", "end")
            self.run.set_tags({"resumed_at": f"{state['name']} step {at}"})
            put_trainable(self.model, state["weights"])
        for stage in plan_stages(self.data, self.params):
            saved = state["stage"] if state.get("name") == stage[0] else None
            self._stage(stage, saved)
        return self.done

    def _stage(self, stage: Stage, saved: dict[str, Any] | None) -> None:
        name, examples, epochs, ratio = stage
        settings = self.settings(name, epochs, ratio)
        if name in self.done:
            tell(name, self.done[name], self.run)
            return

        def save(loop: Loop, now: bool) -> None:
            if now or self.keeper.is_due():
                self._save(name, loop.state())

        scored = self.data.validation
        self.done[name] = fit(
            self.model, self.tokenizer, examples, scored, settings, saved or None, save
        )
        if this_team().is_first:
            self._save(name, {})
        tell_figures(name, self.done[name], self.run)

    def settings(self, name: str, epochs: float, ratio: float) -> Settings:
        """Set up one stage: its length, its learning rate, and where its points go."""
        params = self.params
        return Settings(
            name=name,
            learning_rate=params.learning_rate * ratio,
            epochs=epochs,
            evaluations=max(1, math.ceil(epochs * params.evaluations_per_epoch)),
            params=params,
            patience=params.early_stopping_patience,
            on_point=point_logger(name, self.run),
            recomputed_layers=self.recomputed_layers,
            pace=self.pace,
        )

    def _save(self, name: str, stage: dict[str, Any]) -> None:
        kept = {stage_name: asdict(fitted) for stage_name, fitted in self.done.items()}
        weights = trainable(self.model)
        self.keeper.save({"done": kept, "name": name, "stage": stage, "weights": weights})


def plan_stages(data: TrainingData, params: Any) -> list[Stage]:
    """Return the stages; the second repeats a share of the first, drawn by the seed."""
    count = min(len(data.stage1), round(params.stage2_replay_ratio * len(data.stage2)))
    replayed = random.Random(f"replay {params.seed}").sample(data.stage1, count)
    ratio = params.stage2_learning_rate_ratio
    return [
        ("stage1", data.stage1, params.stage1_epochs, 1.0),
        ("stage2", [*data.stage2, *replayed], params.stage2_epochs, ratio),
    ]


def tell(name: str, fitted: Fitted, run: Any) -> None:
    """Tell a run of a stage that was finished before, as if it had just been trained."""
    log = point_logger(name, run)
    for point in fitted.points:
        log(point)
    tell_figures(name, fitted, run)


def tell_figures(name: str, fitted: Fitted, run: Any) -> None:
    """Tell a run the figures of a whole stage."""
    speed = fitted.tokens / max(fitted.train_s, 1e-9)
    figures = {"best_eval_loss": fitted.best_loss, "mean_tokens_per_s": speed}
    run.log_metrics({f"{name}/{key}": value for key, value in figures.items()})


def point_logger(name: str, run: Any) -> Callable[[dict[str, float]], None]:
    """Return a function that logs a point as `<name>/<figure>` at its step."""

    def log(point: dict[str, float]) -> None:
        figures = {f"{name}/{key}": value for key, value in point.items() if key != "step"}
        run.log_metrics(figures, step=int(point["step"]))

    return log
