"""Protection hides each kind as the policy says, settles at once, and reports without text."""

import re
import socket
import time
from dataclasses import asdict

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from echoes_lib.errors import ParamsError
from echoes_lib.params import PrivacyPolicy
from echoes_lib.reflections.cleaning import (
    Finding,
    clean_answers,
    clean_text,
    count_findings,
    protect,
    sum_up,
)
from echoes_lib.reflections.cleaning.detect import KINDS, find_private
from echoes_lib.reflections.sources.store import Reflection
from tests.reflections.cleaning.sentences import read

KEY = b"a key for tests"
PLANTED = [s for s in read("planted") if s.planted]
VALUES = {
    kind: [s.text[p.start : p.end] for s in PLANTED for p in s.planted if p.kind == kind]
    for kind in KINDS
}
EVERYTHING = dict.fromkeys(KINDS, "pseudonymise")
JOINTS = (
    " ", "", ", ", ". ", "\n", " call ", "password is ", " 12 ", " My friend ", " Mrs ", "-", "/",
    "@", "Rose ", "1", " (", "'s ", " account number ", "passport number is ", " Street ", "PIN ",
)  # fmt: skip
POLICIES = st.fixed_dictionaries(
    {kind: st.sampled_from(["keep", "redact", "pseudonymise"]) for kind in KINDS}
).map(lambda actions: PrivacyPolicy(**actions))
NAMES = st.sampled_from(["Maria", "Ewa Kowalska", "Rose", "O'Brien", "ANNA", "Will", "Tom"])
PIECES = (
    st.sampled_from(sum(VALUES.values(), []))
    | st.sampled_from(JOINTS)
    | NAMES
    | st.text(max_size=8)
)


def answers(*texts):
    return [Reflection(i + 1, "life", "Who are you?", text, 60.0) for i, text in enumerate(texts)]


def guard(text, key=KEY, **actions):
    return protect(answers(text), PrivacyPolicy(**actions), key).answers[0].text


@given(st.lists(st.lists(PIECES, max_size=12).map("".join), min_size=1, max_size=3), POLICIES)
@settings(max_examples=40, deadline=None)
@example(["Mail a@b.pl Rose went. 12 Oak St. Rose came."], PrivacyPolicy(**EVERYTHING))
def test_protecting_what_is_protected_changes_nothing(texts, policy):
    once = protect(answers(*map(clean_text, texts)), policy, KEY)
    twice = protect(once.answers, policy, KEY)
    assert twice.answers == once.answers
    assert all(finding.action == "keep" for finding in twice.findings)


@pytest.mark.parametrize("action", ["redact", "pseudonymise"])
def test_cleaning_leaves_what_protection_wrote(action):
    cleaned = answers(*(clean_text(sentence.text) for sentence in PLANTED))
    guarded = protect(cleaned, PrivacyPolicy(**dict.fromkeys(KINDS, action)), KEY)
    assert clean_answers(guarded.answers) == guarded.answers
    assert {f.kind for f in guarded.findings} >= set(KINDS) - {"name"}


def test_by_default_all_but_names_is_redacted():
    text = guard("Maria, 14 Maple Street, maria@posta.pl, +48 601 234 567, GB82WEST12345698765432")
    assert text == "Maria, [address], [email], [phone], [bank]"


@pytest.mark.parametrize("kind", [kind for kind in KINDS if VALUES[kind]])
def test_one_kind_is_kept_and_counted_where_the_policy_says_so(kind):
    sentence = next(s for s in PLANTED if s.planted[0].kind == kind)
    kept = protect(answers(sentence.text), PrivacyPolicy(**{kind: "keep", "name": "keep"}))
    assert kept.answers[0].text == sentence.text
    assert [(f.kind, f.action) for f in kept.findings if f.kind != "name"] == [(kind, "keep")]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if VALUES[kind]])
def test_a_pseudonym_is_another_value_and_always_the_same(kind):
    sentence = next(s for s in PLANTED if s.planted[0].kind == kind)
    value = sentence.text[sentence.planted[0].start : sentence.planted[0].end]
    once, again = (guard(sentence.text, **EVERYTHING) for _ in range(2))
    assert once == again
    assert value not in once and f"[{kind}]" not in once
    assert guard(sentence.text, b"another key", **EVERYTHING) != once


