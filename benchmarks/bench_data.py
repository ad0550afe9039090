"""From rows to a training set: speed, memory, and whether a person costs more among many.

    make bench-data

For 1, 100 and 1,000 people, each size in a process of its own: a database of the sample people's
answers, varied per person, is written and read whole; then the datasets of ten of them, spread
over the store, are built one after the other by the real steps. Two ratios say whether a person
costs more among many, in seconds of the processor: of Luke's build among the most and alone, and
of the second five builds and the first five of a process. The encoder's share is measured inside
the builds. Prints JSON last.
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
BUILT = 10
SAMPLE = ("luke", "agnes", "dev", "marisol", "henryk")
MARKS = re.compile(r"\d+")


def people(n: int) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yield ids and rows: the sample's answers with other numbers in them, no two alike."""
    from echoes_lib.reflections.sources.sample import read_lines

    answers = {name: read_lines(f"answers/{name}") for name in SAMPLE}
    for i in range(n):
        name = SAMPLE[i % len(SAMPLE)]
        yield f"{name}{i:04d}", [_row(f"{name}{i:04d}", line, i) for line in answers[name]]


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
            session.execute(
                insert(User), [{"user_id": user, "name": user[:-4], "source": "person"}]
            )
            agreed = {"user_id": user, "purpose": "training", "granted_by": user[:-4]}
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
    return found | build(url, n)


def build(url: str, n: int) -> dict[str, Any]:
    """Build datasets of some people among the n, and time the encoder inside."""
    from echoes_lib.measures import encoder
    from echoes_lib.params import PreprocessParams
    from echoes_lib.reflections.dataset import build_dataset

    encoder.load_encoder()
    inside = _watch(encoder)
    seconds, cpu, answers = [], [], 0
    for user in spread(n):
        params = PreprocessParams(user_id=user, database_url=url)
        began, spent = time.perf_counter(), time.process_time()
        answers += build_dataset(params).counts["answers"]
        seconds.append(time.perf_counter() - began)
        cpu.append(time.process_time() - spent)
    half = len(cpu) // 2
    return {
        "built": len(cpu),
        "build_answers_per_s": round(answers / sum(seconds), 1),
        "build_luke_s": round(seconds[0], 1),
        "build_luke_cpu_s": round(cpu[0], 1),
        "second_half_ratio": round(sum(cpu[half:]) / sum(cpu[:half]), 2) if half else None,
        "encoder_ratio": round(inside[0] / sum(seconds), 2),
        "build_peak_mib": _peak_mib(),
    }


def spread(n: int) -> list[str]:
    """Choose some people over the whole store, Luke first, in the order of the sample."""
    rounds = [0, (n - 1) // len(SAMPLE) * len(SAMPLE) - len(SAMPLE)] if n >= BUILT else [0]
    places = [start + i for start in rounds for i in range(len(SAMPLE)) if start + i < n]
    return [f"{SAMPLE[place % len(SAMPLE)]}{place:04d}" for place in places]


def _watch(encoder: Any) -> list[float]:
    """Sum up the seconds that the encoder takes from now on."""
    read, inside = encoder._read, [0.0]

    def timed(texts: list[str]) -> Any:
        began = time.perf_counter()
        try:
            return read(texts)
        finally:
            inside[0] += time.perf_counter() - began

    encoder._read = timed
    return inside


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
    alone, among = found[0]["build_luke_cpu_s"], found[-1]["build_luke_cpu_s"]
    print(json.dumps({"sizes": found, "luke_among_many_ratio": round(among / alone, 2)}, indent=1))


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    main()
