"""Say why a person cannot be read, and who can.

Shape: user_id, the ids that are there -> an error to raise.
"""

import difflib

from echoes_lib.errors import DataError, NoAnswers, NoSuchUser

SHOWN_USERS = 12


def nobody(user_id: str, users: list[str], has_rows: bool) -> DataError:
    """Return the error for a person without a usable answer.

    Args:
        user_id: who was asked for.
        users: everybody the database knows, sorted.
        has_rows: whether there are answers, all of them to questions that nobody knows.
    """
    if has_rows:
        return NoAnswers(
            f"user {user_id} has answers, but to no question that the table questions knows: "
            "add the questions by their question_id"
        )
    if user_id in users:
        return NoAnswers(f"user {user_id} has no answer yet: add rows to user_responses")
    if not users:
        return NoSuchUser(
            f"user_id={user_id!r} is not in the database, which holds nobody yet: run "
            "`echoes sample`, or add rows to user_responses"
        )
    more = f" and {len(users) - SHOWN_USERS} more" if len(users) > SHOWN_USERS else ""
    shown = ", ".join(users[:SHOWN_USERS]) + more
    close = difflib.get_close_matches(user_id.lower(), users, n=3)
    hint = f"did you mean {' or '.join(close)}?" if close else "choose one of them"
    return NoSuchUser(f"user_id={user_id!r} is not in the database, which holds {shown}: {hint}")
