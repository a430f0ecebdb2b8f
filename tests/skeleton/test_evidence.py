"""The evidence runner: replications survive a kill, results cannot pass for newer or other than they are."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from scipy.stats import binom

from evidence import __main__ as command
from evidence import page, record
from evidence.claim import ROOT, Claim, all_claims
from evidence.context import Context
from evidence.montecarlo import exact_interval, mean_and_error, rate_figures

TAIL_TOLERANCE = 1e-9  # the beta quantiles of scipy are good to far better than this


@pytest.fixture
def context(tmp_path: Path) -> Callable[..., Context]:
    def make(digest: str = "a" * 64, workers: int = 1, limit: int | None = None) -> Context:
        return Context("test-claim", tmp_path / "work", digest, workers, limit)

    return make


@pytest.fixture
def counted() -> Iterator[tuple[Callable[[int], dict[str, int]], list[int]]]:
    calls: list[int] = []

    def square(seed: int) -> dict[str, int]:
        calls.append(seed)
        return {"square": seed * seed}

    return square, calls


def test_only_unfinished_seeds_are_computed_again(context, counted) -> None:
    square, calls = counted
    context().replicate(square, range(3))
    results = context().replicate(square, range(5))
    assert calls == [0, 1, 2, 3, 4]
    assert results == [{"square": seed * seed} for seed in range(5)]


def test_replications_of_other_code_are_not_taken_up(context, counted) -> None:
    square, calls = counted
    context().replicate(square, [7])
    context(digest="b" * 64).replicate(square, [7])
    assert calls == [7, 7]


def test_a_line_torn_by_a_kill_is_computed_again(context, counted, tmp_path: Path) -> None:
    square, calls = counted
    context().replicate(square, [1, 2])
    (path,) = (tmp_path / "work").iterdir()
    path.write_bytes(path.read_bytes()[:-9])
    assert context().replicate(square, [1, 2, 3]) == [{"square": 1}, {"square": 4}, {"square": 9}]
    assert calls == [1, 2, 2, 3]
    assert [json.loads(line)["seed"] for line in path.read_text(encoding="utf-8").splitlines()] == [1, 2, 3]


SLOW = """
import sys, time
from pathlib import Path
from evidence.context import Context
context = Context("test-claim", Path(sys.argv[1]), "a" * 64)
context.replicate(lambda seed: time.sleep(0.05) or seed, range(10_000))
"""


def test_a_killed_run_goes_on_where_it_was(context, counted, tmp_path: Path) -> None:
    square, calls = counted
    work = tmp_path / "work"
    run = subprocess.Popen([sys.executable, "-c", SLOW, str(work)], cwd=ROOT)
    lines: list[bytes] = []
    while len(lines) < 3:
        assert run.poll() is None
        time.sleep(0.02)
        lines = [
            line for path in work.glob("*.jsonl") for line in path.read_bytes().splitlines(keepends=True)
        ]
    run.kill()
    run.wait()
    (path,) = work.glob("*.jsonl")
    finished = path.read_bytes().count(b"\n")
    results = context().replicate(square, range(finished + 2))
    assert calls == [finished, finished + 1]
    assert results[: finished + 1] == [*range(finished), {"square": finished**2}]


def test_what_is_finished_before_a_failure_is_kept(context) -> None:
    def fail_at_two(seed: int) -> int:
        if seed == 2:
            raise ArithmeticError
        return seed

    with pytest.raises(ArithmeticError):
        context().replicate(fail_at_two, range(4))
    assert context().replicate(lambda seed: -seed, range(4)) == [0, 1, -2, -3]


def test_two_workers_give_what_one_gives_in_the_order_of_the_seeds(context) -> None:
    seeds = [5, 3, 20, 1, 9]
    assert context(workers=2).replicate(math.factorial, seeds) == [math.factorial(seed) for seed in seeds]


def test_workers_leave_the_thread_settings_as_they_were(context, monkeypatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    context(workers=2).replicate(math.factorial, [1, 2])
    assert os.environ["OMP_NUM_THREADS"] == "7" and "MKL_NUM_THREADS" not in os.environ


def test_a_result_that_is_not_a_number_is_an_error(context) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        context().replicate(lambda _: math.nan, [1])


def test_a_limit_takes_the_first_seeds(context) -> None:
    assert context(limit=2).replicate(math.factorial, [4, 3, 2]) == [24, 6]


@pytest.mark.parametrize(("hits", "trials"), [(0, 400), (1, 20), (380, 400), (400, 400)])
def test_the_exact_interval_inverts_the_binomial_tails(hits: int, trials: int) -> None:
    low, high = exact_interval(hits, trials, 0.99)
    if hits > 0:
        assert binom.sf(hits - 1, trials, low) == pytest.approx(0.005, abs=TAIL_TOLERANCE)
    else:
        assert low == 0
    if hits < trials:
        assert binom.cdf(hits, trials, high) == pytest.approx(0.005, abs=TAIL_TOLERANCE)
    else:
        assert high == 1


def test_a_rate_passes_when_its_interval_overlaps_the_band() -> None:
    assert rate_figures(380, 400, (0.91, 0.99))["passed"]
    assert rate_figures(357, 400, (0.91, 0.99))["passed"], "just outside, within Monte Carlo error"
    assert not rate_figures(330, 400, (0.91, 0.99))["passed"]
    assert not rate_figures(400, 400, (0.91, 0.98))["passed"], "too high counts as well"


@pytest.mark.parametrize(("hits", "trials"), [(-1, 4), (5, 4), (0, 0)])
def test_an_impossible_count_is_an_error(hits: int, trials: int) -> None:
    with pytest.raises(ValueError, match="expected 0 <= hits <= trials"):
        exact_interval(hits, trials)


def test_mean_and_its_monte_carlo_error() -> None:
    assert mean_and_error([1.0, 2.0, 3.0, 6.0]) == pytest.approx((3.0, math.sqrt(14 / 3 / 4)))


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A repository of one covered file, with folders for results and docs."""
    for folder in ("code", "docs", "evidence/results"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "code" / "a.py").write_text("x = 1\n", encoding="utf-8")
    return tmp_path


