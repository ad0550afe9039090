"""Train an adapter for one stage, and leave its best weights in the model.

Both stages of training and every trial of the search are this one function with other
settings. The adapter that goes in is itself a candidate: it is scored before the first step,
so a stage can end where it began but never below.

Does not decide what comes after a stage (`stages`), nor write files except through a Keeper.

Shape: PEFT model + tokens -> Fitted(points of the curves, best step and loss).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from echoes_lib.models.render import Encoded
from echoes_lib.training.curve import Point
from echoes_lib.training.loop import Loop, Save
from echoes_lib.training.pace import Pace


@dataclass(frozen=True)
class Settings:
    """What differs between stages and trials; `params` holds what they share (schema.Lora).

    Attributes:
        name: of the stage, for progress and errors.
        learning_rate: at its highest.
        epochs: passes over the conversations; may be a broken number.
        evaluations: how often the validation set is scored, the first time not counted.
        params: batch size, length, optimizer, seed.
        patience: evaluations without progress before the stage ends; None never ends it early.
        on_point: called with every point; may raise to stop.
        recomputed_layers: layers whose activations are not kept, from the first on; -1 for all.
        pace: what may slow or stop a stage between steps, such as a hot GPU.
    """

    name: str
    learning_rate: float
    epochs: float
    evaluations: int
    params: Any
    patience: int | None = None
    on_point: Callable[[Point], None] = field(default=lambda point: None)
    recomputed_layers: int = 0
    pace: Pace = field(default_factory=Pace)


@dataclass(frozen=True)
class Fitted:
    """What a stage did. Losses are nats per trained token."""

    points: list[Point]
    best_step: int
    best_loss: float
    first_loss: float
    steps: int
    planned_steps: int
    warmup_steps: int
    tokens: int
    train_s: float
    max_tokens: int
    recomputed_layers: int


def fit(
    model: Any,
    tokenizer: Any,
    train: Sequence[Encoded],
    validation: Sequence[Encoded],
    settings: Settings,
    saved: dict[str, Any] | None = None,
    save: Save | None = None,
) -> Fitted:
    """Train an adapter and leave its best weights in the model.

    Args:
        model: a PEFT model whose trainable weights are the adapter's.
        tokenizer: of the base model, with a pad token.
        train: conversations to learn from.
        validation: conversations to score; never trained on.
        settings: learning rate, length, how often to score.
        saved: the state of this very stage to go on from.
        save: called after every step with the loop, whose `state()` can be kept, and whether
            it must be kept now.

    Returns:
        The curves and the best point; step 0 is the adapter as it came.

    Raises:
        ModelError: a loss is not a number, or nothing fits the memory.
        Exception: whatever `settings.on_point` raises, such as a pruned trial; the model
            then holds the weights of that moment.
    """
    planned = planned_steps(len(train), settings)
    warmup = warmup_steps(planned, settings)
    loop = Loop(model, tokenizer.pad_token_id, train, validation, settings, planned, warmup)
    loop.run(saved, save)
    loop.curve.restore_best(model)
    model.eval()
    curve = loop.curve
    return Fitted(
        points=curve.points,
        best_step=curve.best_step,
        best_loss=curve.best_loss,
        first_loss=curve.first_loss,
        steps=loop.step,
        planned_steps=planned,
        warmup_steps=warmup,
        tokens=loop.tokens,
        train_s=loop.train_s,
        **loop.retreat.as_dict(),
    )


def effective_batch(params: Any) -> int:
    """Return the conversations of an optimizer step, however many pieces or processes."""
    return params.per_device_train_batch_size * params.gradient_accumulation_steps


def planned_steps(examples: int, settings: Settings) -> int:
    """Count the optimizer steps of a stage: at least one, epochs may be broken numbers."""
    per_epoch = math.ceil(examples / effective_batch(settings.params))
    return max(1, round(settings.epochs * per_epoch))


def warmup_steps(planned: int, settings: Settings) -> int:
    """Cut the warm-up to a quarter: a longer one would never reach the learning rate."""
    return min(settings.params.warmup_steps, planned // 4)
