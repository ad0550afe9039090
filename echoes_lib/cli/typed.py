"""Read an answer from the keyboard, over as many lines as it takes, and time it.

In a terminal: an editor in place (prompt_toolkit), with what was written before to go on
with. Elsewhere: lines, as they come. In both, a line with nothing but a full stop ends the
answer, and a last line `/skip`, `/back`, `/help` or `/quit` is a command; what was written
before it comes back beside it. Saves nothing by itself.

Shape: words there before -> Reply(text, seconds, command).
"""

import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from echoes_lib.reflections.intake.asking import Stopwatch

COMMANDS = ("skip", "back", "help", "quit")
END = "."
AUTOSAVE_S = 3.0
Keep = Callable[[str, float], Any]  # called now and then with the words and seconds so far


@dataclass(frozen=True)
class Reply:
    """What was typed; the command is `save`, one of COMMANDS, or `stop` for Ctrl-C and the like."""

    text: str = field(repr=False)
    seconds: float
    command: str


class Reader(Protocol):
    """Reads one answer."""

    def read(self, before: str, is_draft: bool, keep: Keep) -> Reply:
        """Read an answer that begins with the words before."""


def reader() -> Reader:
    """Return the reader that fits: an editor at a terminal, plain lines elsewhere."""
    if sys.stdin.isatty() and sys.stdout.isatty():
        return Editor()
    return Lines(sys.stdin)


def parse(text: str) -> tuple[str, str] | None:
    r"""Split typed text into words and command, or None while its last line is neither.

    >>> parse("I left home.\n.")
    ('I left home.', 'save')
    >>> parse("I left home.\n/quit")
    ('I left home.', 'quit')
    """
    body, _, last = text.rpartition("\n")
    last = last.strip().lower()
    if last == END:
        return body.strip("\n"), "save"
    if last.startswith("/") and last[1:] in COMMANDS:
        return body.strip("\n"), last[1:]
    return None


class Lines:
    """Reads lines from a file or a pipe; an end of input in an answer leaves it unfinished."""

    def __init__(self, lines: Iterable[str]):
        self._lines = iter(lines)

    def read(self, before: str, is_draft: bool, keep: Keep) -> Reply:
        """Read until an end line, a command or the end of input.

        Args:
            before: a draft that the lines are added to; a saved answer is replaced by them.
            is_draft: which of the two it is.
            keep: not called; what is read so far comes back in any case.
        """
        watch = Stopwatch()
        text = before if is_draft else ""
        try:
            for line in self._lines:
                watch.touch()
                text = f"{text}\n{line.rstrip(chr(10))}" if text else line.rstrip("\n")
                if done := parse(text):
                    return Reply(done[0], watch.touch(), done[1])
        except KeyboardInterrupt:
            return Reply(text, watch.touch(), "stop")
        return Reply(text, watch.touch(), "quit")


class Editor:
    """Edits an answer in the terminal."""

    def read(self, before: str, is_draft: bool, keep: Keep) -> Reply:
        """Edit until an end line, a command, Alt-Enter, Ctrl-D or Ctrl-C.

        Args:
            before: stands there to be edited, be it a draft or a saved answer.
            is_draft: which of the two it is; makes no difference here.
            keep: called with the words every few seconds of typing.
        """
        from prompt_toolkit import PromptSession
        from prompt_toolkit.history import DummyHistory

        watch = Stopwatch()
        prompt = PromptSession(history=DummyHistory(), multiline=True, key_bindings=_keys())
        prompt.default_buffer.on_text_changed += _autosave(watch, keep)
        try:
            text, command = prompt.prompt("> ", default=before, prompt_continuation="  ")
        except (KeyboardInterrupt, EOFError, OSError):
            text, command = prompt.default_buffer.text, "stop"
        return Reply(text, watch.touch(), command)


def _autosave(watch: Stopwatch, keep: Keep) -> Callable[[Any], None]:
    saved = time.monotonic()

    def changed(buffer: Any) -> None:
        nonlocal saved
        seconds = watch.touch()
        if time.monotonic() - saved >= AUTOSAVE_S:
            saved = time.monotonic()
            keep(buffer.text, seconds)

    return changed


def _keys() -> Any:
    """Return the keys that differ from the usual ones: Enter, Alt-Enter and Ctrl-D."""
    from prompt_toolkit.key_binding import KeyBindings

    keys = KeyBindings()

    @keys.add("enter")
    def _(event: Any) -> None:
        buffer = event.current_buffer
        done = parse(buffer.text) if buffer.document.is_cursor_at_the_end else None
        if done:
            event.app.exit(result=done)
        else:
            buffer.newline(copy_margin=False)

    @keys.add("escape", "enter")
    def _(event: Any) -> None:
        text = event.current_buffer.text
        event.app.exit(result=parse(text) or (text.strip("\n"), "save"))

    @keys.add("c-d")
    def _(event: Any) -> None:
        event.app.exit(result=(event.current_buffer.text, "quit"))

    return keys
