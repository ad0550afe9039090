"""Predict the memory that a training needs, before anything is loaded.

From the base's shape, its quantisation, the adapters and the largest microbatch: every part in
bytes, the peak, and how many decoder layers must recompute their activations for it to fit.
Layers are to be checkpointed from the first on: in the backward pass the later ones have let
go of theirs by the time that the earlier ones are computed again.

Not covered: DoRA, full fine-tuning, scoring (which keeps nothing for a backward pass, so it
needs less), and whatever else uses the same GPU.

Shape: Shape, Setup, Batch, bytes there are -> Plan.
"""

import math
from dataclasses import asdict, dataclass, replace
from typing import Any

from echoes_lib.errors import NotEnoughMemory
from echoes_lib.models.activations import Batch, Setup, kept_per_token, working_per_token
from echoes_lib.models.shape import Linear, Shape, targeted

MIB, GIB = 2**20, 2**30

# What lies under every training, by experience and not by arithmetic.
CUDA_CONTEXT = 600 * MIB  # driver, kernels, cuBLAS workspaces of one process
CUDA_SLACK = 0.08  # blocks that the caching allocator cannot use, of what it allocates
CPU_PROCESS = 520 * MIB  # Python with torch, transformers, peft and trl, measured
# Holes that glibc's heaps keep, measured: 250 to 490 MiB over 100 to 370 MiB of tensors, and
# none when MALLOC_TRIM_THRESHOLD_=131072 makes it give them back, which doubles the work.
CPU_HOLES = 340 * MIB
LOGIT_COPIES = 4  # logits, their log-probabilities, and the gradients of both, in float32
NF4_BLOCK, NF4_GROUP = 64, 256  # weights per constant, and constants per second constant


@dataclass(frozen=True)
class Plan:
    """A training's memory by parts, in bytes, at `checkpointed_layers` of `layers`.

    `logits` and `layer_working` are never there at the same time: the larger of them counts.
    `available` is what there is for the whole process, None when nobody asked.
    """

    base_weights: int
    quantization_constants: int
    adapter_weights: int
    adapter_gradients: int
    optimizer_moments: int
    best_adapter: int
    activations: int
    logits: int
    layer_working: int
    process: int
    slack: int
    layers: int
    checkpointed_layers: int
    available: int | None = None

    @property
    def loaded(self) -> int:
        """What the base alone holds."""
        return self.base_weights + self.quantization_constants

    @property
    def training(self) -> int:
        """What training adds to the loaded base, at its peak."""
        adapter = self.adapter_weights + self.adapter_gradients + self.optimizer_moments
        passing = self.activations + max(self.logits, self.layer_working)
        optimizer_step = 2 * self.adapter_weights  # its temporaries, when activations are gone
        return adapter + self.best_adapter + max(passing, optimizer_step)

    @property
    def allocated(self) -> int:
        """Peak of tensors, as torch.cuda.max_memory_allocated counts them."""
        return self.loaded + self.training

    @property
    def peak(self) -> int:
        """Peak of the process: tensors, what the allocator wastes, and what lies below."""
        return self.allocated + self.slack + self.process

    @property
    def fits(self) -> bool:
        """Whether the peak is within what there is."""
        return self.available is None or self.peak <= self.available

    def as_params(self) -> dict[str, Any]:
        """Return the plan as a run's parameters, named `memory_plan.<part>`, sizes in MiB."""
        counts = ("layers", "checkpointed_layers")
        sizes = {name: value for name, value in asdict(self).items() if name not in counts}
        sizes |= {"training": self.training, "allocated": self.allocated, "peak": self.peak}
        shown = {f"{name}_mib": round(v / MIB, 1) for name, v in sizes.items() if v is not None}
        shown |= {name: getattr(self, name) for name in counts}
        return {f"memory_plan.{name}": value for name, value in shown.items()}


def plan_memory(
    shape: Shape,
    setup: Setup,
    batch: Batch,
    available: int | None = None,
    checkpointed_layers: int | None = None,
) -> Plan:
    """Plan a training's memory.

    Args:
        shape: of the base.
        setup: how it is loaded, and the adapters on it.
        batch: the largest microbatch.
        available: bytes for the whole process; None when it is not to be fitted.
        checkpointed_layers: so many layers recompute; None means as few as fit.

    Returns:
        The plan with the fewest checkpointed layers that fits, or with those asked for.

    Raises:
        NotEnoughMemory: it does not fit so, or not even with all layers checkpointed.
        ModelError: a target module that the base does not have.
    """
    plan = forecast(shape, setup, batch, available, checkpointed_layers)
    if not plan.fits:
        raise NotEnoughMemory(way_out(plan, setup, batch))
    return plan


