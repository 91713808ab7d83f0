"""Help texts, wrong use, and exit codes: 0 done, 1 refused or failed, 2 wrong use."""
import re

import pytest

from conftest import ROOT

COMMANDS = [name.replace("_", "-") for name in re.findall(
    r"X\((\w+)\)", re.search(r"#define COMMANDS\(X\)(.*\\\n)*.*", (ROOT / "cmd/command.h").read_text()).group())]
assert "serve" in COMMANDS and "version" in COMMANDS


@pytest.mark.parametrize("arguments", [["help"], ["--help"], ["-h"]])
def test_help_lists_every_command(linnet, arguments):
    done = linnet(*arguments)
    assert (done.code, done.err) == (0, "")
    for name in COMMANDS:
        assert re.search(r"^  %s +[A-Z]" % name, done.out, re.M)


def test_no_command_is_wrong_use_and_prints_the_help_on_stderr(linnet):
    done = linnet()
    assert (done.code, done.out) == (2, "")
    assert done.err == linnet("help").out


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_help_of_its_own(linnet, name):
    done = linnet(name, "--help")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("linnet %s: " % name)
    assert "\nUsage: linnet %s" % name in done.out
    assert "--help" in done.out
    assert linnet("help", name).out == done.out
    assert linnet(name, "-h").out == done.out


@pytest.mark.parametrize("arguments", [["version"], ["--version"]])
def test_version_is_the_one_of_the_build(linnet, arguments):
    version = re.search(r"version: '([^']+)'", (ROOT / "meson.build").read_text()).group(1)
    done = linnet(*arguments)
    assert (done.code, done.out, done.err) == (0, "linnet %s\n" % version, "")


@pytest.mark.parametrize("typed, meant", [("hlep", "help"), ("jdi", "jid"), ("versoin", "version"), ("verson", "version")])
def test_a_mistyped_command_is_wrong_use_with_a_hint(linnet, typed, meant):
    done = linnet(typed)
    assert (done.code, done.out) == (2, "")
    assert 'there is no command "%s"; did you mean "%s"?' % (typed, meant) in done.err


@pytest.mark.parametrize("typed", ["xyzzy", "", pytest.param("x" * 10000, id="10000 bytes"), "--nothing"])
def test_a_command_that_resembles_none_has_no_hint(linnet, typed):
    done = linnet(typed)
    assert done.code == 2
    assert "there is no command" in done.err and "did you mean" not in done.err


def test_help_on_an_unknown_command_is_wrong_use(linnet):
    assert linnet("help", "xyzzy").code == 2


@pytest.mark.parametrize("arguments", [["version", "x"], ["help", "jid", "x"], ["jid"]])
def test_too_few_or_many_arguments_are_wrong_use_and_say_how_it_goes(linnet, arguments):
    done = linnet(*arguments)
    assert (done.code, done.out) == (2, "")
    assert "Usage: linnet %s" % arguments[0] in done.err


def test_output_that_cannot_be_written_is_a_failure(linnet):
    with open("/dev/full", "w") as full:
        done = linnet("help", stdout=full)
    assert done.code == 1
    assert "cannot write" in done.err
