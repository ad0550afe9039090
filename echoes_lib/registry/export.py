"""Write an echo to be used elsewhere: its adapter, or base and adapter merged into one model.

    refuse what must not leave -> measure base and echo -> write a draft -> load it back as any
    user would -> measure that -> refuse it, or put it in place with its figures

Each form stands beside its validation loss. What answers otherwise than the echo did is not
written at all. Registers nothing and uploads nothing.

Shape: adapter folder, dataset folder, Order -> folder, Export.
"""

import gc
import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from echoes_lib.chat.opening import base_params, read_info
from echoes_lib.errors import CannotWrite, DataError, ModelError
from echoes_lib.models.adapters import ADAPTER_WEIGHTS, CARD, load_echo
from echoes_lib.models.folders import check_room, drafted
from echoes_lib.models.hardware import DTYPES
from echoes_lib.models.load import load_base
from echoes_lib.models.merge import merge, merged_bytes, stored_dtype, write_merged
from echoes_lib.models.render import Encoded
from echoes_lib.params import Generation
from echoes_lib.progress import report
from echoes_lib.registry.export_card import write_readme
from echoes_lib.registry.load import check_remembered
from echoes_lib.training.dataset import load_training_data
from echoes_lib.training.scoring import validation_loss
from echoes_lib.workspace import write_text

ADAPTER_FILES = (ADAPTER_WEIGHTS, "adapter_config.json")
# Tokenizer, configuration and cards; the largest vocabularies stay below it.
SLACK_BYTES = 32 * 2**20
MAX_DIFFERENCE = 0.01


@dataclass(frozen=True)
class Order:
    """What is asked for: `form` is adapter or merged, `max_difference` in nats per token."""

    user_id: str
    form: str
    out: Path
    max_difference: float = MAX_DIFFERENCE
    dtype: str = "auto"
    force: bool = False


@dataclass(frozen=True)
class Export:
    """What was written. Losses are nats per trained token of the validation split.

    `validation_loss` holds base, adapter, perhaps trained (as training noted it) and merged;
    `difference` is what the written form differs from the one it stands for.
    """

    form: str
    dtype: str
    validation_loss: dict[str, float]
    validation_tokens: int
    difference: float | None
    max_difference: float


def export_echo(adapter_dir: Path, dataset_dir: Path, order: Order) -> Export:
    """Export an echo, whole or not at all.

    Args:
        adapter_dir: from 3_train.
        dataset_dir: what 1_preprocess wrote for it.
        order: whose echo, in which form, where to.

    Returns:
        Figures of the folder that was written.

    Raises:
        Forgotten: it learnt from answers that were taken back.
        ModelError: no echo of that person, or the written form differs too much.
        DataError: the dataset is not the one it was trained on.
        CannotWrite: the folder is in use, or the disk is full; nothing was written.
    """
    card = read_info(adapter_dir)
    _check_person(card, order)
    check_remembered(card["user_id"], card.get("dataset_hash", ""))
    _check_place(order)
    dtype = stored_dtype(card) if order.dtype == "auto" else order.dtype
    report(0, 3, "loading the echo")
    echo = load_echo(adapter_dir)
    examples = _validation(dataset_dir, echo.tokenizer, card)
    report(1, 3, "measuring base and echo")
    losses = _losses(echo, examples, card)
    merging = order.form == "merged"
    size = merged_bytes(echo.model, DTYPES[dtype]) if merging else _adapter_bytes(adapter_dir)
    check_room(Path(order.out), size + SLACK_BYTES)
    report(2, 3, "writing and measuring again")
    with drafted(Path(order.out)) as draft:
        if merging:
            _write_merged(merge(echo, adapter_dir, DTYPES[dtype]), echo.tokenizer, draft)
            del echo
            losses["merged"] = _reloaded(card, draft, examples)
        else:
            _write_adapter(adapter_dir, echo.tokenizer, draft)
        made = _judge(order, dtype if merging else "float32", losses, examples)
        _describe(draft, card, made)
    report(3, 3, "written")
    return made