def forecast(
    shape: Shape,
    setup: Setup,
    batch: Batch,
    available: int | None = None,
    checkpointed_layers: int | None = None,
) -> Plan:
    """Plan as `plan_memory` does, but return the plan that comes nearest when none fits."""
    if checkpointed_layers is not None:
        return _plan(shape, setup, batch, available, checkpointed_layers)
    for count in range(shape.layers + 1):
        plan = _plan(shape, setup, batch, available, count)
        if plan.fits:
            break
    return plan


def way_out(plan: Plan, setup: Setup, batch: Batch) -> str:
    """Say what does not fit and what can be done about it."""
    quantize = "" if setup.quantization == "nf4" else ", set quantization: nf4"
    return (
        f"training needs {plan.peak / GIB:.1f} GiB with {plan.checkpointed_layers} of "
        f"{plan.layers} layers checkpointed, and there are {plan.available / GIB:.1f} GiB: lower "
        f"the {batch.tokens} tokens of a microbatch (max_tokens_per_pass, max_length)"
        f"{quantize}, lower lora_r (now {setup.lora_r}), or choose a smaller base_model"
    )


def base_bytes(shape: Shape, setup: Setup) -> tuple[int, int]:
    """Return what the base's weights take, and the constants of their quantisation, in bytes.

    Of a base that is split over processes (FSDP) this one's share, with two layers whole: the one
    that computes and the next, which is on its way.
    """
    other = shape.other_parameters * setup.element
    weights = constants = 0
    for linear in shape.linears:
        packed, extra = _linear_bytes(linear, setup)
        weights += packed + (linear.parameters - linear.weights) * setup.element
        constants += extra
    held = math.ceil(shape.layers / setup.shards) + (2 if setup.shards > 1 else 0)
    return other + held * weights, shape.layers * constants


def adapter_parameters(shape: Shape, setup: Setup) -> int:
    """Count the trainable parameters of LoRA on the target modules."""
    linears = targeted(shape, setup.target_modules)
    return shape.layers * sum(setup.lora_r * (part.inputs + part.outputs) for part in linears)


def _plan(shape: Shape, setup: Setup, batch: Batch, available: int | None, count: int) -> Plan:
    weights, constants = base_bytes(shape, setup)
    adapter = 4 * adapter_parameters(shape, setup)
    kept, working = _activations(shape, setup, batch, count)
    half_copies = adapter // 2 if setup.autocast else 0  # autocast keeps its casts of adapters
    plan = Plan(
        base_weights=weights,
        quantization_constants=constants,
        adapter_weights=adapter,
        adapter_gradients=adapter,
        optimizer_moments=2 * adapter,
        best_adapter=adapter,
        activations=kept + half_copies,
        logits=LOGIT_COPIES * 4 * batch.trained_tokens * shape.vocabulary,
        layer_working=working,
        process=CPU_PROCESS if setup.device == "cpu" else CUDA_CONTEXT,
        slack=0,
        layers=shape.layers,
        checkpointed_layers=count,
        available=available,
    )
    holes = min(CPU_HOLES, 3 * plan.training)
    slack = holes if setup.device == "cpu" else int(plan.training * CUDA_SLACK)
    return replace(plan, slack=slack)


def _activations(shape: Shape, setup: Setup, batch: Batch, count: int) -> tuple[int, int]:
    """Return what is kept until the backward pass, and what a layer needs while it runs."""
    layer = kept_per_token(shape, setup, batch) * batch.tokens
    inputs = shape.hidden * setup.element * batch.tokens
    ends = shape.hidden * (4 + 2 * setup.element) * batch.tokens  # embeddings, last norm
    mask = batch.longest * batch.tokens if batch.masked else 0
    working = working_per_token(shape, setup, batch) * batch.tokens + _dequantized(shape, setup)
    if count == shape.layers:  # the last layer recomputes while all inputs are still there
        working += layer
    return ends + mask + count * inputs + (shape.layers - count) * layer, working


def _dequantized(shape: Shape, setup: Setup) -> int:
    """Return the size of the widest layer while it is turned back into numbers."""
    if setup.quantization == "none":
        return 0
    return max(linear.weights for linear in shape.linears) * setup.element


def _linear_bytes(linear: Linear, setup: Setup) -> tuple[int, int]:
    """Return a matrix's bytes and those of its constants, as bitsandbytes lays them out."""
    if setup.quantization == "none":
        return linear.weights * setup.element, 0
    if setup.quantization == "int8":
        return linear.weights, 4 * linear.outputs
    blocks = math.ceil(linear.weights / NF4_BLOCK)
    constants = 4 * blocks + 16 * 4  # and the table of the sixteen values
    if setup.double_quantization:
        constants = blocks + 4 * math.ceil(blocks / NF4_GROUP) + 4 + (16 + 256) * 4
    return math.ceil(linear.weights / 2), constants
