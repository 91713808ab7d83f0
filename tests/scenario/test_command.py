"""linnet scenario itself: what it says and how it exits."""
import socket
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest

import server as support

GOOD = "# good\nraw opens raw\n"


def scenario(*arguments):
    return subprocess.run([support.program(), "scenario", *map(str, arguments)], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=60)


def write(folder, name, text):
    file = folder / name
    file.write_text(text)
    return file


@pytest.fixture
def port():
    """Where connections are accepted, and nobody speaks."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_help_explains_the_language():
    done = scenario("--help")
    assert done.returncode == 0
    for word in ("connects as", "receives nothing", "{any}", "{=name}", "{more}", "{ordered}", "--server HOST:PORT"):
        assert word in done.stdout


def test_passed_is_0_and_failed_is_1(tmp_path, port):
    good = write(tmp_path, "good.scenario", GOOD)
    bad = write(tmp_path, "bad.scenario", "# bad\nraw opens raw\nraw receives <a/>\n")
    done = scenario("--server", "127.0.0.1:%d" % port, good)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("passed  good (0.0") and done.stdout.endswith("\n1 passed, 0 failed, 0 skipped\n")
    done = scenario("--server", "localhost:%d" % port, "--timeout", 1, good, bad)
    assert done.returncode == 1
    assert "FAILED  bad (1.0" in done.stdout
    assert "%s:3: raw receives\n  this did not happen in time\n  expected\n    <a/>\n" % bad in done.stdout
    assert done.stdout.endswith("1 passed, 1 failed, 0 skipped\n")


def test_busy_work_is_not_needed_to_fail(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    done = scenario("--server", "127.0.0.1:%d" % port, write(tmp_path, "x", GOOD))
    assert done.returncode == 1
    assert "Connection refused" in done.stdout


def test_results_are_written_as_junit(tmp_path, port):
    junit = tmp_path / "results.xml"
    files = [write(tmp_path, "a", GOOD), write(tmp_path, "b", "# killed\nserver is killed\n"),
             write(tmp_path, "c", "# refused\nraw opens raw\nraw receives bytes \"x\"\n")]
    done = scenario("--server", "127.0.0.1:%d" % port, "--junit", junit, "--timeout", 1, *files)
    assert done.returncode == 1
    cases = list(ElementTree.parse(junit).iter("testcase"))
    assert [case.get("name") for case in cases] == ["good", "killed", "refused"]
    assert [[child.tag for child in case] for case in cases] == [[], ["skipped"], ["failure"]]
    assert float(cases[2].get("time")) >= 1
    assert cases[2][0].get("message") == "%s:3: raw receives bytes \"x\"" % files[2]


def test_what_the_server_cannot_do_is_skipped(tmp_path, port):
    done = scenario("--server", "127.0.0.1:%d" % port, write(tmp_path, "x", "# x\nraw opens raw with tls direct\n"),
                    write(tmp_path, "y", "# y\nserver restarts\n"))
    assert done.returncode == 0
    assert "skipped x (0.000 s): line 2: no address of the server is known for direct TLS\n" in done.stdout
    assert "skipped y (0.000 s): line 2: nothing is known to restart the server\n" in done.stdout


@pytest.mark.parametrize("word, shell, outcome", [
    ("is killed", "test $1 = kill", "1 passed, 0 failed"),
    ("restarts", "test $1 = restart", "1 passed, 0 failed"),
    ("stops", "exit 3", "0 passed, 1 failed"),
    ("starts", "kill -9 $$", "0 passed, 1 failed"),
])
def test_control_program_is_run(tmp_path, port, word, shell, outcome):
    control = write(tmp_path, "control", "#!/bin/sh\n%s\n" % shell)
    control.chmod(0o755)
    done = scenario("--server", "127.0.0.1:%d" % port, "--control", control, write(tmp_path, "x", "# x\nserver %s\n" % word))
    assert outcome in done.stdout


def test_control_program_that_is_none_is_said_so(tmp_path, port):
    done = scenario("--server", "127.0.0.1:%d" % port, "--control", tmp_path / "none",
                    write(tmp_path, "x", "# x\nserver stops\n"))
    assert "skipped x" in done.stdout and "No such file" in done.stderr


@pytest.mark.parametrize("arguments, message", [
    ([], "too few arguments"),
    (["FILE"], "--server HOST:PORT is missing"),
    (["--server", "nowhere", "FILE"], "\"nowhere\" is not HOST:PORT"),
    (["--server", "127.0.0.1:", "FILE"], "is not HOST:PORT"),
    (["--server", ":5222", "FILE"], "is not HOST:PORT"),
    (["--server", "127.0.0.1:99999", "FILE"], "\"127.0.0.1:99999\" is not HOST:PORT"),
    (["--server", "nowhere.invalid:5222", "FILE"], "nowhere.invalid:5222: "),
    (["--server", "127.0.0.1:1", "--timeout", "0", "FILE"], "--timeout: \"0\" is no number of seconds"),
    (["--server", "127.0.0.1:1", "--ca", "FILE", "--insecure", "FILE"], "exclude each other"),
    (["--server", "127.0.0.1:1", "--ca", "/nonexistent", "FILE"], "/nonexistent"),
    (["--server", "127.0.0.1:1", "--accounts", "/nonexistent", "FILE"], "/nonexistent: No such file"),
    (["--server", "127.0.0.1:1", "--accounts", "FILE", "FILE"], "FILE:1: this is no JSON object with a \"jid\""),
    (["--server", "127.0.0.1:1", "/nonexistent"], "/nonexistent: No such file"),
    (["--server", "127.0.0.1:1", "/"], "Is a directory"),
    (["--server", "127.0.0.1:1", "FILE", "WRONG", "WRONG"], "WRONG:2: what is this?"),
])
def test_wrong_use_is_2(tmp_path, arguments, message):
    names = {"FILE": write(tmp_path, "x", GOOD), "WRONG": write(tmp_path, "wrong", "# x\nwhat?\n")}
    done = scenario(*[names.get(word, word) for word in arguments])
    assert (done.returncode, done.stdout) == (2, "")
    for name, path in names.items():
        message = message.replace(name + ":", str(path) + ":")
    assert message in done.stderr


def test_every_wrong_file_is_named(tmp_path):
    files = [write(tmp_path, name, "# x\nwhat?\n") for name in "abc"]
    done = scenario("--server", "127.0.0.1:1", *files)
    assert done.returncode == 2
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == [str(file) for file in files]


def test_passwords_are_those_of_the_accounts_file(tmp_path):
    server = support.Server(tmp_path)
    server.add_accounts({"romeo@localhost": "secret, \u00fcnd so"})
    accounts = write(tmp_path, "passwords.jsonl", '\n{"jid": "romeo@localhost", "password": "secret, \\u00fcnd so"}\n')
    file = write(tmp_path, "x", "# x\naccount romeo@localhost\nromeo connects as romeo/phone\n")
    with server:
        address = "127.0.0.1:%d" % server.port()
        assert scenario("--server", address, "--insecure", file).returncode == 1
        assert scenario("--server", address, "--insecure", "--accounts", accounts, file).returncode == 0


def test_certificate_is_verified(tmp_path):
    server = support.Server(tmp_path)
    server.add_accounts({"romeo@localhost": "romeo"})
    file = write(tmp_path, "x", "# x\naccount romeo@localhost\nromeo connects as romeo/phone\n")
    with server:
        address = "127.0.0.1:%d" % server.port()
        done = scenario("--server", address, file)
        assert done.returncode == 1
        assert "certificate" in done.stdout
        assert scenario("--server", address, "--ca", server.certificate(), file).returncode == 0
