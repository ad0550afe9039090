"""The echo as an MLflow model: a ResponsesAgent over the chat engine.

MLflow copies this file into the model and runs it to load it (models from code), so it holds
no state and ends with `set_model`. Adapter and, if it is small, base are artifacts beside it.

Chats are private. MLflow traces every call of a ResponsesAgent, texts included, into its store.
It does so by wrapping the methods that the subclass itself defines; here they stand in a plain
class beside it, so nothing is traced, and no chat is logged either. Who wants traces wraps the
call: `mlflow.trace(model.predict)(request)`.

Shape: {"input": [{"role": "user", "content": "…"}]} -> output item, custom_outputs.served_by.
"""

import json
from collections.abc import Generator
from pathlib import Path
from typing import Any
from uuid import uuid4

import mlflow
from mlflow.exceptions import MlflowException
from mlflow.pyfunc import ResponsesAgent
from mlflow.types.responses import (
    ResponsesAgentRequest,
    ResponsesAgentResponse,
    ResponsesAgentStreamEvent,
    create_text_delta,
    create_text_output_item,
)
from pydantic import ValidationError

from echoes_lib.chat.engine import Reply
from echoes_lib.chat.opening import check_not_forgotten, open_engine
from echoes_lib.errors import EchoesError
from echoes_lib.params import Generation


class UntracedReplies:
    """Answers requests of MLflow's Responses schema as one person's echo."""

    def load_context(self, context: Any) -> None:
        """Load base and adapter from the model's artifacts."""
        paths = {name: Path(path) for name, path in context.artifacts.items()}
        self.adapter = paths["adapter"]
        self.engine = open_engine(self.adapter, paths.get("base"))
        given = (paths["facts"] / "generation.json").read_text(encoding="utf-8")
        self.generation = Generation(**json.loads(given))

    def predict(self, request: ResponsesAgentRequest) -> ResponsesAgentResponse:
        """Answer at once; `temperature`, `top_p`, `max_output_tokens` of the request count."""
        try:
            reply = self.engine.reply(*self._asked(request))
        except EchoesError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from None
        return ResponsesAgentResponse(
            output=[create_text_output_item(reply.text, _new_id())],
            status="incomplete" if reply.finish_reason == "length" else "completed",
            custom_outputs=outcome(reply),
        )

    def predict_stream(
        self, request: ResponsesAgentRequest
    ) -> Generator[ResponsesAgentStreamEvent, None, None]:
        """Answer piece by piece; the last event holds the whole text and who served it."""
        item_id = _new_id()
        try:
            stream = self.engine.stream(*self._asked(request))
        except EchoesError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from None
        for piece in stream:
            yield ResponsesAgentStreamEvent(**create_text_delta(piece, item_id))
        yield ResponsesAgentStreamEvent(
            type="response.output_item.done",
            item=create_text_output_item(stream.reply.text, item_id),
            custom_outputs=outcome(stream.reply),
        )

    def _asked(
        self, request: ResponsesAgentRequest
    ) -> tuple[list[dict[str, str]], Generation, int | None]:
        """Read messages, generation settings and seed (`custom_inputs.seed`) of a request."""
        check_not_forgotten(self.adapter)  # it may have been, while this process served it
        seed = (request.custom_inputs or {}).get("seed")
        return read_messages(request), self._generation(request), seed

    def _generation(self, request: ResponsesAgentRequest) -> Generation:
        given = {
            "temperature": request.temperature,
            "top_p": request.top_p,
            "max_new_tokens": request.max_output_tokens,
        }
        changes: dict[str, Any] = {name: v for name, v in given.items() if v is not None}
        if changes.get("temperature") == 0:  # what clients send to ask for no chance at all
            changes = changes | {"temperature": 1.0, "do_sample": False}
        try:
            return Generation(**(self.generation.model_dump() | changes))
        except ValidationError as error:
            wrong = ", ".join(f"{e['loc'][0]}={e['input']!r}: {e['msg']}" for e in error.errors())
            raise MlflowException.invalid_parameter_value(wrong) from None


def read_messages(request: ResponsesAgentRequest) -> list[dict[str, str]]:
    """Return a request's messages as role and text; parts that are not text are left out."""
    messages = []
    for item in request.model_dump()["input"]:
        content = item.get("content") or ""
        if not isinstance(content, str):
            content = "\n".join(part.get("text") or "" for part in content)
        messages.append({"role": item.get("role") or "", "content": content})
    return messages


def outcome(reply: Reply) -> dict[str, Any]:
    """Say who served a reply, why, and how it ended."""
    return {
        "served_by": reply.served_by,
        "reason": reply.reason,
        "finish_reason": reply.finish_reason,
        "n_tokens": reply.n_tokens,
    }


def _new_id() -> str:
    return f"msg_{uuid4().hex}"


class EchoAgent(UntracedReplies, ResponsesAgent):
    """What MLflow loads and serves."""


mlflow.models.set_model(EchoAgent())
