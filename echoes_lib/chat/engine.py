"""Answer a conversation as the echo: whole, piece by piece, or many at once.

One engine serves the notebook, the terminal, the registered model and the evaluation. When the
adapter cannot be loaded or fails, the base goes on where it stopped, and the reply says so. A
sincere "are you an AI?" is answered by rule. Keeps no history and no log; many users at once
are served one after another.

Shape: messages -> Reply, or a Stream of pieces whose join is that reply's text.
"""

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from echoes_lib.chat.context import context_size, fit_prompt
from echoes_lib.chat.disclosure import asks_if_ai, notice
from echoes_lib.chat.render import Message
from echoes_lib.chat.sampling import draw, stop_ids
from echoes_lib.params import Generation

DEFAULT = Generation()


@dataclass(frozen=True)
class Reply:
    """What was said, who said it and why it ended.

    `served_by` is `echo`, `base` (then `reason` says why) or `notice` (the rule on AI).
    `finish_reason` is `stop` (it was finished), `length` (max_new_tokens) or `cancelled`.
    """

    text: str
    served_by: Literal["echo", "base", "notice"]
    reason: str | None
    n_tokens: int
    finish_reason: Literal["stop", "length", "cancelled"]


class Engine:
    """Replies of one echo; safe to call from several threads."""

    def __init__(self, echo: Any, base_reason: str | None = None):
        """Take a loaded echo.

        Args:
            echo: from `models.adapters.load_echo`; a bare base with persona if `base_reason`.
            base_reason: why the adapter is not there; then the base answers everything.
        """
        self.echo = echo
        self.base_reason = base_reason
        self._ends = set(stop_ids(echo.model, echo.tokenizer))
        self._turn = threading.Lock()

    def reply(
        self, messages: Sequence[Message], generation: Generation = DEFAULT, seed: int | None = None
    ) -> Reply:
        """Answer a conversation.

        Args:
            messages: roles and contents, oldest first, ending with the user's message.
            generation: how to sample; defaults are those of `params.Generation`.
            seed: makes the reply repeatable.

        Returns:
            The reply.

        Raises:
            ModelError: no user message, or one that does not fit into the model's context.
        """
        return self._speaker(messages, generation, seed)(lambda token: False)

    def stream(
        self, messages: Sequence[Message], generation: Generation = DEFAULT, seed: int | None = None
    ) -> "Stream":
        """Answer like `reply`, piece by piece; an abandoned stream stops the model.

        Raises:
            ModelError: as `reply` does, before the first piece.
        """
        return Stream(self._speaker(messages, generation, seed), self._read)

    def reply_batch(
        self,
        conversations: Sequence[Sequence[Message]],
        generation: Generation = DEFAULT,
        seed: int | None = None,
        base: bool = False,
    ) -> list[Reply]:
        """Answer many conversations at once, for evaluation.

        Here nothing stands in for the model: a failing adapter raises instead of letting the
        base answer, and the rule on AI does not apply.

        Args:
            conversations: one list of messages each.
            generation: how to sample.
            seed: one seed for the batch.
            base: let the base answer, the adapter switched off.

        Returns:
            Replies in the order of the conversations.
        """
        prompts = [self._prompt(messages, generation) for messages in conversations]
        with self._turn:
            if base:
                with self.echo.base_only():
                    rows = self._draw(prompts, generation, seed)
            else:
                rows = self._draw(prompts, generation, seed)
        full = generation.max_new_tokens
        return [
            Reply(
                text=self._read(row).strip(),
                served_by="base" if base else "echo",
                reason="asked for the base" if base else None,
                n_tokens=len(row),
                finish_reason="length" if len(row) >= full else "stop",
            )
            for row in rows
        ]

    def _speaker(
        self, messages: Sequence[Message], generation: Generation, seed: int | None
    ) -> Callable[[Callable[[int], bool]], Reply]:
        """Prepare a reply: a function that is told who listens to its tokens, and speaks."""
        prompt = self._prompt(messages, generation)
        asked = [m["content"] for m in messages if m["role"] == "user"][-1]
        if asks_if_ai(asked, self.echo.echo["name"]):
            said = notice(self.echo.echo["name"])
            return lambda hear: Reply(said, "notice", "asked whether this is an AI", 0, "stop")
        return lambda hear: self._speak(prompt, generation, seed, hear)

    def _speak(
        self, prompt: list[int], generation: Generation, seed: int | None, hear: Callable
    ) -> Reply:
        heard: list[int] = []
        cancelled = False

        def on_token(token: int) -> bool:
            nonlocal cancelled
            heard.append(token)
            cancelled = hear(token)
            return cancelled

        with self._turn:
            reason = self.base_reason
            if reason is None:
                try:
                    self._draw([prompt], generation, seed, on_token)
                except Exception as error:
                    reason = f"the adapter failed: {type(error).__name__}"
            if reason is not None:
                self._let_base_go_on(prompt, heard, generation, seed, on_token)
        tokens = [token for token in heard if token not in self._ends]
        finished = "stop" if len(tokens) < len(heard) else "cancelled" if cancelled else "length"
        served_by = "echo" if reason is None else "base"
        return Reply(self._read(tokens).strip(), served_by, reason, len(tokens), finished)

    def _let_base_go_on(
        self,
        prompt: list[int],
        heard: list[int],
        generation: Generation,
        seed: int | None,
        on_token: Callable,
    ) -> None:
        left = generation.max_new_tokens - len(heard)
        if left <= 0 or (heard and heard[-1] in self._ends):
            return
        with self.echo.base_only():
            rest = generation.model_copy(update={"max_new_tokens": left})
            self._draw([prompt + heard], rest, seed, on_token)

    def _prompt(self, messages: Sequence[Message], generation: Generation) -> list[int]:
        return fit_prompt(
            self.echo.tokenizer,
            messages,
            self.echo.echo["system_prompt"],
            context_size(self.echo.model, self.echo.tokenizer),
            generation.max_new_tokens,
        ).ids

    def _draw(self, prompts: list[list[int]], *how: Any) -> list[list[int]]:
        return draw(self.echo.model, self.echo.tokenizer, prompts, *how)

    def _read(self, tokens: list[int]) -> str:
        spoken = [token for token in tokens if token not in self._ends]
        return self.echo.tokenizer.decode(
            spoken, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )


