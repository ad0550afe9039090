"""Write a dataset folder: four files of conversations and a manifest, whole or not at all.

The manifest holds hashes, counts, the questions of each split, the reason of every drop and the
consents that allow it; no text of an answer and no time. The same rows, consents and
parameters give the same bytes.

Shape: person, filtered answers, splits, examples -> Dataset(folder, manifest).
"""

import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from echoes_lib import __version__
from echoes_lib.errors import NoAnswers, NoConsent, TooFewAnswers
from echoes_lib.measures.encoder import encode
from echoes_lib.params import PreprocessParams, persona
from echoes_lib.reflections.augment import Augmented, Example, Extras, augment, originals
from echoes_lib.reflections.augment.follow_ups import make_writer
from echoes_lib.reflections.augment.parts import usable
from echoes_lib.reflections.augment.themes import Encode, Theme, find_themes
from echoes_lib.reflections.cleaning import Finding, count_findings, prepare
from echoes_lib.reflections.filters import Drop, count_reasons, filter_answers, measure_answers
from echoes_lib.reflections.render import Length, fit_length, render, token_counter
from echoes_lib.reflections.sources.consent import TRAINING, Consent, require
from echoes_lib.reflections.sources.store import Person, read_person
from echoes_lib.reflections.split import Splits, split_reflections
from echoes_lib.workspace import workspace, write_text

FILES = ("train_stage1", "train_stage2", "validation", "test")


@dataclass(frozen=True)
class Dataset:
    """A dataset folder and what its manifest says."""

    folder: Path
    manifest: dict[str, Any]

    @property
    def counts(self) -> dict[str, Any]:
        """The manifest's counts."""
        return self.manifest["counts"]


@dataclass(frozen=True)
class Examples:
    """The examples of every file, what was left out or could not be made, and the themes.

    `follow_ups` counts who worded what is asked between two parts; see `augment.budget`.
    """

    files: dict[str, list[Example]]
    drops: list[Drop]
    shortfall: dict[str, int]
    follow_ups: dict[str, int] = field(default_factory=dict)
    themes: list[Theme] = field(default_factory=list)

    @property
    def training(self) -> list[Example]:
        """The examples of both stages."""
        return self.files["train_stage1"] + self.files["train_stage2"]


def build_dataset(
    params: PreprocessParams, length: Length | None = None, folder: Path | None = None
) -> Dataset:
    """Make the dataset of one person from the reflections database.

    The notebook 1_preprocess takes the same steps one by one and shows what lies between.

    Args:
        params: of 1_preprocess.
        length: messages -> tokens; the base model's tokenizer counts when omitted.
        folder: where to write it; the step's own folder when omitted.

    Returns:
        The dataset as it was written.

    Raises:
        DataError: the reflections cannot be used.
        NoConsent: nobody allowed to train on them.
        BaseModelNotFound: the base whose tokenizer counts is not there.
    """
    url = params.database_url or workspace().database_url
    person = read_person(url, params.user_id, params.source)
    consents = [require(url, params.user_id, TRAINING)]
    guarded = prepare(person, params.privacy)
    answers = guarded.answers
    kept, drops = filter_answers(answers, measure_answers(answers), params)
    splits = split_kept(kept, drops, params)
    examples = make_examples(splits, person.name, params, length or token_counter(params))
    place = folder or dataset_dir(params)
    private = guarded.findings
    return write_dataset(place, person, drops, splits, examples, params, consents, private)


def dataset_dir(params: PreprocessParams) -> Path:
    """Return the folder in which 1_preprocess leaves its dataset."""
    return workspace().step_dir(params.profile, params.user_id, "1_preprocess") / "dataset"


def split_kept(kept: list, drops: Sequence[Drop], params: PreprocessParams) -> Splits:
    """Split what the filters kept; see `split.split_reflections`.

    Raises:
        NoAnswers: the filters kept none; says which took them.
        TooFewAnswers: a split would be empty.
    """
    if not kept:
        reasons = ", ".join(f"{reason} {n}" for reason, n in count_reasons(drops).items())
        raise NoAnswers(
            f"no answer of user {params.user_id} is left after the filters ({reasons}): loosen "
            f"the thresholds in params/{params.profile}/1_preprocess.yaml"
        )
    return split_reflections(kept, params)


def make_examples(
    splits: Splits,
    name: str,
    params: PreprocessParams,
    length: Length,
    encode_texts: Encode | None = None,
) -> Examples:
    """Make the examples of every file.

    Args:
        splits: the answers by use.
        name: of the person, for the persona prompt that counts towards the length.
        params: target, cap, seed, max_length. The stages share the target by their answers.
        length: messages -> tokens.
        encode_texts: texts -> unit vectors, to find themes; the sentence encoder when omitted.

    Returns:
        Test and validation hold originals alone; no example of them is dropped for length.

    Raises:
        TooFewAnswers: no example of a stage fits max_length.
        ModelError: the base model that should write follow-up questions cannot.
    """
    extras = _extras(splits, params, encode_texts or encode)
    n1, n2 = len(splits.stage1), len(splits.stage2)
    share = round(params.target_examples * n2 / (n1 + n2))
    made = {
        "train_stage1": _augmented(splits.stage1, params.target_examples - share, params, extras),
        "train_stage2": _augmented(splits.stage2, share, params, extras),
    }
    files: dict[str, list[Example]] = {}
    drops: list[Drop] = []
    for file, stage in made.items():
        prompt = persona(name, params.system_prompt)
        files[file], too_long = fit_length(stage.examples, prompt, params.max_length, length)
        drops += too_long
        _check_some_fit(file, files[file], params)
    files |= {"validation": originals(splits.validation), "test": originals(splits.test)}
    asked = sum((Counter(stage.follow_ups) for stage in made.values()), Counter())
    shortfall = _shortfall(made.values())
    return Examples(files, drops, shortfall, dict(sorted(asked.items())), list(extras.themes))