def _check_person(card: dict[str, Any], order: Order) -> None:
    if card.get("user_id") != order.user_id:
        raise ModelError(
            f"user={order.user_id} is not whose adapter this is ({card.get('user_id')}): choose "
            "that user, or another adapter"
        )


def _check_place(order: Order) -> None:
    out = Path(order.out)
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    ours = (out / CARD).is_file() and "export" in json.loads((out / CARD).read_text("utf-8"))
    if not ours:
        raise CannotWrite(f"{out.name} is no earlier export and not empty: choose another folder")
    if not order.force:
        raise CannotWrite(
            f"{out.name} holds an earlier export: choose another folder, or replace it with --force"
        )


def _validation(dataset_dir: Path, tokenizer: Any, card: dict[str, Any]) -> list[Encoded]:
    data = load_training_data(dataset_dir, tokenizer, card.get("max_length", 768))
    found, trained = data.manifest.get("dataset_hash", ""), card.get("dataset_hash", "")
    if found != trained:
        raise DataError(
            f"the adapter was trained on dataset {trained[:12]}, but {dataset_dir} holds "
            f"{found[:12]}: name the right one with --dataset, or run 3_train again"
        )
    return data.validation


def _losses(echo: Any, examples: list[Encoded], card: dict[str, Any]) -> dict[str, float]:
    with echo.base_only():
        losses = {"base": validation_loss(echo.model, examples)}
    stages = list(card.get("training", {}).get("stages", {}).values())
    if stages:
        losses["trained"] = stages[-1]["best_loss"]
    return losses | {"adapter": validation_loss(echo.model, examples)}


def _adapter_bytes(adapter_dir: Path) -> int:
    return sum((adapter_dir / name).stat().st_size for name in ADAPTER_FILES)


def _write_adapter(adapter_dir: Path, tokenizer: Any, draft: Path) -> None:
    for name in ADAPTER_FILES:
        shutil.copyfile(adapter_dir / name, draft / name)
    tokenizer.save_pretrained(draft)


def _write_merged(model: Any, tokenizer: Any, draft: Path) -> None:
    write_merged(model, tokenizer, draft, Generation().model_dump())


def _reloaded(card: dict[str, Any], draft: Path, examples: list[Encoded]) -> float:
    """Load what was written as any base is loaded, and measure it."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    base = load_base(base_params(card | {"quantization": "none", "base_revision": None}), draft)
    return validation_loss(base.model, examples)


def _judge(order: Order, dtype: str, losses: dict[str, float], examples: list[Encoded]) -> Export:
    """Compare the written form with what it stands for.

    Raises:
        ModelError: they differ by more than was allowed.
    """
    now, before = ("merged", "adapter") if order.form == "merged" else ("adapter", "trained")
    difference = losses[now] - losses[before] if before in losses else None
    if difference is not None and not abs(difference) <= order.max_difference:
        raise ModelError(
            f"{now}: validation loss {losses[now]:.4f} nats per token, {before}: "
            f"{losses[before]:.4f}; the difference {difference:+.4f} is above max_difference="
            f"{order.max_difference:g} and nothing was written: {_advice(order, dtype)}"
        )
    tokens = sum(example.trained_tokens for example in examples)
    return Export(order.form, dtype, losses, tokens, difference, order.max_difference)


def _advice(order: Order, dtype: str) -> str:
    if order.form == "adapter":
        return "run 3_train again, or raise --max-difference if the machine has changed since"
    if dtype != "float32":
        return "write it with --dtype float32, or raise --max-difference"
    return "export the adapter alone with --form adapter, or raise --max-difference"


def _describe(draft: Path, card: dict[str, Any], made: Export) -> None:
    told = card | {"export": asdict(made)}
    write_text(draft / CARD, json.dumps(told, indent=1, ensure_ascii=False) + "\n")
    write_text(draft / "README.md", write_readme(card, made))
