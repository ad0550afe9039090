"""A miniature Mistral with tokenizer and chat template, made in a second or two.

Weights are random, the tokenizer is trained on the sentences below. For tests that need a
base model as a folder and do not care what it says.

Shape: folder -> the same folder, loadable by transformers, about 100,000 parameters.
"""

from pathlib import Path

from echoes_lib.models.templates import template_text

CONTROL_TOKENS = ["<unk>", "<s>", "</s>", "[INST]", "[/INST]", "<pad>"]
SENTENCES = [
    "The kettle was on before anyone spoke, and that was how I knew the day was a good one.",
    "What did you learn from your first job? I learned to sweep from the door to the wall.",
    "My brother kept pigeons on the roof and never once named them, so I named them for him.",
    "You are Luke, sharing your authentic thoughts and experiences with warmth and wisdom.",
    "Tell me about a place. There is a bench by the canal, green, with one slat gone.",
    "Money was a word for the kitchen, said low, after we had gone up to bed.",
    "What small thing makes you happy? Rain on a tin roof, if I am under it and dry.",
    "I was afraid of the dog next door until it grew old and I carried it over the snow.",
]


def make_tiny_base(folder: Path, seed: int = 0, **changes: int) -> Path:
    """Write a miniature Mistral base model.

    Args:
        folder: made when missing.
        seed: decides the random weights.
        **changes: fields of MistralConfig to replace.

    Returns:
        `folder`.
    """
    import torch
    from transformers import MistralConfig, MistralForCausalLM

    tokenizer = make_tiny_tokenizer()
    fields = {
        "vocab_size": len(tokenizer),
        "hidden_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "intermediate_size": 128,
        "max_position_embeddings": 1024,
        "sliding_window": None,
        "tie_word_embeddings": True,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 5,
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = MistralForCausalLM(MistralConfig(**(fields | changes))).float()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def make_tiny_tokenizer(template: str = "mistral_v3", pad_token: str | None = "<pad>"):
    """Train a byte-level BPE tokenizer of 512 tokens on the sentences above."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=512,
        special_tokens=[*CONTROL_TOKENS, "<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    core.train_from_iterator(SENTENCES, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="</s>",
        pad_token=pad_token,
        additional_special_tokens=["[INST]", "[/INST]"],
        clean_up_tokenization_spaces=False,
        chat_template=template_text(template),
    )
