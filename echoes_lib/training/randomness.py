"""The state of the random numbers that training draws, to set it back or to go on with it.

Shape: -> {"cpu": bytes, "cuda": bytes where there is a GPU}, and back.
"""

from typing import Any

import torch


def random_state() -> dict[str, Any]:
    """Return the state of torch's generators, of this process's device too."""
    state: dict[str, Any] = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state()
    return state


def set_random_state(state: dict[str, Any]) -> None:
    """Go back to such a state."""
    torch.set_rng_state(state["cpu"].cpu())
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"].cpu())
