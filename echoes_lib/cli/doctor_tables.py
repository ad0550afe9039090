"""Show what `echoes doctor` found: a table per subject, then the verdict and what comes next.

Shape: the report of `cli/doctor.py` -> tables on the terminal. Decides nothing.
"""

from collections.abc import Iterable
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Table

GIB, MIB = 2**30, 2**20
PARTS = (
    ("base_weights", "base weights"),
    ("quantization_constants", "constants of their quantisation"),
    ("adapter_weights", "adapter, float32"),
    ("adapter_gradients", "its gradients"),
    ("optimizer_moments", "AdamW's two moments"),
    ("best_adapter", "copy of the best adapter"),
    ("activations", "activations kept for the backward pass"),
    ("logits", "logits of trained tokens *"),
    ("layer_working", "one layer going backward *"),
    ("slack", "what the allocator wastes"),
    ("process", "the process itself"),
)


def print_examination(report: dict[str, Any], console: Console | None = None) -> None:
    """Print a report.

    Args:
        report: from `cli.doctor.examine`.
        console: where to; the terminal when omitted.
    """
    console = console or Console(highlight=False)
    console.print(
        facts_table(f"Profile {report['profile']}, user {report['user_id']}", profile_facts(report))
    )
    console.print(facts_table("This machine", machine_facts(report["machine"])))
    console.print(facts_table("Libraries", library_facts(report)))
    if report["memory"]:
        console.print(memory_table(report["memory"]), "* the larger of the two counts\n", sep="")
    print_verdict(console, report["verdict"])


def facts_table(title: str, facts: Iterable[tuple[str, str]]) -> Table:
    """Lay out pairs of a name and a sentence."""
    table = Table(title=title, title_justify="left", box=SIMPLE, show_header=False, padding=(0, 1))
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    for name, text in facts:
        table.add_row(name, escape(text))
    return table


def profile_facts(report: dict[str, Any]) -> list[tuple[str, str]]:
    """Say what the profile would use: base, dtype, attention, dataset, store."""
    chosen, base = report["choices"], report["base"]
    facts = []
    if base:
        size = f", {base['parameters'] / 1e6:,.1f}M parameters" if base["parameters"] else ""
        facts.append(("base model", f"{base['name']}: {base['note']}{size}"))
    return [
        *facts,
        ("quantization", chosen["quantization"]),
        ("dtype", f"{chosen['dtype']} ({chosen['dtype_reason']})"),
        ("attention", f"{chosen['attention']} ({chosen['attention_reason']})"),
        ("dataset", report["dataset"]),
        ("MLflow store", report["store"]),
    ]


def machine_facts(machine: dict[str, Any]) -> list[tuple[str, str]]:
    """Say what the machine is made of."""
    flags = f", {', '.join(machine['cpu_flags'])}" if machine["cpu_flags"] else ""
    free, all_ = machine["memory_free_bytes"], machine["memory_bytes"]
    facts = [
        ("system", f"{machine['system']}, Python {machine['python']}"),
        ("CPU", f"{machine['cpu']}, {machine['cores']} cores, {machine['threads']} threads{flags}"),
        ("memory", f"{free / GIB:.1f} of {all_ / GIB:.1f} GiB free"),
        ("disk", f"{machine['disk_free_bytes'] / GIB:.1f} GiB free for data/, runs/, mlruns/"),
    ]
    for card in machine["gpus"]:
        free, all_ = card["memory_free_bytes"] / GIB, card["memory_bytes"] / GIB
        said = f"{card['name']}, {free:.1f} of {all_:.1f} GiB free, driver {card['driver']}"
        facts.append(("GPU", said))
    if machine["gpu_note"]:
        facts.append(("GPU", machine["gpu_note"]))
    return facts


def library_facts(report: dict[str, Any]) -> list[tuple[str, str]]:
    """Say which libraries are installed, and which of the missing ones matter."""
    versions = report["versions"]
    there = [f"{name} {found}" for name, found in versions.items() if found]
    facts = [("installed", ", ".join(there))]
    if not versions["bitsandbytes"]:
        facts.append(("bitsandbytes", "not installed: nf4 and int8 need it (the gpu extra)"))
    if not versions["flash-attn"]:
        on_gpu = report["choices"]["device"] == "cuda"
        why = "docs/gpu.md says how" if on_gpu else "of no use without a CUDA GPU"
        facts.append(("flash-attn", f"not installed: {why}"))
    return facts


def memory_table(memory: dict[str, Any]) -> Table:
    """Lay out the memory plan of 3_train by parts, largest microbatch and peak."""
    count, layers = memory["checkpointed_layers"], memory["layers"]
    table = Table(
        title="Memory plan of 3_train (predicted, not measured)",
        title_justify="left",
        box=SIMPLE,
        padding=(0, 1),
    )
    table.add_column("")
    table.add_column("MiB", justify="right")
    for name, shown in PARTS:
        if memory[name]:
            table.add_row(shown, f"{memory[name] / MIB:,.1f}")
    table.add_section()
    table.add_row("[bold]peak[/]", f"[bold]{memory['peak'] / MIB:,.1f}[/]")
    table.add_row("there is", f"{memory['available'] / MIB:,.1f}")
    table.add_section()
    table.add_row("[dim]tokens at once, padding included[/]", f"{memory['tokens']:,}")
    table.add_row("[dim]layers that recompute activations[/]", f"{count} of {layers}")
    if memory["shards"] > 1:
        table.add_row("[dim]processes that share the base[/]", f"{memory['shards']}, this is one")
    return table


def print_verdict(console: Console, verdict: dict[str, Any]) -> None:
    """Say whether it can run, why not, and what to do."""
    if verdict["can_run"]:
        console.print("[green]✓ This profile can run here.[/]")
    else:
        console.print("[red]✗ This profile cannot run here:[/]")
    for sentence in [*verdict["faults"], *verdict["advice"]]:
        console.print(f"  • {escape(sentence)}", soft_wrap=True)
