"""Find the chat template that a base model is trained with.

A training template marks the answers with `{% generation %}`, so that the tokenizer can say
which tokens are the person's own. Few models ship one. The templates in this folder have
the marks; one is used when it renders every probe prompt exactly as the model's own template
does, so that chat sees what training saw.

A tokenizer without any template is trained with the one that `chat_template` names.

    mistral_v3  Mistral-Instruct v0.3, the seedling
    chatml      SmolLM2-Instruct
    llama2      Llama-2-chat, CodeLlama-Instruct
    phi3        Phi-3-medium: no system role, the persona opens the first question
    phi3_mini   Phi-3-mini and 3.5-mini: a system role

Does not tokenise (see `models/render.py`).

Shape: tokenizer -> the text of a Jinja template.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from echoes_lib.errors import ModelError

FOLDER = Path(__file__).resolve().parent
MARKS = re.compile(r"\{%-?\s*generation\s*-?%\}")

_SYSTEM = {"role": "system", "content": "Be brief."}
_ASK = {"role": "user", "content": "Who are you?"}
_ANSWER = {"role": "assistant", "content": "A gardener, mostly."}
_AGAIN = {"role": "user", "content": "And before?"}
_PROBE = "persona-probe"
PROMPTS = (
    [_ASK],
    [_SYSTEM, _ASK],
    [_ASK, _ANSWER, _AGAIN],
    [_SYSTEM, _ASK, _ANSWER, _AGAIN],
    [_ASK, _ANSWER, _AGAIN, _ANSWER, _ASK],
)


def shipped_templates() -> list[str]:
    """List the names of the templates in this folder."""
    return sorted(path.stem for path in FOLDER.glob("*.jinja"))


def template_text(name: str) -> str:
    """Read one of the templates in this folder, such as `mistral_v3`."""
    return (FOLDER / f"{name}.jinja").read_text(encoding="utf-8").rstrip("\n")


def training_template(tokenizer: Any) -> str:
    """Return the template to train with.

    Args:
        tokenizer: a transformers tokenizer.

    Returns:
        The tokenizer's own template when it has generation marks, else the first one of this
        folder that renders the probe prompts as the tokenizer's own template does.

    Raises:
        ModelError: the tokenizer has no chat template, or none of this folder fits it.
    """
    return find_template(tokenizer)[2]


def find_template(tokenizer: Any, chosen: str | None = None) -> tuple[str, str, str]:
    """Find the template to train with, and say which it is and why.

    Args:
        tokenizer: a transformers tokenizer.
        chosen: the name of a template of this folder, taken without a look at the tokenizer's.

    Returns:
        The name (`own` for the tokenizer's), the reason, and the template's text.

    Raises:
        ModelError: as for `training_template`, or nothing here is called `chosen`.
    """
    if chosen:
        _check_name(chosen)
        return chosen, f"asked for: chat_template={chosen}", template_text(chosen)
    own = _own_template(tokenizer)
    if MARKS.search(own):
        shipped = (name for name in shipped_templates() if template_text(name) == own.rstrip("\n"))
        return next(shipped, "own"), "the tokenizer's own has generation marks", own
    for name in shipped_templates():
        if renders_alike(tokenizer, own, template_text(name)):
            return name, "renders as the tokenizer's own, and has marks", template_text(name)
    raise ModelError(
        "the base model's chat template has no {% generation %} marks and renders unlike "
        f"{', '.join(shipped_templates())}: choose one of them with chat_template, or add "
        "echoes_lib/models/templates/<name>.jinja, a copy of the model's template with "
        "{% generation %} … {% endgeneration %} around each answer and its end token"
    )


def renders_alike(tokenizer: Any, own: str, other: str) -> bool:
    """Tell whether two templates make the same prompts and the same closed conversations.

    Every probe prompt must be equal to the character, and so must every conversation without
    a system message. A closed conversation *with* one must begin with the prompt that chat
    would send: Mistral v0.3's own template drops the system message there. Where the own
    template knows no system message, chat moves it into the first question, and so must `other`.
    """
    for prompt in PROMPTS:
        seated = seat_system(tokenizer, prompt, own)
        asked = _render(tokenizer, own, seated, add_generation_prompt=True)
        if asked is None or asked != _render(tokenizer, other, prompt, add_generation_prompt=True):
            return False
        closed = _render(tokenizer, other, [*prompt, _ANSWER])
        if closed is None or not closed.startswith(asked):
            return False
        if _SYSTEM not in prompt and closed != _render(tokenizer, own, [*prompt, _ANSWER]):
            return False
    return True


def seat_system(
    tokenizer: Any, messages: Sequence[Mapping[str, str]], template: str | None = None
) -> list[Mapping[str, str]]:
    """Move the system message into the first user message if the template would lose it.

    Args:
        tokenizer: its chat template is tried out on two words.
        messages: the conversation.
        template: tried out instead of the tokenizer's own.

    Returns:
        The messages, unchanged when the template shows a system message.
    """
    if messages[0]["role"] != "system" or _shows_system(tokenizer, template):
        return list(messages)
    system, first, *rest = messages
    merged = {"role": "user", "content": f"{system['content']}\n\n{first['content']}"}
    return [merged, *rest]


def _shows_system(tokenizer: Any, template: str | None) -> bool:
    trial = [{"role": "system", "content": _PROBE}, {"role": "user", "content": "x"}]
    return _PROBE in (_render(tokenizer, template, trial) or "")


def _check_name(chosen: str) -> None:
    if chosen not in shipped_templates():
        raise ModelError(
            f"chat_template={chosen!r} is none of {', '.join(shipped_templates())}: choose one "
            "of these, or null for the tokenizer's own"
        )


def _own_template(tokenizer: Any) -> str:
    own = tokenizer.chat_template
    own = own.get("default") if isinstance(own, dict) else own
    if not own:
        raise ModelError(
            "the base model's tokenizer has no chat template: choose an instruct model, whose "
            "tokenizer_config.json or chat_template.jinja holds one, or set chat_template to "
            f"one of {', '.join(shipped_templates())}"
        )
    return own


def _render(
    tokenizer: Any, template: str | None, messages: Sequence, **settings: Any
) -> str | None:
    from jinja2 import TemplateError

    try:
        return tokenizer.apply_chat_template(
            messages, chat_template=template, tokenize=False, **settings
        )
    except TemplateError:
        return None  # the template refuses such a conversation (some know no system role)
