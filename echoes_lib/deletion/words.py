"""Recognise the words of answers wherever they were copied: in JSON, HTML, archives, tables.

What is compared are runs of `LENGTH` words, without case, punctuation and line breaks, so that
neither escapes nor an excerpt's "…" hide them. Words that stand in a question or in somebody
else's answer as well say nothing about whose they are, and are left out.

Does not find what is shorter than `LENGTH` words, nor what weights or pictures hold: those are
known by where they come from, not by what is in them.

Shape: texts -> set of word runs; file, set -> whether it holds one.
"""

import gzip
import html
import re
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

LENGTH = 8
Runs = frozenset[tuple[str, ...]]
# Weights and pictures hold no text; a sweep would only take long.
OPAQUE = {".safetensors", ".bin", ".pt", ".gguf", ".png", ".jpg", ".jpeg", ".pdf"}
_BLOCK, _OVERLAP = 2**24, 2**14
_UNICODE = re.compile(r"\\+u([0-9a-fA-F]{4})")
_ESCAPE = re.compile(r"\\+[nrtbf\"'/]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_WORD = re.compile(r"\w+")


def word_runs(texts: Iterable[str], common: Iterable[str] = ()) -> Runs:
    """Return what texts can be recognised by.

    Args:
        texts: the answers.
        common: questions and other people's answers, whose words are no sign.

    Returns:
        Runs of `LENGTH` words; none of a text that is shorter.
    """
    found = {run for text in texts for run in _runs(text)}
    for text in common:
        found.difference_update(_runs(text))
    return frozenset(found)


def text_holds(text: str, runs: Runs) -> bool:
    """Tell whether a text holds one of the runs."""
    return not runs.isdisjoint(_runs(text))


def file_holds(path: Path, runs: Runs) -> bool:
    """Tell whether a file, or a file inside an archive, holds one of the runs.

    Raises:
        OSError: it cannot be read.
    """
    if not runs or path.suffix.lower() in OPAQUE:
        return False
    if path.suffix == ".parquet":
        return any(text_holds(text, runs) for text in _parquet_texts(path))
    with path.open("rb") as stream:
        head = stream.read(4)
        stream.seek(0)
        if head[:2] == b"\x1f\x8b":
            return _compressed_holds(gzip.GzipFile(fileobj=stream), runs)
        if head == b"PK\x03\x04":
            return _archive_holds(stream, runs)
        return _stream_holds(stream, runs)


def _runs(text: str) -> Iterator[tuple[str, ...]]:
    words = _WORD.findall(_plain(text))
    return zip(*(words[i:] for i in range(LENGTH)), strict=False)


def _plain(text: str) -> str:
    text = _UNICODE.sub(lambda found: chr(int(found[1], 16)), text)
    text = html.unescape(_ESCAPE.sub(" ", text))
    if _SURROGATE.search(text):  # JSON writes what lies past U+FFFF as two of them
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return unicodedata.normalize("NFKC", text).casefold()


def _stream_holds(stream: BinaryIO, runs: Runs) -> bool:
    before = b""
    while block := stream.read(_BLOCK):
        # Without its zero bytes, UTF-16 of European text is as good as UTF-8.
        text = (before + block).replace(b"\0", b"").decode("utf-8", "ignore")
        if text_holds(text, runs):
            return True
        before = block[-_OVERLAP:]
    return False


def _compressed_holds(stream: BinaryIO, runs: Runs) -> bool:
    try:
        return _stream_holds(stream, runs)
    except (EOFError, gzip.BadGzipFile, zlib.error):
        return False  # only looks like one


def _archive_holds(stream: BinaryIO, runs: Runs) -> bool:
    try:
        with zipfile.ZipFile(stream) as archive:
            for name in archive.namelist():
                with archive.open(name) as member:
                    if _stream_holds(member, runs):
                        return True
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, zlib.error):
        return False  # only looks like one, or is encrypted
    return False


def _parquet_texts(path: Path) -> Iterator[str]:
    import pyarrow
    from pyarrow import parquet

    try:
        for batch in parquet.ParquetFile(path).iter_batches(batch_size=256):
            for row in batch.to_pylist():
                yield str(row)
    except pyarrow.ArrowInvalid:
        return
