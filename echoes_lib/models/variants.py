"""How a LoRA adapter begins: PEFT's default, PiSSA or EVA; with rank-stabilised scale or DoRA.

PiSSA trains the strongest directions of each weight. PEFT takes them out of the base; here the
base stays as it is, and a second, frozen adapter `start` subtracts what the first begins with:

    W x + s B A x - s B0 A0 x

The sums are the same, and so are the gradients. But the base remains itself: it may be
quantised, answers as itself when the adapter is off, and there is nothing to put back. Saved, both
are one plain LoRA of twice the rank. What PEFT's way has and this has not: an NF4 base is not
rounded anew around the residual, so its rounding error stays.

EVA begins with the directions in which the training data's activations differ most. All layers
keep the rank that was asked for: ranks are not shared out anew among them.

Shape: base + parameters (+ batches of training data) -> PEFT model; PEFT model -> plain LoRA.
"""

import copy
import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from echoes_lib.errors import ModelError

START = "start"
# Above this many rows or columns an exact decomposition takes seconds per weight.
EXACT_SVD_LIMIT = 2048
EVA_PASSES = 20


def lay(model: Any, params: Any, targets: list[str], batches: Sequence[dict] | None) -> Any:
    """Lay a fresh adapter on a model; its first logits are the base's.

    Args:
        model: carries no adapter; after a failure it carries none either.
        params: the LoRA fields of `params.schema.Lora`.
        targets: names of the modules to adapt.
        batches: from `padding.padded_batches`, of training data; only EVA looks at them.

    Returns:
        The PEFT model.

    Raises:
        ModelError: the rank or the batches do not suit the way it begins.

    Source: rsLoRA arXiv 2312.03732, DoRA 2402.09353, PiSSA 2404.02948, EVA 2410.07170.
    """
    from peft import get_peft_model

    _check_rank(model, params, targets)
    usable = _usable(params, batches)
    laid = get_peft_model(model, _config(params, targets))
    try:
        if params.init_lora_weights == "pissa":
            _begin_pissa(laid)
        elif params.init_lora_weights == "eva":
            _begin_eva(laid, usable)
    except BaseException:
        take_off(laid)
        raise
    return laid


def take_off(laid: Any) -> Any:
    """Take the adapter off a model and return the base, as it was before."""
    base = laid.unload()
    vars(base).pop("peft_config", None)
    return base


def plain(laid: Any) -> tuple[Any, dict[str, torch.Tensor]]:
    """Return an adapter as one plain LoRA: PEFT's configuration and its weights by name."""
    from peft import get_peft_model_state_dict

    config = copy.deepcopy(laid.peft_config["default"])
    config.init_lora_weights, config.inference_mode = True, True
    config.eva_config = None
    config.target_modules = sorted(config.target_modules)
    state = get_peft_model_state_dict(laid, save_embedding_layers=False)
    if START in laid.peft_config:
        start = get_peft_model_state_dict(laid, adapter_name=START, save_embedding_layers=False)
        state = {
            name: torch.cat([weight, start[name]], dim=0 if ".lora_A." in name else 1)
            for name, weight in state.items()
        }
        config.r *= 2
        config.lora_alpha *= math.sqrt(2) if config.use_rslora else 2
    return config, {name: weight.detach().contiguous() for name, weight in state.items()}


def lora_layers(laid: Any) -> Iterator[Any]:
    """Yield the layers that carry an adapter."""
    from peft.tuners.lora import LoraLayer

    return (module for module in laid.modules() if isinstance(module, LoraLayer))


def full_weight(layer: Any) -> torch.Tensor:
    """Return a linear layer's weight in float32, dequantised where it is quantised."""
    if type(layer.weight).__name__ not in ("Params4bit", "Int8Params"):
        return layer.weight.data.float()
    from peft.utils.integrations import dequantize_bnb_weight

    return dequantize_bnb_weight(layer.weight, getattr(layer, "state", None)).float()


