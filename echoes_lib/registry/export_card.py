"""Write the README of an exported echo: what it is, how to load it, how good each form is.

Figures, names and the persona only; no word of the person's answers.

Shape: echo.json, Export -> Markdown.
"""

from collections.abc import Mapping
from typing import Any

_README = """# {title}

A chat partner that speaks in the manner of {name}: {what}. It was trained on {name}'s own \
answers to reflection questions (dataset `{dataset}`). It is a program and not {name}, and must \
say so when asked.

## How to use it

```python
{code}
messages = [
    {{"role": "system", "content": {persona!r}}},
    {{"role": "user", "content": "What small thing makes you happy?"}},
]
inputs = tokenizer.apply_chat_template(
    messages, add_generation_prompt=True, return_tensors="pt", return_dict=True
)
reply = model.generate(**inputs, max_new_tokens=256)
print(tokenizer.decode(reply[0, inputs["input_ids"].shape[1]:], skip_special_tokens=True))
```

## How close each form comes

Nats per token on the {tokens} tokens of {name}'s answers in the validation split; lower is \
better. Training chose its best point by this split, so it flatters base + adapter a little.

| form | validation loss |
|---|---|
{rows}

## What it is for, and what not

For conversation with people who know that they talk to an echo. Facts it states about {name}'s \
life may be invented, and it may repeat what stands in the answers it was trained on: share it \
only with people who may read those. `echoes forget` reaches what lies in the project's own \
folders; it does not reach a copy such as this one, which must then be deleted by hand.
"""

_ADAPTER = """from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer{more}

folder = "."  # this folder
base = "{base}"{where}
model = AutoModelForCausalLM.from_pretrained(base{arguments})
model = PeftModel.from_pretrained(model, folder).eval()
tokenizer = AutoTokenizer.from_pretrained(folder)"""

_MERGED = """from transformers import AutoModelForCausalLM, AutoTokenizer

folder = "."  # this folder
model = AutoModelForCausalLM.from_pretrained(folder).eval()
tokenizer = AutoTokenizer.from_pretrained(folder)"""

_NF4 = (
    ', quantization_config=BitsAndBytesConfig(\n    load_in_4bit=True, bnb_4bit_quant_type="nf4", '
    "bnb_4bit_use_double_quant={double}\n)"
)
_INT8 = ", quantization_config=BitsAndBytesConfig(load_in_8bit=True)"
FORMS = {
    "base": "base alone",
    "trained": "base + adapter, as training noted it",
    "adapter": "base + adapter",
    "merged": "merged, loaded back from this folder",
}


def write_readme(card: Mapping[str, Any], made: Any) -> str:
    """Fill in the README.

    Args:
        card: echo.json of the adapter.
        made: the Export.

    Returns:
        Markdown.
    """
    merged = made.form == "merged"
    name, base = card["name"], card["base_model"]
    shown = f"`{base}` (revision `{card.get('base_revision') or 'not pinned'}`)"
    what = f"{shown} with a LoRA adapter merged into its weights" if merged else _what(card, shown)
    return _README.format(
        title=f"An AI echo of {name}" + (", merged" if merged else ": LoRA adapter"),
        name=name,
        what=what + (f", in {made.dtype}" if merged else ""),
        dataset=card.get("dataset_hash", "")[:12],
        code=_MERGED if merged else _adapter_code(card),
        persona=card["system_prompt"],
        tokens=made.validation_tokens,
        rows="\n".join(
            f"| {FORMS[form]} | {made.validation_loss[form]:.4f} |"
            for form in FORMS
            if form in made.validation_loss
        ),
    )


def _what(card: Mapping[str, Any], shown: str) -> str:
    kind = card.get("quantization", "none")
    return f"a LoRA adapter for {shown}" + ("" if kind == "none" else f", loaded in {kind}")


def _adapter_code(card: Mapping[str, Any]) -> str:
    kind, base = card.get("quantization", "none"), card["base_model"]
    arguments = {
        "none": "",
        "nf4": _NF4.format(double=card.get("double_quantization", True)),
        "int8": _INT8,
    }[kind]
    where = "" if base.count("/") == 1 and not base.startswith(("/", ".")) else _where(base)
    return _ADAPTER.format(
        base=base,
        where=where,
        arguments=arguments,
        more=", BitsAndBytesConfig" if arguments else "",
    )


def _where(base: str) -> str:
    if base == "seedling":
        return "  # its folder: from echoes_lib.models.seedling import SEEDLING_DIR as base"
    return "  # wherever its folder lies"
