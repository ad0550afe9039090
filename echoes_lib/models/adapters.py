"""LoRA adapters: laid on a base for training, saved with the echo's card, loaded again.

An adapter folder is PEFT's own plus `echo.json`, which names the person, the persona and the
base, so that the folder alone is enough to answer. Adapters stay in float32 on every base:
late learning rates are too small for bfloat16 (half an ulp at 0.016 is 6e-5).

Does not train (see `training/`) and does not merge adapters into weights.

Shape: base + parameters -> PEFT model -> folder -> Echo.
"""

import json
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from echoes_lib.errors import ModelError
from echoes_lib.models.folders import drafted
from echoes_lib.models.load import Base, load_base
from echoes_lib.models.targets import target_modules
from echoes_lib.models.variants import lay, plain, take_off
from echoes_lib.workspace import write_text

CARD = "echo.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"

# bitsandbytes, when installed, is imported by PEFT and warns of optional CPU kernels.
logging.getLogger("bitsandbytes").setLevel(logging.ERROR)


@dataclass(frozen=True)
class Echo:
    """A base with a person's adapter on it; one loaded model serves both."""

    model: Any
    tokenizer: Any
    echo: dict[str, Any]
    info: dict[str, Any]

    def base_only(self) -> AbstractContextManager:
        """Answer as the base inside this context: the adapter is switched off."""
        return self.model.disable_adapter()


def new_adapter(model: Any, params: Any, batches: Sequence[dict] | None = None) -> Any:
    """Lay a fresh LoRA adapter on a model; it changes nothing until it is trained.

    Args:
        model: a base model that carries no adapter; its weights stay as they are.
        params: an object with the LoRA fields of `params.schema.Lora`, and seed.
        batches: training data from `padding.padded_batches`; needed for
            init_lora_weights=eva, else not looked at.

    Returns:
        The PEFT model; only the adapter's weights are trainable, in float32.

    Raises:
        ModelError: a target module does not exist in this model, it has an adapter, or rank
            or batches do not suit init_lora_weights.

    Source: LoRA, arXiv 2106.09685; its variants are in `variants.py`.
    """
    import torch

    _check_free(model)
    targets = target_modules(model, params.target_modules)
    devices = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    with torch.random.fork_rng(devices=devices), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # PEFT asks by names that transformers moved
        warnings.filterwarnings("ignore", "lora with eva")  # a hint about meta devices
        torch.manual_seed(params.seed)
        return in_float32(lay(model, params, targets, batches))


@contextmanager
def attached(model: Any, params: Any, batches: Sequence[dict] | None = None) -> Iterator[Any]:
    """Lay a fresh adapter on a model for a while, and take it off again.

    Args:
        model: the base model; afterwards it is as it was.
        params: as for `new_adapter`.
        batches: as for `new_adapter`.

    Yields:
        The PEFT model.
    """
    adapted = new_adapter(model, params, batches)
    try:
        yield adapted
    finally:
        take_off(adapted)


def in_float32(model: Any) -> Any:
    """Turn the trainable weights of a model into float32, in place, and return it."""
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    return model


def save_echo(model: Any, folder: Path, echo: Mapping[str, Any]) -> Path:
    """Write the adapter, as one plain LoRA, and its card, whole or not at all.

    Args:
        model: the PEFT model.
        folder: replaced when it exists.
        echo: the card, with at least `base_model`.

    Returns:
        `folder`.

    Raises:
        CannotWrite: the disk is full or read-only; what was there stays.
    """
    from safetensors.torch import save_file

    config, weights = plain(model)
    # The base's name, not the path it happened to lie at on this machine.
    config.base_model_name_or_path = echo["base_model"]
    with drafted(folder) as draft:
        save_file(weights, draft / ADAPTER_WEIGHTS, metadata={"format": "pt"})
        config.save_pretrained(draft)
        write_text(draft / CARD, json.dumps(dict(echo), indent=1, ensure_ascii=False) + "\n")
    return Path(folder)


def load_echo(folder: Path, base: Base | None = None, base_path: Path | None = None) -> Echo:
    """Load an echo: its base as named in `echo.json`, and the adapter on it.

    Args:
        folder: an adapter folder.
        base: a base that is already loaded and carries no adapter; it is taken over.
        base_path: load the base from this folder, such as a copy inside a registered model.

    Returns:
        The echo in eval mode.

    Raises:
        ModelError: the folder is no echo, or the base is not the one it was trained on.
    """
    from peft import PeftModel

    echo = read_card(folder)
    _check_adapter(Path(folder))
    base = base or load_base(SimpleNamespace(**echo), base_path)
    _check_free(base.model)
    _check_same_base(echo, base)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        model = PeftModel.from_pretrained(base.model, str(folder), is_trainable=False)
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            parameter.data = parameter.data.float()
    return Echo(model.eval(), base.tokenizer, echo, base.info)


def read_card(folder: Path) -> dict[str, Any]:
    """Read `echo.json` of an adapter folder.

    Raises:
        ModelError: it is missing or not readable.
    """
    try:
        return json.loads((Path(folder) / CARD).read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError):
        raise ModelError(
            f"{Path(folder).name} holds no readable {CARD}: run notebook 3_train to make an "
            "adapter, or choose the folder it wrote"
        ) from None


def _check_adapter(folder: Path) -> None:
    if not (folder / "adapter_config.json").is_file():
        raise ModelError(
            f"{folder.name} holds no adapter_config.json: choose the folder that 3_train wrote; a "
            "folder that `echoes export --form merged` wrote is a base_model by itself"
        )


def _check_free(model: Any) -> None:
    if hasattr(model, "peft_config"):
        raise ModelError(
            "this base model carries an adapter already: load the base again before laying "
            "another one on it"
        )


def _check_same_base(echo: Mapping[str, Any], base: Base) -> None:
    trained, here = echo.get("base_revision"), base.info["base_revision"]
    if trained and here and trained != here:
        raise ModelError(
            f"the adapter was trained on {echo['base_model']} at {trained}, but the base here "
            f"is {here}: run notebook 3_train again, or bring that base back"
        )
