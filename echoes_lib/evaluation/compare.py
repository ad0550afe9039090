"""Compare base and echo on the questions that training never saw.

Both are the same weights with the same persona prompt, seeds and batches; for the base the
adapter is switched off. Further systems (few-shot, memory, impostors) and further families of
scores are not measured here.

Shape: echo, dataset folder, params -> Scores, also as scores.json, metrics and a table.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from echoes_lib.chat.engine import Engine
from echoes_lib.errors import DataError, TooFewAnswers
from echoes_lib.evaluation.bootstrap import Interval, difference, draw_questions, interval
from echoes_lib.evaluation.likelihood import Bits, score_answers
from echoes_lib.evaluation.overlap import Counts, count_overlap, ratio_counts
from echoes_lib.params import EvaluateParams
from echoes_lib.progress import report
from echoes_lib.tracking import Run
from echoes_lib.workspace import write_text

SYSTEMS = ("base", "echo")
LOWER_IS_BETTER = frozenset({"bits_per_byte"})


@dataclass(frozen=True)
class Scores:
    """What was measured; fields are those of scores.json."""

    dataset_hash: str
    questions: list[dict[str, Any]]
    scores: list[dict[str, Any]]
    differences: list[dict[str, Any]]

    def get(self, system: str, metric: str) -> dict[str, Any]:
        """Return one score with its interval: value, low, high, n."""
        return next(s for s in self.scores if (s["system"], s["metric"]) == (system, metric))

    def metrics(self) -> dict[str, float]:
        """Name the figures for MLflow: `echo_bleu`, `echo_bleu_low`, and plain `bleu` (echo's)."""
        named: dict[str, float] = {}
        for score in self.scores:
            name = f"{score['system']}_{score['metric']}"
            named |= {
                name: score["value"],
                f"{name}_low": score["low"],
                f"{name}_high": score["high"],
            }
            if score["system"] == "echo":
                named[score["metric"]] = score["value"]
        return named | {f"difference_{d['metric']}": d["value"] for d in self.differences}


def evaluate(echo: Any, dataset_dir: Path, params: EvaluateParams, run: Run) -> Scores:
    """Score base and echo on the test questions of a dataset, and record it.

    Args:
        echo: from `models.adapters.load_echo`.
        dataset_dir: holds test.jsonl and manifest.json.
        params: generation, batch size, bootstrap.
        run: takes metrics, the dataset's name and the replies as a table.

    Returns:
        Scores per question and over all, with intervals, questions in order of their ids.

    Raises:
        DataError: the dataset is not there.
        TooFewAnswers: it holds no test question.
    """
    examples, dataset_hash = read_test(dataset_dir)
    answers = [e["messages"][-1]["content"].strip() for e in examples]
    measured = {}
    for step, system in enumerate(SYSTEMS):
        report(step, len(SYSTEMS), f"questions answered by the {system}")
        bits = _bits(echo, system, examples, answers, params)
        replies = _replies(echo, system, examples, params)
        measured[system] = bits, replies, _counts(bits, replies, answers)
    counts = {system: found[2] for system, found in measured.items()}
    scores = Scores(
        dataset_hash,
        _questions(examples, answers, measured),
        *_intervals(counts, params),
    )
    run.log_metrics(scores.metrics())
    run.log_table(scores.questions, "replies.json")
    run.set_tags({"dataset_hash": dataset_hash})
    name = f"{params.user_id}-test"
    run.log_dataset(dataset_dir / "test.jsonl", name, dataset_hash, "testing")
    return scores


def read_test(dataset_dir: Path) -> tuple[list[dict[str, Any]], str]:
    """Read the held-out examples, in order of their question ids, and the dataset's hash.

    Raises:
        DataError: the dataset is not there.
        TooFewAnswers: it holds no test question.
    """
    path = dataset_dir / "test.jsonl"
    if not path.is_file() or not (dataset_dir / "manifest.json").is_file():
        raise DataError(f"no dataset in {dataset_dir}: run 1_preprocess first")
    examples = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]
    if not examples:
        raise TooFewAnswers("test.jsonl holds 0 questions: raise test_ratio in 1_preprocess.yaml")
    manifest = json.loads((dataset_dir / "manifest.json").read_text(encoding="utf-8"))
    # The order of the file must not matter to batches, seeds and draws.
    return sorted(examples, key=lambda e: e["question_ids"]), manifest["dataset_hash"]


