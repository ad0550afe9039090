"""Ask the reflection questions in the terminal, one after another.

Saves after each answer and goes on where one stopped. Words that are not handed in when one
leaves, skips or goes back are kept as a draft and stand there the next time.

Shape: options -> a conversation on the terminal, rows in the database.
"""

import signal

import click
from sqlalchemy.exc import DatabaseError

from echoes_lib.cli.typed import Reader, Reply, reader
from echoes_lib.errors import DataError
from echoes_lib.reflections.cleaning import clean_text
from echoes_lib.reflections.intake.asking import Questionnaire, questionnaire
from echoes_lib.reflections.intake.drafts import Draft
from echoes_lib.reflections.sources.questions import Asked
from echoes_lib.workspace import workspace

HELP = """\
Write as you would speak; Enter begins a new line.
  .      alone on a line, or Alt-Enter: done, save it and go on
  /skip  alone on a line: not this one, not today
  /back  correct the answer before
  /quit  or Ctrl-D, Ctrl-C: leave; what is saved stays, what is not is kept as a draft
  /help  show this again"""


def reflect(user_id: str, name: str | None, category: str | None, database_url: str | None) -> None:
    """Ask until all is answered or the person leaves; see the command's help.

    Raises:
        DataError: see `questionnaire`.
        KeyboardInterrupt: left with Ctrl-C, after all is kept.
    """
    if hasattr(signal, "SIGHUP"):  # the terminal's window was closed
        signal.signal(signal.SIGHUP, signal.default_int_handler)
    url = database_url or workspace().database_url
    with questionnaire(url, user_id, name, category) as form:
        _greet(form)
        try:
            _converse(form, reader())
        finally:
            _part(form)


def _converse(form: Questionnaire, keyboard: Reader) -> None:
    passed: set[int] = set()
    asked: Asked | None = None
    while True:
        open_ = [q for q in form.waiting() if q.question_id not in passed]
        asked = asked or next(iter(open_), None)
        if asked is None:
            return
        reply = _ask(form, asked, keyboard)
        if reply.command == "stop":
            raise KeyboardInterrupt
        if reply.command == "quit":
            return
        if reply.command == "skip":
            passed.add(asked.question_id)
        asked = _next(form, asked, reply)


def _ask(form: Questionnaire, asked: Asked, keyboard: Reader) -> Reply:
    """Put one question, and save the answer or keep what there is of it."""
    number = asked.question_id
    draft, answer = form.draft(number), form.answers.get(number)
    click.echo(f"\n{form.position(number)} of {len(form.questions)}  ({asked.category})")
    click.secho(clean_text(asked.text), bold=True)
    if draft:
        click.echo(f"(your draft of {_length(draft.text)} goes on here)")
    elif answer:
        click.echo(f"(your answer of {_length(answer.text)} is there to be corrected)")
    before = draft or answer or Draft("", 0.0)
    spent = before.seconds

    def total(seconds: float) -> float | None:
        return None if spent is None else spent + seconds

    def keep(text: str, seconds: float) -> None:
        _keep(form, number, text, total(seconds))

    reply = keyboard.read(before.text, draft is not None, keep)
    if reply.command == "save":
        _save(form, number, reply.text, total(reply.seconds))
    elif _keep(form, number, reply.text, total(reply.seconds)) and reply.text != before.text:
        click.echo(f"(a draft of {_length(reply.text)} is kept)")
    return reply


def _next(form: Questionnaire, asked: Asked, reply: Reply) -> Asked | None:
    """Return the question that is put next, or None for the first that waits."""
    if reply.command == "help":
        click.echo(HELP)
        return asked
    if reply.command == "back":
        earlier = form.before(asked.question_id)
        if earlier is None:
            click.echo("(there is no answer before this one)")
        return earlier or asked
    if reply.command == "save" and not reply.text.strip():
        if asked.question_id in form.answers:
            return None  # it stays as it was
        click.echo("(/skip passes the question over)")
        return asked
    return None


def _save(form: Questionnaire, number: int, text: str, seconds: float | None) -> None:
    saved = form.answers.get(number)
    if not text.strip() or (saved and saved.text == text):
        form.keep_draft(number, text, seconds)  # drops a draft that was taken back
        click.echo("(unchanged)" if text.strip() else "(nothing was written)")
        return
    try:
        form.save(number, text, seconds)
    except (DataError, DatabaseError):
        _keep(form, number, text, seconds)
        raise
    timed = "" if seconds is None else f", {seconds / 60:.1f} min"
    click.echo(f"(saved: {_length(text)}{timed})")


def _length(text: str) -> str:
    n_words = len(text.split())
    return f"{n_words} word{'s' * (n_words != 1)}"


def _keep(form: Questionnaire, number: int, text: str, seconds: float | None) -> bool:
    try:
        return form.keep_draft(number, text, seconds)
    except OSError as error:
        click.echo(f"(the draft cannot be kept: {error.strerror})", err=True)
        return False


def _greet(form: Questionnaire) -> None:
    n_open, n_all = len(form.waiting()), len(form.questions)
    click.echo(f"{form.user_id}: {n_all - n_open} of {n_all} questions are answered.")
    if form.is_sample:
        click.echo(f"Note: {form.user_id} is one of the invented sample people.")
    if n_open:
        click.echo(HELP)


def _part(form: Questionnaire) -> None:
    answered = sum(q.question_id in form.answers for q in form.questions)
    click.echo(f"\nSaved: {answered} of {len(form.questions)} questions are answered.")
    if answered < len(form.questions):
        click.echo("Run the same command to go on.")
    if answered and not form.has_consent:
        click.echo(
            f"{form.user_id} has not consented to anything yet; record what the words may be "
            f"used for with `echoes consent --user {form.user_id} ...` before training."
        )
