"""One stage of training: TRL's trainer, with exact validation loss and the best kept in memory.

Both stages of training and every trial of the search are this one function with other
settings. The adapter that goes in is itself a candidate: it is scored before the first step,
so a stage can end where it began but never below.

Does not write checkpoints and does not resume a killed stage; the chain runs the step again.

Shape: PEFT model + tokens -> Fitted(points of the curves, best step and loss); the model
ends with the best weights.
"""

import math
import tempfile
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from datasets import Dataset
from transformers import PrinterCallback
from transformers.trainer_callback import ProgressCallback
from trl import SFTConfig, SFTTrainer

from echoes_lib.models.adapters import in_float32
from echoes_lib.models.render import Encoded
from echoes_lib.training.curve import Curve, CurveCallback

Point = dict[str, float]


@dataclass(frozen=True)
class Settings:
    """What differs between stages and trials; `params` holds what they share (schema.Lora)."""

    name: str
    learning_rate: float
    epochs: float
    evaluations: int
    params: Any
    patience: int | None = None
    on_point: Callable[[Point], None] = field(default=lambda point: None)


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


class EchoTrainer(SFTTrainer):
    """TRL's trainer without its per-step entropy, and with a validation loss per token."""

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        """Average the negative log-likelihood over the trained tokens of the whole step."""
        outputs = model(**inputs, use_cache=False, fused_lm_head=True)
        tokens = outputs.label_mask.sum() if num_items_in_batch is None else num_items_in_batch
        loss = -outputs.log_probs.sum() / torch.as_tensor(tokens).clamp(min=1)
        return (loss, outputs) if return_outputs else loss

    def evaluate(self, *args, **kwargs) -> dict[str, float]:
        """Score the validation set: each token counts once, whatever batch it is in."""
        training = self.model.training
        self.model.eval()
        total, tokens = 0.0, 0
        for batch in self.get_eval_dataloader():
            batch = self._prepare_inputs(batch)
            with torch.no_grad(), self.compute_loss_context_manager():
                outputs = self.model(**batch, use_cache=False, fused_lm_head=True)
            total -= outputs.log_probs.double().sum().item()
            tokens += int(outputs.label_mask.sum())
        self.model.train(training)
        metrics = {"eval_loss": total / tokens}
        self.control = self.callback_handler.on_evaluate(
            self.args, self.state, self.control, metrics
        )
        return metrics


def fit(
    model: Any,
    tokenizer: Any,
    train: Sequence[Encoded],
    validation: Sequence[Encoded],
    settings: Settings,
) -> Fitted:
    """Train an adapter and leave its best weights in the model.

    Args:
        model: a PEFT model whose trainable weights are the adapter's.
        tokenizer: of the base model, with a pad token.
        train: conversations to learn from.
        validation: conversations to score; never trained on.
        settings: learning rate, length, how often to score.

    Returns:
        The curves and the best point; step 0 is the adapter as it came.

    Raises:
        Exception: whatever `settings.on_point` raises, such as a pruned trial; the model
            then holds the weights of that moment.
    """
    planned = planned_steps(len(train), settings)
    curve = Curve(settings.on_point)
    callback = CurveCallback(curve, model, planned, settings)
    forwards = [(part, vars(part).get("forward")) for part in (model, model.get_base_model())]
    with tempfile.TemporaryDirectory(prefix="echoes-") as scratch, warnings.catch_warnings():
        # transformers 5.2x renames gradient_checkpointing; 5.17 knows only the old name.
        warnings.simplefilter("ignore", FutureWarning)
        trainer = EchoTrainer(
            model=model,
            args=_arguments(scratch, planned, settings),
            train_dataset=_table(train),
            eval_dataset=_table(validation),
            processing_class=tokenizer,
            callbacks=[callback],
        )
        in_float32(model)  # TRL turns adapters on quantised bases into bfloat16
        trainer.remove_callback(PrinterCallback)
        trainer.remove_callback(ProgressCallback)
        try:
            trainer.train()
        finally:
            _restore(forwards)
    curve.restore_best(model)
    model.eval()
    return Fitted(
        points=curve.points,
        best_step=curve.best_step,
        best_loss=curve.best_loss,
        first_loss=curve.first_loss,
        steps=trainer.state.global_step,
        planned_steps=planned,
        warmup_steps=_warmup(planned, settings),
        tokens=callback.tokens,
        train_s=callback.train_s,
    )


def planned_steps(examples: int, settings: Settings) -> int:
    """Count the optimizer steps of a stage: at least one, epochs may be broken numbers."""
    params = settings.params
    per_step = params.per_device_train_batch_size * params.gradient_accumulation_steps
    return max(1, round(settings.epochs * math.ceil(examples / per_step)))


def _warmup(planned: int, settings: Settings) -> int:
    # A warm-up as long as the stage would never reach the learning rate that was asked for.
    return min(settings.params.warmup_steps, planned // 4)


def _table(examples: Sequence[Encoded]) -> Dataset:
    return Dataset.from_dict(
        {
            "input_ids": [example.input_ids for example in examples],
            "labels": [example.labels for example in examples],
        }
    )


def _arguments(scratch: str, planned: int, settings: Settings) -> SFTConfig:
    params = settings.params
    half = torch.cuda.is_available()
    return SFTConfig(
        output_dir=scratch,
        max_steps=planned,
        learning_rate=settings.learning_rate,
        lr_scheduler_type=params.lr_scheduler_type,
        warmup_steps=_warmup(planned, settings),
        weight_decay=params.weight_decay,
        max_grad_norm=params.max_grad_norm,
        per_device_train_batch_size=params.per_device_train_batch_size,
        per_device_eval_batch_size=params.per_device_eval_batch_size,
        gradient_accumulation_steps=params.gradient_accumulation_steps,
        gradient_checkpointing=params.gradient_checkpointing,
        # Answers of a length in one batch: little padding, and the mask decides the loss.
        train_sampling_strategy="group_by_length",
        max_length=params.max_length,
        packing=False,
        # Tokens and masks are made in dataset.py; the mask is assistant-only by construction.
        dataset_kwargs={"skip_prepare_dataset": True},
        bf16=half and torch.cuda.is_bf16_supported(including_emulation=False),
        fp16=half and not torch.cuda.is_bf16_supported(including_emulation=False),
        eval_strategy="no",  # CurveCallback asks for evaluations, the one before step 1 included
        eval_on_start=True,
        save_strategy="no",
        logging_steps=max(1, planned // 40),
        include_num_input_tokens_seen="non_padding",
        report_to="none",
        disable_tqdm=True,
        log_level="error",
        seed=params.seed,
        data_seed=params.seed,
        dataloader_pin_memory=half,
    )


def _restore(forwards: list[tuple[Any, Any]]) -> None:
    """Take off what TRL and accelerate laid over `forward`, so that trials do not pile up."""
    for part, forward in forwards:
        vars(part).pop("forward", None)
        if forward is not None:
            part.forward = forward
