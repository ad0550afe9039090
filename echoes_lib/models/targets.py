"""Choose the linear layers of a model that LoRA is laid on.

The names that everyone writes (q_proj, k_proj, ...) are those of Llama and Mistral. Phi-3 keeps
the same weights in fewer layers: there a name stands for the layer that holds its weights.
Does not make adapters (see `adapters.py`).

Shape: model, wanted names or `all-linear` -> names that exist in this model.
"""

from collections.abc import Sequence
from typing import Any

from echoes_lib.errors import ModelError
from echoes_lib.models.shape import ALL_LINEAR, FUSED


def target_modules(model: Any, wanted: str | Sequence[str]) -> list[str]:
    """Turn what was asked for into names of linear layers of this model.

    Args:
        model: a base model that carries no adapter, quantised or not.
        wanted: names such as `q_proj`, or `all-linear` (alone or among them) for every linear
            layer but the output layer.

    Returns:
        Names without repetition, in the order in which they were asked for; a name that the
        model keeps in a fused layer is replaced by that layer's.

    Raises:
        ModelError: a name is that of no linear layer of the model.
    """
    there = linear_layers(model)
    names = [wanted] if isinstance(wanted, str) else list(wanted)
    if ALL_LINEAR in names:
        return there
    found = [name if name in there else FUSED.get(name) for name in names]
    missing = sorted({n for n, f in zip(names, found, strict=True) if f not in there})
    if missing:
        raise ModelError(
            f"target_modules names {', '.join(missing)}, which {type(model).__name__} does not "
            f"have: choose among {', '.join(there)}, or set target_modules: [{ALL_LINEAR}]"
        )
    return list(dict.fromkeys(found))


def linear_layers(model: Any) -> list[str]:
    """List the short names of a model's linear layers, the output layer left out.

    Returns:
        Such as `["down_proj", "gate_proj", "k_proj", ...]`, sorted.
    """
    output = model.get_output_embeddings()
    return sorted(
        {
            name.rpartition(".")[2]
            for name, module in model.named_modules()
            if hasattr(module, "in_features") and module is not output
        }
    )
