"""Run a check and print its report: what is measured goes to stderr, the JSON to stdout.

Shape: options -> JSON, and exit code 1 when a figure is missed.
"""

import json
import sys
from pathlib import Path

import click

from echoes_lib.checks.seedling import PARTS, check_seedling
from echoes_lib.models.seedling import SEEDLING_DIR
from echoes_lib.workspace import workspace


def run_seedling_check(only: tuple[str, ...], model: str | None, out: str | None) -> None:
    """Check the seedling.

    Args:
        only: parts to measure; none means all.
        model: a folder with another build of it.
        out: where replies, picture and report go.
    """
    folder = Path(out) if out else workspace().runs / "check" / "seedling"
    report = check_seedling(
        folder,
        only or PARTS,
        Path(model).resolve() if model else SEEDLING_DIR,
        say=lambda text: click.echo(text, err=True),
    )
    click.echo(json.dumps(report, indent=1, ensure_ascii=False))
    missed = [name for name, figure in report["figures"].items() if not figure["holds"]]
    if missed:
        click.echo(f"missed: {', '.join(missed)}", err=True)
        sys.exit(1)