def write_scores(scores: Scores, folder: Path) -> Path:
    """Write scores.json into a step's folder, emptied before."""
    shutil.rmtree(folder, ignore_errors=True)
    text = json.dumps(asdict(scores), ensure_ascii=False, indent=1)
    return write_text(folder / "scores.json", text + "\n")


def read_scores(path: Path) -> Scores:
    """Read scores.json.

    Raises:
        DataError: it is not there.
    """
    if not path.is_file():
        raise DataError(f"no scores at {path}: run 4_evaluate first")
    return Scores(**json.loads(path.read_text(encoding="utf-8")))


def verdict(scores: Scores, name: str) -> str:
    """Say in plain words what bits per byte show.

    Args:
        scores: of base and echo.
        name: whose echo.
    """
    found = next(d for d in scores.differences if d["metric"] == "bits_per_byte")
    base, echo = (scores.get(system, "bits_per_byte")["value"] for system in SYSTEMS)
    closer, further = found["high"] < 0, found["low"] > 0
    how = "closer than" if closer else "further than" if further else "not surely apart from"
    n_bytes = sum(question["n_bytes"] for question in scores.questions)
    return (
        f"The echo is {how} its base to {name}'s words: {echo:.3f} against {base:.3f} bits per "
        f"byte ({echo / base - 1:+.1%}).\nEcho minus base lies in [{found['low']:+.3f}, "
        f"{found['high']:+.3f}], measured on {len(scores.questions)} questions, {n_bytes} bytes."
    )


def _only(echo: Any, system: str) -> AbstractContextManager:
    return echo.base_only() if system == "base" else nullcontext()


def _bits(
    echo: Any,
    system: str,
    examples: Sequence[Mapping],
    answers: Sequence[str],
    params: EvaluateParams,
) -> list[Bits]:
    pairs = [(e["messages"][:-1], answer) for e, answer in zip(examples, answers, strict=True)]
    size, longest = params.per_device_eval_batch_size, params.max_length
    with _only(echo, system):
        return score_answers(echo.model, echo.tokenizer, pairs, size, longest)


def _replies(
    echo: Any, system: str, examples: Sequence[Mapping], params: EvaluateParams
) -> list[str]:
    engine, size = Engine(echo), params.per_device_eval_batch_size
    questions = [e["messages"][:-1] for e in examples]
    return [
        reply.text
        for start in range(0, len(questions), size)
        for reply in engine.reply_batch(
            questions[start : start + size],
            params.generation,
            seed=params.seed + start,
            base=system == "base",
        )
    ]


def _counts(bits: Sequence[Bits], replies: Sequence[str], answers: Sequence[str]) -> list[Counts]:
    cost = ratio_counts("bits_per_byte", [b.bits for b in bits], [b.n_bytes for b in bits])
    return [cost, *count_overlap(replies, answers)]


def _intervals(
    counts: Mapping[str, list[Counts]], params: EvaluateParams
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    n = len(counts["echo"][0].rows)
    draws = draw_questions(n, params.bootstrap_resamples, params.seed)
    scores = [
        {
            "system": system,
            "metric": c.metric,
            **_rounded(interval(c, draws, params.confidence)),
            "n": n,
        }
        for system in SYSTEMS
        for c in counts[system]
    ]
    differences = [
        {"metric": b.metric, **_rounded(difference(e, b, draws, params.confidence))}
        for b, e in zip(counts["base"], counts["echo"], strict=True)
    ]
    return scores, differences


def _rounded(found: Interval) -> dict[str, float]:
    return {name: round(value, 6) for name, value in asdict(found).items()}


def _questions(
    examples: Sequence[Mapping], answers: Sequence[str], measured: Mapping[str, tuple]
) -> list[dict[str, Any]]:
    each = {(system, c.metric): c.each() for system, found in measured.items() for c in found[2]}
    return [
        {
            "question_id": example["question_ids"][0],
            "category": example["category"],
            "question": example["messages"][-2]["content"],
            "person": answers[i],
            **{system: measured[system][1][i] for system in SYSTEMS},
            **{f"{system}_bits": round(measured[system][0][i].bits, 6) for system in SYSTEMS},
            "n_bytes": measured["echo"][0][i].n_bytes,
            **{f"{s}_{metric}": round(values[i], 6) for (s, metric), values in each.items()},
        }
        for i, example in enumerate(examples)
    ]
