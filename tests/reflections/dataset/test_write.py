"""The dataset folder: the contract's files, the same bytes for the same input, whole or not."""

import errno
import json
from dataclasses import replace

import datasets
import pyarrow.parquet as pq
import pytest
from sqlalchemy import create_engine, text

from echoes_lib import __version__
from echoes_lib.code import code_hash
from echoes_lib.errors import CannotWrite, NoConsent, TooFewAnswers
from echoes_lib.params import PreprocessParams
from echoes_lib.reflections import dataset
from echoes_lib.reflections.cleaning import clean_answers
from echoes_lib.reflections.dataset import FILES, build_dataset, dataset_dir, dataset_hash
from echoes_lib.reflections.dataset.manifest import ROOMS
from echoes_lib.reflections.render import token_counter
from echoes_lib.reflections.sources.consent import grant, require, withdraw
from echoes_lib.reflections.sources.store import read_person
from tests.reflections.disks import make_read_only
from tests.reflections.people import reflections, write

PARAMS = PreprocessParams(user_id="ada", min_coherence=-1.0, min_prose_ratio=0.0)


def count_words(talk):
    return sum(len(m["content"].split()) for m in talk)


def rows(folder, name):
    return [json.loads(line) for line in (folder / f"{name}.jsonl").read_text().splitlines()]


def test_files_and_manifest_are_as_agreed():
    write(reflections(range(1, 61)))
    made = build_dataset(PARAMS, count_words)
    wanted = [f"{name}.{kind}" for name in FILES for kind in ("jsonl", "parquet")]
    assert {p.name for p in made.folder.iterdir()} == {
        "manifest.json",
        "rows.json",
        "README.md",
        *wanted,
    }
    manifest = json.loads((made.folder / "manifest.json").read_text())
    assert manifest == made.manifest
    assert manifest["dataset_hash"] == dataset_hash(made.folder)
    assert manifest["system_prompt"].startswith("You are Ada, sharing")
    assert manifest["counts"]["kept"] == 60
    for name in FILES:
        lines = rows(made.folder, name)
        assert len(lines) == manifest["counts"]["examples"][name]
        for line in lines:
            roles = [m["role"] for m in line["messages"]]
            turns = (len(roles) - 1) // 2
            assert roles == ["system", *["user", "assistant"] * turns]
            assert line["messages"][0]["content"] == manifest["system_prompt"]
            assert set(line) == {"example_id", "kind", "category", "question_ids", "messages"}
    ids = [line["question_ids"][0] for line in rows(made.folder, "test")]
    assert ids == manifest["splits"]["test"]


def test_the_manifest_says_who_allowed_it_and_nothing_is_written_without():
    url = write(reflections(range(1, 61)), consent=False)
    with pytest.raises(NoConsent, match='--purpose training --by "Ada" --profile demo'):
        build_dataset(PARAMS, count_words)
    grant(url, "ada", "memory", "Ada")
    with pytest.raises(NoConsent):
        build_dataset(PARAMS, count_words)
    assert not dataset_dir(PARAMS).parent.exists()
    grant(url, "ada", "training", "Ada's sister", "2026-11-02", note="private note")
    manifest = build_dataset(PARAMS, count_words).manifest
    (consent,) = manifest["consents"]
    assert (consent["user_id"], consent["purpose"]) == ("ada", "training")
    assert (consent["granted_by"], consent["granted_on"]) == ("Ada's sister", "2026-11-02")
    assert "private note" not in json.dumps(manifest)
    withdraw(url, "ada", "training")
    with pytest.raises(NoConsent, match="withdrawn"):
        build_dataset(PARAMS, count_words)


def test_the_consent_of_somebody_else_writes_no_dataset(tmp_path):
    url = write(reflections(range(1, 61)))
    write(reflections(range(1, 61)), "bob", "Bob", url)
    person = read_person(url, "ada")
    kept = clean_answers(person.reflections)
    splits = dataset.split_kept(kept, [], PARAMS)
    examples = dataset.make_examples(splits, person.name, PARAMS, count_words)
    for consents in ([], [require(url, "bob", "training")]):
        made = dataset.Made(person, consents, [], [], splits, examples)
        with pytest.raises(NoConsent, match="consent of user ada"):
            dataset.write_dataset(tmp_path / "new" / "dataset", made, PARAMS)
    assert not (tmp_path / "new").exists()


def test_same_input_same_bytes_and_leftovers_are_cleared():
    write(reflections(range(1, 61)))
    folder = build_dataset(PARAMS, count_words).folder
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    (folder / "old.txt").write_text("old")
    (folder.parent / ".dataset.1.part").mkdir()
    build_dataset(PARAMS, count_words)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before
    assert [p.name for p in folder.parent.iterdir()] == ["dataset"]


def test_another_seed_or_answer_is_another_hash():
    url = write(reflections(range(1, 61)))
    first = build_dataset(PARAMS, count_words).manifest
    other = build_dataset(PARAMS.model_copy(update={"seed": 8}), count_words).manifest
    assert other["dataset_hash"] != first["dataset_hash"]
    assert other["source_hash"] == first["source_hash"]
    write(reflections([61]), url=url)
    assert build_dataset(PARAMS, count_words).manifest["source_hash"] != first["source_hash"]


