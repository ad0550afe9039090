"""The tables of the reflections database.

`user_responses` is the table of the original plan; the others stand beside it. A database of
one's own needs only `user_responses` and `questions`: a missing `users` table costs the
display name, nothing else.

Says what the tables are now; how they came to be so, change by change, is in `migrations/`. A
test holds the two together.
"""

from sqlalchemy import Float, ForeignKey, Integer, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

VERSION_TABLE = "echoes_schema"


class Base(DeclarativeBase):
    """Root of the tables."""


class User(Base):
    """A person whose reflections are kept. `source` is `sample` for the invented ones."""

    __tablename__ = "users"
    user_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(120))
    age: Mapped[int | None] = mapped_column(Integer)
    trade: Mapped[str | None] = mapped_column(String(120))
    source: Mapped[str] = mapped_column(String(16), default="person")


class Consent(Base):
    """Who allowed what to be done with a person's words, from when, until when (ISO dates)."""

    __tablename__ = "consents"
    user_id: Mapped[str] = mapped_column(ForeignKey("users.user_id"), primary_key=True)
    purpose: Mapped[str] = mapped_column(String(64), primary_key=True)
    granted_by: Mapped[str] = mapped_column(String(120))
    granted_on: Mapped[str] = mapped_column(String(10))
    note: Mapped[str | None] = mapped_column(Text)
    withdrawn_on: Mapped[str | None] = mapped_column(String(10))


class Question(Base):
    """A reflection question; categories group questions on one theme."""

    __tablename__ = "questions"
    question_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    category: Mapped[str] = mapped_column(String(64))
    question_text: Mapped[str] = mapped_column(Text)


class UserResponse(Base):
    """One person's answer to one question."""

    __tablename__ = "user_responses"
    user_id: Mapped[str] = mapped_column(ForeignKey("users.user_id"), primary_key=True)
    question_id: Mapped[int] = mapped_column(
        ForeignKey("questions.question_id"), primary_key=True, autoincrement=False
    )
    response_text: Mapped[str] = mapped_column(Text)
    word_count: Mapped[int | None] = mapped_column(Integer)
    response_time_seconds: Mapped[float | None] = mapped_column(Float)


class Fact(Base):
    """One line of a person's biography sheet."""

    __tablename__ = "facts"
    user_id: Mapped[str] = mapped_column(ForeignKey("users.user_id"), primary_key=True)
    fact_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(String(32))
    fact: Mapped[str] = mapped_column(Text)


class Probe(Base):
    """A question of fact about a person; `accepted` and `wrong` are JSON lists of answers."""

    __tablename__ = "probes"
    user_id: Mapped[str] = mapped_column(ForeignKey("users.user_id"), primary_key=True)
    probe_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    question: Mapped[str] = mapped_column(Text)
    accepted: Mapped[str] = mapped_column(Text)
    wrong: Mapped[str] = mapped_column(Text)
    question_id: Mapped[int] = mapped_column(Integer)
