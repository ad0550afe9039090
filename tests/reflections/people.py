"""Small invented people: every sentence occurs once, so that a leak can be seen."""

from sqlalchemy.orm import Session

from echoes_lib.reflections.sources.consent import grant
from echoes_lib.reflections.sources.migrate import writing
from echoes_lib.reflections.sources.schema import Question, User, UserResponse
from echoes_lib.reflections.sources.store import Reflection
from echoes_lib.workspace import workspace

CUES = ("But", "Then", "Now", "So", "He", "And")


def answer(number: int, n_sentences: int = 6) -> str:
    lines = [
        " ".join([CUES[i % 6], *(f"thing{number}x{i}x{k}" for k in range(14))]) + "."
        for i in range(n_sentences)
    ]
    return " ".join(lines[: n_sentences // 2]) + "\n\n" + " ".join(lines[n_sentences // 2 :])


def reflections(ids, category=lambda i: f"theme{i // 9}") -> list[Reflection]:
    return [
        Reflection(i, category(i), f"What is the thing of number {i}?", answer(i), 240.0)
        for i in ids
    ]


def write(
    rows: list[Reflection],
    user_id: str = "ada",
    name: str = "Ada",
    url: str = "",
    consent: bool = True,
) -> str:
    url = url or workspace().database_url
    with writing(url) as engine, Session(engine) as session, session.begin():
        session.merge(User(user_id=user_id, name=name, source="person"))
        for r in rows:
            session.merge(
                Question(question_id=r.question_id, category=r.category, question_text=r.question)
            )
            session.flush()
            session.merge(
                UserResponse(
                    user_id=user_id,
                    question_id=r.question_id,
                    response_text=r.text,
                    word_count=len(r.text.split()),
                    response_time_seconds=r.seconds,
                )
            )
    if consent:
        grant(url, user_id, "training", name, "2026-11-01")
    return url