def test_a_pseudonym_is_not_taken_for_a_value_of_another_kind():
    told = "Call me; the card 4111 1111 1111 1111, passport number 2125552368, PIN 4821."
    done = guard(told, **EVERYTHING)
    card, passport = r"000\d \d{4} \d{4} \d{4}", r"000\d{7}"
    wanted = rf"Call me; the card {card}, passport number {passport}, PIN not-a-secret-\w+\."
    assert re.fullmatch(wanted, done)


def test_a_name_is_the_same_other_name_in_every_answer_and_run():
    texts = ["My aunt Rose came. Rose's hat!", "I saw Maria Kowalska.", "Kowalska wept; ROSE sang."]
    first = [
        a.text for a in protect(answers(*texts), PrivacyPolicy(name="pseudonymise"), KEY).answers
    ]
    rose = re.fullmatch(r"My aunt (\w+) came. (\w+)'s hat!", first[0]).groups()
    maria, kowalska = re.fullmatch(r"I saw (\w+) (\w+)\.", first[1]).groups()
    assert rose[0] == rose[1]
    assert first[2] == f"{kowalska} wept; {rose[0].upper()} sang."
    assert len({rose[0], maria, kowalska}) == 3
    later = protect(answers(texts[0]), PrivacyPolicy(name="pseudonymise"), KEY).answers[0].text
    assert later == first[0]


def test_full_names_are_redacted_as_one_and_the_own_name_may_stay():
    policy = PrivacyPolicy(name="redact")
    told = "I am Luke Pell. Maria Kowalska's brother is Luke, not Tom."
    done = protect(answers(told), policy, spare=["Luke Pell"]).answers[0].text
    assert done == "I am Luke Pell. [name]'s brother is Luke, not [name]."


def test_findings_count_by_question_and_hold_no_text():
    made = protect(answers("a@b.pl or c@d.pl", "call +48 601 234 567", "nothing"), PrivacyPolicy())
    assert [asdict(f) for f in made.findings] == [
        {"question_id": 1, "kind": "email", "action": "redact", "count": 2},
        {"question_id": 2, "kind": "phone", "action": "redact", "count": 1},
    ]
    assert count_findings(made.findings) == {"email": {"redact": 2}, "phone": {"redact": 1}}


def test_for_people_kept_values_are_summed_up_and_changed_ones_named():
    kept = [Finding(n, "name", "keep", 2) for n in range(1, 21)]
    changed = [Finding(n, "email", "redact", 1) for n in range(1, 21)]
    email, name = sum_up(kept + changed)
    assert (email["count"], email["answers"]) == (20, 20)
    assert email["question_ids"] == ", ".join(map(str, range(1, 21)))
    assert (name["count"], name["answers"]) == (40, 20)
    assert name["question_ids"] == ", ".join(map(str, range(1, 13))) + " and 8 more"


def test_questions_are_guarded_too():
    asked = [Reflection(7, "life", "Who is at 14 Maple Street?", "Nobody.", None)]
    made = protect(asked, PrivacyPolicy())
    assert made.answers[0].question == "Who is at [address]?"
    assert made.findings[0].question_id == 7


def test_pseudonyms_need_a_key():
    with pytest.raises(ParamsError, match="pseudonymise needs a key"):
        protect(answers("x"), PrivacyPolicy(email="pseudonymise"))


PATHOLOGICAL = ["1 ", "a.", "Ab ", "a@b.", "a" * 99, "12345", "1 Ab ", "'", "é-", "password for "]


@pytest.mark.parametrize("piece", PATHOLOGICAL)
def test_time_grows_with_the_length_of_a_text_and_no_faster(piece):
    def seconds(size):
        start = time.process_time()
        find_private([(piece * size)[:size]])
        return time.process_time() - start

    seconds(100)
    assert seconds(40_000) < 8 * seconds(10_000) + 0.5


def test_nothing_calls_out(monkeypatch):
    calls = []
    monkeypatch.setattr(socket, "socket", lambda *a, **k: calls.append(a))
    monkeypatch.setattr(socket, "create_connection", lambda *a, **k: calls.append(a))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: calls.append(a))
    from echoes_lib.reflections.cleaning import engine

    engine._engine.cache_clear()
    text = guard("Write to marta@some-new-domain.photography or anna@posta.pl")
    assert text == "Write to [email] or [email]"
    assert calls == []


def test_kinds_are_those_of_the_policy():
    assert sorted(KINDS) == sorted(PrivacyPolicy.model_fields)
    assert all(len(VALUES[kind]) >= 4 for kind in KINDS if kind != "name")
