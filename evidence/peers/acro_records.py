"""What acro reads from the folders of results in a folder; run in an environment of its own.

The .npz has ``folder``. Writes JSON: for each folder what `load_records` makes of every output, its tables
cell by cell.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

import numpy as np


def told(record: Any) -> dict[str, Any]:
    """Give a record as plain values; an empty cell is an empty text."""
    tables = [table.astype(object).where(table.notna(), "") for table in record.output]
    return {
        "uid": record.uid,
        "status": record.status,
        "summary": record.summary,
        "timestamp": record.timestamp,
        "checked": record.sdc,
        "outcome": {name: column.dropna().to_dict() for name, column in record.outcome.items()},
        "tables": [
            {"columns": list(table.columns), "rows": table.astype(str).values.tolist()} for table in tables
        ],
    }


def main() -> None:
    """Load every folder."""
    record = import_module("acro.record")
    # Cells are texts here: what a program takes for a number or for nothing is not what is compared.
    plain = record.pd.read_csv
    record.pd.read_csv = lambda path: plain(path, dtype=str, keep_default_na=False)
    top = Path(str(np.load(sys.argv[1])["folder"]))
    found = {
        folder.name: [told(one) for one in record.load_records(str(folder)).results.values()]
        for folder in sorted(top.iterdir())
    }
    answer = {"folders": found, "version": metadata.version("acro")}
    Path(sys.argv[2]).write_text(json.dumps(answer), encoding="utf-8")


main()
