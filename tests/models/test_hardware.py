"""What each machine chooses, and what it refuses, with the reason."""

from pathlib import Path

import pytest
import torch

from echoes_lib.errors import ModelError
from echoes_lib.models.hardware import (
    CPU_BFLOAT16_FLAGS,
    Machine,
    choose_attention,
    choose_dtype,
    cpu_bfloat16,
    cpu_flags,
    this_machine,
)

OLD_CPU = Machine("cpu", "this CPU", None, False)
NEW_CPU = Machine("cpu", "this CPU", "avx512_bf16", False)
AMPERE = Machine("cuda", "A card", "its tensor cores", True)
BARE = Machine("cuda", "A card", "its tensor cores", False)
TURING = Machine("cuda", "An old card", None, True)


class Eager:
    _supports_sdpa = False
    _supports_flash_attn = False


class Both:
    _supports_sdpa = True
    _supports_flash_attn = True


@pytest.mark.parametrize(
    ("machine", "dtype", "reason"),
    [
        (OLD_CPU, torch.float32, "this CPU has no amx_bf16 or avx512_bf16"),
        (NEW_CPU, torch.bfloat16, "this CPU computes bfloat16 natively (avx512_bf16)"),
        (AMPERE, torch.bfloat16, "A card computes bfloat16 natively"),
        (TURING, torch.float32, "An old card has no bfloat16 units"),
    ],
)
def test_auto_dtype_is_bfloat16_only_where_it_is_computed(machine, dtype, reason):
    chosen, why = choose_dtype("auto", machine)
    assert chosen is dtype and why.startswith(reason)


def test_asked_for_dtypes_are_taken_and_their_price_is_told():
    assert choose_dtype("bfloat16", NEW_CPU) == (torch.bfloat16, "asked for: dtype=bfloat16")
    assert choose_dtype("float16", TURING) == (torch.float16, "asked for: dtype=float16")
    chosen, why = choose_dtype("bfloat16", OLD_CPU)
    assert chosen is torch.bfloat16 and "many times slower" in why


@pytest.mark.parametrize(
    ("flags", "found"),
    [
        ({"avx2": True}, None),
        ({"avx512_bf16": False, "amx_bf16": False}, None),
        ({"avx512_bf16": True}, "avx512_bf16"),
        ({"avx512_bf16": True, "amx_bf16": True}, "amx_bf16"),
        ({}, None),
    ],
)
def test_the_flag_decides_for_a_cpu(flags, found):
    assert cpu_bfloat16(flags) == found


@pytest.mark.skipif(not Path("/proc/cpuinfo").exists(), reason="the kernel lists no CPU flags")
def test_flags_are_those_of_the_kernel():
    text = Path("/proc/cpuinfo").read_text()
    line = next((x for x in text.splitlines() if x.startswith("flags")), "")
    if not line:
        pytest.skip("this CPU is no x86")
    known = set(line.split(":")[1].split())
    assert cpu_flags()["avx2"] == ("avx2" in known)
    native = bool(known & set(CPU_BFLOAT16_FLAGS))
    assert bool(cpu_bfloat16(cpu_flags())) == native
    if not torch.cuda.is_available():
        assert bool(this_machine().bfloat16) == native


@pytest.mark.parametrize(
    ("machine", "dtype", "model", "attention", "reason"),
    [
        (AMPERE, torch.bfloat16, Both, "flash_attention_2", "flash-attn is installed"),
        (AMPERE, torch.bfloat16, None, "flash_attention_2", "flash-attn is installed"),
        (AMPERE, torch.float32, Both, "sdpa", "needs half precision"),
        (AMPERE, torch.bfloat16, Eager, "eager", "Eager has no flash_attention_2; Eager has no sd"),
        (BARE, torch.bfloat16, Both, "sdpa", "flash-attn is not installed"),
        (TURING, torch.float16, Both, "sdpa", "needs an Ampere GPU"),
        (OLD_CPU, torch.float32, Both, "sdpa", "needs a CUDA GPU, this is a CPU"),
        (OLD_CPU, torch.float32, Eager, "eager", "this is a CPU; Eager has no sdpa"),
    ],
)
def test_auto_attention_takes_the_best_that_there_is(machine, dtype, model, attention, reason):
    chosen, why = choose_attention("auto", dtype, model, machine)
    assert chosen == attention and reason in why


@pytest.mark.parametrize(
    ("asked", "machine", "dtype", "model", "reason"),
    [
        ("flash_attention_2", OLD_CPU, torch.bfloat16, Both, "needs a CUDA GPU"),
        ("flash_attention_2", BARE, torch.bfloat16, Both, "docs/gpu.md says how"),
        ("flash_attention_2", AMPERE, torch.float32, Both, "dtype is torch.float32"),
        ("flash_attention_2", TURING, torch.float16, Both, "not An old card"),
        ("flash_attention_2", AMPERE, torch.bfloat16, Eager, "Eager has no flash_attention_2"),
        ("sdpa", AMPERE, torch.bfloat16, Eager, "Eager has no sdpa"),
    ],
)
def test_impossible_attention_is_refused_with_the_way_out(asked, machine, dtype, model, reason):
    with pytest.raises(ModelError, match=rf"attention={asked} .*{reason}.*attention: auto"):
        choose_attention(asked, dtype, model, machine)


@pytest.mark.parametrize("asked", ["sdpa", "eager"])
def test_possible_attention_is_taken(asked):
    assert choose_attention(asked, torch.float32, Both, OLD_CPU) == (
        asked,
        f"asked for: attention={asked}",
    )
