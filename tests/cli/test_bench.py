"""The benchmarks with a server and clients: they run, and count what arrives. Nothing is said about times."""
import re
import subprocess

import pytest
from conftest import BUILD


def bench(name, *arguments):
    return subprocess.run([BUILD / "bench" / name, *arguments], text=True, capture_output=True, timeout=60,
                          stdin=subprocess.DEVNULL)


def test_every_routed_message_arrives():
    done = bench("bench-routed", "--messages", "400", "--pairs", "4", "--window", "10")
    assert (done.returncode, done.stderr) == (0, "")
    for stream in "plain", "TLS":
        for shape in "pipelined", "ping-pong":
            assert re.search(r"^> routed message, %s, %s, 1 worker +\d+\.\d\d CPU s/million" % (stream, shape), done.stdout, re.M)


def test_idle_sessions_are_counted():
    done = bench("bench-idle", "--sessions", "20", "--blocks")
    assert (done.returncode, done.stderr) == (0, "")
    for stream in "plain", "TLS":
        assert re.search(r"^> idle session, %s" % stream, done.stdout, re.M)
        assert re.search(r"^%s, bytes a session" % stream, done.stdout, re.M)


@pytest.mark.parametrize("arguments", [["--messages", "0"], ["--messages", "3", "--pairs", "4"], ["--window", "much"]])
def test_numbers_are_checked(arguments):
    done = bench("bench-routed", *arguments)
    assert done.returncode != 0 and done.stderr and not done.stdout