def write_dataset(
    folder: Path,
    person: Person,
    drops: Sequence[Drop],
    splits: Splits,
    examples: Examples,
    params: PreprocessParams,
    consents: Sequence[Consent],
    findings: Sequence[Finding] = (),
) -> Dataset:
    """Write the dataset folder; an older one is replaced only when the new one is whole.

    Args:
        folder: where; what else lies beside it from an earlier run is removed.
        person: as read from the store.
        drops: of the filters; those of splitting and of length are added.
        splits: the answers by use.
        examples: of every file.
        params: recorded in the manifest.
        consents: from `sources.consent.require`; who allowed this goes into the manifest.
        findings: of `cleaning.prepare`; the manifest counts them by kind.

    Returns:
        The folder and its manifest.

    Raises:
        NoConsent: none of them allows to train on this person's words; nothing is written.
        OSError: the disk is full or not writable; the older folder stays.
    """
    _check_consent(person, consents)
    prompt = persona(person.name, params.system_prompt)
    draft = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        for name in FILES:
            _write_lines(draft / f"{name}.jsonl", examples.files[name], prompt)
        manifest = {
            "dataset_hash": dataset_hash(draft),
            "user_id": person.user_id,
            "name": person.name,
            "system_prompt": prompt,
            "seed": params.seed,
            "source_hash": person.source_hash,
            "consents": [consent.as_manifest() for consent in consents],
            "params": params.model_dump(mode="json", exclude={"database_url"}),
            "counts": _counts(person, [*drops, *splits.drops], splits, examples),
            "private": count_findings(findings),
            "splits": splits.ids(),
            "drops": [d.as_row() for d in [*drops, *splits.drops, *examples.drops]],
            "cuts": [cut.as_row() for cut in splits.cuts],
            "created_with": __version__,
        }
        text = json.dumps(manifest, indent=1, ensure_ascii=False)
        write_text(draft / "manifest.json", text + "\n")
        _replace(folder, draft)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return Dataset(folder, manifest)


def dataset_hash(folder: Path) -> str:
    """Return the sha256 over the bytes of the four files, in the order of `FILES`."""
    digest = hashlib.sha256()
    for name in FILES:
        digest.update((folder / f"{name}.jsonl").read_bytes())
    return digest.hexdigest()


def _extras(splits: Splits, params: PreprocessParams, encode_texts: Encode) -> Extras:
    """Return what augmentation draws on; themes are those of both stages together."""
    training = [usable(r, splits.hidden.get(r.question_id, ())) for r in _training(splits)]
    themes = find_themes(training, encode_texts) if params.theme_ratio else []
    return Extras(splits.hidden, themes, params.theme_ratio, make_writer(params))


def _training(splits: Splits) -> list:
    return sorted(splits.stage1 + splits.stage2, key=lambda r: r.question_id)


def _augmented(
    reflections: list, target: int, params: PreprocessParams, extras: Extras
) -> Augmented:
    # At least the originals, however small the target.
    wanted = max(target, len(reflections))
    return augment(reflections, wanted, params.max_uses_per_sentence, params.seed, extras)


def _shortfall(stages: Any) -> dict[str, int]:
    missing = sum(stage.missing for stage in stages)
    refused = sum(stage.refused_by_cap for stage in stages if stage.missing)
    return {"missing": missing, "refused_by_max_uses_per_sentence": refused}


def _check_some_fit(file: str, examples: list[Example], params: PreprocessParams) -> None:
    if not examples:
        raise TooFewAnswers(
            f"no example of {file} fits max_length={params.max_length} tokens: raise it in "
            f"params/{params.profile}/1_preprocess.yaml"
        )


def _check_consent(person: Person, consents: Sequence[Consent]) -> None:
    given = {c.purpose for c in consents if c.user_id == person.user_id and not c.withdrawn_on}
    if TRAINING not in given:
        raise NoConsent(
            f"no dataset is written without the consent of user {person.user_id} to {TRAINING}: "
            "hand over what `consent.require` returns"
        )


def _write_lines(path: Path, examples: list[Example], prompt: str) -> None:
    lines = [json.dumps(render(example, prompt), ensure_ascii=False) for example in examples]
    write_text(path, "".join(f"{line}\n" for line in lines))


def _counts(
    person: Person, drops: Sequence[Drop], splits: Splits, examples: Examples
) -> dict[str, Any]:
    kinds = Counter(example.kind for example in examples.training)
    too_long = Counter(drop.reason for drop in examples.drops)
    return {
        "answers": len(person.reflections),
        "kept": len(person.reflections) - len(drops),
        "dropped": count_reasons(drops),
        "answers_by_split": {name: len(ids) for name, ids in splits.ids().items()},
        "examples": {name: len(examples.files[name]) for name in FILES},
        "training_examples": len(examples.training),
        "kinds": dict(sorted(kinds.items())),
        "too_long": too_long["too_long"],
        "hidden_sentences": sum(len(starts) for starts in splits.hidden.values()),
        "follow_ups": examples.follow_ups,
        "shortfall": examples.shortfall,
    }


def _replace(folder: Path, draft: Path) -> None:
    """Put a finished folder in its place and clear what earlier runs left beside it."""
    for other in folder.parent.iterdir():
        if other not in (folder, draft):
            shutil.rmtree(other) if other.is_dir() else other.unlink()
    old = folder.with_name(f".{folder.name}.{os.getpid()}.old")
    if folder.exists():
        folder.rename(old)
    draft.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
