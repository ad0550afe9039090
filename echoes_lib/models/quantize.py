"""Ask transformers for a base in 4 or 8 bits, or say why that cannot be had.

NF4 with double quantisation is QLoRA's; int8 is LLM.int8(). Both come from bitsandbytes, which
is imported only here and only when asked for. Does not quantise by itself.

Shape: parameters, dtype -> settings for `from_pretrained`.

Source: QLoRA, arXiv 2305.14314; LLM.int8(), arXiv 2208.07339.
"""

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from echoes_lib.errors import ModelError


def check_quantization(quantization: str) -> None:
    """Make sure that the library for a quantisation can be imported.

    Args:
        quantization: `none`, `nf4` or `int8`.

    Raises:
        ModelError: bitsandbytes is missing or broken.
    """
    if quantization == "none":
        return
    if importlib.util.find_spec("bitsandbytes") is None:
        raise ModelError(
            f"quantization={quantization} needs bitsandbytes, which is not installed: "
            "install the gpu extra (pip install -e '.[gpu]'), or set quantization: none"
        )
    try:
        with without_fetched_kernels():
            import bitsandbytes  # noqa: F401
    except Exception as error:  # a library built for another CUDA fails in many ways
        raise ModelError(
            f"quantization={quantization} needs bitsandbytes, which is installed but cannot be "
            f"imported ({type(error).__name__}): install the gpu extra again, or set "
            "quantization: none"
        ) from error


def quantization_settings(params: Any, dtype: Any) -> dict[str, Any]:
    """Return what `from_pretrained` needs to load a base quantised.

    Args:
        params: an object with `quantization` and `double_quantization`.
        dtype: what the layers compute in, after their weights are unpacked.

    Returns:
        `{}` for `none`, else `quantization_config`.
    """
    if params.quantization == "none":
        return {}
    from transformers import BitsAndBytesConfig

    if params.quantization == "int8":
        return {"quantization_config": BitsAndBytesConfig(load_in_8bit=True)}
    config = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=params.double_quantization,
        bnb_4bit_compute_dtype=dtype,
    )
    return {"quantization_config": config}


@contextmanager
def without_fetched_kernels() -> Iterator[None]:
    """Keep bitsandbytes from fetching compiled code at import.

    On CPUs with AVX512-BF16 it asks the package `kernels`, where that is installed, for a
    kernel from the hub. Here that package looks as if it were not installed; bitsandbytes then
    uses its own kernels.
    """
    had, kernels = "kernels" in sys.modules, sys.modules.get("kernels")
    sys.modules["kernels"] = None
    try:
        yield
    finally:
        del sys.modules["kernels"]
        if had:
            sys.modules["kernels"] = kernels
