"""Measure the seedling against every figure that it promises.

What it does not do: train it (`make seedling`).

Shape: which parts -> a report; the report says of each figure what it is, what its limit is
and whether it holds.
"""

from __future__ import annotations

import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from echoes_lib.checks.corpus import Corpus, read_training_text
from echoes_lib.checks.kneser_ney import KneserNey
from echoes_lib.checks.pull import draw_pull, measure_pull
from echoes_lib.checks.replies import ask, measure_replies
from echoes_lib.checks.yardsticks import by_model, by_ngrams, by_xz, sample_answers
from echoes_lib.errors import ModelError
from echoes_lib.measures.words import words
from echoes_lib.models.load import Base, load_base
from echoes_lib.models.seedling import SEEDLING_DIR
from echoes_lib.params import Common
from echoes_lib.reflections.sources.sample import read_lines
from echoes_lib.workspace import workspace, write_text

__all__ = ["LIMITS", "PARTS", "check_seedling"]

PARTS = ("model", "corpus", "replies", "likelihood", "pull")
QUESTIONS = 100
# Of each figure: "at least" or "at most", and how much.
LIMITS: dict[str, tuple[str, float]] = {
    "parameters_min": ("at least", 4_000_000),
    "parameters_max": ("at most", 10_000_000),
    "weights_mib": ("at most", 20.0),
    "context_tokens": ("at least", 1024),
    "load_s": ("at most", 2.0),
    "repeated_sentences": ("at most", 0.01),
    "ended": ("at least", 0.95),
    "looped": ("at most", 0.02),
    "own_question_found": ("at least", 0.60),
    "misspelt": ("at most", 0.01),
    "bits_over_kneser_ney": ("at most", 0.0),
    "bits_over_xz": ("at most", 0.0),
    "bits_over_first_seedling": ("at most", 0.0),
    "adapters_off_diagonal": ("at most", 0),
    "luke_gain": ("at least", 0.08),
    "adapter_train_s": ("at most", 90.0),
}
Figures = dict[str, float]
Details = dict[str, Any]


def check_seedling(
    out: Path,
    parts: Collection[str] = PARTS,
    folder: Path = SEEDLING_DIR,
    seed: int = 0,
    say: Callable[[str], None] = lambda text: None,
) -> dict[str, Any]:
    """Measure the seedling, or a build of it that lies elsewhere.

    Args:
        out: Receives `check.json`, the replies and the picture of the adapters.
        parts: Which of `PARTS` to measure.
        folder: The build to measure.
        seed: Of questions and sampling.
        say: Told what is being measured.

    Returns:
        `figures` (value, limit, holds), `details`, `seconds` per part, and `passed`.

    Raises:
        ModelError: A part is unknown, or the material is not what the weights were trained on.
    """
    if unknown := set(parts) - set(PARTS):
        raise ModelError(f"{sorted(unknown)} is no part of the check: take {', '.join(PARTS)}")
    base = load_base(Common(base_model=str(folder)))
    needs_text = {"corpus", "replies", "likelihood"} & set(parts)
    corpus = _corpus(base, folder, say) if needs_text else None
    measures: dict[str, Callable[[], tuple[Figures, Details]]] = {
        "model": lambda: _model(base, folder),
        "corpus": lambda: ({"repeated_sentences": corpus.repeated}, {}),
        "replies": lambda: _replies(base, corpus, out, seed),
        "likelihood": lambda: _likelihood(base, corpus),
        "pull": lambda: _pull(out, folder),
    }
    figures, details, seconds = {}, {}, {}
    for part in (part for part in PARTS if part in parts):
        say(f"measuring: {part}")
        began = time.perf_counter()
        found, details[part] = measures[part]()
        figures |= found
        seconds[part] = round(time.perf_counter() - began, 1)
    report = {"figures": _judged(figures), "details": details, "seconds": seconds}
    report["passed"] = all(figure["holds"] for figure in report["figures"].values())
    write_text(out / "check.json", json.dumps(report, indent=1, ensure_ascii=False) + "\n")
    return report


