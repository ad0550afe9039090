"""What files are understood to hold, and how those that are not are refused."""

import json
import os

import pytest

from echoes_lib.errors import BadSource
from echoes_lib.reflections.intake import decode
from echoes_lib.reflections.intake.columns import parse_mapping
from echoes_lib.reflections.intake.files import read_source

SECRET = "quillwort"  # stands for a person's words: no message may hold it


def put(folder, name, content):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def values(source):
    return [row.values for row in source.found.rows]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_a_csv_with_any_delimiter_and_line_end(tmp_path, delimiter, ends):
    text = '"One, two; three | four\tfive: ""six""."'
    lines = [delimiter.join(["User ID", "Question-ID", "ANSWER", "mood"])]
    lines += [delimiter.join(["ada", "3", text, "good"]), "", delimiter.join(["ada", "4", "b", ""])]
    source = read_source(put(tmp_path, "a.csv", ends.join(lines)))
    assert values(source) == [
        {"user_id": "ada", "question_id": "3", "answer": 'One, two; three | four\tfive: "six".'},
        {"user_id": "ada", "question_id": "4", "answer": "b"},
    ]
    assert [row.place for row in source.found.rows] == [2, 4]
    assert source.found.unused == ("mood",)


def test_excel_names_its_delimiter_in_a_line_of_its_own(tmp_path):
    source = read_source(put(tmp_path, "a.csv", "sep=;\r\nquestion;answer\r\nWhy?;a, b\r\n"))
    assert values(source) == [{"question": "Why?", "answer": "a, b"}]
    assert source.found.rows[0].place == 3


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [("utf-8", "UTF-8"), ("utf-8-sig", "UTF-8 with BOM"), ("utf-16", "UTF-16")],
)
def test_encodings(tmp_path, encoding, shown):
    text = "question,answer\nWhy?,naïve — 日本語 🙂 \u202eשלום\n"
    source = read_source(put(tmp_path, "a.csv", text.encode(encoding)))
    assert source.encoding == shown
    assert values(source) == [{"question": "Why?", "answer": "naïve — 日本語 🙂 \u202eשלום"}]


def test_utf_16_of_both_orders(tmp_path):
    for codec, mark in (("utf-16-le", b"\xff\xfe"), ("utf-16-be", b"\xfe\xff")):
        text = '{"question_id": 1, "answer": "äöü"}'
        source = read_source(put(tmp_path, "a.jsonl", mark + text.encode(codec)))
        assert values(source) == [{"question_id": 1, "answer": "äöü"}]


def test_columns_that_are_called_otherwise(tmp_path):
    path = put(tmp_path, "a.csv", "Frage;Antwort;Text\nWarum?;Darum.;x\n")
    mapping = parse_mapping(["question=FRAGE", "response_text = antwort"])
    source = read_source(path, mapping)
    assert values(source) == [{"question": "Warum?", "answer": "Darum."}]
    assert source.found.unused == ("Text",)


def test_jsonl_keeps_types_and_counts_what_is_no_object(tmp_path):
    lines = ['{"answer": "a", "qid": 1}', "", "[1]", "{broken", "null", '"x"', "[" * 9999]
    lines += ['{"answer": "b", "qid": 2, "seconds": 12.5, "extra": 1}', "1" * 5000]
    source = read_source(put(tmp_path, "a.jsonl", "\r\n".join(lines)))
    assert values(source) == [
        {"answer": "a", "question_id": 1},
        {"answer": "b", "question_id": 2, "seconds": 12.5},
    ]
    assert [skip.place for skip in source.found.skips] == [3, 4, 5, 6, 7, 9]
    assert {skip.reason for skip in source.found.skips} == {"not a JSON object"}
    assert source.found.unused == ("extra",)


def test_rows_with_a_cell_too_few_or_too_many(tmp_path):
    source = read_source(put(tmp_path, "a.csv", "question,answer,seconds\na,b\na,b,1\na,b,1,2\n"))
    assert [(skip.place, skip.reason) for skip in source.found.skips] == [
        (2, "fewer cells than the header"),
        (4, "more cells than the header"),
    ]
    assert len(source.found.rows) == 1


MARKDOWN = """\
---
title: x
---
# My answers

Written in May.

## 1. What do you *regret*?

Nothing.

---
A line

### a heading of the answer

- more
```
## no heading
```

## 17

   indented


## Empty?
## Last one
end
"""


