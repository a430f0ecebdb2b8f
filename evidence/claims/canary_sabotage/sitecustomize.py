"""A sabotaged build: Python runs this by itself where its folder is on the path of a program.

In the process of a site, or in a command, the function that has the rows fails, speaks or leaks as it is told
by the environment: ``CANARY_TEXT`` is the cell, ``CANARY_KINDS`` says what to do by the site's code.
"""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

TEXT = os.environ.get("CANARY_TEXT", "")
KINDS = json.loads(os.environ.get("CANARY_KINDS", "{}"))


def speak() -> None:
    """Say the cell by every way there is to a terminal."""
    import ctypes
    import logging
    import subprocess
    import warnings
    from threading import Thread

    print(TEXT)
    print(TEXT, file=sys.stderr)
    warnings.warn(TEXT, stacklevel=1)
    logging.getLogger("library").warning(TEXT)
    for number in (1, 2):
        os.write(number, TEXT.encode() + b"\n")
    library = ctypes.CDLL(None)
    library.puts(TEXT.encode())
    library.fflush(None)
    subprocess.run(["echo", TEXT], check=False)
    thread = Thread(target=fail, args=("raise",))
    thread.start()
    thread.join()

    class Falling:
        def __del__(self) -> None:
            fail("raise")

    Falling()


def fail(kind: str) -> None:
    """End in the way of this name, with the cell in every text there is."""
    import ctypes
    import signal

    if kind == "raise":
        try:
            int(TEXT)
        except ValueError as error:
            raise RuntimeError(TEXT) from error
    if kind == "group":
        raise ExceptionGroup(TEXT, [ValueError(TEXT), KeyError(TEXT)])
    if kind == "class":
        raise type(TEXT, (Exception,), {"__module__": TEXT})(TEXT)
    if kind == "file":
        exec(compile("raise ValueError", TEXT, "exec"))
    if kind == "exit":
        sys.exit(TEXT)
    if kind == "interrupt":
        raise KeyboardInterrupt(TEXT)
    if kind == "memory":
        raise MemoryError(TEXT)
    if kind == "space":
        raise OSError(28, TEXT, TEXT)
    if kind == "permission":
        raise PermissionError(13, TEXT, TEXT)
    if kind == "segfault":
        print(TEXT, flush=True)
        ctypes.string_at(0)
    if kind == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "quit":
        print(TEXT, flush=True)
        os._exit(7)


def leak(folder: Path) -> None:
    """Write the cell beside the results, in each way in which a file can hold it."""
    import bz2
    import gzip
    import html
    import io
    import lzma
    import pickle
    import sqlite3
    import zipfile
    from base64 import b64encode
    from contextlib import closing

    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    raw = TEXT.encode()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner.json", json.dumps({"rows": [{"cell": TEXT}]}))
    arrays = io.BytesIO()
    np.savez_compressed(arrays, cells=np.array([TEXT]))
    written: dict[str, bytes] = {
        "text": raw,
        "json": json.dumps({"a": [{"b": TEXT}]}).encode(),
        "escaped": ('{"a": "' + "".join(f"\\u{ord(sign):04x}" for sign in TEXT) + '"}').encode(),
        "key": json.dumps({TEXT: 1}).encode(),
        "html": b"<p>" + "".join(f"&#{ord(sign)};" for sign in TEXT).encode() + b"</p>",
        "entities": f"<p>{html.escape(TEXT)}</p>".encode(),
        "percent": "".join(f"%{byte:02X}" for byte in raw).encode(),
        "base64": b64encode(json.dumps({"payload": TEXT}).encode()),
        "hexadecimal": json.dumps({"cell": TEXT}).encode().hex().encode(),
        "utf-16": TEXT.encode("utf-16-le"),
        "gzip": gzip.compress(raw),
        "bz2": bz2.compress(raw),
        "lzma": lzma.compress(raw),
        "zip": packed.getvalue(),
        "npz": arrays.getvalue(),
        "pickle": pickle.dumps({"cell": TEXT, "rows": [1, TEXT]}),
    }
    for name, content in written.items():
        (folder / f"leak-{name}").write_bytes(content)
    pq.write_table(pa.table({"cell": [TEXT]}), folder / "leak-parquet")
    with closing(sqlite3.connect(folder / "leak-sqlite")) as store, store:
        store.execute("CREATE TABLE rows (cell TEXT)")
        store.execute("INSERT INTO rows VALUES (?)", [TEXT])


def spoil(module: str, name: str, kind: str, folder: Path) -> None:
    """Put the misbehaviour before the function that has the rows."""
    home = import_module(module)
    inner = getattr(home, name)

    def spoilt(*given: Any, **named: Any) -> Any:
        if kind == "speak":
            speak()
        elif kind == "leak":
            leak(folder)
        else:
            fail(kind)
        return inner(*given, **named)

    setattr(home, name, spoilt)


def _begin() -> None:
    arguments = sys.orig_argv
    job = next((Path(word) for word in arguments if word.endswith("job.json")), None)
    if job is not None and job.parent.name in KINDS:
        spoil("causalsig.execution.analyse", "analyse_site", KINDS[job.parent.name], job.parent)
    elif job is None and "command" in KINDS:
        spoil("causalsig.sources.formats", "read_source", KINDS["command"], Path.cwd())


if KINDS:
    _begin()