def _judged(figures: Figures) -> dict[str, dict[str, Any]]:
    judged = {}
    for name, value in figures.items():
        side, limit = LIMITS[name]
        number = float(value)  # numpy's own numbers and truth values are not JSON
        holds = number >= limit if side == "at least" else number <= limit
        judged[name] = {"value": round(number, 4), "limit": f"{side} {limit:g}", "holds": holds}
    return judged


def _corpus(base: Base, folder: Path, say: Callable[[str], None]) -> Corpus:
    say("writing the training text again")
    return read_training_text(folder, base.tokenizer)


def _model(base: Base, folder: Path) -> tuple[Figures, Details]:
    n_bytes = sum(path.stat().st_size for path in folder.iterdir())
    n_parameters = base.info["n_parameters"]
    figures = {
        "parameters_min": n_parameters,
        "parameters_max": n_parameters,
        "weights_mib": n_bytes / 2**20,
        "context_tokens": base.model.config.max_position_embeddings,
        "load_s": statistics.median(_seconds_to_load(folder) for _ in range(3)),
    }
    return figures, {"load_s": "median of three in one process, imports not counted"}


def _seconds_to_load(folder: Path) -> float:
    began = time.perf_counter()
    load_base(Common(base_model=str(folder)))
    return time.perf_counter() - began


def _replies(base: Base, corpus: Corpus, out: Path, seed: int) -> tuple[Figures, Details]:
    asked_of_all = [row["question_text"] for row in read_lines("questions")]
    questions = random.Random(seed).sample(asked_of_all, QUESTIONS)
    people = sample_answers()
    asked = ask(base, questions, list(people), seed)
    answers = [answer for pairs in people.values() for _, answer in pairs]
    known = corpus.words | {word.lower() for answer in answers for word in words(answer)}
    figures = measure_replies(asked, known, seed)
    lines = [f"{one.name} · {one.question}\n{one.reply.text}\n" for one in asked]
    write_text(out / "replies.txt", "\n".join(lines))
    lengths = [len(words(one.reply.text)) for one in asked]
    return figures, {"questions": len(asked), "words_per_reply": statistics.median(lengths)}


def _likelihood(base: Base, corpus: Corpus) -> tuple[Figures, Details]:
    people = sample_answers()
    first = load_base(Common(base_model=str(_first_seedling())))
    ngrams = KneserNey(corpus.tokens, len(base.tokenizer))
    bits = {
        "seedling": by_model(base.model, base.tokenizer, people),
        "kneser_ney": by_ngrams(ngrams, base.tokenizer, people),
        "first_seedling": by_model(first.model, first.tokenizer, people),
        "xz": by_xz(corpus.text, people),
    }
    ours = bits["seedling"]["all"]
    figures = {
        f"bits_over_{name}": ours - found["all"]
        for name, found in bits.items()
        if name != "seedling"
    }
    rounded = {
        name: {who: round(value, 4) for who, value in row.items()} for name, row in bits.items()
    }
    return figures, {"bits_per_byte": rounded, "corpus_tokens": len(corpus.tokens)}


def _first_seedling() -> Path:
    folder = workspace().project / "benchmarks" / "first_seedling"
    if not folder.is_dir():
        raise ModelError(f"{folder} is missing: it comes with a checkout of the project")
    return folder


def _pull(out: Path, folder: Path) -> tuple[Figures, Details]:
    with tempfile.TemporaryDirectory() as work:
        pull = measure_pull(Path(work), str(folder))
    out.mkdir(parents=True, exist_ok=True)
    draw_pull(pull).savefig(out / "pull.png", dpi=120)
    figures = {
        "adapters_off_diagonal": len(pull.off_diagonal()),
        "luke_gain": pull.gain("Luke"),
        "adapter_train_s": max(pull.seconds.values()),
    }
    matrix = {a: {b: round(x, 4) for b, x in row.items()} for a, row in pull.bits.items()}
    details = {"base": {b: round(x, 4) for b, x in pull.base.items()}, "adapters": matrix}
    details["gains"] = {name: round(pull.gain(name), 4) for name in pull.base}
    details["seconds"] = {name: round(s, 1) for name, s in pull.seconds.items()}
    return figures, details | {"held_out_answers": pull.questions}
