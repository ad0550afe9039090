"""Split a base over the processes of a team, when no single GPU has room to train on it.

Only the frozen weights of the decoder layers are split: they are nine tenths of a large model,
and never change, so nothing has to be sent back for them. Each layer is put together on every
GPU just before it is needed, quantised as it is, and taken apart again. Adapters, embeddings,
norms and the output head stay whole in every process, so that gradients, checkpoints and the
saved adapter are those of a single one.

Shape: PEFT model on the CPU -> the same model on this process's device, its layers in shares.

Source: `torch.distributed.fsdp.fully_shard` (FSDP2).
"""

from typing import Any

import torch
from torch import nn

from echoes_lib.errors import ModelError


def split(model: Any, device: torch.device | str) -> Any:
    """Split the decoder layers of a model over all processes, in place.

    Args:
        model: a PEFT model that every process has loaded alike, on the CPU.
        device: of this process; receives its share and what stays whole.

    Returns:
        The model.

    Raises:
        ModelError: the base is quantised to int8, whose constants cannot be split.
    """
    from torch.distributed.fsdp import fully_shard

    _check(model)
    plain = model.get_base_model()
    decoder = plain.get_decoder()
    whole = {weight for name, weight in model.named_parameters() if "lora_" in name}
    for layer in decoder.layers:
        fully_shard(layer, reshard_after_forward=True, ignored_params=whole)
        _move_constants(layer, device)
    shares = {p for layer in decoder.layers for p in layer.parameters()} - whole
    _move(model, shares, device)
    # The outermost one lets the next layer travel while this one computes.
    rest = {parameter for parameter in decoder.parameters() if parameter not in shares}
    fully_shard(decoder, reshard_after_forward=True, ignored_params=rest)
    return model


def _check(model: Any) -> None:
    if any(type(parameter).__name__ == "Int8Params" for parameter in model.parameters()):
        raise ModelError(
            "quantization=int8 cannot be split over processes (FSDP): set quantization: nf4 or "
            "none, or start accelerate without FSDP"
        )


def _move(model: nn.Module, shares: set[nn.Parameter], device: torch.device | str) -> None:
    """Move all but the shares, which are on the device already."""
    for parameter in model.parameters():
        if parameter not in shares:
            parameter.data = parameter.data.to(device)
    for module in model.modules():
        for name, buffer in module.named_buffers(recurse=False):
            setattr(module, name, buffer.to(device))


def _move_constants(layer: nn.Module, device: torch.device | str) -> None:
    """Move NF4's constants, which are no parameters and stay whole: a bit in forty."""
    for module in layer.modules():
        if state := getattr(module, "quant_state", None):
            state.to(device)
