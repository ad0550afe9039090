"""Make the conversations of every file of a dataset out of the splits.

Only the training files are augmented; test and validation hold each answer once, as it is.

Shape: Splits -> Examples(files, drops, shortfall, follow_ups, themes).
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from echoes_lib.errors import TooFewAnswers
from echoes_lib.measures.encoder import encode
from echoes_lib.params import PreprocessParams, persona
from echoes_lib.reflections.augment import Augmented, Example, Extras, augment, originals
from echoes_lib.reflections.augment.follow_ups import make_writer
from echoes_lib.reflections.augment.parts import usable
from echoes_lib.reflections.augment.themes import Encode, Theme, find_themes
from echoes_lib.reflections.filters import Drop
from echoes_lib.reflections.render import Length, fit_length
from echoes_lib.reflections.sources.store import Reflection
from echoes_lib.reflections.split import Splits


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
    made = {
        name: _augmented(stage, n, params, extras) for name, stage, n in _stages(splits, params)
    }
    files: dict[str, list[Example]] = {}
    drops: list[Drop] = []
    prompt = persona(name, params.system_prompt)
    for file, stage in made.items():
        files[file], too_long = fit_length(stage.examples, prompt, params.max_length, length)
        drops += too_long
        _check_some_fit(file, files[file], params)
    files |= {"validation": originals(splits.validation), "test": originals(splits.test)}
    asked = sum((Counter(stage.follow_ups) for stage in made.values()), Counter())
    shortfall = _shortfall(made.values())
    return Examples(files, drops, shortfall, dict(sorted(asked.items())), list(extras.themes))


def _stages(splits: Splits, params: PreprocessParams) -> list[tuple[str, list[Reflection], int]]:
    """Return the training files with their answers and their part of the target."""
    n1, n2 = len(splits.stage1), len(splits.stage2)
    share = round(params.target_examples * n2 / (n1 + n2))
    return [
        ("train_stage1", splits.stage1, params.target_examples - share),
        ("train_stage2", splits.stage2, share),
    ]


def _extras(splits: Splits, params: PreprocessParams, encode_texts: Encode) -> Extras:
    """Return what augmentation draws on; themes are those of both stages together."""
    training = sorted(splits.stage1 + splits.stage2, key=lambda r: r.question_id)
    seen = [usable(r, splits.hidden.get(r.question_id, ())) for r in training]
    themes = find_themes(seen, encode_texts) if params.theme_ratio else []
    return Extras(splits.hidden, themes, params.theme_ratio, make_writer(params))


def _augmented(
    reflections: list[Reflection], target: int, params: PreprocessParams, extras: Extras
) -> Augmented:
    # At least the originals, however small the target.
    wanted = max(target, len(reflections))
    return augment(reflections, wanted, params.max_uses_per_sentence, params.seed, extras)


def _shortfall(stages: Iterable[Augmented]) -> dict[str, int]:
    found = list(stages)
    missing = sum(stage.missing for stage in found)
    refused = sum(stage.refused_by_cap for stage in found if stage.missing)
    return {"missing": missing, "refused_by_max_uses_per_sentence": refused}


def _check_some_fit(file: str, examples: list[Example], params: PreprocessParams) -> None:
    if not examples:
        raise TooFewAnswers(
            f"no example of {file} fits max_length={params.max_length} tokens: raise it in "
            f"params/{params.profile}/1_preprocess.yaml"
        )