def test_markdown(tmp_path):
    source = read_source(put(tmp_path, "a.md", MARKDOWN))
    regret = (
        "Nothing.\n\n---\nA line\n\n### a heading of the answer\n\n- more\n```\n## no heading\n```"
    )
    assert values(source) == [
        {"question": "What do you regret?", "answer": regret},
        {"question_id": "17", "answer": "   indented"},
        {"question": "Empty?", "answer": ""},
        {"question": "Last one", "answer": "end"},
    ]
    assert [row.place for row in source.found.rows] == [8, 22, 27, 28]
    assert [(skip.place, skip.reason) for skip in source.found.skips] == [
        (6, "words under a title that is not a question")
    ]


@pytest.mark.parametrize(
    ("heading", "asked"),
    [
        ("Question 12", {"question_id": "12"}),
        ("12) Why?", {"question": "Why?"}),
        ("12 – Why?", {"question": "Why?"}),
        ("3-year-old me", {"question": "3-year-old me"}),
        ("2 things?", {"question": "2 things?"}),
        ("[Why](https://example.org) `so`?", {"question": "Why so?"}),
    ],
)
def test_markdown_headings(tmp_path, heading, asked):
    source = read_source(put(tmp_path, "a.md", f"# {heading}\nwords"))
    assert values(source) == [asked | {"answer": "words"}]


def test_words_before_the_first_heading_are_counted(tmp_path):
    source = read_source(put(tmp_path, "a.md", f"\n{SECRET}\n# Why?\nwords"))
    assert [(skip.place, skip.reason) for skip in source.found.skips] == [
        (2, "words before the first heading")
    ]


def test_a_folder(tmp_path):
    put(tmp_path, "f/017.txt", "seventeen\r\n")
    put(tmp_path, "f/018 some words.md", "\n# Why so?\n\neighteen\n")
    put(tmp_path, "f/What do you regret.txt", "\ufeffnothing")
    put(tmp_path, "f/zz.md", "## Who are you?\nme")
    put(tmp_path, "f/notes.txt", SECRET)
    put(tmp_path, "f/.hidden.txt", SECRET)
    put(tmp_path, "f/photo.jpg", b"\xff\xd8")
    put(tmp_path, "f/deeper/1.txt", SECRET)
    (tmp_path / "f" / "19.txt").symlink_to(tmp_path / "f" / "19.txt")
    (tmp_path / "f" / "20.txt").symlink_to(tmp_path / "f" / "017.txt")
    source = read_source(tmp_path / "f")
    assert {row.place: row.values for row in source.found.rows} == {
        "017.txt": {"question_id": "017", "answer": "seventeen"},
        "018 some words.md": {"question": "Why so?", "question_id": "018", "answer": "eighteen"},
        "What do you regret.txt": {"question": "What do you regret", "answer": "nothing"},
        "zz.md": {"question": "Who are you?", "answer": "me"},
    }
    assert {skip.place: skip.reason for skip in source.found.skips} == {
        ".hidden.txt": "a hidden file",
        "19.txt": "a link, which is not followed",
        "20.txt": "a link, which is not followed",
        "deeper": "a folder inside the folder",
        "notes.txt": "no question: neither in its name nor as its first heading",
        "photo.jpg": "not one of .txt, .md, .markdown",
    }


