"""From rows to a training set: speed, memory, and whether a person costs more among many.

    make bench-data

For 1, 100 and 1,000 people, each in a process of its own: a database of Luke's answers, varied
per person, is written and read whole; then the datasets of a few people are built from it by
the real steps. The encoder's share is measured inside those. Prints JSON last.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

PEOPLE = (1, 100, 1000)
BUILT = 2
MARKS = re.compile(r"\d+")


def people(n: int) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yield ids and rows: Luke's answers with other numbers in them, so that no two agree."""
    from echoes_lib.reflections.sources.sample import read_lines

    lines = read_lines("answers/luke")
    for i in range(n):
        user = f"luke{i:04d}"
        yield user, [_row(user, line, i) for line in lines]


def _row(user: str, line: dict[str, Any], i: int) -> dict[str, Any]:
    text = MARKS.sub(lambda found: str(int(found[0]) + i), line["response_text"])
    n_words = len(text.split())
    return {
        "user_id": user,
        "question_id": line["question_id"],
        "response_text": f"{text} That was number {i}.",
        "word_count": n_words + 4,
        "response_time_seconds": 2.4 * n_words,
    }


def write(url: str, n: int) -> None:
    """Fill a database by the project's own tables."""
    from sqlalchemy import insert

    from echoes_lib.reflections.sources.migrate import transaction, writing
    from echoes_lib.reflections.sources.questions import shipped_questions
    from echoes_lib.reflections.sources.schema import Consent, Question, User, UserResponse

    asked = [
        {"question_id": q.question_id, "category": q.category, "question_text": q.text}
        for q in shipped_questions()
    ]
    with writing(url) as engine, transaction(engine) as session:
        session.execute(insert(Question), asked)
        for user, rows in people(n):
            session.execute(insert(User), [{"user_id": user, "name": "Luke", "source": "person"}])
            agreed = {"user_id": user, "purpose": "training", "granted_by": "Luke"}
            session.execute(insert(Consent), [agreed | {"granted_on": "2026-11-01"}])
            session.execute(insert(UserResponse), rows)


def measure(n: int) -> dict[str, Any]:
    """Measure one size in this process; see the module's docstring."""
    from echoes_lib.reflections.sources.store import read_people
    from echoes_lib.workspace import workspace

    url = workspace().database_url
    wrote = _timed(lambda: write(url, n))
    answers = 0

    def read() -> None:
        nonlocal answers
        answers = sum(len(person.reflections) for person in read_people(url))

    took = _timed(read)
    found = {
        "people": n,
        "answers": answers,
        "write_answers_per_s": round(answers / wrote),
        "read_answers_per_s": round(answers / took),
        "read_peak_mib": _peak_mib(),
    }
    return found | build(url, n, answers // n)


def build(url: str, n: int, per_person: int) -> dict[str, Any]:
    """Build datasets of a few people among the n, and time the encoder inside."""
    from echoes_lib.measures import encoder
    from echoes_lib.params import PreprocessParams
    from echoes_lib.reflections.dataset import build_dataset

    read, inside = encoder._read, [0.0]

    def timed(texts: list[str]) -> Any:
        began = time.perf_counter()
        try:
            return read(texts)
        finally:
            inside[0] += time.perf_counter() - began

    encoder.load_encoder()
    encoder._read = timed
    chosen = [f"luke{i:04d}" for i in sorted({n - 1, n // 2})][:BUILT]
    params = [PreprocessParams(user_id=user, database_url=url) for user in chosen]
    took = _timed(lambda: [build_dataset(each) for each in params])
    return {
        "build_answers_per_s": round(len(chosen) * per_person / took, 1),
        "build_s_per_person": round(took / len(chosen), 1),
        "encoder_ratio": round(inside[0] / took, 2),
        "build_peak_mib": _peak_mib(),
    }


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _peak_mib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def _child(n: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as home:
        place = os.environ | {"ECHOES_HOME": home, "HF_HUB_OFFLINE": "1"}
        command = [sys.executable, __file__, "--one", str(n)]
        done = subprocess.run(command, env=place, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Measure every size, print a table, then JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, nargs="+", default=PEOPLE)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(measure(given.one)))
        return
    found = []
    for n in given.people:
        found.append(_child(n))
        print(f"{n:>5} people: {found[-1]}", file=sys.stderr)
    least, most = found[0]["build_s_per_person"], found[-1]["build_s_per_person"]
    print(json.dumps({"sizes": found, "cost_per_person_ratio": round(most / least, 2)}, indent=1))


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    main()