def test_a_failed_write_keeps_the_older_folder(monkeypatch):
    write(reflections(range(1, 61)))
    folder = build_dataset(PARAMS, count_words).folder
    before = dataset_hash(folder)
    monkeypatch.setattr(dataset.write, "write_text", _disk_full)
    with pytest.raises(CannotWrite, match="the disk is full .* MiB free.*before is untouched"):
        build_dataset(PARAMS.model_copy(update={"seed": 9}), count_words)
    assert dataset_hash(folder) == before
    assert [p.name for p in folder.parent.iterdir()] == ["dataset"]


def test_a_disk_that_fills_up_or_is_read_only_keeps_the_older_folder(tiny_disk):
    write(reflections(range(1, 61)))
    folder = tiny_disk / "1_preprocess" / "dataset"
    small = PARAMS.model_copy(update={"target_examples": 60, "theme_ratio": 0.0})
    before = build_dataset(small, count_words, folder).manifest["dataset_hash"]
    with pytest.raises(CannotWrite, match="dataset in .* cannot be written: the disk is full"):
        build_dataset(PARAMS, count_words, folder)
    make_read_only(tiny_disk)
    with pytest.raises(CannotWrite, match="the disk is read-only. Mount it for writing, or set"):
        build_dataset(small, count_words, folder)
    assert dataset_hash(folder) == before
    assert [path.name for path in folder.parent.iterdir()] == ["dataset"]


def _disk_full(path, content):
    raise OSError(errno.ENOSPC, "no room")


def test_long_training_examples_are_dropped_and_counted_and_held_out_ones_are_not():
    write(reflections(range(1, 61)))
    params = PARAMS.model_copy(update={"max_length": 130})
    made = build_dataset(params, count_words)
    too_long = [drop for drop in made.manifest["drops"] if drop["reason"] == "too_long"]
    assert len(too_long) == made.counts["too_long"] > 0
    assert all("-continued" in drop["detail"] and drop["value"] > 130 for drop in too_long)
    assert made.counts["kinds"].get("continued", 0) == 0
    assert made.counts["examples"]["test"] == made.counts["answers_by_split"]["test"]
    with pytest.raises(TooFewAnswers, match="no example of train_stage1 fits max_length=64"):
        build_dataset(params.model_copy(update={"max_length": 64}), count_words)


def test_parquet_holds_the_rows_of_the_jsonl_and_the_hubs_tools_read_the_folder(tmp_path):
    write(reflections(range(1, 61)))
    folder = build_dataset(PARAMS, count_words).folder
    for name in FILES:
        assert pq.read_table(folder / f"{name}.parquet").to_pylist() == rows(folder, name)
    read = datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))
    assert {name: split.num_rows for name, split in read.items()} == {
        name: len(rows(folder, name)) for name in FILES
    }
    assert read["test"][0] == rows(folder, "test")[0]


def test_manifest_says_which_rows_and_which_code_it_was_made_from():
    url = write(reflections(range(1, 61)))
    made = build_dataset(PARAMS, count_words)
    first, before = made.manifest, rows_of(made)
    assert list(before) == [str(n) for n in range(1, 61)]
    assert first["code"] == {"version": __version__, "sha256": code_hash(ROOMS)}
    assert not any(digest in json.dumps(first) for digest in before.values())
    engine = create_engine(url)
    with engine.begin() as connection:
        change = "update user_responses set response_text = response_text || ' New end.' "
        connection.execute(text(change + "where question_id = 7"))
        connection.execute(text("update user_responses set word_count = 1 where question_id = 9"))
    engine.dispose()
    second = build_dataset(PARAMS, count_words)
    assert [n for n, digest in rows_of(second).items() if digest != before[n]] == ["7"]
    assert (first["counts"]["miscounted"], second.counts["miscounted"]) == (0, 1)


def rows_of(made):
    return json.loads((made.folder / "rows.json").read_text())


def test_a_row_that_was_dropped_leaves_no_hash():
    short = replace(reflections([61])[0], text="No idea, sorry.")
    write([*reflections(range(1, 61)), short])
    made = build_dataset(PARAMS, count_words)
    assert [drop["question_id"] for drop in made.manifest["drops"]] == [61]
    assert "61" not in rows_of(made) and len(rows_of(made)) == 60


def test_the_codes_hash_changes_with_the_rooms_that_make_a_dataset_and_no_others(tmp_path):
    for room in (*ROOMS, "server"):
        (tmp_path / room).mkdir()
        (tmp_path / room / "a.py").write_text("x = 1")
    before = code_hash(ROOMS, tmp_path)
    for room, changes in (*((room, True) for room in ROOMS), ("server", False)):
        (tmp_path / room / "a.py").write_text("x = 2")
        code_hash.cache_clear()
        after = code_hash(ROOMS, tmp_path)
        assert (after != before) == changes
        before = after


def test_manifest_keeps_no_text_and_no_password():
    write(reflections(range(1, 61)))
    manifest = (build_dataset(PARAMS, count_words).folder / "manifest.json").read_text()
    assert "thing1x0x0" not in manifest and "database_url" not in manifest
    assert dataset_dir(PARAMS).name == "dataset"


def test_tokens_are_counted_by_the_base_models_own_tokenizer():
    length = token_counter(PARAMS)
    talk = [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "Me."}]
    longer = [talk[0], {"role": "assistant", "content": "Me. " * 50}]
    assert 4 < length(talk) < 20 < 100 < length(longer)
