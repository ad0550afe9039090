"""Talk to a registered echo in the terminal; replies appear as they are written.

The conversation is kept in memory only and is gone when the command ends.
"""

from collections.abc import Iterator
from typing import Any

import click

from echoes_lib.tracking.store import prepare_store

HELP = "Empty line or Ctrl-D ends, /new forgets the conversation so far."


def talk(user_id: str, alias: str) -> None:
    """Hold a conversation until the person ends it.

    Args:
        user_id: whose echo.
        alias: alias of the registered version.

    Raises:
        NoSuchEcho: no version has that alias.
    """
    from echoes_lib.registry.load import load_echo_model

    prepare_store()
    model = load_echo_model(user_id, alias)
    click.echo(f"You are talking to echo-{user_id}@{alias}, an AI. {HELP}")
    messages: list[dict[str, str]] = []
    for line in lines():
        if line == "/new":
            messages.clear()
            click.echo("(a new conversation)")
            continue
        messages.append({"role": "user", "content": line})
        messages.append({"role": "assistant", "content": say(model, messages)})


def lines() -> Iterator[str]:
    """Read what the person types until an empty line or the end of input."""
    while True:
        try:
            line = click.prompt("you", prompt_suffix="> ", default="", show_default=False).strip()
        except (EOFError, click.Abort):
            return
        if not line:
            return
        yield line


def say(model: Any, messages: list[dict[str, str]]) -> str:
    """Print the echo's next reply as it comes, and return it whole.

    Args:
        model: the loaded MLflow model.
        messages: the conversation so far, ending with the person's message.
    """
    click.echo("echo> ", nl=False)
    pieces = []
    for event in model.predict_stream({"input": list(messages)}):
        if event["type"] == "response.output_text.delta":
            click.echo(event["delta"], nl=False)
            pieces.append(event["delta"])
    click.echo()
    return "".join(pieces)
