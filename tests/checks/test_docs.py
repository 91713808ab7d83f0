"""scripts/check-docs finds what it is for."""
import pytest


@pytest.fixture(autouse=True)
def small_tree(tree):
    tree.write("lib/xml/framer.c", "void framer_feed(int x)\n{\n}\n")
    tree.write("cmd/command.h", "#define COMMANDS(X) X(jid) X(help)\n\n")
    tree.write("cmd/jid.c", '{ "part", "PART", "…" }\n')
    tree.write("tests/unit/xml/framer.c", "static void a_fact(void **state)\n")
    tree.write("tests/cli/test_x.py", "def test_a_fact(linnet):\n")
    tree.write("tests/scenario/test_all.py", "def test_one(name):\n")
    tree.write("scripts/check-docs", "")
    tree.write("tests/scenario/login.scenario", "account a@b\n")
    tree.write("tests/sim/planted/bug.patch", "")
    tree.write("tests/sim/faults/points.h", "X(disk, 1)\n")
    tree.write("test", "scripts/run-case sim storm build/x\n")
    tree.write("README.md", "`linnet jid` and `linnet help`\n")


@pytest.mark.parametrize("text", [
    "`lib/xml/framer.c`", "`framer.c`", "`lib/xml/`", "`framer_feed()`", "`linnet jid --part local`", "`build/gcc`",
    "`lib/FLOOR/NAME.c`", "text/html", "lib/none.c without backticks", "`a = b / c`", "    ./README.md", "`unit/xml/framer/a_fact`", "`cli/test_x/test_a_fact`",
    "`scenario/test_all/test_one`", "`scenario/login`", "`checks/check-docs`", "`sim/storm`", "`sim/planted_bug`",
    "`sim/faults_disk`", "`sim/faults_disk_asan`", "`sim/faults_find_bug`", "    build/gcc/x 1/2"])
def test_what_exists_is_fine(tree, text):
    tree.write("docs/HACKING.md", "\n%s\n" % text)
    tree.assert_clean("docs")


@pytest.mark.parametrize("text", [
    "`lib/xml/none.c`", "`none.c`", "`framer_none()`", "`linnet none`", "`linnet jid --none`", "`lib/none/NAME.c`",
    "```\nlinnet none\n```", "    linnet none", "    linnet jid --none", "    scripts/none 1", "    ./none",
    "`fuzz/none`", "`unit/xml/framer/none`", "`unit/xml/none/a_fact`", "`cli/test_x/test_none`",
    "`scenario/test_all/test_none`", "`checks/check-none`", "`scenario/none`", "`sim/none`", "`sim/planted_none`", "`sim/faults_none`", "`sim/faults_find_none`"])
def test_what_does_not_exist_is_found(tree, text):
    tree.write("docs/HACKING.md", "\n%s\n" % text)
    tree.assert_found("docs", "docs/HACKING.md:")


def test_an_undocumented_command_is_found(tree):
    tree.write("tests/unit/xml/framer.c", "static void a_fact(void **state)\n")
    tree.write("tests/cli/test_x.py", "def test_a_fact(linnet):\n")
    tree.write("tests/scenario/test_all.py", "def test_one(name):\n")
    tree.write("scripts/check-docs", "")
    tree.write("tests/scenario/login.scenario", "account a@b\n")
    tree.write("README.md", "`linnet jid`\n")
    tree.assert_found("docs", "linnet help is in no document")


def test_a_rule_that_is_cited_must_be_there(tree):
    tree.write("docs/SECURITY.md", "| P1 | one parser |\n")
    tree.write("lib/xml/node.c", "/* docs/SECURITY.md, P1 */\n")
    tree.assert_clean("docs")
    tree.write("lib/xml/node.c", "/* docs/SECURITY.md, P1 to " "P9 */\n")
    tree.assert_found("docs", "lib/xml/node.c:1: docs/SECURITY.md has no rule P9")


@pytest.mark.parametrize("folder", ["wo" "rk", "ro" "ot", "ho" "me"])
def test_a_folder_of_a_machine_is_found(tree, folder):
    tree.write("lib/xml/node.c", "\n/* see /%s/x/node.c */\n" % folder)
    tree.assert_found("docs", "lib/xml/node.c:2: ")
