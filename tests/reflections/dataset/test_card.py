"""The dataset card: every figure is the manifest's, and no word is the person's."""

import pytest
import yaml

from echoes_lib.params import PreprocessParams
from echoes_lib.reflections.dataset import FILES, build_dataset, card_text
from tests.reflections.dataset.test_write import count_words
from tests.reflections.people import reflections, write

PARAMS = PreprocessParams(user_id="ada", min_coherence=-1.0, min_prose_ratio=0.0)


@pytest.fixture
def made():
    write(reflections(range(1, 61)))
    return build_dataset(PARAMS, count_words)


def test_the_head_names_every_file_as_a_split(made):
    _, head, body = (made.folder / "README.md").read_text().split("---\n", 2)
    files = yaml.safe_load(head)["configs"][0]["data_files"]
    assert files == [{"split": name, "path": f"{name}.parquet"} for name in FILES]
    assert body.strip() == card_text(made.manifest).strip()


def test_it_says_what_the_manifest_says_and_nothing_the_person_said(made):
    card, counts = card_text(made.manifest), made.manifest["counts"]
    for name in FILES:
        answers = counts["answers_by_split"][name.removeprefix("train_")]
        assert f"| `{name}` | {answers} | {counts['examples'][name]} |" in card
    assert "- Ada, for training of user ada, since " in card
    assert made.manifest["dataset_hash"] in card
    assert "no private data was found" in card and "thing1x0x0" not in card


def test_private_data_drops_and_a_writing_base_are_named(made):
    counts = made.manifest["counts"] | {"dropped": {"too_short": 3}, "unknown_questions": 2}
    found = {"email": {"redact": 2}, "name": {"keep": 5}}
    params = made.manifest["params"] | {"follow_up_writer": "base_model"}
    other = made.manifest | {"counts": counts, "private": found, "params": params}
    card = card_text(other)
    assert "2 × email redacted, 5 × name kept" in card
    assert "dropped too short 3" in card and "2 more belong to no known question" in card
    assert "some of them written by the base model" in card
