"""Near-duplicates are grouped, whatever their order; what merely resembles is not."""

import os
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echoes_lib.measures.near_duplicates import near_duplicate_groups, shared_shingles
from echoes_lib.reflections.sources.sample import read_lines, sample_users

LONG = " ".join(f"word{i}" for i in range(80))
WORDS = st.integers(0, 10**6).map(lambda i: f"w{i}")


def edited(text, *places):
    return " ".join("other" if i in places else w for i, w in enumerate(text.split()))


def test_an_edited_copy_and_a_chain_of_copies_are_one_group():
    b = edited(LONG, 3, 40)
    c = edited(b, *range(45, 70))
    texts = ["quite another thing was said here", LONG, b, "", c, ""]
    assert near_duplicate_groups(texts, 0.2) == [[0], [1, 2, 4], [3], [5]]


def test_case_and_marks_do_not_tell_texts_apart():
    assert near_duplicate_groups(["It’s late, I said.", "it's LATE! I said"], 0.9) == [[0, 1]]


def test_one_shared_sentence_makes_no_group():
    other = " ".join(f"thing{i}" for i in range(80))
    assert near_duplicate_groups([LONG, f"{other} {' '.join(LONG.split()[:8])}"], 0.2) == [[0], [1]]


@given(st.lists(WORDS, min_size=40, max_size=120), st.sets(st.integers(0, 119), max_size=10))
@settings(deadline=None, max_examples=60)
def test_pairs_above_the_limit_are_found(text, places):
    a, b = " ".join(text), edited(" ".join(text), *places)
    sets = [frozenset(zip(t, t[1:], t[2:], strict=False)) for t in (a.split(), b.split())]
    if shared_shingles(*sets) >= 0.25:
        assert near_duplicate_groups([a, b], 0.2) == [[0, 1]]


@given(st.lists(st.text("ab .", max_size=30), max_size=12))
@settings(deadline=None, max_examples=40)
def test_every_text_is_in_exactly_one_group(texts):
    groups = near_duplicate_groups(texts, 0.3)
    assert sorted(i for group in groups for i in group) == list(range(len(texts)))


def test_order_of_texts_changes_no_group():
    texts = [LONG, edited(LONG, 1), "one two three four", edited(LONG, 70), "five six seven eight"]
    as_sets = {frozenset(texts[i] for i in g) for g in near_duplicate_groups(texts, 0.2)}
    turned = texts[::-1]
    assert {frozenset(turned[i] for i in g) for g in near_duplicate_groups(turned, 0.2)} == as_sets


@pytest.mark.parametrize("user", sample_users())
def test_of_the_sample_only_the_planted_double_is_found(user):
    lines = read_lines(f"answers/{user}")
    groups = near_duplicate_groups([line["response_text"] for line in lines], 0.2)
    doubled = {line["question_id"] for line in lines if line.get("flaw") == "doubled"}
    found = [{lines[i]["question_id"] for i in group} for group in groups if len(group) > 1]
    assert len(found) == len(doubled) and all(group & doubled for group in found)


def test_groups_do_not_hang_on_the_process():
    code = (
        "from echoes_lib.measures.near_duplicates import _shingles, _candidates\n"
        "texts = [' '.join(f'w{(i * k) % 50}' for i in range(60)) for k in range(20)]\n"
        "print(_candidates([_shingles(t) for t in texts], 0.2))"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env
        ).stdout
        for env in ({**os.environ, "PYTHONHASHSEED": seed} for seed in "12")
    }
    assert len(runs) == 1
