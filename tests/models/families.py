"""Miniature random models of every base that the project names, each with its own habits.

Mistral and SmolLM2 come with a byte-level tokenizer, the Llamas and Phi-3 with one like
SentencePiece's: blanks written as signs, a blank put before every piece of text, bytes for
what the vocabulary lacks. Control tokens, padding, templates and ends of text are those of
the real models, so that their traps are met: Llama-2 writes [INST] as plain text, SmolLM2 pads
with its end token, Phi-3 ends replies with <|end|>, names another end of text, swallows the
blanks behind its marks and fuses its layers.

Shape: folder, family -> the same folder, loadable by transformers, about 100,000 parameters.
"""

from functools import cache
from pathlib import Path
from typing import Any

from tests.models.own_templates import FOUND
from tests.models.tiny import SENTENCES, make_tiny_tokenizer

FAMILIES = ("mistral", "llama2", "codellama", "phi3", "smollm2")
TOKENIZERS = (*FAMILIES, "phi3_mini")
BEGIN = ["<unk>", "<s>", "</s>"]
INFILLING = ["\u2581<PRE>", "\u2581<MID>", "\u2581<SUF>", "\u2581<EOT>"]
PHI3_MARKS = ["<|endoftext|>", "<|assistant|>", "<|system|>", "<|end|>", "<|user|>"]
SHAPE = {
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 128,
    "max_position_embeddings": 1024,
    "initializer_range": 0.1,  # with the usual 0.02, 64 dimensions cannot be sure of a token
}


def make_family(folder: Path, family: str, seed: int = 0, **changes: Any) -> Path:
    """Write a miniature base model of a family.

    Args:
        folder: made when missing.
        family: one of FAMILIES.
        seed: decides the random weights.
        **changes: fields of its config to replace.

    Returns:
        `folder`.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    tokenizer = make_family_tokenizer(family)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        kind, own = _config(family)
        ids = {
            "vocab_size": len(tokenizer),
            "bos_token_id": tokenizer.bos_token_id,
            "eos_token_id": tokenizer.eos_token_id,
            "pad_token_id": tokenizer.pad_token_id,
        }
        config = AutoConfig.for_model(kind, **(SHAPE | ids | own | changes))
        model = AutoModelForCausalLM.from_config(config).float()
        # A new model's padding row is zero; SmolLM2's is its end token, and long trained.
        torch.nn.init.normal_(model.get_input_embeddings().weight, std=config.initializer_range)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@cache
def make_family_tokenizer(family: str):
    """Make the tokenizer of a family, with the family's own chat template; do not change it."""
    template = FOUND[family][0]
    if family == "mistral":
        tokenizer = make_tiny_tokenizer()
    elif family == "smollm2":
        tokenizer = _byte_level(["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<repo_name>"])
    elif family in ("phi3", "phi3_mini"):
        tokenizer = _sentencepiece("<|endoftext|>", "<|endoftext|>", PHI3_MARKS)
    else:
        tokenizer = _sentencepiece("</s>", None, INFILLING if family == "codellama" else [])
    tokenizer.chat_template = template
    return tokenizer


def _config(family: str) -> tuple[str, dict[str, Any]]:
    rope = {"rope_type": "default", "rope_theta": 1_000_000.0}
    return {
        "mistral": ("mistral", {"sliding_window": None}),
        "llama2": ("llama", {"num_key_value_heads": 4}),
        "codellama": ("llama", {"num_key_value_heads": 4, "rope_parameters": rope}),
        "phi3": ("phi3", {"sliding_window": 256}),
        "smollm2": ("llama", {"tie_word_embeddings": True}),
    }[family]


def _byte_level(control: list[str]):
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    core.train_from_iterator(
        SENTENCES,
        trainers.BpeTrainer(
            vocab_size=512, special_tokens=control, initial_alphabet=alphabet, show_progress=False
        ),
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        unk_token="<|endoftext|>",
        bos_token="<|im_start|>",
        eos_token="<|im_end|>",
        pad_token="<|im_end|>",
        clean_up_tokenization_spaces=False,
    )


def _sentencepiece(eos: str, pad: str | None, added: list[str]):
    from tokenizers import AddedToken, Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    pieces, merges = _pieces()
    names = [*BEGIN, *(f"<0x{byte:02X}>" for byte in range(256)), *pieces]
    vocabulary = {piece: number for number, piece in enumerate(names)}
    bpe = models.BPE(vocabulary, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    core = _blanks_as_signs(Tokenizer(bpe))
    # As in Phi-3's files: its marks swallow blanks behind them, </s> is no special token.
    phi3 = eos != "</s>"
    core.add_special_tokens(["<unk>", "<s>"] if phi3 else BEGIN)
    if phi3:
        core.add_tokens([AddedToken("</s>", rstrip=True, normalized=False)])
    core.add_special_tokens([AddedToken(t, rstrip=phi3, normalized=False) for t in added])
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        unk_token="<unk>",
        bos_token="<s>",
        eos_token=eos,
        pad_token=pad,
        clean_up_tokenization_spaces=False,
    )


def _blanks_as_signs(core):
    from tokenizers import decoders, normalizers

    core.normalizer = normalizers.Sequence(
        [normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")]
    )
    core.decoder = decoders.Sequence(
        [
            decoders.Replace("\u2581", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    return core


@cache
def _pieces() -> tuple[list[str], list[tuple[str, str]]]:
    """Learn pieces within words from the sentences; returns pieces and merges."""
    import json

    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.Metaspace()
    core.train_from_iterator(SENTENCES, trainers.BpeTrainer(vocab_size=256, show_progress=False))
    learned = json.loads(core.to_str())["model"]
    return list(learned["vocab"]), [tuple(merge) for merge in learned["merges"]]
