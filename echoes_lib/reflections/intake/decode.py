r"""Read a file's bytes as text, or say exactly where and why that cannot be done.

Understood are UTF-8, with or without a byte-order mark, and UTF-16 with one. Nothing else is
guessed at: a wrong guess turns every accent of a life into two strange letters, and nobody
sees it until the echo speaks. Line ends are left as they are; `unify_line_ends` is for later.

Shape: path, limit in bytes -> Decoded(text, encoding), or BadSource.
"""

import codecs
import re
from dataclasses import dataclass
from pathlib import Path

from echoes_lib.errors import BadSource

MIB = 2**20
MAX_FILE_MIB = 256  # 1,000 people x 117 answers are about 120
_MARKS = (
    (codecs.BOM_UTF32_LE, None),  # begins as UTF-16 does, so it is looked for first
    (codecs.BOM_UTF32_BE, None),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SHOWN = {"utf-8": "UTF-8", "utf-16-le": "UTF-16", "utf-16-be": "UTF-16"}
_SAVE = "save it as UTF-8 (in Excel: `CSV UTF-8`; elsewhere: `iconv -f ITS_ENCODING -t UTF-8`)"


@dataclass(frozen=True)
class Decoded:
    """A file's text, and the encoding that it was found to be in."""

    text: str
    encoding: str


def decode_file(path: Path, max_mib: int = MAX_FILE_MIB) -> Decoded:
    """Read a text file whole.

    Args:
        path: a regular file.
        max_mib: the largest size that is read, in MiB.

    Returns:
        The text without a byte-order mark, and `UTF-8`, `UTF-8 with BOM` or `UTF-16`.

    Raises:
        BadSource: it cannot be read, is too big, or is in another encoding; names the file,
            the byte offset and the line, and what to do.
    """
    data = _bytes(path, max_mib)
    mark, codec = next(((m, c) for m, c in _MARKS if data.startswith(m)), (b"", "utf-8"))
    if codec is None:
        raise BadSource(f"{path.name} is in UTF-32: {_SAVE}")
    try:
        text = data[len(mark) :].decode(codec)
    except UnicodeDecodeError as error:
        raise BadSource(_fault(path, data, len(mark) + error.start, codec)) from None
    if codec == "utf-8" and "\0" in text:
        at = data.index(b"\0")
        raise BadSource(
            f"{path.name} holds a NUL byte at offset {at} (line {_line(data, at)}): it is no "
            f"text, or UTF-16 without its mark; {_SAVE}"
        )
    return Decoded(text, _SHOWN[codec] + (" with BOM" if mark == codecs.BOM_UTF8 else ""))


def unify_line_ends(text: str) -> str:
    r"""Return a text with every `\r\n` and `\r` as `\n`; nothing else changes."""
    return re.sub(r"\r\n?", "\n", text)


def _bytes(path: Path, max_mib: int) -> bytes:
    try:
        if not path.is_file():
            raise BadSource(f"{path} is not a file: name a CSV, JSONL or Markdown file")
        size = path.stat().st_size
        if size > max_mib * MIB:
            raise BadSource(
                f"{path.name} has {size / MIB:.0f} MiB, more than the {max_mib} MiB that are "
                "read at once: split it and import the parts"
            )
        return path.read_bytes()
    except OSError as error:
        raise BadSource(
            f"{path} cannot be read ({error.strerror}): check its permissions"
        ) from None


def _fault(path: Path, data: bytes, at: int, codec: str) -> str:
    if codec != "utf-8":
        return (
            f"{path.name} has the mark of UTF-16, but is broken at byte offset {at}: it was cut "
            f"off or joined to another file; {_SAVE}"
        )
    return (
        f"{path.name} is not UTF-8: byte 0x{data[at]:02X} at offset {at} (line "
        f"{_line(data, at)}) belongs to another encoding; {_SAVE}"
    )


def _line(data: bytes, at: int) -> int:
    return data.count(b"\n", 0, at) + 1
