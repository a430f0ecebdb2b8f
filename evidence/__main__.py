"""`python -m evidence list | run NAME | check | page`."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from evidence import (
    api_page,
    attacks_page,
    codes_page,
    fields_page,
    forest_page,
    generator_page,
    glossary_page,
    house_page,
    page,
    private_page,
    public_api,
    record,
    reference_page,
    sources_page,
    threshold_page,
)
from evidence.claim import ROOT, Claim, all_claims
from evidence.context import Context

OF_RESULTS = (page, generator_page, threshold_page, private_page, attacks_page)
"""Pages of the docs that are made from the results."""
OF_CODE = (
    fields_page,
    reference_page,
    codes_page,
    api_page,
    glossary_page,
    house_page,
    forest_page,
    public_api,
)
"""Pages of the docs that are made from tables of the code, each module with its `files`."""


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """Do what is asked; 0 when every claim asked about holds, 1 when not, 2 for a usage error."""
    options = _parser().parse_args(arguments)
    claims = all_claims()
    if options.task == "list":
        return _list(claims, root)
    if options.task == "check":
        return _check(claims, root)
    if options.task == "page":
        for written in (*_write_pages(root), sources_page.write(root), *_write_of_code(root)):
            print(written.relative_to(root))
        return 0
    unknown = [name for name in options.names if name not in claims]
    if unknown:
        print(f"evidence: expected a claim of `python -m evidence list`; found {unknown}", file=sys.stderr)
        return 2
    held = [run(claims[name], options.workers, options.limit, root) for name in options.names]
    return 0 if all(held) else 1


def run(claim: Claim, workers: int, limit: int | None, root: Path = ROOT) -> bool:
    """Run one claim, write its result and the docs pages, and tell whether it holds."""
    digest = claim.digest(root)
    context = Context(
        claim.name, root / record.WORK / claim.name, claim.replications_digest(root), workers, limit
    )
    begin = time.perf_counter()
    verdict = claim.run(context)
    seconds = time.perf_counter() - begin
    result = record.compose(claim, verdict, digest, seconds, context.computed_seconds)
    if limit is None:
        written, remark = record.write(result, root / record.RESULTS), ""
        _write_pages(root)
    else:
        written, remark = record.write(result, context.work), " (limited: not a result)"
    standing = "holds" if result["passed"] else "DOES NOT HOLD"
    print(f"{claim.name}: {standing} ({seconds:.0f} s), {written.relative_to(root)}{remark}")
    return bool(result["passed"])


def _list(claims: dict[str, Claim], root: Path) -> int:
    records = record.read_all(root)
    for name, claim in claims.items():
        standing = record.state(claim, records.get(name), root).split(":")[0]
        print(f"{name} [{standing}] issue {claim.issue}: {claim.text}")
    return 0


def _write_pages(root: Path) -> list[Path]:
    """Write every page that is made from the results, and return where."""
    records = record.read_all(root)
    for made in OF_RESULTS:
        (root / made.PAGE).write_text(made.render(records), encoding="utf-8")
    return [root / made.PAGE for made in OF_RESULTS]


def _write_of_code(root: Path) -> list[Path]:
    """Write every page that is made from tables of the code, and return where."""
    made = [(path, text) for module in OF_CODE for path, text in module.files(root)]
    for path, text in made:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return [path for path, _ in made]


def _check(claims: dict[str, Claim], root: Path) -> int:
    """Print what is wrong, and nothing when nothing is."""
    records = record.read_all(root)
    states = {name: record.state(claim, records.get(name), root) for name, claim in claims.items()}
    states |= {name: "orphan: no claim has this name" for name in records if name not in claims}
    wrong = {name: standing for name, standing in states.items() if standing != "ok"}
    for made in OF_RESULTS if records else ():
        if (root / made.PAGE).read_text(encoding="utf-8") != made.render(records):
            wrong[made.PAGE] = "not made from these results; run `python -m evidence page`"
    for name, standing in wrong.items():
        print(f"{name}: {standing}")
    return 1 if wrong else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m evidence", description=__doc__)
    tasks = parser.add_subparsers(dest="task", required=True)
    tasks.add_parser("list", help="name every claim and how it stands")
    tasks.add_parser("check", help="say which results are missing, failed or older than the code")
    tasks.add_parser("page", help="write what the docs make from results and from tables of the code")
    running = tasks.add_parser("run", help="run claims; a long one goes on where it was killed")
    running.add_argument("names", nargs="+", metavar="NAME")
    running.add_argument("--workers", type=_positive, default=1, help="processes (default 1)")
    running.add_argument("--limit", type=_positive, help="take only so many seeds; not recorded as a result")
    return parser


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("expected 1 or more")
    return value


if __name__ == "__main__":
    sys.exit(main())
