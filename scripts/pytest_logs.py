"""For pytest: a failed test also shows the end of each *.log file in its tmp_path, which is where servers write theirs."""
import pytest

LINES = 30


def tail(path):
    lines = path.read_text(errors="replace").splitlines()
    return "\n".join(lines[-LINES:])


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    folder = getattr(item, "funcargs", {}).get("tmp_path")
    if report.failed and folder and hasattr(report.longrepr, "addsection"):
        for path in sorted(folder.rglob("*.log")):
            report.longrepr.addsection(path.name, tail(path))
