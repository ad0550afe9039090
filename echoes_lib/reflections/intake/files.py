"""Read answers from a file or a folder, of whichever kind it is, and touch nothing.

    .csv .tsv               a header line, one answer a row      (`tables`)
    .jsonl .ndjson .json    one object a line                    (`tables`)
    .md .markdown           headings are the questions           (`prose`)
    a folder                one answer a text file               (`prose`)

Does not know the database, nor which answers are usable: see `check` and `plan`.

Shape: path, {field: column} -> Source(kind, encoding, found).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from echoes_lib.errors import BadSource
from echoes_lib.reflections.intake.decode import decode_file
from echoes_lib.reflections.intake.prose import read_folder, read_markdown
from echoes_lib.reflections.intake.rows import Found
from echoes_lib.reflections.intake.tables import read_csv, read_jsonl

KINDS = {
    ".csv": "CSV",
    ".tsv": "CSV",
    ".jsonl": "JSONL",
    ".ndjson": "JSONL",
    ".json": "JSONL",
    ".md": "Markdown",
    ".markdown": "Markdown",
}
MAX_MARKDOWN_MIB = 16
_SHEETS = (".xlsx", ".xls", ".ods", ".numbers")


@dataclass(frozen=True)
class Source:
    """A file or folder as it was understood."""

    name: str
    kind: str
    encoding: str
    found: Found


def read_source(path: Path, mapping: Mapping[str, str] | None = None) -> Source:
    """Read a file or folder of answers.

    Args:
        path: CSV, JSONL or Markdown by its ending, or a folder of text files.
        mapping: field -> column (see `columns.parse_mapping`); for CSV and JSONL only.

    Returns:
        What it holds, row by row, and what was passed over.

    Raises:
        BadSource: there is nothing at the path, its kind or encoding is not understood, it
            is too big, or it has no answers to read.
    """
    mapping = mapping or {}
    path = _there(path)
    kind = "folder" if path.is_dir() else KINDS.get(path.suffix.lower(), "")
    if mapping and kind in ("folder", "Markdown"):
        raise BadSource(f"--column is for CSV and JSONL: {path.name} has no columns; leave it out")
    if kind == "folder":
        return Source(path.name, "folder", "UTF-8", read_folder(path))
    if not kind:
        raise BadSource(_unknown(path))
    if kind == "Markdown":
        decoded = decode_file(path, MAX_MARKDOWN_MIB)
        found = read_markdown(path.name, decoded.text)
    else:
        decoded = decode_file(path)
        read = read_csv if kind == "CSV" else read_jsonl
        found = read(path.name, decoded.text, mapping)
    return Source(path.name, kind, decoded.encoding, found)


def _there(path: Path) -> Path:
    try:
        return path.expanduser().resolve(strict=True)
    except FileNotFoundError:
        raise BadSource(f"there is nothing at {path}: check the path") from None
    except PermissionError:
        raise BadSource(f"{path} cannot be read: check its permissions") from None
    except (OSError, RuntimeError, ValueError):  # a loop of links, a name too long or with NUL
        raise BadSource(
            f"{str(path)!r} leads to no file, as a link to itself does: check the path"
        ) from None


def _unknown(path: Path) -> str:
    if path.suffix.lower() in _SHEETS:
        return f"{path.name} is a spreadsheet: save it as CSV UTF-8 and import that"
    if path.suffix.lower() == ".txt":
        return (
            f"{path.name} is one text file: give its headings as Markdown (.md), or name the "
            "folder that holds one answer a file"
        )
    return (
        f"{path.name} is of no kind that is understood ({', '.join(KINDS)}, or a folder of text "
        "files): rename or convert it"
    )
