"""Read Markdown whose headings are the questions, and folders with one answer a file.

Markdown: the questions are the headings (`## ...`, not underlined ones) of the level that has
the most answers under it; higher ones are titles, deeper ones belong to the answer. A number
before a question ("17. What ...?") is a list number; a number alone is a question id. The
answer is what stands under the heading, as typed, without the empty lines around it.

Folder: `017.txt` and `017 some words.md` answer question 17; otherwise the file's name is the
question. A Markdown heading in a file's first line is the question in any case, and no part
of the answer. Folders inside it, links and other files are passed over and counted.

Shape: text, or folder -> Found(rows, skips).
"""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt

from echoes_lib.errors import BadSource
from echoes_lib.reflections.intake.decode import decode_file, unify_line_ends
from echoes_lib.reflections.intake.rows import Found, Row, Skip

SUFFIXES = (".txt", ".md", ".markdown")
MAX_FILES = 20_000
MAX_ANSWER_FILE_MIB = 1
_NUMBERED = re.compile(
    r"(?:question\s+)?#?(\d{1,9})(?:(?:[.):]|\s[–—-])(?:\s+(.*))?)?", re.IGNORECASE | re.DOTALL
)
_NUMBER_FIRST = re.compile(r"(\d{1,9})(?:[\s_.–—-].*)?", re.DOTALL)
_FRONT_MATTER = re.compile(r"---[ \t]*\n.*?\n---[ \t]*(?:\n|$)", re.DOTALL)
MIN_TITLE_WORDS = 3  # a file's name of fewer words, such as "notes", asks nothing


@dataclass(frozen=True)
class Section:
    """A heading (line numbers from 0), its level and words, and whether words follow it."""

    line: int
    body_from: int
    level: int
    title: str


def read_markdown(name: str, text: str) -> Found:
    """Read a Markdown file with one heading per question.

    Args:
        name: of the file, for messages.
        text: its content.

    Returns:
        A row per question, in order; what stands outside of any is skipped and counted.

    Raises:
        BadSource: there is no heading.
    """
    text = _without_front_matter(unify_line_ends(text))
    lines = text.split("\n")
    sections = _sections(text)
    if not sections:
        raise BadSource(
            f"{name} has no heading: write each question as a heading (`## What do you regret?`) "
            "with the answer under it"
        )
    level = _question_level(sections, lines)
    cuts = [s for s in sections if s.level <= level] + [Section(len(lines), len(lines), 0, "")]
    skips = _stray(0, "\n".join(lines[: cuts[0].line]), "words before the first heading")
    rows = []
    for section, following in zip(cuts, cuts[1:], strict=False):
        body = "\n".join(lines[section.body_from : following.line])
        if section.level == level:
            rows.append(Row(section.line + 1, _asked(section.title) | {"answer": _trimmed(body)}))
        else:
            skips += _stray(section.body_from, body, "words under a title that is not a question")
    return Found(rows, skips, f"headings of level {level}")


def read_folder(folder: Path) -> Found:
    """Read a folder with one answer a file.

    Args:
        folder: not searched any deeper.

    Returns:
        A row per text file, in the order of names; everything else is a skip.

    Raises:
        BadSource: it cannot be read, holds no text file or too many, or a file is in another
            encoding or too big.
    """
    try:
        entries = sorted(folder.iterdir(), key=lambda path: path.name)
    except OSError as error:
        raise BadSource(
            f"{folder} cannot be read ({error.strerror}): check its permissions"
        ) from None
    if len(entries) > MAX_FILES:
        raise BadSource(f"{folder} holds {len(entries)} files, more than {MAX_FILES}: split it")
    reasons = {path: _no_answer(path) for path in entries}
    files = [path for path in entries if not reasons[path]]
    if not files:
        raise BadSource(
            f"{folder} holds no text file ({len(entries)} other entries): put one answer into "
            "each, named like 017.txt or by its question, ending in .txt or .md"
        )
    found = [_read_answer(path) for path in files]
    skips = [Skip(path.name, reason) for path, reason in reasons.items() if reason]
    skips += [skip for skip in found if isinstance(skip, Skip)]
    return Found([row for row in found if isinstance(row, Row)], skips, f"{len(files)} text files")


def _sections(text: str) -> list[Section]:
    # Headings are marked with #. Underlined ones are switched off: an answer with a line of
    # dashes in it would turn into a question.
    blocks = MarkdownIt("commonmark").disable("lheading")
    blocks.core.ruler.enableOnly(["normalize", "block"])
    tokens = blocks.parse(text)
    found = []
    for opening, inline in zip(tokens, tokens[1:], strict=False):
        if opening.type == "heading_open" and opening.level == 0:
            start, end = opening.map
            found.append(Section(start, end, int(opening.tag[1]), _words(inline.content)))
    return found


def _words(heading: str) -> str:
    """Return the words of a heading without stars, links and other marks."""
    (inline,) = MarkdownIt("commonmark").parseInline(heading)
    return " ".join("".join(part.content for part in inline.children or ()).split())


def _question_level(sections: list[Section], lines: list[str]) -> int:
    """Return the level with the most answered headings; of equals, the deepest."""
    ends = [s.line for s in sections[1:]] + [len(lines)]
    answered = Counter(
        section.level
        for section, end in zip(sections, ends, strict=True)
        if "".join(lines[section.body_from : end]).strip()
    )
    levels = answered or Counter(section.level for section in sections)
    return max(levels, key=lambda level: (levels[level], level))


def _asked(title: str) -> dict[str, Any]:
    """Return question or question id of a heading."""
    numbered = _NUMBERED.fullmatch(title)
    if not numbered:
        return {"question": title}
    return {"question": numbered[2]} if numbered[2] else {"question_id": numbered[1]}


def _stray(line: int, text: str, reason: str) -> list[Skip]:
    if not text.strip():
        return []
    before = len(text) - len(text.lstrip())
    return [Skip(line + 1 + text[:before].count("\n"), reason)]


def _trimmed(text: str) -> str:
    """Cut empty lines around a text, and blanks at its end."""
    return re.sub(r"\A(?:[^\S\n]*\n)+", "", text).rstrip()


def _without_front_matter(text: str) -> str:
    """Empty the lines of a YAML header, which are no answer; line numbers stay."""
    header = _FRONT_MATTER.match(text)
    return "\n" * header[0].count("\n") + text[header.end() :] if header else text


def _no_answer(path: Path) -> str | None:
    if path.is_symlink():
        return "a link, which is not followed"
    if path.is_dir():
        return "a folder inside the folder"
    if path.name.startswith("."):
        return "a hidden file"
    if not path.is_file() or path.suffix.lower() not in SUFFIXES:
        return f"not one of {', '.join(SUFFIXES)}"
    return None


def _read_answer(path: Path) -> Row | Skip:
    """Read a file's answer; its question is the heading it opens with, else its name."""
    text = unify_line_ends(decode_file(path, MAX_ANSWER_FILE_MIB).text)
    body = _trimmed(_without_front_matter(text))
    values: dict[str, Any] = {}
    heading = next(iter(_sections(body)), None)
    if heading and heading.line == 0:
        values = _asked(heading.title)
        body = _trimmed("\n".join(body.split("\n")[heading.body_from :]))
    if numbered := _NUMBER_FIRST.fullmatch(path.stem):
        values["question_id"] = numbered[1]
    elif not values:
        values["question"] = path.stem.replace("_", " ")
        if len(path.stem.replace("_", " ").split()) < MIN_TITLE_WORDS:
            return Skip(path.name, "no question: neither in its name nor as its first heading")
    return Row(path.name, values | {"answer": body})
