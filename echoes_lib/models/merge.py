"""Merge an adapter into the weights it was trained against, as a plain transformers model.

On a quantised base these are the dequantised weights, for they are what the adapter learned to
correct. The sum is never rounded back into 4 or 8 bit: that would round the adapter away. Each
weight is added up in float32 and rounded once, to the dtype that is written.

Does not measure what rounding costs (see `registry/export.py`) and uploads nothing.

Shape: Echo + adapter folder + dtype -> transformers model -> folder.
"""

import logging
from pathlib import Path
from typing import Any

import torch

from echoes_lib.errors import ModelError
from echoes_lib.models.adapters import Echo
from echoes_lib.models.find import find_base
from echoes_lib.models.hardware import DTYPES
from echoes_lib.models.variants import lora_layers, take_off


def merge(echo: Echo, adapter_dir: Path, dtype: torch.dtype) -> Any:
    """Merge an echo's adapter into its base.

    Args:
        echo: as loaded from `adapter_dir`; used up, its model is taken apart.
        adapter_dir: the adapter, laid anew on the dequantised weights.
        dtype: of the merged weights.

    Returns:
        A transformers model without adapter and without quantisation, in eval mode.

    Raises:
        ModelError: a merged weight is not a number.

    Source: what is lost by merging into 4 bit, github.com/huggingface/peft/issues/2321.
    """
    from peft import PeftModel

    base = _dequantized(take_off(echo.model))
    laid = PeftModel.from_pretrained(base, str(adapter_dir), is_trainable=False)
    for layer in lora_layers(laid):
        _add(layer, dtype)
    return take_off(laid).to(dtype).eval()


def write_merged(model: Any, tokenizer: Any, folder: Path, generation: dict[str, Any]) -> None:
    """Write a merged model so that transformers alone can load it.

    Args:
        model: from `merge`.
        tokenizer: of its base, with the chat template.
        folder: receives weights (safetensors), configuration, tokenizer and chat template.
        generation: how replies are sampled by default, in the names of GenerationConfig.

    Raises:
        OSError: the disk is full or cannot be written; half of it may lie there.
        SafetensorError: the same, as safetensors puts it (see `folders.as_os_error`).
    """
    model.generation_config.update(**generation)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def stored_dtype(card: dict[str, Any]) -> str:
    """Return the dtype that an echo's base was published in, such as `bfloat16`."""
    from transformers import AutoConfig

    source = find_base(card["base_model"], card.get("base_revision"))
    hub = {"revision": source.revision, "local_files_only": source.cache_only}
    config = AutoConfig.from_pretrained(source.location, **(hub if source.is_hub else {}))
    name = str(config.dtype).removeprefix("torch.")
    return name if name in DTYPES else "float32"


def merged_bytes(model: Any, dtype: torch.dtype) -> int:
    """Say how many bytes a merged model takes on disk, before it is merged.

    Args:
        model: the PEFT model; 4-bit weights are counted by the shape they stand for.
        dtype: of the merged weights.
    """
    counted = model.get_base_model().num_parameters()
    adapter = sum(p.numel() for name, p in model.named_parameters() if "lora_" in name)
    return (counted - adapter) * dtype.itemsize


def _dequantized(base: Any) -> Any:
    if not getattr(base, "is_quantized", False):
        return base
    noisy = logging.getLogger("transformers.integrations.bitsandbytes")
    before = noisy.level
    noisy.setLevel(logging.ERROR)  # it warns of the very dtype that is asked for
    try:
        return base.dequantize(dtype=torch.float32)
    finally:
        noisy.setLevel(before)


def _add(layer: Any, dtype: torch.dtype) -> None:
    weight = layer.get_base_layer().weight
    weight.data = weight.data.float()
    try:
        layer.merge(safe_merge=True)
    except ValueError as error:  # the one thing that PEFT checks
        raise ModelError(
            "the adapter holds weights that are not numbers: run notebook 3_train again with a "
            "lower learning_rate"
        ) from error
    merged = layer.get_base_layer().weight
    merged.data = merged.data.to(dtype)
