"""Pseudonyms: the same for the same value, never shared, never somebody's own."""

import re
import stat

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echoes_lib.errors import DataError
from echoes_lib.reflections.cleaning import privacy_key
from echoes_lib.reflections.cleaning.gazetteer import first_names
from echoes_lib.reflections.cleaning.invented import is_invented
from echoes_lib.reflections.cleaning.pseudonyms import Pseudonyms, Reserved, plain
from echoes_lib.workspace import workspace

KINDS = ["email", "phone", "card", "bank", "id", "address", "secret", "url", "ip", "handle"]


@pytest.mark.parametrize("kind", KINDS)
@given(value=st.text("0123456789ABC -", max_size=16).map("4111 {} 22222".format))
@settings(max_examples=40, deadline=None)
def test_a_pseudonym_is_known_again_among_other_words(kind, value):
    made = Pseudonyms(b"k").of(kind, value)
    assert made == Pseudonyms(b"k").of(kind, value) != value
    text = f"Call me, {made} (or 7)."
    start = text.index(made)
    assert Reserved(text).covers(start, start + len(made))
    assert not Reserved(text).covers(0, 4)


@pytest.mark.parametrize(
    ("kind", "text", "shape"),
    [
        ("email", "marta.k@posta.pl", r"[a-z]+\.[a-z]+@example\.org"),
        ("phone", "(212) 555-2368", r"\(\d{3}\) 555-01\d\d"),
        ("phone", "+48 601 234 567", r"\+1 \d{3}-555-01\d\d"),
        ("phone", "06 12 34 56 78", r"\d{3}-555-01\d\d"),
        ("phone", "2125552368", r"\d{3}55501\d\d"),
        ("card", "4111 1111 1111 1111", r"000\d \d{4} \d{4} \d{4}"),
        ("bank", "GB82 WEST 1234 5698 7654 32", r"GB00 [A-Z]{4} \d{4} \d{4} \d{4} \d\d"),
        ("bank", "00218834417", r"000\d{8}"),
        ("id", "457-55-5462", r"000-\d\d-\d{4}"),
        ("id", "12345678Z", r"000\d{5}[A-Z]"),
        ("address", "14 Maple Street", r"\d+ [A-Z][a-z]+ (Street|Road|Lane|Avenue)"),
        ("address", "SW1A 2AA", r"ZZ\d+ \d[A-Z]{2}"),
        ("secret", "hunter2", r"not-a-secret-[0-9a-f]{12}"),
        ("ip", "84.112.7.19", r"(192\.0\.2|198\.51\.100|203\.0\.113)\.\d+"),
        ("ip", "2a02:8388::1", r"2001:db8::[0-9a-f]+:[0-9a-f]+"),
        ("url", "www.x.pl/me", r"https://[a-z]+\.example\.org"),
        ("handle", "@dev_cooks", r"@example_[a-z]+\d+"),
    ],
)
def test_the_layout_is_kept_where_it_means_something(kind, text, shape):
    assert re.fullmatch(shape, Pseudonyms("key").of(kind, text))


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("phone", "(212) 555-2368", "+1 212 555 2368"),
        ("card", "4111 1111 1111 1111", "4111-1111-1111-1111"),
        ("email", "A@B.pl", "a@b.pl"),
        ("bank", "GB82 WEST 1234", "gb82west1234"),
    ],
)
def test_two_spellings_of_a_value_are_one_value(kind, one, other):
    pseudonyms = Pseudonyms(b"k")
    assert plain(kind, pseudonyms.of(kind, one)) == plain(kind, pseudonyms.of(kind, other))


@pytest.mark.parametrize("role", ["given", "family"])
def test_different_names_never_become_the_same(role):
    pseudonyms = Pseudonyms(b"k")
    # Far past the number at which hashes begin to meet; some differ by a dot alone.
    names = sorted({plain("name", name) for name in first_names()})[:4000]
    made = [pseudonyms.of("name", name.title(), role) for name in names]
    assert len(set(made)) == len(names)
    assert all(is_invented(name) for name in made)


@pytest.mark.parametrize(
    "text", ["5500-0000-0000-0004", "6011 0009 9013 9424", "FR14 2004 1010 0505 0001 3M02 606"]
)
def test_a_number_that_ends_like_a_pseudonym_is_none(text):
    assert not Reserved(f"It was {text}.").covers(7, 7 + len(text))


def test_invented_names_are_nobodys():
    assert not [name for name in first_names() if is_invented(name)]


def test_ids_run_out_with_an_error_that_says_what_to_do():
    pseudonyms = Pseudonyms(b"k")
    with pytest.raises(DataError, match="set privacy.address to redact"):
        for code in range(101):
            pseudonyms.of("address", f"{62000 + code}")


def test_the_key_is_made_once_kept_private_and_differs_by_person():
    one = privacy_key("luke")
    assert one == privacy_key("luke") != privacy_key("agnes")
    path = workspace().data / "privacy.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [p.name for p in path.parent.iterdir()] == ["privacy.key"]
    path.unlink()
    assert privacy_key("luke") != one


@pytest.mark.parametrize("content", ["", "abc", "zz" * 32, "ab" * 31])
def test_a_broken_key_file_is_an_error_and_stays(tmp_path, content):
    path = tmp_path / "privacy.key"
    path.write_text(content)
    with pytest.raises(DataError, match="does not hold a key of 64 hex digits"):
        privacy_key("luke", path)
    assert path.read_text() == content
