"""Find the chat template that a base model is trained with.

A training template marks the answers with `{% generation %}`, so that the tokenizer can say
which tokens are the person's own. Few models ship one. The templates in this folder have
the marks; one is used when it renders every probe prompt exactly as the model's own template
does, so that chat sees what training saw.

Does not tokenise (see `models/render.py`).

Shape: tokenizer -> the text of a Jinja template.
"""

import re
from pathlib import Path
from typing import Any

from echoes_lib.errors import ModelError

FOLDER = Path(__file__).resolve().parent
MARKS = re.compile(r"\{%-?\s*generation\s*-?%\}")

_SYSTEM = {"role": "system", "content": "Be brief."}
_ASK = {"role": "user", "content": "Who are you?"}
_ANSWER = {"role": "assistant", "content": "A gardener, mostly."}
_AGAIN = {"role": "user", "content": "And before?"}
PROMPTS = (
    [_ASK],
    [_SYSTEM, _ASK],
    [_ASK, _ANSWER, _AGAIN],
    [_SYSTEM, _ASK, _ANSWER, _AGAIN],
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
    own = _own_template(tokenizer)
    if MARKS.search(own):
        return own
    for name in shipped_templates():
        if renders_alike(tokenizer, own, template_text(name)):
            return template_text(name)
    raise ModelError(
        "the base model's chat template has no {% generation %} marks and renders unlike "
        f"{', '.join(shipped_templates())}: add echoes_lib/models/templates/<name>.jinja, a copy "
        "of the model's template with {% generation %} … {% endgeneration %} around each answer "
        "and its end token"
    )


def renders_alike(tokenizer: Any, own: str, other: str) -> bool:
    """Tell whether two templates make the same prompts and the same closed conversations.

    Every probe prompt must be equal to the character, and so must every conversation without
    a system message. A closed conversation *with* one must begin with the prompt that chat
    would send: Mistral v0.3's own template drops the system message there.
    """
    for prompt in PROMPTS:
        asked = _render(tokenizer, own, prompt, add_generation_prompt=True)
        if asked is None or asked != _render(tokenizer, other, prompt, add_generation_prompt=True):
            return False
        closed = _render(tokenizer, other, [*prompt, _ANSWER])
        if closed is None or not closed.startswith(asked):
            return False
        if _SYSTEM not in prompt and closed != _render(tokenizer, own, [*prompt, _ANSWER]):
            return False
    return True


def _own_template(tokenizer: Any) -> str:
    own = tokenizer.chat_template
    own = own.get("default") if isinstance(own, dict) else own
    if not own:
        raise ModelError(
            "the base model's tokenizer has no chat template: choose an instruct model, "
            "whose tokenizer_config.json or chat_template.jinja holds one"
        )
    return own


def _render(tokenizer: Any, template: str, messages: list, **settings: Any) -> str | None:
    from jinja2 import TemplateError

    try:
        return tokenizer.apply_chat_template(
            messages, chat_template=template, tokenize=False, **settings
        )
    except TemplateError:
        return None  # the template refuses such a conversation (some know no system role)
