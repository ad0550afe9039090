"""Draw the tokens of a reply from a model, for one prompt or a left-padded batch.

Which tokens end a reply, how a seed makes sampling repeatable, and how a model that computes
nonsense is noticed. Does not know about conversations, personas or adapters.

Shape: prompts as lists of ids -> lists of new ids, without the token that ended them.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList
from transformers.generation import StoppingCriteria, StoppingCriteriaList

from echoes_lib.models.render import control_ids
from echoes_lib.params import Generation

SMALL_PARAMETERS = 20_000_000


def stop_ids(model: Any, tokenizer: Any) -> list[int]:
    """List the tokens that end a reply.

    Every control token does: a model that writes `[INST]` has begun the next question, and no
    control token belongs into a reply.
    """
    ends = control_ids(tokenizer)
    for config in (model.config, model.generation_config):
        given = getattr(config, "eos_token_id", None)
        ends |= set(given) if isinstance(given, list) else {given}
    return sorted(ends - {None, tokenizer.unk_token_id})


def draw(
    model: Any,
    tokenizer: Any,
    prompts: Sequence[Sequence[int]],
    generation: Generation,
    seed: int | None = None,
    on_token: Callable[[int], bool] | None = None,
) -> list[list[int]]:
    """Generate a continuation of each prompt.

    Args:
        model: a causal language model.
        tokenizer: names the tokens that pad and end.
        prompts: ids of each prompt; shorter ones are padded on the left.
        generation: how to sample.
        seed: same seed, same prompts, same tokens; None draws anew each time.
        on_token: told each new token of a single prompt; True from it ends the reply.

    Returns:
        New ids of each prompt, the ending token left out.

    Raises:
        FloatingPointError: the model computed something that is not a number.
    """
    ends = stop_ids(model, tokenizer)
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else ends[0]
    width = max(map(len, prompts))
    ids = torch.tensor([[pad] * (width - len(p)) + list(p) for p in prompts], device=model.device)
    seen = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts])
    stoppers = StoppingCriteriaList([_Tell(on_token)] if on_token else [])
    with torch.inference_mode(), _seeded(seed, model.device), _few_threads(model):
        made = model.generate(
            input_ids=ids,
            attention_mask=seen.to(model.device),
            generation_config=_config(generation, ends, pad),
            logits_processor=LogitsProcessorList([_RefuseNaN()]),
            stopping_criteria=stoppers,
        )
    return [_until(row, set(ends)) for row in made[:, width:].tolist()]


def _config(generation: Generation, ends: list[int], pad: int) -> GenerationConfig:
    given = generation.model_dump()
    if not generation.do_sample:
        # Neutral values: left out, those of the model's own folder would step in and warn.
        given |= {"temperature": 1.0, "top_p": 1.0, "top_k": 50}
    return GenerationConfig(**given, eos_token_id=ends, pad_token_id=pad)


@contextmanager
def _seeded(seed: int | None, device: torch.device) -> Iterator[None]:
    """Seed torch for a while; its state before comes back after."""
    if seed is None:
        yield
        return
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


@contextmanager
def _few_threads(model: Any) -> Iterator[None]:
    """Let a small model on a CPU use one thread.

    Its steps are too short to share: on two free cores a second thread gains nothing, and on
    busy ones the threads wait for each other (64 tokens for 8 prompts: 0.6 s against 90 s).
    """
    before = torch.get_num_threads()
    small = model.device.type == "cpu" and model.num_parameters() < SMALL_PARAMETERS
    torch.set_num_threads(1 if small else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _until(row: list[int], ends: set[int]) -> list[int]:
    stop = next((i for i, token in enumerate(row) if token in ends), len(row))
    return row[:stop]


class _RefuseNaN(LogitsProcessor):
    """Fail loudly: greedy search over NaN would quietly write token 0 for ever."""

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        if torch.isnan(scores).any():
            raise FloatingPointError("the model computed NaN")
        return scores


class _Tell(StoppingCriteria):
    """Hand each new token of a single prompt to a listener, which may end the reply."""

    def __init__(self, on_token: Callable[[int], bool]):
        self._on_token = on_token

    def __call__(self, input_ids: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:
        enough = self._on_token(int(input_ids[0, -1]))
        return torch.full((len(input_ids),), enough, device=input_ids.device, dtype=torch.bool)
