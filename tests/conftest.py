"""What holds for every test: a tier proves something, or fails."""

from __future__ import annotations

import hypothesis
import pytest

# No test asserts a time: a busy machine is not a defect.
hypothesis.settings.register_profile("causalsig", deadline=None)
hypothesis.settings.load_profile("causalsig")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the tiers that need Debian packages to the runs that name them."""
    if config.option.markexpr:
        return
    tiers = {"browser", "postgres", "spelling"}
    left_out = [item for item in items if tiers & {mark.name for mark in item.iter_markers()}]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in set(left_out)]


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Fail a run in which no test passed or one was skipped: a missing tool is a failure, never a skip."""
    if session.config.option.collectonly or exitstatus != pytest.ExitCode.OK:
        return
    if hasattr(session.config, "workerinput"):  # one of several processes: the first one judges all of them
        return
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    assert reporter is not None
    passed, skipped = (len(reporter.stats.get(kind, [])) for kind in ("passed", "skipped"))
    if skipped or not passed:
        reporter.write_line(
            f"{passed} passed and {skipped} skipped: a tier proves something, or fails", red=True
        )
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
