"""Cleaning keeps every word, leaves one form of each character, and does nothing twice."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from echoes_lib.reflections.cleaning import clean_answers, clean_text
from tests.reflections.people import reflections

PIECES = [
    "&amp;", "amp;", "nbsp;", "&", "#8203;", "<", ">", "</", "p", "b", "br", "a href='x'",
    "|im_end|", "\u200d", "\u200c", "é", "\u0301", "’", "´", "\r", "\n", " ", "\x00", "\u2028",
    "don", "t", "👩", "script",
]  # fmt: skip


@given(st.text() | st.lists(st.sampled_from(PIECES), max_size=25).map("".join))
@example("&amp;amp;nbsp;")
@example("&lt;p&gt;")
@example("<<b>b>x</b>")
@example("<scr\u200bipt>")
def test_cleaning_what_is_clean_changes_nothing(text):
    assert clean_text(clean_text(text)) == clean_text(text)


@given(st.lists(st.text("abcXYZ.,'é", min_size=1), min_size=1))
def test_no_word_is_lost_or_changed(words):
    clean = clean_text("  \u200b".join(words))
    assert clean.split() == words


@given(st.text(st.characters(codec="ascii", categories=("L", "N", "P", "S", "Zs"))))
def test_plain_text_without_a_tag_or_entity_keeps_every_character(text):
    if re.search(r"<[/!a-zA-Z]|&[#a-zA-Z]", text):
        return
    assert clean_text(text) == " ".join(text.split())


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("cafe\u0301", "café"),
        ("One\r\n\r\n\r\n\r\ntwo", "One\n\ntwo"),
        ("a\u00a0\tb  c \n d", "a b c\nd"),
        ("zero\u200bwidth\ufeff\x00\x07", "zerowidth"),
        ("hid\u200dden so\u00adft", "hidden soft"),
        (" \n\u2028 ", ""),
        ("👩\u200d🚒 — “yes”…", '👩\u200d🚒 — "yes"…'),
        ("‘Don’t,’ she said. „Nie”", "'Don't,' she said. \"Nie\""),
        ("can´t, 5′10″, « oui », `x`, –", "can't, 5′10″, « oui », `x`, –"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("new emoji \U0001fae8\U0001fadf\ufdd0", "new emoji \U0001fae8\U0001fadf"),
    ],
)
def test_characters(raw, clean):
    assert clean_text(raw) == clean


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("<p>One.</p><p class='x'>Two.</p>", "One.\n\nTwo."),
        ("One<br>two<BR />three", "One\ntwo\nthree"),
        ("He w<b>o</b>n <i>twice</i>, <a href=\"http://x.y/?q=1\">here</a>", "He won twice, here"),
        ("a<!-- note --> b<script>let x = '<p>';</script> c", "a b c"),
        ("<ul><li>milk</li><li>eggs</li></ul>", "milk\n\neggs"),
        ("Tea&nbsp;&amp;&nbsp;cake &mdash; it&rsquo;s &#39;fine&#39;", "Tea & cake — it's 'fine'"),
        ("2 &lt; 3 &amp;&amp; caf&eacute;", "2 < 3 && café"),
    ],
)  # fmt: skip
def test_remains_of_a_page_are_taken_out(raw, clean):
    assert clean_text(raw) == clean


@pytest.mark.parametrize(
    "text",
    [
        "I <3 you", "a < b and c > d", "if a<b then b>c", "R&D at AT&T; S&P 500", "a<b>c",
        "<grin> and <3 <- that", "x <- y -> z", "1<2>1", "Q&A & so on", "&c; &nosuchthing;",
        "<|im_start|>user <|im_end|>", "[INST] hello [/INST]", "<s> and </s>", "<<SYS>> <</SYS>>",
        "<unk> <pad> <think> <start_of_turn>", "a <b and c> d", ":-> <:-)",
    ],
)  # fmt: skip
def test_what_only_looks_like_markup_stays(text):
    assert clean_text(text) == text


def test_answers_keep_order_and_number():
    answers = reflections([3, 1])
    assert clean_answers(answers) == answers
