"""Find all there is of a person, or of one answer, before anything is taken away.

Two ways, each for what the other cannot see: where a thing comes from (its folder, its run, the
dataset it was made from) finds weights and pictures; the words themselves find copies that
nothing points to.

Shape: Wish -> Found.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from echoes_lib.deletion.cells import Cell, find_cells
from echoes_lib.deletion.files import (
    Place,
    find_by_words,
    find_chains,
    find_drafts,
    find_loose,
    find_shown,
)
from echoes_lib.deletion.rows import (
    Wish,
    count_rows,
    known_users,
    read_texts,
    untouched_tables,
)
from echoes_lib.deletion.tracked import Tracked, find_tracked
from echoes_lib.deletion.words import Runs, word_runs
from echoes_lib.errors import DataError, NoSuchUser
from echoes_lib.reflections.sources.connect import database_file
from echoes_lib.registry.load import FORGOTTEN_QUESTIONS
from echoes_lib.workspace import workspace


@dataclass(frozen=True)
class Found:
    """All there is; `kept` are files that people must take away themselves.

    `untouched` are tables of somebody else that stay as they are.
    """

    wish: Wish
    words: Runs
    rows: dict[str, int]
    files: list[Place]
    shown: list[Place]
    tracked: Tracked
    cells: list[Cell]
    kept: list[Place]
    untouched: list[str] = field(default_factory=list)

    @property
    def places(self) -> list[Place]:
        """Every file and folder that goes."""
        return [*self.files, *self.tracked.artifacts]

    @property
    def n_traces(self) -> int:
        """How many traces go."""
        return sum(map(len, self.tracked.traces.values()))

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left to take away; runs that carry the mark already do not count."""
        things = (self.rows, self.places, self.shown, self.cells, self.n_traces, self.unmarked)
        return not any(things)

    @property
    def unmarked(self) -> list[object]:
        """Return runs and versions that do not say yet what was forgotten."""
        every = [*(run.data for run in self.tracked.runs), *self.tracked.versions]
        return [each for each in every if not is_marked(each.tags, self.wish)]


def is_marked(tags: dict[str, str], wish: Wish) -> bool:
    """Tell whether a run's or version's tags say that this was forgotten."""
    said = tags.get(FORGOTTEN_QUESTIONS, "").split(", ")
    return "all" in said or wish.shown in said


def find(wish: Wish, words: Runs | None = None) -> Found:
    """Find all there is.

    Args:
        wish: what is to be forgotten.
        words: what the answers are recognised by, when they are gone from the database already.

    Raises:
        NoDatabase: there is none at the URL.
        MissingColumn: it has no answers under the names in force.
        TrackingError: the MLflow store cannot be used.
    """
    if words is None:
        texts = read_texts(wish)
        words = word_runs(texts.wanted, texts.common)
    tracked = find_tracked(wish)
    files = [*find_chains(wish, tracked.known), *find_loose(wish), *find_drafts(wish)]
    known = [place.path for place in (*files, *tracked.artifacts)]
    place = workspace()
    for root in (place.runs, place.mlruns):
        files += find_by_words(root, words, [*known, *_databases(wish)])
    kept = find_by_words(place.data, words, list(_databases(wish)))
    rows, shown, untouched = count_rows(wish, words), find_shown(wish), untouched_tables(wish)
    return Found(wish, words, rows, files, shown, tracked, find_cells(words), kept, untouched)


def check_known(found: Found) -> None:
    """Refuse a person or question of which nothing is there and nothing was forgotten before.

    Raises:
        NoSuchUser: the person is not in the database, and nothing was made of them.
        DataError: the person has not answered this question.
    """
    wish, tracked = found.wish, found.tracked
    if wish.question_id is None and (tracked.runs or tracked.versions or not found.is_empty):
        return
    if wish.question_id is not None and _was_answered(found):
        return
    users = known_users(wish)
    if wish.user_id not in users:
        raise NoSuchUser(
            f"user_id={wish.user_id!r} is not in the database, which holds "
            f"{', '.join(users[:12]) or 'nobody'}, and nothing was made of them: choose another"
        )
    raise DataError(
        f"user {wish.user_id} has no answer to question_id={wish.question_id}, and nothing was "
        "made of one: choose another question"
    )


def _was_answered(found: Found) -> bool:
    """Tell whether there is or was an answer; an unknown dataset alone is no sign of one."""
    tracked = found.tracked
    tags = [*(run.data.tags for run in tracked.runs), *(v.tags for v in tracked.versions)]
    return (
        bool(found.rows)
        or any(found.wish.question_id in ids for ids in tracked.known.values())
        or any(is_marked(each, found.wish) for each in tags)
    )


def _databases(wish: Wish) -> Iterator:
    for url in (wish.database_url, workspace().tracking_uri):
        file = database_file(url)
        if file:
            yield from (file.with_name(file.name + end) for end in ("", "-wal", "-shm", "-journal"))
