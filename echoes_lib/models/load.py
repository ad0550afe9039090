"""Load a base model and its tokenizer, from the seedling to Mistral-7B, through one door.

`find.py` says where it is, `hardware.py` in which dtype and attention, `speech.py` how it
is spoken to; here it is loaded, quantised when asked, and described. What cannot work on this
machine is refused before anything is loaded. Adapters are laid on it by `adapters.py`.

Shape: parameters (the Common fields) -> Base(model, tokenizer, info).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from echoes_lib.errors import ModelError
from echoes_lib.models.find import Source, find_base, remember, resolve_base
from echoes_lib.models.hub import explain
from echoes_lib.models.quantize import check_quantization, quantization_settings
from echoes_lib.models.speech import Speech, choose_pad_token, prepare

__all__ = ["Base", "choose_pad_token", "load_base", "load_tokenizer", "resolve_base"]


@dataclass(frozen=True)
class Base:
    """A base model ready to answer or to carry an adapter.

    `info` says what was chosen and why: base_model, base_revision, quantization, dtype,
    dtype_reason, attention, attention_reason, device, n_parameters, chat_template,
    chat_template_reason, end_token, pad_token, pad_token_reason.
    """

    model: Any
    tokenizer: Any
    info: dict[str, Any]


def load_tokenizer(params: Any) -> Any:
    """Load a base's tokenizer alone, which takes no memory to speak of.

    Args:
        params: an object with `base_model` and `base_revision`, and `chat_template` if one is
            chosen by name.

    Returns:
        A transformers tokenizer with a chat template, and a pad token that is not the end token.

    Raises:
        BaseModelNotFound: no such base.
        ModelError: its files are incomplete, it has no chat template to train with, or no
            token is free for padding.
    """
    source = find_base(params.base_model, params.base_revision)
    return _tokenizer(source, getattr(params, "chat_template", None)).tokenizer


def load_base(params: Any, folder: Path | None = None, on: str | None = None) -> Base:
    """Load a base model for inference or training.

    Args:
        params: an object with the fields of `params.schema.Common`.
        folder: load from here instead, such as a copy inside a registered model.
        on: load onto this device instead of the one it will compute on, such as `cpu` for a
            base that is split over GPUs afterwards.

    Returns:
        The model in eval mode on its device, its tokenizer, and what was chosen with reasons.

    Raises:
        BaseModelNotFound: no such base.
        CannotWrite: the disk is full while the base is downloaded.
        ModelError: what was asked for cannot be had on this machine or with this model, or
            its files are incomplete.
    """
    from echoes_lib.models.hardware import choose_attention, choose_dtype, device

    dtype, dtype_reason = choose_dtype(params.dtype)
    choose_attention(params.attention, dtype)  # refuses before the hub is asked
    check_quantization(params.quantization)
    source = find_base(str(folder or params.base_model), None if folder else params.base_revision)
    attention, attention_reason = choose_attention(params.attention, dtype, _model_class(source))
    speech = _tokenizer(source, getattr(params, "chat_template", None))
    settings = {
        "dtype": dtype,
        "attn_implementation": attention,
        "device_map": {"": on or device()},
    }
    model = _model(source, settings | quantization_settings(params, dtype)).eval()
    _stop_at(model, speech.end_id)
    remember(source, params.base_revision)
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
    }
    return Base(model, speech.tokenizer, info | speech.info)


def _tokenizer(source: Source, chat_template: str | None) -> Speech:
    from transformers import AutoTokenizer

    return prepare(_from_pretrained(AutoTokenizer, source, {}), chat_template)


def _model_class(source: Source) -> type:
    """Find the class that a base will be of, from its config alone."""
    from transformers import AutoConfig
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING

    config = _from_pretrained(AutoConfig, source, {})
    if type(config) not in MODEL_FOR_CAUSAL_LM_MAPPING:
        raise ModelError(
            f"the base model is of the kind {config.model_type}, which does not write text: "
            "choose a causal language model, such as an instruct model of Mistral or Llama"
        )
    return MODEL_FOR_CAUSAL_LM_MAPPING[type(config)]


def _model(source: Source, settings: dict[str, Any]) -> Any:
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    loaded = _from_pretrained(
        AutoModelForCausalLM, source, settings | {"output_loading_info": True}
    )
    model, report = loaded
    # transformers would fill the gaps with random weights and only warn.
    if missing := sorted(report["missing_keys"]):
        raise ModelError(
            f"the base model's files in {Path(source.location).name} are incomplete: "
            f"{len(missing)} weights are missing, such as {missing[0]}; download them again "
            "with `hf download`, or choose another base_model"
        )
    return model


def _from_pretrained(loader: Any, source: Source, settings: dict[str, Any]) -> Any:
    from safetensors import SafetensorError

    if source.is_hub:
        settings = settings | {"revision": source.revision, "local_files_only": source.cache_only}
    try:
        return loader.from_pretrained(source.location, **settings)
    except (OSError, ValueError, ImportError, SafetensorError) as error:
        if source.is_hub and (known := explain(error, source.location, source.revision)):
            raise known from error
        where = "the local cache" if source.cache_only else Path(source.location).name
        raise ModelError(
            f"the base model's files in {where} are incomplete or of an unknown kind "
            f"({type(error).__name__}): download them again with `hf download`, or choose "
            "another base_model"
        ) from error


def _stop_at(model: Any, end_id: int) -> None:
    """Let every way of generating stop at the token that training ends answers with.

    It need not be the model's own end of text: Phi-3 ends replies with `<|end|>`.
    """
    given = model.generation_config.eos_token_id
    ends = given if isinstance(given, list) else [given]
    ends = list(dict.fromkeys([end_id, *(end for end in ends if end is not None)]))
    model.generation_config.eos_token_id = ends if len(ends) > 1 else end_id