@pytest.fixture
def claims(monkeypatch: pytest.MonkeyPatch) -> dict[str, Claim]:
    def holds(context: Context) -> dict[str, object]:
        values = context.replicate(math.factorial, range(4))
        return {"passed": True, "figures": {"sum": sum(values)}, "seed": 0, "replications": len(values)}

    def fails(_: Context) -> dict[str, object]:
        return {"passed": False, "figures": {"bias": 0.123456}}

    found = {
        name: Claim(name, f"The claim {name}.", 2, ("code/*.py",), function)
        for name, function in (("it-holds", holds), ("it-fails", fails))
    }
    monkeypatch.setattr(command, "all_claims", lambda: found)
    return found


def test_a_claim_that_holds_is_written_and_checked(house: Path, claims, capsys) -> None:
    del claims["it-fails"]
    assert command.main(["check"], house) == 1
    assert capsys.readouterr().out == "it-holds: missing: never run\n"
    assert command.main(["run", "it-holds"], house) == 0
    capsys.readouterr()
    assert command.main(["check"], house) == 0
    assert capsys.readouterr().out == "", "nothing to say when nothing is wrong"
    written = json.loads((house / "evidence" / "results" / "it-holds.json").read_text(encoding="utf-8"))
    assert written["figures"] == {"sum": 10} and written["replications"] == 4 and written["versions"]["numpy"]


def test_a_claim_that_does_not_hold_exits_1_and_stays_wrong(house: Path, claims, capsys) -> None:
    assert command.main(["run", "it-holds", "it-fails"], house) == 1
    capsys.readouterr()
    assert command.main(["check"], house) == 1
    assert capsys.readouterr().out == "it-fails: failed: the claim does not hold\n"
    shown = (house / "docs" / "evidence.md").read_text(encoding="utf-8")
    assert "**Holds: no.**" in shown and "| bias | 0.1235 |" in shown


def test_a_result_older_than_the_code_is_named(house: Path, claims, capsys) -> None:
    command.main(["run", "it-holds"], house)
    (house / "code" / "a.py").write_text("x = 2\n", encoding="utf-8")
    capsys.readouterr()
    assert command.main(["check"], house) == 1
    assert "it-holds: stale: the code changed since" in capsys.readouterr().out


def test_a_result_edited_by_hand_is_named(house: Path, claims, capsys) -> None:
    command.main(["run", "it-fails"], house)
    path = house / "evidence" / "results" / "it-fails.json"
    path.write_text(
        path.read_text(encoding="utf-8").replace('"passed": false', '"passed": true'), encoding="utf-8"
    )
    capsys.readouterr()
    assert command.main(["check"], house) == 1
    assert "it-fails: edited" in capsys.readouterr().out


def test_a_limited_run_is_no_result(house: Path, claims) -> None:
    assert command.main(["run", "it-holds", "--limit", "2"], house) == 0
    assert list((house / "evidence" / "results").iterdir()) == []


def test_an_unknown_claim_is_a_usage_error(house: Path, claims, capsys) -> None:
    assert command.main(["run", "no-such-claim"], house) == 2
    assert "no-such-claim" in capsys.readouterr().err


def test_a_claim_that_covers_no_code_is_an_error(house: Path, claims) -> None:
    lost = Claim("lost", "", 2, ("gone/*.py",), lambda _: {})
    with pytest.raises(ValueError, match="expected files under 'gone/"):
        lost.digest(house)


def test_another_judgement_keeps_the_replications_and_other_code_does_not(house: Path) -> None:
    (house / "code" / "judge.py").write_text("LIMIT = 1\n")
    one = Claim("one", "", 2, ("code/*.py",), lambda _: {}, ("code/[!j]*.py",))
    before = (one.digest(house), one.replications_digest(house))
    (house / "code" / "judge.py").write_text("LIMIT = 2\n")
    judged = (one.digest(house), one.replications_digest(house))
    assert judged[0] != before[0] and judged[1] == before[1]
    (house / "code" / "more.py").write_text("")
    assert one.replications_digest(house) != before[1]
    whole = Claim("one", "", 2, ("code/*.py",), lambda _: {})
    assert whole.replications_digest(house) == whole.digest(house)


def test_a_verdict_must_say_whether_it_passed(claims) -> None:
    with pytest.raises(ValueError, match="expected passed"):
        record.compose(claims["it-holds"], {"figures": {}}, "", 0.0, 0.0)


def test_every_claim_of_the_project_can_be_found_and_covers_code() -> None:
    found = all_claims()
    assert "light-start" in found
    for name, claim in found.items():
        assert claim.text.endswith(".") and claim.issue > 0, name
        assert len(claim.digest()) == 64


def test_the_evidence_page_is_made_from_the_results() -> None:
    assert (ROOT / page.PAGE).read_text(encoding="utf-8") == page.render(record.read_all())
