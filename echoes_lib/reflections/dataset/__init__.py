"""The dataset of one person: made of the answers, described, and written as a whole.

build    the whole way, from the database to the folder
examples the conversations of every file
manifest what the folder says of itself, for programs
card     the same for people, in the hub's form
write    the folder: conversations as JSONL and parquet, manifest and card
"""

from echoes_lib.reflections.dataset.build import build_dataset, dataset_dir, split_kept
from echoes_lib.reflections.dataset.card import card_text
from echoes_lib.reflections.dataset.examples import Examples, make_examples
from echoes_lib.reflections.dataset.manifest import FILES, Made
from echoes_lib.reflections.dataset.write import Dataset, dataset_hash, write_dataset

__all__ = [
    "FILES",
    "Dataset",
    "Examples",
    "Made",
    "build_dataset",
    "card_text",
    "dataset_dir",
    "dataset_hash",
    "make_examples",
    "split_kept",
    "write_dataset",
]
