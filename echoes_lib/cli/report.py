"""Show the end of a chain: scores of base and echo, three unseen questions, what comes next.

Reads the files of the steps 4_evaluate and 5_register; computes nothing.
"""

import json
from pathlib import Path
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from echoes_lib.errors import ChainError

# metric -> (name, decimals shown)
NAMES = {
    "bits_per_byte": ("bits per byte ↓", 2),
    "bleu": ("BLEU ↑", 1),
    "chrf": ("chrF ↑", 1),
    "rouge1": ("ROUGE-1 ↑", 2),
    "rouge2": ("ROUGE-2 ↑", 2),
    "rougeL": ("ROUGE-L ↑", 2),
}


def print_report(folder: Path, parent_run: str) -> None:
    """Print the report of a finished chain.

    Args:
        folder: the chain's folder, `runs/<profile>/<user_id>`.
        parent_run: the chain's MLflow run.

    Raises:
        ChainError: the chain has not been evaluated yet.
    """
    path = folder / "4_evaluate" / "scores.json"
    if not path.is_file():
        raise ChainError(f"{folder.parent.name}/{folder.name} has no scores yet: run `echoes run`")
    result = json.loads(path.read_text(encoding="utf-8"))
    console = Console(highlight=False)
    console.print(score_table(result))
    for question in result["questions"][:3]:
        console.print(replies_panel(question))
    print_registered(console, folder / "5_register" / "registered.json")
    print_next(console, folder.name, parent_run)


def score_table(result: dict[str, Any]) -> Table:
    """Lay out base and echo side by side, each with its 95% interval.

    Args:
        result: the content of scores.json.
    """
    scores = {(s["metric"], s["system"]): s for s in result["scores"]}
    gains = {d["metric"]: d for d in result["differences"]}
    n = len(result["questions"])
    table = Table(
        title=f"Scores on {n} questions that training never saw (95% intervals)",
        caption="↓ lower, ↑ higher is closer to the person's own answers",
        box=SIMPLE,
        padding=(0, 1, 0, 0),
    )
    for head in ("score", "base", "echo", "echo − base"):
        table.add_column(head, justify="left" if head == "score" else "right", no_wrap=True)
    for metric, (name, digits) in NAMES.items():
        base, echo = scores[metric, "base"], scores[metric, "echo"]
        gain = _shown(gains[metric], digits, "+")
        table.add_row(name, _shown(base, digits), _shown(echo, digits), gain)
    return table


def replies_panel(question: dict[str, Any]) -> Panel:
    """Lay out one unseen question with the replies of base, echo and person."""
    rows = Table.grid(padding=(0, 1))
    rows.add_column(style="bold", width=6)
    rows.add_column()
    for who in ("base", "echo", "person"):
        rows.add_row(who, escape(_excerpt(question[who])))
    return Panel(rows, title=escape(question["question"]), title_align="left")


def print_registered(console: Console, path: Path) -> None:
    """Say which version the gates made of the echo, and why."""
    if not path.is_file():
        return
    result = json.loads(path.read_text(encoding="utf-8"))
    aliases = ", ".join(f"@{alias}" for alias in result["aliases"]) or "no alias"
    console.print(f"Registered: {result['name']} version {result['version']}, {aliases}")
    for gate in result["gates"]:
        mark = "[green]passed[/]" if gate["passed"] else "[yellow]not passed[/]"
        console.print(f"  gate {gate['gate']}: {mark} ({escape(gate['reason'])})")


def print_next(console: Console, user_id: str, parent_run: str) -> None:
    """Say where the run is and which commands come next."""
    from echoes_lib.tracking.store import experiment_id, prepare_store

    prepare_store()
    experiment = experiment_id(f"echo-{user_id}")
    link = f"http://127.0.0.1:5000/#/experiments/{experiment}/runs/{parent_run}"
    console.print(f"MLflow: {link}  (after `make ui`)", soft_wrap=True)
    console.print(
        "Next:  make ui           compare runs\n"
        "       make lab          open the notebooks\n"
        "       make chat         talk to the echo here\n"
        "       make serve-model  talk to it over HTTP"
    )


def _shown(score: dict[str, Any], digits: int, sign: str = "") -> str:
    value, low, high = (f"{score[k]:{sign}.{digits}f}" for k in ("value", "low", "high"))
    return f"{value} [dim]({low}…{high})[/]"


def _excerpt(text: str, limit: int = 420) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= limit else flat[:limit].rsplit(" ", 1)[0] + " …"
