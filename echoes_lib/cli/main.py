"""The commands: sample, run, report, chat, ui, serve-model, check.

Each prints what it did and what comes next. A user's mistake is one sentence on stderr and
exit code 1; an interrupted command leaves with 130. Nothing here computes anything.
"""

import signal
import sys
from typing import Any

import click

from echoes_lib import __version__
from echoes_lib.errors import EchoesError

PROFILE = click.option("--profile", default="demo", show_default=True, help="Folder in params/.")
USER = click.option("--user", "user_id", help="Whose echo.  [default: the profile's]")


class Commands(click.Group):
    """Turns the project's errors into a sentence and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; see the module's docstring for exit codes."""
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            return super().invoke(ctx)
        except EchoesError as error:
            click.echo(f"error: {error}", err=True)
            sys.exit(1)
        except KeyboardInterrupt:
            click.echo("stopped: run the same command again to go on", err=True)
            sys.exit(130)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="echoes")
def main() -> None:
    """Make an echo of a person from their reflections, and talk to it."""


@main.command()
@click.option("--database-url", help="SQLAlchemy URL.  [default: data/reflections.db]")
def sample(database_url: str | None) -> None:
    """Write the five invented sample people into the database."""
    from echoes_lib.reflections.sample import write_sample
    from echoes_lib.workspace import workspace

    place = workspace()
    place.data.mkdir(parents=True, exist_ok=True)
    counts = write_sample(database_url or place.database_url)
    shown = ", ".join(f"{n} {table}" for table, n in counts.items())
    click.echo(f"sample: {shown} (in {database_url or 'data/reflections.db'})")


@main.command()
@PROFILE
@USER
@click.option("-p", "overrides", multiple=True, help="name=value or step.name=value; repeatable.")
@click.option("--force", is_flag=True, help="Run every step again, finished or not.")
def run(profile: str, user_id: str | None, overrides: tuple[str, ...], force: bool) -> None:
    """Run the chain of notebooks; finished steps are kept."""
    from echoes_lib.cli.display import ChainDisplay
    from echoes_lib.cli.report import print_report
    from echoes_lib.pipeline.chain import run_chain

    with ChainDisplay() as display:
        outcome = run_chain(profile, user_id, overrides, force, display.announce)
    if not outcome.ran:
        click.echo("All steps are done and nothing has changed; --force runs them again.")
    print_report(outcome.folder, outcome.parent_run)


@main.command()
@PROFILE
@click.option("--user", "user_id", default="luke", show_default=True, help="Whose echo.")
def report(profile: str, user_id: str) -> None:
    """Show the scores and example replies of the last chain again."""
    from echoes_lib.cli.report import print_report
    from echoes_lib.pipeline.state import read_state
    from echoes_lib.workspace import workspace

    folder = workspace().chain_dir(profile, user_id)
    print_report(folder, read_state(folder).parent_run)


@main.command()
@click.option("--user", "user_id", default="luke", show_default=True, help="Whose echo.")
@click.option("--alias", default="champion", show_default=True, help="Alias of the version.")
def chat(user_id: str, alias: str) -> None:
    """Talk to a registered echo in the terminal."""
    from echoes_lib.cli.talk import talk

    talk(user_id, alias)


@main.command()
@click.option("--port", default=5000, show_default=True, type=click.IntRange(1, 65535))
def ui(port: int) -> None:
    """Open the MLflow UI on the project's store."""
    from echoes_lib.cli.servers import serve_ui

    serve_ui(port)


@main.command("serve-model")
@click.option("--user", "user_id", default="luke", show_default=True, help="Whose echo.")
@click.option("--alias", default="champion", show_default=True, help="Alias of the version.")
@click.option("--port", default=5001, show_default=True, type=click.IntRange(1, 65535))
def serve_model(user_id: str, alias: str, port: int) -> None:
    """Serve a registered echo over HTTP with `mlflow models serve`."""
    from echoes_lib.cli.servers import serve_echo

    serve_echo(user_id, alias, port)


@main.group()
def check() -> None:
    """Measure what ships with the project against what it promises."""


@check.command("seedling")
@click.option("--only", multiple=True, help="model, corpus, replies, likelihood, pull; repeatable.")
@click.option("--model", help="Folder of another build.  [default: the one that ships]")
@click.option("--out", help="Where replies and pictures go.  [default: runs/check/seedling]")
def check_seedling(only: tuple[str, ...], model: str | None, out: str | None) -> None:
    """Measure the embedded base model; JSON on stdout, exit code 1 if a figure is missed."""
    from echoes_lib.cli.checks import run_seedling_check

    run_seedling_check(only, model, out)