REFUSED = {
    "latin-1": ("a.csv", f"a,b\n{SECRET},é\n".encode("latin-1"), "0xE9 at offset 14 (line 2)"),
    "utf-16 cut off": ("a.csv", b"\xff\xfea\0b", "broken at byte offset 4"),
    "utf-32": ("a.csv", "a".encode("utf-32"), "is in UTF-32: save it as UTF-8"),
    "utf-16 without mark": ("a.csv", "answer".encode("utf-16-le"), "NUL byte at offset 1 (line 1)"),
    "surrogate in UTF-8": ("a.jsonl", b'{"answer": "\xed\xa0\x80"}', "0xED at offset 12"),
    "empty CSV": ("a.csv", "", "a.csv is empty"),
    "only delimiters": ("a.csv", ";;;\n;;;\n", "a.csv is empty"),
    "only a mark": ("a.csv", b"\xef\xbb\xbf", "a.csv is empty"),
    "no header": ("a.csv", f"17,{SECRET} and more words than a name has\n", "holds the answers"),
    "no question": ("a.csv", f"answer\n{SECRET}\n", "no column says which question"),
    "two answers": ("a.csv", f"question,answer,Response Text\na,{SECRET},b\n", "both mean answer"),
    "two of a name": ("a.csv", f"question,answer,answer\na,{SECRET},b\n", "both mean answer"),
    "open quote": ("a.csv", f'question,answer\na,b\nb,"{SECRET}\nc,d\n', "begins in line 3"),
    "quote in the middle": ("a.csv", f'question,answer\na,"{SECRET}" x\n', "begins in line 2"),
    "JSON array": ("a.json", f'[{{"answer": "{SECRET}"}}]', "one JSON array"),
    "no JSON": ("a.jsonl", SECRET, "holds no JSON object"),
    "empty JSONL": ("a.jsonl", "\n\n", "holds no JSON object"),
    "other keys": ("a.jsonl", f'{{"q": 1, "a": "{SECRET}"}}', "(found: q, a)"),
    "no heading": ("a.md", f"{SECRET}\n===\n", "has no heading"),
    "one text": ("a.txt", SECRET, "is one text file"),
    "spreadsheet": ("a.xlsx", b"PK", "is a spreadsheet: save it as CSV UTF-8"),
    "other kind": ("a.pdf", b"%PDF", "of no kind that is understood (.csv, .tsv"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refused_with_a_reason_and_without_a_word_of_the_text(tmp_path, case):
    name, content, message = REFUSED[case]
    with pytest.raises(BadSource) as caught:
        read_source(put(tmp_path, name, content))
    assert message in str(caught.value)
    assert SECRET not in str(caught.value)
    assert ": " in str(caught.value)


def test_folders_without_an_answer(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadSource, match=r"holds no text file \(0 other entries\)"):
        read_source(tmp_path / "empty")
    put(tmp_path, "f/1.txt", SECRET)
    put(tmp_path, "f/2.txt", b"\xe9")
    with pytest.raises(BadSource, match=r"2\.txt is not UTF-8: byte 0xE9 at offset 0 \(line 1\)"):
        read_source(tmp_path / "f")
    put(tmp_path, "f/2.txt", b"x" * (2**20 + 1))
    with pytest.raises(BadSource, match=r"2\.txt has 1 MiB, more than the 1 MiB"):
        read_source(tmp_path / "f")


def test_a_file_that_is_too_big(tmp_path):
    path = put(tmp_path, "a.csv", "")
    os.truncate(path, (decode.MAX_FILE_MIB + 1) * decode.MIB)  # sparse: takes no room
    with pytest.raises(BadSource, match="has 257 MiB, more than the 256 MiB"):
        read_source(path)


def test_paths_that_lead_nowhere(tmp_path):
    loop = tmp_path / "loop.csv"
    loop.symlink_to(loop)
    for path, message in [
        (tmp_path / "none.csv", "there is nothing at"),
        (loop, "leads to no file"),
        (tmp_path / "a\0b.csv", "leads to no file"),
        (tmp_path / ("x" * 300), "leads to no file"),
    ]:
        with pytest.raises(BadSource, match=message):
            read_source(path)
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(BadSource, match="is not a file"):
        read_source(tmp_path / "pipe.csv")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["answer"], "is not FIELD=COLUMN"),
        (["answer="], "is not FIELD=COLUMN"),
        (["colour=x"], "FIELD is one of user_id, question_id"),
        (["answer=a", "text=b"], "names answer twice"),
        (["answer=z"], r"--column answer=z: there is no such column \(found: question, a\)"),
    ],
)
def test_mappings_that_cannot_be(tmp_path, options, message):
    path = put(tmp_path, "a.csv", "question,a\nWhy?,x\n")
    with pytest.raises(BadSource, match=message):
        read_source(path, parse_mapping(options))


def test_prose_has_no_columns(tmp_path):
    with pytest.raises(BadSource, match="--column is for CSV and JSONL"):
        read_source(put(tmp_path, "a.md", "# Why?\nx"), {"answer": "x"})


def test_a_long_answer_and_the_limit_of_others(tmp_path):
    import csv

    before = csv.field_size_limit()
    text = "w " * 400_000
    assert values(read_source(put(tmp_path, "a.csv", f"question,answer\na,{text}\n"))) == [
        {"question": "a", "answer": text}
    ]
    assert csv.field_size_limit() == before
    line = json.dumps({"question": "a", "answer": text})
    assert values(read_source(put(tmp_path, "a.jsonl", line)))[0]["answer"] == text
