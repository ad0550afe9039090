"""What a training step keeps between its forward and its backward pass, per token.

The terms follow the layers one by one, as transformers computes them and as PEFT lays LoRA on
them; tests count the tensors that autograd really keeps and compare. Parameters, gradients and
the loss are `memory.py`'s business.

Not covered: DoRA, which keeps more, and kernels that are swapped in for transformers' own.

Shape: Shape, Setup, Batch -> bytes per token of one decoder layer.

Source: the accounting of arXiv 2205.05198, redone for frozen weights under adapters.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from echoes_lib.models.shape import Shape, targeted

BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
ATTENTION_INPUT = ("q_proj", "k_proj", "v_proj", "qkv_proj")
MLP_INPUT = ("gate_proj", "up_proj", "gate_up_proj")


@dataclass(frozen=True)
class Setup:
    """How a base is loaded and what is laid on it; names and values as in the parameters.

    `autocast` says whether the forward pass runs under torch.autocast, as transformers'
    trainer does on a GPU; `dtype` is the chosen type, never `auto`, and so is `attention`.
    `shards` is the number of processes over which the layers' weights are split (FSDP).
    """

    lora_r: int
    target_modules: Sequence[str]
    lora_dropout: float = 0.0
    quantization: str = "none"
    double_quantization: bool = True
    dtype: str = "float32"
    attention: str = "sdpa"
    device: str = "cpu"
    autocast: bool = False
    shards: int = 1

    @property
    def element(self) -> int:
        """Bytes of one number that the base computes with."""
        return BYTES[self.dtype]


@dataclass(frozen=True)
class Batch:
    """What one forward and backward pass holds at once (a microbatch).

    `tokens` counts padding; `longest` is the longest sequence; `trained_tokens` are those whose
    logits exist at the same time; `masked` says whether attention gets a mask, as it does when
    sequences are padded or packed without FlashAttention.
    """

    tokens: int
    longest: int
    trained_tokens: int
    masked: bool = True


def kept_per_token(shape: Shape, setup: Setup, batch: Batch) -> int:
    """Count what one decoder layer keeps for its backward pass.

    Args:
        shape: of the base.
        setup: quantisation, dtype, attention and LoRA.
        batch: how long the longest sequence is decides what eager attention keeps.

    Returns:
        Bytes per token, padding included.
    """
    norms = 2 * 4 * (shape.hidden + 1)  # inputs in float32, and one factor each
    mlp = 3 * shape.intermediate * setup.element  # gate, its activation, up
    return norms + mlp + _attention(shape, setup, batch) + _adapters(shape, setup)


def working_per_token(shape: Shape, setup: Setup, batch: Batch) -> int:
    """Estimate the gradients in flight while one decoder layer goes backward, bytes per token.

    Rounded up from counts on small models: at the MLP about two of its widths (two fused
    ones in Phi-3), at the attention about four and a half hidden widths in float32.
    """
    mlp = (4 if shape.fused else 2) * shape.intermediate * setup.element
    attention = 18 * shape.hidden
    scores = 3 * 4 * shape.heads * batch.longest if setup.attention == "eager" else 0
    return max(mlp, attention, scores)


def _attention(shape: Shape, setup: Setup, batch: Batch) -> int:
    """Count queries, keys, values, scores and output of the attention itself."""
    element, queries, keys = setup.element, shape.queries, shape.keys
    eager = setup.attention == "eager"
    masked = batch.masked and setup.attention == "sdpa"
    repeated = (eager or masked) and queries != keys  # key heads copied to all query heads
    values = queries + 2 * keys if shape.fused else keys  # a slice keeps what it was cut from
    kept = (3 * queries if repeated else queries + keys + values) * element
    if eager:
        return kept + shape.heads * batch.longest * (4 if element == 4 else 4 + element)
    mask = batch.longest * element if masked else 0  # made anew, and kept, by every layer
    return kept + queries * element + shape.heads * 4 + mask


def _adapters(shape: Shape, setup: Setup) -> int:
    """Count the inputs that adapters keep for their gradients, and what their A gives out."""
    linears = targeted(shape, setup.target_modules)
    half = setup.element < 4
    size = 2 if half and setup.autocast else 4
    kept = sum(setup.lora_r * size for _ in linears) + _shared(shape, setup)
    if setup.lora_dropout == 0 and not _cast(setup):
        return kept
    # Each adapter has an input of its own: cast to float32, or with dropped entries.
    own = sum(linear.inputs for linear in linears)
    mask = _mask_element(setup) if setup.lora_dropout > 0 else 0
    return kept + own * (size + mask)


def _cast(setup: Setup) -> bool:
    """Whether PEFT turns the input of an adapter into another type, which copies it.

    On quantised layers it leaves that to autocast, but asks only for CUDA's.
    """
    left = setup.autocast and setup.quantization != "none" and setup.device != "cpu"
    return setup.element < 4 and not left


def _mask_element(setup: Setup) -> int:
    if setup.device != "cpu":
        return 1
    return 4 if setup.element == 4 or _cast(setup) else setup.element


def _shared(shape: Shape, setup: Setup) -> int:
    """Count inputs that a layer's adapters share, or that int8 layers keep anyway."""
    if setup.quantization == "int8":
        names = {linear.name for linear in shape.linears}
    elif setup.lora_dropout > 0 or _cast(setup):
        return 0
    else:
        names = {linear.name for linear in targeted(shape, setup.target_modules)}
    width = shape.hidden * bool(names & set(ATTENTION_INPUT))
    width += shape.hidden * bool(names & set(MLP_INPUT))
    width += shape.intermediate * ("down_proj" in names)
    if "o_proj" in names and (
        setup.attention == "eager" or (shape.fused and setup.device == "cpu")
    ):
        width += shape.queries  # elsewhere the attention's own output is what is kept
    return width * setup.element
