"""Export an echo and say what was written, how good each form is, and what comes next.

Shape: options of `echoes export` -> lines on the terminal.
"""

from pathlib import Path

import click

from echoes_lib.params import Common
from echoes_lib.params.load import validate
from echoes_lib.workspace import workspace


def export_and_tell(
    user_id: str,
    profile: str,
    adapter: str | None,
    dataset: str | None,
    form: str,
    out: str,
    max_difference: float,
    dtype: str,
    force: bool,
) -> None:
    """Export one form of an echo.

    Args:
        user_id: whose echo.
        profile: whose chain's adapter and dataset are meant when none is named.
        adapter: an adapter folder.
        dataset: the dataset folder it was trained on.
        form: `adapter` or `merged`.
        out: the folder to write.
        max_difference: nats per token by which the written form may differ.
        dtype: of merged weights.
        force: replace an earlier export.

    Raises:
        EchoesError: as `registry.export.export_echo`.
    """
    from echoes_lib.registry.export import Order, export_echo

    validate(Common, {"user_id": user_id, "profile": profile})
    chain = workspace().chain_dir(profile, user_id)
    adapter_dir = Path(adapter) if adapter else chain / "3_train" / "adapter"
    dataset_dir = Path(dataset) if dataset else chain / "1_preprocess" / "dataset"
    place = Path(out).expanduser().resolve()
    order = Order(user_id, form, place, max_difference, dtype, force)
    tell(export_echo(adapter_dir, dataset_dir, order), place)


def tell(made: object, place: Path) -> None:
    """Print the figures of an export and where it lies."""
    from echoes_lib.registry.export_card import FORMS

    click.echo(f"validation loss, nats per token ({made.validation_tokens} tokens)")
    for form, shown in FORMS.items():
        if form in made.validation_loss:
            click.echo(f"  {made.validation_loss[form]:.4f}  {shown.replace('this', 'the')}")
    if made.difference is not None:
        limit = f"{made.max_difference:g}"
        click.echo(f"difference {made.difference:+.4f}, at most {limit} is allowed")
    size = sum(path.stat().st_size for path in place.iterdir())
    click.echo(f"written: {place} ({size / 2**20:.1f} MiB, {made.dtype}); README.md says how")
    click.echo("`echoes forget` does not reach it outside of runs/: delete it by hand then")
