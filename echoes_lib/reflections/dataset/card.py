"""Say on one page what a dataset is, in the form the hub's tools read (README.md).

The head tells `datasets.load_dataset(folder)` which files are which split. Figures, question
ids and names; no word of an answer.

Shape: manifest -> README.md.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from echoes_lib.reflections.dataset.manifest import FILES
from echoes_lib.workspace import write_text

_HEAD = """---
license: other
license_name: private
language: [{languages}]
task_categories: [text-generation]
configs:
- config_name: default
  data_files:
{files}
---
"""
_FILE = "  - {{split: {name}, path: {name}.parquet}}"
_CARD = """# Reflections of {name}

Conversations made of {name}'s own answers to reflection questions, to train an echo that \
speaks in {name}'s manner and to test it. Every `assistant` message is made of whole sentences \
of {name}, unchanged but for what is listed under *private data*. The `user` messages are the \
questions, rephrased questions and follow-up questions{asked}.

## Files

| file | answers | examples | for |
|---|---|---|---|
| `train_stage1` | {a[stage1]} | {e[train_stage1]} | manner and values |
| `train_stage2` | {a[stage2]} | {e[train_stage2]} | the most specific memories |
| `validation` | {a[validation]} | {e[validation]} | choosing the best checkpoint |
| `test` | {a[test]} | {e[test]} | scores; never seen in training |

Each as `.jsonl` and `.parquet` with the same rows: `example_id`, `kind`, `category`, \
`question_ids`, `messages` (system, user, assistant …). Kinds in training: {kinds}.

## How it was made

1. {c[answers]} answers were read{unknown}; {c[miscounted]} had a stored word count that is not \
what was counted.
2. Cleaned, and guarded: {private}.
3. Filtered: {c[kept]} kept, {dropped}.
4. Split by question and near-duplicate answer, seed {m[seed]}; {c[hidden_sentences]} sentences \
of training answers are hidden because a held-out answer holds them too.
5. Augmented from the training answers alone, each sentence in at most \
{p[max_uses_per_sentence]} examples: {c[training_examples]} of {p[target_examples]} wanted; \
{c[too_long]} longer than {p[max_length]} tokens were left out.

Thresholds, every drop with its reason, and the questions of each split: `manifest.json`.

## Allowed by

{consents}

## Not for

Anything that the consent above does not name. These are one person's words: keep them where \
that person would. `echoes forget --user {m[user_id]}` deletes this folder and all that was \
made from it. Private data is found by rules and is not found always.

dataset `{m[dataset_hash]}` · source `{m[source_hash]}` · made by Echoes of Me \
{m[code][version]} (`{code}`)
"""


def write_card(folder: Path, manifest: Mapping[str, Any]) -> Path:
    """Write README.md into a dataset folder.

    Raises:
        OSError: it cannot be written.
    """
    files = "\n".join(_FILE.format(name=name) for name in FILES)
    head = _HEAD.format(languages=", ".join(manifest["params"]["languages"]), files=files)
    return write_text(folder / "README.md", head + "\n" + card_text(manifest))


def card_text(manifest: Mapping[str, Any]) -> str:
    """Return the card for people to read.

    Args:
        manifest: as written.

    Returns:
        Markdown, without the head for programs.
    """
    counts = manifest["counts"]
    unknown = counts["unknown_questions"]
    by_model = manifest["params"]["follow_up_writer"] == "base_model"
    return _CARD.format(
        name=manifest["name"],
        asked=", some of them written by the base model" if by_model else ", written by rules",
        a=counts["answers_by_split"],
        e=counts["examples"],
        c=counts,
        m=manifest,
        p=manifest["params"],
        code=manifest["code"]["sha256"][:12],
        kinds=_listed(counts["kinds"]) or "none",
        unknown=f", {unknown} more belong to no known question" if unknown else "",
        private=_private(manifest["private"]),
        dropped=f"dropped {_listed(counts['dropped'])}" if counts["dropped"] else "none dropped",
        consents="\n".join(map(_consent, manifest["consents"])),
    )


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {n}" for name, n in counts.items())


def _private(found: Mapping[str, Mapping[str, int]]) -> str:
    parts = [
        f"{n} × {kind} {_DONE[what]}" for kind, row in found.items() for what, n in row.items()
    ]
    return ", ".join(parts) or "no private data was found"


_DONE = {"keep": "kept", "redact": "redacted", "pseudonymise": "pseudonymised"}


def _consent(consent: Mapping[str, str]) -> str:
    return (
        f"- {consent['granted_by']}, for {consent['purpose']} of user {consent['user_id']}, "
        f"since {consent['granted_on']}"
    )
