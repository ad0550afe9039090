"""Look for words in every file of a folder, in all the shapes in which files hold text.

Written apart from `echoes_lib.deletion.words`, which it is there to judge: it compares bytes.
"""

import base64
import gzip
import html
import io
import json
import zipfile


def shapes(text):
    """Return the bytes under which a text may lie in a file."""
    plain = {text, html.escape(text), text.replace("'", "&#x27;"), text.replace("'", "&#39;")}
    for _ in range(2):  # JSON inside JSON, as in a notebook's cell or a tag
        plain |= {
            json.dumps(t, ensure_ascii=ascii_)[1:-1] for t in plain for ascii_ in (True, False)
        }
    found = {t.encode() for t in plain}
    found |= {text.encode(code) for code in ("utf-16-le", "utf-16-be", "utf-32-le")}
    return found | {_base64(text.encode(), offset) for offset in range(3)}


def _base64(data, offset):
    """Encode data as it looks at an offset inside a longer stream; the ends depend on it."""
    coded = base64.b64encode(b"\0" * offset + data)
    return coded[4 if offset else 0 : -4]


def contents(path):
    """Yield the bytes of a file, and those of what is packed into it."""
    data = path.read_bytes()
    yield data
    if data[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for name in archive.namelist():
                yield archive.read(name)
    if data[:2] == b"\x1f\x8b":
        yield gzip.decompress(data)
    if data[:4] == b"PAR1":
        import pandas as pd

        yield pd.read_parquet(path).to_json(orient="records", force_ascii=False).encode()


def files_with(root, texts):
    """Return the files under a folder, relative to it, that hold one of the texts."""
    wanted = [shape for text in texts for shape in shapes(text)]
    return {
        path.relative_to(root).as_posix()
        for path in sorted(root.rglob("*"))
        if path.is_file() and any(shape in data for data in contents(path) for shape in wanted)
    }


def snapshot(*roots):
    """Return every file below some folders with its bytes."""
    return {p: p.read_bytes() for root in roots for p in sorted(root.rglob("*")) if p.is_file()}
