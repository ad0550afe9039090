"""Write examples as chat messages and leave out the training ones that are too long.

Messages follow the chat format of the hub: system (the persona), then user and assistant by
turns. The base model's own tokenizer says how long a conversation is. Does not tokenise for
training; that is `models.render`.

Shape: examples -> rows of the dataset files; examples, length -> (kept, drops).
"""

from collections.abc import Callable, Sequence
from typing import Any

from echoes_lib.reflections.augment import Example
from echoes_lib.reflections.filters import Drop

Message = dict[str, str]
Length = Callable[[list[Message]], int]


def messages(example: Example, system_prompt: str) -> list[Message]:
    """Return an example as chat messages.

    Args:
        example: a conversation of one or more turns.
        system_prompt: the persona, with the name filled in.

    Returns:
        1 + 2 x turns messages.
    """
    talk = [{"role": "system", "content": system_prompt}]
    for turn in example.turns:
        talk.append({"role": "user", "content": turn.asked})
        talk.append({"role": "assistant", "content": turn.said})
    return talk


def render(example: Example, system_prompt: str) -> dict[str, Any]:
    """Return an example as one row of a dataset file; see `messages`."""
    return {
        "example_id": example.example_id,
        "kind": example.kind,
        "category": example.category,
        "question_ids": example.question_ids,
        "messages": messages(example, system_prompt),
    }


def fit_length(
    examples: Sequence[Example], system_prompt: str, max_length: int, length: Length
) -> tuple[list[Example], list[Drop]]:
    """Leave out examples that are longer than the model reads in training.

    Args:
        examples: training examples of one stage.
        system_prompt: the persona, with the name filled in.
        max_length: in tokens.
        length: messages -> tokens.

    Returns:
        The examples that fit, and a drop `too_long` for each other.
    """
    kept: list[Example] = []
    drops: list[Drop] = []
    for example in examples:
        n = length(messages(example, system_prompt))
        if n <= max_length:
            kept.append(example)
        else:
            question_id = example.question_ids[0]
            drops.append(Drop(question_id, "too_long", n, max_length, example.example_id))
    return kept, drops


def token_counter(params: Any) -> Length:
    """Return a function that counts the tokens of a conversation.

    Args:
        params: an object with `base_model` and `base_revision`.

    Returns:
        messages -> tokens, template and end token included, as training will see them.

    Raises:
        BaseModelNotFound: no such base.
    """
    from echoes_lib.models.load import load_tokenizer
    from echoes_lib.models.render import encode
    from echoes_lib.models.templates import training_template

    tokenizer = load_tokenizer(params)
    template = training_template(tokenizer)
    return lambda talk: len(encode(tokenizer, template, talk).input_ids)
