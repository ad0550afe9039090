"""Lead one person's answers from the database to a dataset folder, without a notebook.

Notebook 1_preprocess takes the same steps one by one and shows what lies between.

Shape: PreprocessParams -> Dataset(folder, manifest).
"""

from collections.abc import Sequence
from pathlib import Path

from echoes_lib.errors import NoAnswers
from echoes_lib.params import PreprocessParams
from echoes_lib.reflections.cleaning import prepare
from echoes_lib.reflections.dataset.examples import make_examples
from echoes_lib.reflections.dataset.manifest import Made
from echoes_lib.reflections.dataset.write import Dataset, write_dataset
from echoes_lib.reflections.filters import Drop, count_reasons, filter_answers, measure_answers
from echoes_lib.reflections.render import Length, token_counter
from echoes_lib.reflections.sources.consent import TRAINING, require
from echoes_lib.reflections.sources.store import Reflection, read_person
from echoes_lib.reflections.split import Splits, split_reflections
from echoes_lib.workspace import workspace


def build_dataset(
    params: PreprocessParams, length: Length | None = None, folder: Path | None = None
) -> Dataset:
    """Make the dataset of one person from the reflections database.

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
    consents = [require(url, params.user_id, TRAINING, params.profile)]
    guarded = prepare(person, params.privacy)
    answers = guarded.answers
    kept, drops = filter_answers(answers, measure_answers(answers), params)
    splits = split_kept(kept, drops, params)
    examples = make_examples(splits, person.name, params, length or token_counter(params))
    made = Made(person, consents, guarded.findings, drops, splits, examples)
    return write_dataset(folder or dataset_dir(params), made, params)


def dataset_dir(params: PreprocessParams) -> Path:
    """Return the folder in which 1_preprocess leaves its dataset."""
    return workspace().step_dir(params.profile, params.user_id, "1_preprocess") / "dataset"


def split_kept(kept: list[Reflection], drops: Sequence[Drop], params: PreprocessParams) -> Splits:
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
