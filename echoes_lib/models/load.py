"""Load a base model and its tokenizer, from the seedling to Mistral-7B, through one door.

`find.py` says where it is, `hardware.py` in which dtype and attention; here it is loaded,
quantised when asked, and described. Adapters are laid on it by `adapters.py`.

Shape: parameters (the Common fields) -> Base(model, tokenizer, info).
"""

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from echoes_lib.errors import ModelError
from echoes_lib.models.find import Source, find_base, resolve_base

__all__ = ["Base", "load_base", "load_tokenizer", "resolve_base"]

PAD_CANDIDATES = ("<pad>", "<|pad|>", "[PAD]", "<|finetune_right_pad_id|>", "<|endoftext|>")


@dataclass(frozen=True)
class Base:
    """A base model ready to answer or to carry an adapter.

    `info` says what was chosen and why: base_model, base_revision, quantization, dtype,
    dtype_reason, attention, attention_reason, device, n_parameters, pad_token,
    pad_token_reason.
    """

    model: Any
    tokenizer: Any
    info: dict[str, Any]


def load_tokenizer(params: Any) -> Any:
    """Load a base's tokenizer alone, which takes no memory to speak of.

    Args:
        params: an object with `base_model` and `base_revision`.

    Returns:
        A transformers tokenizer with a pad token that is not the end token.

    Raises:
        BaseModelNotFound: no such base.
        ModelError: its files are incomplete, or no token is free for padding.
    """
    return _tokenizer(find_base(params.base_model, params.base_revision))[0]


def load_base(params: Any, folder: Path | None = None) -> Base:
    """Load a base model for inference or training.

    Args:
        params: an object with the fields of `params.schema.Common`.
        folder: load from here instead, such as a copy inside a registered model.

    Returns:
        The model in eval mode on its device, its tokenizer, and what was chosen with reasons.

    Raises:
        BaseModelNotFound: no such base.
        ModelError: files are incomplete, or a library for the quantisation is missing.
    """
    from echoes_lib.models.hardware import choose_attention, choose_dtype, device

    source = find_base(str(folder or params.base_model), None if folder else params.base_revision)
    dtype, dtype_reason = choose_dtype(params.dtype)
    attention, attention_reason = choose_attention(params.attention, dtype)
    tokenizer, pad_reason = _tokenizer(source)
    settings = {"dtype": dtype, "attn_implementation": attention, "device_map": {"": device()}}
    model = _model(source, settings | _quantization(params, dtype)).eval()
    info = {
        "base_model": params.base_model,
        "base_revision": source.revision,
        "quantization": params.quantization,
        "dtype": str(dtype).removeprefix("torch."),
        "dtype_reason": dtype_reason,
        "attention": attention,
        "attention_reason": attention_reason,
        "device": device(),
        "n_parameters": model.num_parameters(),
        "pad_token": tokenizer.pad_token,
        "pad_token_reason": pad_reason,
    }
    return Base(model, tokenizer, info)


def choose_pad_token(tokenizer: Any) -> tuple[str, str]:
    """Choose a token for padding that is never the end token.

    With the end token as padding, a collator that hides padding also hides every end, and
    the model never learns to stop.

    Returns:
        The token and the reason.

    Raises:
        ModelError: the vocabulary has no token to spare.
    """
    eos = tokenizer.eos_token
    if tokenizer.pad_token is not None and tokenizer.pad_token != eos:
        return tokenizer.pad_token, "the tokenizer's own"
    vocabulary = tokenizer.get_vocab()
    for token in PAD_CANDIDATES:
        if token in vocabulary and token != eos:
            return token, "in the vocabulary, and not the end token"
    if tokenizer.unk_token is not None and tokenizer.unk_token != eos:
        return tokenizer.unk_token, "the tokenizer has no pad token; unknown never ends a reply"
    raise ModelError(
        "the base model's tokenizer has no token for padding besides its end token: set "
        "pad_token in its tokenizer_config.json to an unused token of the vocabulary"
    )


def _tokenizer(source: Source) -> tuple[Any, str]:
    from transformers import AutoTokenizer

    tokenizer = _from_pretrained(AutoTokenizer, source, {})
    tokenizer.pad_token, reason = choose_pad_token(tokenizer)
    return tokenizer, reason


def _model(source: Source, settings: dict[str, Any]) -> Any:
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    return _from_pretrained(AutoModelForCausalLM, source, settings)


def _from_pretrained(loader: Any, source: Source, settings: dict[str, Any]) -> Any:
    if source.is_hub:
        settings = settings | {"revision": source.revision, "local_files_only": source.cache_only}
    try:
        return loader.from_pretrained(source.location, **settings)
    except (OSError, ValueError) as error:
        where = "the local cache" if source.cache_only else Path(source.location).name
        raise ModelError(
            f"the base model's files in {where} are incomplete or of an unknown kind "
            f"({type(error).__name__}): download them again with `hf download`, or choose "
            "another base_model"
        ) from error


def _quantization(params: Any, dtype: Any) -> dict[str, Any]:
    if params.quantization == "none":
        return {}
    if importlib.util.find_spec("bitsandbytes") is None:
        raise ModelError(
            f"quantization={params.quantization} needs bitsandbytes, which is not installed: "
            "install the gpu extra (pip install -e '.[gpu]'), or set quantization: none"
        )
    from transformers import BitsAndBytesConfig

    if params.quantization == "int8":
        return {"quantization_config": BitsAndBytesConfig(load_in_8bit=True)}
    config = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=params.double_quantization,
        bnb_4bit_compute_dtype=dtype,
    )
    return {"quantization_config": config}
