"""Words of an answer are known again in every file format, and those of others are not."""

import gzip
import html
import json
import random
import zipfile

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echoes_lib.deletion.words import LENGTH, file_holds, text_holds, word_runs

WORD = st.text(st.characters(categories=["Lu", "Ll"]), min_size=2, max_size=9)
MARK = st.sampled_from([" ", ", ", ".\n\n", "\t", " – ", "' ", ' "', "; ", " & ", "…  ", "\\ "])


@st.composite
def answers(draw):
    words = draw(st.lists(WORD, min_size=LENGTH, max_size=16))
    return "".join(word + draw(MARK) for word in words)


@given(answers())
@settings(deadline=None, max_examples=40)
def test_any_answer_is_known_again_however_it_was_escaped(text):
    runs = word_runs([text])
    shapes = [text, json.dumps(text), json.dumps(json.dumps(text)), html.escape(text)]
    shapes += [json.dumps(html.escape(text)), json.dumps({"a": [text]}, ensure_ascii=False)]
    assert all(text_holds(f"before {shape} after", runs) for shape in shapes)


def test_letters_beyond_the_basic_plane_survive_their_escapes():
    text = "𐐀a seven \ud800 years 😀 of rain and then one dry summer"
    assert text_holds(json.dumps(text), word_runs([text]))


@given(answers(), answers())
@settings(deadline=None, max_examples=40)
def test_what_others_say_as_well_is_no_sign(text, other):
    runs = word_runs([text, other], common=[other])
    assert not text_holds(other, runs)
    assert not word_runs([text], common=[f"so: {text}"])


def test_short_texts_and_reordered_words_are_not_known():
    text = "one two three four five six seven eight nine"
    runs = word_runs([text])
    assert text_holds("ONE, two three four — five six\nseven eight", runs)
    assert not text_holds("nine eight seven six five four three two one", runs)
    assert not text_holds("one two three four five six seven", runs)
    assert word_runs(["one two three"]) == frozenset() == word_runs([])


TEXT = "Nobody's naïve brother kept a ledger\n\nof every storm that came in off the “lake”."


@pytest.mark.parametrize("code", ["utf-8", "utf-16", "utf-16-be", "utf-8-sig"])
def test_encodings(tmp_path, code):
    path = tmp_path / "file.txt"
    path.write_bytes(f"before {TEXT} after".encode(code))
    assert file_holds(path, word_runs([TEXT]))
    assert not file_holds(path, word_runs(["quite another text of more than eight words in all"]))


def test_archives_tables_and_files_that_only_look_like_one(tmp_path):
    runs = word_runs([TEXT])
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("empty", "")
        archive.writestr("inner.json", json.dumps(TEXT))
    (tmp_path / "b.gz").write_bytes(gzip.compress(TEXT.encode()))
    pd.DataFrame({"n": [1, 2], "t": [None, TEXT]}).to_parquet(tmp_path / "c.parquet")
    for name in ("a.zip", "b.gz", "c.parquet"):
        assert file_holds(tmp_path / name, runs), name
    for name, head in (("d", b"PK\x03\x04"), ("e", b"\x1f\x8b"), ("f.parquet", b"PAR1")):
        (tmp_path / name).write_bytes(head + random.Random(1).randbytes(99))
        assert not file_holds(tmp_path / name, runs), name


def test_words_across_the_border_of_two_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr("echoes_lib.deletion.words._BLOCK", 1000)
    monkeypatch.setattr("echoes_lib.deletion.words._OVERLAP", 400)
    runs = word_runs([TEXT])
    for start in range(900, 1010, 10):
        path = tmp_path / f"{start}.txt"
        path.write_text("x" * start + " " + TEXT)
        assert file_holds(path, runs), start
