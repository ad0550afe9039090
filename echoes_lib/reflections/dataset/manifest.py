"""Say of a dataset what it was made from, by which code, and what became of every answer.

Holds hashes, counts, question ids, reasons and consents; no text of an answer, no time, no
path, and no hash of a single answer: manifests stay in MLflow when an answer is forgotten, and a
hash would confirm a guess of what it said. Those are in `rows.json`, which goes.

The same rows, consents, parameters and code give the same manifest.

Shape: Made, PreprocessParams, dataset hash -> manifest (a JSON object).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import echoes_lib
from echoes_lib.code import code_hash
from echoes_lib.params import PreprocessParams, persona
from echoes_lib.reflections.cleaning import Finding, count_findings
from echoes_lib.reflections.dataset.examples import Examples
from echoes_lib.reflections.filters import Drop, count_reasons, miscounted
from echoes_lib.reflections.sources.consent import Consent
from echoes_lib.reflections.sources.store import Person
from echoes_lib.reflections.split import Splits

FILES = ("train_stage1", "train_stage2", "validation", "test")
# The rooms whose code decides what stands in a dataset.
ROOMS = ("params", "measures", "reflections")


@dataclass(frozen=True)
class Made:
    """Everything that a dataset was made from and what was made of it.

    Attributes:
        person: as read from the store.
        consents: from `sources.consent.require`.
        findings: private data, from `cleaning.prepare`.
        drops: of the filters; those of splitting and of length lie in `splits` and `examples`.
        splits: the answers by use.
        examples: of every file.
    """

    person: Person
    consents: Sequence[Consent]
    findings: Sequence[Finding]
    drops: Sequence[Drop]
    splits: Splits
    examples: Examples

    @property
    def lost(self) -> list[Drop]:
        """The answers that are in no split."""
        return [*self.drops, *self.splits.drops]


def manifest_of(made: Made, params: PreprocessParams, digest: str) -> dict[str, Any]:
    """Describe a dataset.

    Args:
        made: from what, and what.
        params: recorded without the database's address.
        digest: the dataset's hash, over its files of conversations.

    Returns:
        An object that JSON can hold.
    """
    person = made.person
    return {
        "dataset_hash": digest,
        "user_id": person.user_id,
        "name": person.name,
        "system_prompt": persona(person.name, params.system_prompt),
        "seed": params.seed,
        "source_hash": person.source_hash,
        "consents": [consent.as_manifest() for consent in made.consents],
        "params": params.model_dump(mode="json", exclude={"database_url"}),
        "counts": _counts(made),
        "private": count_findings(made.findings),
        "splits": made.splits.ids(),
        "drops": [drop.as_row() for drop in [*made.lost, *made.examples.drops]],
        "cuts": [cut.as_row() for cut in made.splits.cuts],
        "code": {"version": echoes_lib.__version__, "sha256": code_hash(ROOMS)},
    }


def row_hashes(made: Made) -> dict[str, str]:
    """Return the hash of each row that is in a split, by question id; it tells what changed."""
    used = {question for ids in made.splits.ids().values() for question in ids}
    hashes = made.person.row_hashes
    return {str(question): hashes[question] for question in sorted(used)}


def _counts(made: Made) -> dict[str, Any]:
    person, splits, examples = made.person, made.splits, made.examples
    kinds = Counter(example.kind for example in examples.training)
    return {
        "answers": len(person.reflections),
        "unknown_questions": len(person.unknown_questions),
        "miscounted": len(miscounted(person.reflections)),
        "kept": len(person.reflections) - len(made.lost),
        "dropped": count_reasons(made.lost),
        "answers_by_split": {name: len(ids) for name, ids in splits.ids().items()},
        "examples": {name: len(examples.files[name]) for name in FILES},
        "training_examples": len(examples.training),
        "kinds": dict(sorted(kinds.items())),
        "too_long": sum(drop.reason == "too_long" for drop in examples.drops),
        "hidden_sentences": sum(len(starts) for starts in splits.hidden.values()),
        "follow_ups": examples.follow_ups,
        "shortfall": examples.shortfall,
    }
