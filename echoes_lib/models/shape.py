"""The shape of a base model, read from its configuration: what there is to load and to train.

Knows the decoders that the project names (Llama and CodeLlama, Mistral, Phi-3, SmolLM2) and
Qwen2. Loads no weights, imports no torch, asks no network. How many bytes a shape takes is
`memory.py`'s business.

Shape: transformers config -> Shape(linear layers of one decoder layer, embeddings, norms).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from echoes_lib.errors import ModelError

ALL_LINEAR = "all-linear"
# Layers that Phi-3 keeps as one matrix where the others have two or three.
FUSED = {
    "q_proj": "qkv_proj",
    "k_proj": "qkv_proj",
    "v_proj": "qkv_proj",
    "gate_proj": "gate_up_proj",
    "up_proj": "gate_up_proj",
}
FAMILIES = ("llama", "mistral", "phi3", "qwen2")

# Published configurations of the bases that the profiles and the README name, so that a
# training can be planned before anything is fetched: family, hidden, intermediate, layers,
# heads, key-value heads, vocabulary, embeddings tied.
PUBLISHED = {
    "HuggingFaceTB/SmolLM2-360M-Instruct": ("llama", 960, 2560, 32, 15, 5, 49152, True),
    "mistralai/Mistral-7B-Instruct-v0.3": ("mistral", 4096, 14336, 32, 32, 8, 32768, False),
    "meta-llama/Llama-2-7b-chat-hf": ("llama", 4096, 11008, 32, 32, 32, 32000, False),
    "codellama/CodeLlama-7b-Instruct-hf": ("llama", 4096, 11008, 32, 32, 32, 32016, False),
    "codellama/CodeLlama-34b-Instruct-hf": ("llama", 8192, 22016, 48, 64, 8, 32000, False),
    "microsoft/Phi-3-medium-4k-instruct": ("phi3", 5120, 17920, 40, 40, 10, 32064, False),
}
FIELDS = (
    "model_type",
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "vocab_size",
    "tie_word_embeddings",
)


@dataclass(frozen=True)
class Linear:
    """One linear layer of a decoder layer: its name in the model, and how wide it is."""

    name: str
    inputs: int
    outputs: int
    bias: bool = False

    @property
    def weights(self) -> int:
        """Entries of the matrix; only these are quantised."""
        return self.inputs * self.outputs

    @property
    def parameters(self) -> int:
        """Entries of the matrix and of its bias."""
        return self.weights + (self.outputs if self.bias else 0)


@dataclass(frozen=True)
class Shape:
    """A decoder: `layers` times the same `linears`, between embeddings and output head."""

    family: str
    hidden: int
    intermediate: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    vocabulary: int
    tied: bool
    linears: tuple[Linear, ...]

    @property
    def queries(self) -> int:
        """Width of all query heads together."""
        return self.heads * self.head_dim

    @property
    def keys(self) -> int:
        """Width of all key heads together; that of the values is the same."""
        return self.kv_heads * self.head_dim

    @property
    def fused(self) -> bool:
        """Whether queries, keys and values come out of one matrix, as in Phi-3."""
        return self.family == "phi3"

    @property
    def linear_parameters(self) -> int:
        """Parameters of the linear layers of all decoder layers, biases included."""
        return self.layers * sum(linear.parameters for linear in self.linears)

    @property
    def other_parameters(self) -> int:
        """Parameters of embeddings, output head and norms, which are never quantised."""
        tables = 1 if self.tied else 2
        return tables * self.vocabulary * self.hidden + (2 * self.layers + 1) * self.hidden

    @property
    def parameters(self) -> int:
        """Parameters in all; a tied output head counts once."""
        return self.linear_parameters + self.other_parameters


def read_shape(config: Any) -> Shape:
    """Read the shape of a model from its configuration.

    Args:
        config: a transformers configuration.

    Returns:
        Its shape.

    Raises:
        ModelError: the configuration is of a family whose shape is not known here.
    """
    family = config.model_type
    if family not in FAMILIES:
        raise ModelError(
            f"model_type={family} is not one of {', '.join(FAMILIES)}: its memory cannot be "
            "planned; without a plan no layer is recomputed unless gradient_checkpointing: true"
        )
    hidden, heads = config.hidden_size, config.num_attention_heads
    shape = Shape(
        family=family,
        hidden=hidden,
        intermediate=config.intermediate_size,
        layers=config.num_hidden_layers,
        heads=heads,
        kv_heads=getattr(config, "num_key_value_heads", None) or heads,
        head_dim=getattr(config, "head_dim", None) or hidden // heads,
        vocabulary=config.vocab_size,
        tied=bool(config.tie_word_embeddings),
        linears=(),
    )
    return Shape(**{**vars(shape), "linears": (*_attention(shape, config), *_mlp(shape, config))})


def published_shape(name: str) -> Shape | None:
    """Return the shape of a base by its hub id, from its published configuration, or None."""
    if name not in PUBLISHED:
        return None
    from transformers import AutoConfig

    return read_shape(AutoConfig.for_model(**dict(zip(FIELDS, PUBLISHED[name], strict=True))))


def targeted(shape: Shape, target_modules: Sequence[str]) -> tuple[Linear, ...]:
    """Choose the linear layers that carry an adapter.

    Args:
        shape: of the base.
        target_modules: names as in the parameters; those of a layer that Phi-3 has fused
            stand for the fused one, `all-linear` (alone or among them) for all.

    Returns:
        Linear layers of one decoder layer.

    Raises:
        ModelError: a name that the model does not have.
    """
    names = {linear.name for linear in shape.linears}
    if ALL_LINEAR in target_modules:
        return shape.linears
    wanted = {FUSED.get(name, name) if shape.fused else name for name in target_modules}
    if missing := sorted(wanted - names):
        raise ModelError(
            f"target_modules names {', '.join(missing)}, which a {shape.family} model does not "
            f"have: choose among {', '.join(sorted(names))}"
        )
    return tuple(linear for linear in shape.linears if linear.name in wanted)


def _attention(shape: Shape, config: Any) -> list[Linear]:
    hidden, queries, keys = shape.hidden, shape.queries, shape.keys
    if shape.fused:
        return [
            Linear("qkv_proj", hidden, queries + 2 * keys),
            Linear("o_proj", queries, hidden),
        ]
    every = shape.family == "llama" and config.attention_bias
    bias = every or shape.family == "qwen2"
    return [
        Linear("q_proj", hidden, queries, bias),
        Linear("k_proj", hidden, keys, bias),
        Linear("v_proj", hidden, keys, bias),
        Linear("o_proj", queries, hidden, every),
    ]


def _mlp(shape: Shape, config: Any) -> list[Linear]:
    hidden, wide = shape.hidden, shape.intermediate
    bias = shape.family == "llama" and config.mlp_bias
    if shape.fused:
        return [Linear("gate_up_proj", hidden, 2 * wide), Linear("down_proj", wide, hidden)]
    return [
        Linear("gate_proj", hidden, wide, bias),
        Linear("up_proj", hidden, wide, bias),
        Linear("down_proj", wide, hidden, bias),
    ]