def _config(params: Any, targets: list[str]) -> Any:
    from peft import EvaConfig, LoraConfig

    eva = params.init_lora_weights == "eva"
    return LoraConfig(
        task_type="CAUSAL_LM",
        r=params.lora_r,
        lora_alpha=params.lora_alpha,
        lora_dropout=params.lora_dropout,
        use_rslora=params.use_rslora,
        use_dora=params.use_dora,
        init_lora_weights="eva" if eva else True,
        eva_config=EvaConfig(rho=1.0) if eva else None,
        target_modules=targets,
    )


def _begin_pissa(laid: Any) -> None:
    config = copy.deepcopy(laid.peft_config["default"])
    config.lora_dropout = 0.0  # what is subtracted must not waver
    laid.add_adapter(START, config)
    for layer in lora_layers(laid):
        down, up = _principal(layer)
        for name, sign in (("default", 1), (START, -1)):
            layer.lora_A[name].weight.data = down.clone()
            layer.lora_B[name].weight.data = sign * up
        # PEFT turns gradients on whenever adapters are switched on again, but for these.
        layer.frozen_peft_weight_names = {START: ("lora_A", "lora_B")}
    laid.base_model.set_adapter(["default", START])


def _principal(layer: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Split off the strongest directions: A (r, in) and B (out, r), scale * B A their sum."""
    weight, rank = full_weight(layer.get_base_layer()), layer.r["default"]
    if min(weight.shape) <= EXACT_SVD_LIMIT:
        left, values, right = torch.linalg.svd(weight, full_matrices=False)
    else:
        left, values, right = torch.svd_lowrank(weight, q=rank, niter=16)
        right = right.T
    root = torch.sqrt(values[:rank] / layer.scaling["default"])
    return root[:, None] * right[:rank], left[:, :rank] * root


def _begin_eva(laid: Any, batches: list[dict]) -> None:
    from peft import initialize_lora_eva_weights

    left = 1 + EVA_PASSES * len(batches)

    def look(model: Any, batch: dict) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise ModelError(
                f"init_lora_weights=eva found no steady directions in {EVA_PASSES} passes over "
                f"{len(batches)} batches: lower lora_r, or set init_lora_weights: default"
            )
        model(
            input_ids=batch["input_ids"],
            attention_mask=batch["attention_mask"],
            use_cache=False,
            logits_to_keep=1,
        )

    initialize_lora_eva_weights(laid, batches, forward_fn=look, show_progress_bar=False)


def _check_rank(model: Any, params: Any, targets: list[str]) -> None:
    """Refuse a rank that a layer has not directions enough for."""
    begin, rank = params.init_lora_weights, params.lora_r
    if begin == "default":
        return
    for name, layer in model.named_modules():
        if name.rpartition(".")[2] not in targets or not hasattr(layer, "in_features"):
            continue
        # EVA's decomposition looks for twice as many directions as it keeps.
        width = min(layer.in_features, layer.out_features)
        limit = width if begin == "pissa" else layer.in_features // 2
        if rank > limit:
            raise ModelError(
                f"lora_r={rank} is above {limit}, the most that init_lora_weights={begin} can "
                f"begin with in {name.rpartition('.')[2]}: lower lora_r, or set "
                "init_lora_weights: default"
            )


def _usable(params: Any, batches: Sequence[dict] | None) -> list[dict]:
    """Keep the batches in which EVA finds enough of the person's tokens."""
    if params.init_lora_weights != "eva":
        return []
    if not batches:
        raise ModelError(
            "init_lora_weights=eva begins from training data and was given none: hand "
            "new_adapter batches of it, or set init_lora_weights: default"
        )
    needed = 2 * params.lora_r
    usable = [batch for batch in batches if int((batch["labels"] != -100).sum()) >= needed]
    if not usable:
        raise ModelError(
            f"init_lora_weights=eva with lora_r={params.lora_r} needs batches of at least {needed} "
            "trained tokens: lower lora_r, use larger batches, or set init_lora_weights: default"
        )
    return usable
