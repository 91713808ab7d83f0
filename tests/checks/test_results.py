"""scripts/results, scripts/run-case and scripts/run-cases count what happened, whatever a program does."""
import subprocess

import pytest

from conftest import SCRIPTS


def run(tree, script, *arguments):
    return subprocess.run([SCRIPTS / script, *arguments], cwd=tree.root, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          text=True, errors="replace", env={"PATH": "/usr/bin:/bin", "CASE_SECONDS": "20" if "pytest" in arguments else "1"})


def results(tree):
    """(exit code, last line) of scripts/results."""
    done = run(tree, "results")
    return done.returncode, done.stdout.splitlines()[-1]


def test_cases_of_all_suites_are_added_up(tree):
    tree.write("results/a/1.xml", '<testsuite><testcase name="x"/><testcase name="y"><skipped/></testcase></testsuite>')
    tree.write("results/b/2.xml", '<testsuites><testsuite><testcase name="z"/></testsuite></testsuites>')
    assert results(tree) == (0, "2 passed, 0 failed, 1 skipped")


@pytest.mark.parametrize("text", ["", "<testsuite>", "<testsuites/>"])
def test_a_broken_or_empty_file_is_a_failure(tree, text):
    tree.write("results/a/1.xml", text)
    assert results(tree) == (1, "0 passed, 1 failed, 0 skipped")


def test_a_suite_without_results_is_a_failure(tree):
    tree.write("results/a/1.xml", '<testsuite><testcase name="x"/></testsuite>')
    (tree.root / "results/b").mkdir()
    assert results(tree) == (1, "1 passed, 1 failed, 0 skipped")


def test_a_run_without_cases_is_a_failure(tree):
    (tree.root / "results").mkdir()
    assert results(tree) == (1, "0 passed, 0 failed, 0 skipped")


@pytest.mark.parametrize("command, counted", [
    ("true", "1 passed, 0 failed, 0 skipped"),
    ("exit 3", "0 passed, 1 failed, 0 skipped"),
    ("kill -SEGV $$", "0 passed, 1 failed, 0 skipped"),
    ("sleep 60", "0 passed, 1 failed, 0 skipped"),
    (r"printf '\377\001 ]]> <&\"'; exit 1", "0 passed, 1 failed, 0 skipped"),
])
def test_a_command_is_one_case(tree, command, counted):
    run(tree, "run-case", "s", "n", "bash", "-c", command)
    assert results(tree)[1] == counted


WRITE = 'echo "<testsuites><testsuite name=\'g\'>%s</testsuite></testsuites>" >"$CMOCKA_XML_FILE"; '
GOOD = "<testcase name='a'/><testcase name='b'/>"
BAD = "<testcase name='a'/><testcase name='b'><failure/></testcase>"


@pytest.mark.parametrize("command, counted", [
    (WRITE % GOOD, "2 passed, 0 failed, 0 skipped"),
    (WRITE % BAD + "exit 1", "1 passed, 1 failed, 0 skipped"),
    (WRITE % GOOD + "exit 23", "2 passed, 1 failed, 0 skipped"),
    (WRITE % GOOD + "kill -ABRT $$", "2 passed, 1 failed, 0 skipped"),
    (WRITE % GOOD + "sleep 60", "2 passed, 1 failed, 0 skipped"),
    ("true", "0 passed, 1 failed, 0 skipped"),
    ("kill -SEGV $$", "0 passed, 1 failed, 0 skipped"),
])
def test_a_program_with_cases_of_its_own_cannot_hide_its_end(tree, command, counted):
    run(tree, "run-cases", "s", "g/n", "bash", "-c", command)
    assert results(tree)[1] == counted


def test_both_ends_of_a_long_message_are_shown(tree):
    lines = "".join("line %d;\n" % n for n in range(1000))
    tree.write("results/a/1.xml", '<testsuite><testcase name="x"><failure>%s</failure></testcase></testsuite>' % lines)
    text = run(tree, "results").stdout
    assert "line 0;" in text and "line 999;" in text and "line 500;" not in text


def test_a_failed_python_test_shows_the_logs_in_its_folder(tree):
    tree.write("test_it.py", "def test_it(tmp_path):\n    (tmp_path / 'server.log').write_text('last words')\n    assert 0\n")
    run(tree, "run-cases", "s", "n", "env", "PYTHONDONTWRITEBYTECODE=1", "PYTHONPATH=%s" % SCRIPTS, "/usr/bin/python3", "-m", "pytest", "-p",
        "no:cacheprovider", "-p", "pytest_logs", "test_it.py", "--junitxml=results/s/n.xml")
    done = run(tree, "results").stdout
    assert "last words" in done and done.endswith("0 passed, 1 failed, 0 skipped\n")
