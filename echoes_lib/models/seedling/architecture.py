"""Describe the seedling: its Mistral configuration and its tokenizer.

What it does not do: train the weights (`pretrain`) or write files (`build`).

Shape: nothing -> MistralConfig; iterator of texts -> a transformers tokenizer
whose chat template is `models/templates/mistral_v3.jinja`.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import MistralConfig, MistralForCausalLM, PreTrainedTokenizerFast

from echoes_lib.models.templates import template_text

__all__ = ["CONTROL_TOKENS", "new_model", "seedling_config", "train_tokenizer"]

# The order fixes the ids: <unk> 0, <s> 1, </s> 2, [INST] 3, [/INST] 4 as in Mistral v0.3.
CONTROL_TOKENS = ("<unk>", "<s>", "</s>", "[INST]", "[/INST]", "<pad>")
VOCABULARY = 4096
POSITIONS = 1024


def seedling_config(**changes: int) -> MistralConfig:
    """Describe the model: 4 layers of width 256, about 4.2 million parameters.

    Args:
        **changes: Fields of MistralConfig to replace, for miniatures in tests.

    Returns:
        A configuration for `new_model`.

    Source: Mistral 7B, arXiv 2310.06825 (grouped-query attention, SwiGLU, RMSNorm).
    """
    fields: dict[str, object] = {
        "vocab_size": VOCABULARY,
        "hidden_size": 256,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "intermediate_size": 768,
        "max_position_embeddings": POSITIONS,
        # No window: 1024 positions are cheap, and a window would only complicate caching.
        "sliding_window": None,
        # A quarter of the parameters are embeddings; tying halves what would be half of them.
        "tie_word_embeddings": True,
        "bos_token_id": CONTROL_TOKENS.index("<s>"),
        "eos_token_id": CONTROL_TOKENS.index("</s>"),
        "pad_token_id": CONTROL_TOKENS.index("<pad>"),
        "attention_dropout": 0.0,
    }
    return MistralConfig(**(fields | changes))


def new_model(config: MistralConfig, seed: int = 0) -> MistralForCausalLM:
    """Make an untrained model whose weights depend on the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return MistralForCausalLM(config).float()


def train_tokenizer(texts: Iterable[str], vocabulary: int = VOCABULARY) -> PreTrainedTokenizerFast:
    """Train a byte-level BPE tokenizer and give it the chat template.

    Bytes are the alphabet, so every text survives the round trip. Control tokens
    are recognised in any text by default: encode text that a stranger wrote
    with `split_special_tokens=True`, as the chat does, to keep a typed
    "[/INST]" mere text.

    Args:
        texts: Training text.
        vocabulary: Size, control tokens and the 256 bytes included.

    Returns:
        A tokenizer that adds no token by itself: the template writes `<s>`.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(CONTROL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        additional_special_tokens=["[INST]", "[/INST]"],
        model_max_length=POSITIONS,
        clean_up_tokenization_spaces=False,
        chat_template=template_text("mistral_v3"),
    )
