"""The commands of `echoes`, each a thin door to the room that does the work.

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
ANSWERS = click.option(
    "--database-url", help="SQLAlchemy URL.  [default: the profile's, or data/reflections.db]"
)
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
    from echoes_lib.reflections.sources.sample import write_sample
    from echoes_lib.workspace import workspace

    place = workspace()
    place.data.mkdir(parents=True, exist_ok=True)
    counts = write_sample(database_url or place.database_url)
    shown = ", ".join(f"{n} {table}" for table, n in counts.items())
    click.echo(f"sample: {shown} (in {database_url or 'data/reflections.db'})")


@main.command("import")
@click.argument("path")
@click.option("--user", "user_id", help="Whose answers, where the file does not say.")
@click.option("--name", help="That person's display name.")
@click.option("--database-url", help="SQLAlchemy URL.  [default: data/reflections.db]")
@click.option("--column", "columns", multiple=True, help="FIELD=COLUMN of the file; repeatable.")
@click.option("--by-text", is_flag=True, help="Match questions by words, not by the file's ids.")
@click.option("--dry-run", is_flag=True, help="Show what would be written, and stop.")
@click.option("--yes", is_flag=True, help="Write without asking.")
def import_(path: str, **options: Any) -> None:
    """Import answers from a CSV, JSONL or Markdown file, or a folder of text files.

    Shows what was understood, then asks. Fields: user_id, question_id, question, answer,
    word_count, seconds, category. Doing it again changes nothing.
    """
    from echoes_lib.cli.imports import import_answers

    import_answers(path, **options)


@main.command()
@click.option("--user", "user_id", required=True, help="Who answers.")
@click.option("--name", help="Their display name.")
@click.option("--category", help="Only the questions of one theme, such as childhood.")
@click.option("--database-url", help="SQLAlchemy URL.  [default: data/reflections.db]")
def reflect(user_id: str, name: str | None, category: str | None, database_url: str | None) -> None:
    """Answer the reflection questions in the terminal, and go on where you stopped."""
    from echoes_lib.cli.reflect import reflect as ask

    ask(user_id, name, category, database_url)


@main.command()
@click.option("--user", "user_id", required=True, help="Whose words.")
@click.option(
    "--purpose",
    type=click.Choice(["training", "impostor", "memory"]),
    help="What they may be used for.  [default: training; with --withdraw: all]",
)
@click.option("--by", help="Who allows it; without, what is recorded is shown.")
@click.option("--note", help="Anything worth keeping, such as where the letter lies.")
@click.option("--withdraw", is_flag=True, help="From today on it is allowed no longer.")
@PROFILE
@ANSWERS
def consent(
    user_id: str,
    purpose: str | None,
    by: str | None,
    note: str | None,
    withdraw: bool,
    profile: str,
    database_url: str | None,
) -> None:
    """Show, record or withdraw what a person's words may be used for."""
    from echoes_lib.cli.answers import find_answers
    from echoes_lib.cli.consent import record_consent, show_consents, withdraw_consent

    if withdraw and (by or note):
        raise click.UsageError("--withdraw goes with neither --by nor --note")
    if note and not by:
        raise click.UsageError("--note needs --by: say who allows it")
    url, source = find_answers(user_id, profile, database_url)
    if withdraw:
        withdraw_consent(url, user_id, purpose, profile)
    elif by:
        record_consent(url, user_id, purpose, by, note, source)
    else:
        show_consents(url, user_id)


@main.command()
@click.option("--user", "user_id", required=True, help="Whom to forget.")
@click.option("--question", "question_id", type=int, help="Only the answer to this question id.")
@click.option("--dry-run", is_flag=True, help="List everything that would go, and stop.")
@click.option("--yes", is_flag=True, help="Do not ask before deleting.")
@PROFILE
@ANSWERS
def forget(
    user_id: str,
    question_id: int | None,
    dry_run: bool,
    yes: bool,
    profile: str,
    database_url: str | None,
) -> None:
    """Delete a person's answers and all that was made of them.

    The profile says where the answers lie; what was made of them goes under every profile.
    """
    from echoes_lib.cli.answers import find_answers
    from echoes_lib.cli.forget import forget_and_tell
    from echoes_lib.deletion.rows import Wish

    url, source = find_answers(user_id, profile, database_url)
    sys.exit(forget_and_tell(Wish(user_id, question_id, url, source), dry_run, yes))


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
@USER
@click.option("--json", "as_json", is_flag=True, help="The report as JSON.")
def doctor(profile: str, user_id: str | None, as_json: bool) -> None:
    """Say whether a profile can run here: machine, libraries, base model, memory.

    Fetches and loads nothing. Exit code 1 when the profile cannot run on this machine.
    """
    from echoes_lib.cli.doctor import examine_and_tell

    examine_and_tell(profile, user_id, as_json)


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
@PROFILE
@click.option("--user", "user_id", required=True, help="Whose echo.")
@click.option("--adapter", help="Its adapter.  [default: that of 3_train]")
@click.option("--dataset", help="What it was trained on.  [default: that of 1_preprocess]")
@click.option("--form", required=True, type=click.Choice(["adapter", "merged"]), help="What of it.")
@click.option("--out", required=True, help="Folder to write; new or empty.")
@click.option(
    "--max-difference",
    default=0.01,
    show_default=True,
    type=click.FloatRange(min=0),
    help="Nats per token by which the written form may differ.",
)
@click.option(
    "--dtype",
    default="auto",
    show_default=True,
    type=click.Choice(["auto", "float32", "bfloat16", "float16"]),
    help="Of merged weights; auto is the base's own.",
)
@click.option("--force", is_flag=True, help="Replace an earlier export.")
def export(user_id: str, **options: Any) -> None:
    """Write an echo for use elsewhere: its adapter, or one merged model."""
    from echoes_lib.cli.export import export_and_tell

    export_and_tell(user_id, **options)


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