class Stream:
    """Pieces of a reply as they are made; after the last, `reply` holds all of it."""

    def __init__(self, speak: Callable[[Callable[[int], bool]], Reply], read: Callable):
        self.reply: Reply | None = None
        self._speak, self._read = speak, read
        self._tokens: queue.SimpleQueue = queue.SimpleQueue()
        self._left = threading.Event()

    def __iter__(self) -> Iterator[str]:
        """Yield pieces; leaving the loop early stops the model."""
        worker = threading.Thread(target=self._work, daemon=True)
        worker.start()
        heard: list[int] = []
        sent = ""
        try:
            while isinstance(token := self._tokens.get(), int):
                heard.append(token)
                # Half a character and a trailing blank wait for what comes next.
                said = self._read(heard).lstrip().rstrip("\ufffd").rstrip()
                if len(said) > len(sent):
                    yield said[len(sent) :]
                    sent = said
        finally:
            self._left.set()
            worker.join()
        if isinstance(token, BaseException):
            raise token
        self.reply = token
        if len(token.text) > len(sent):
            yield token.text[len(sent) :]

    def _work(self) -> None:
        # The consumer waits on this queue: whatever happens here must reach it.
        try:
            self._tokens.put(self._speak(self._hear))
        except BaseException as error:
            self._tokens.put(error)

    def _hear(self, token: int) -> bool:
        self._tokens.put(token)
        return self._left.is_set()
