"""scripts/check-requirements finds what it is for."""
import pytest

CMOCKA = """<testsuites><testsuite name="xml/framer"><testcase name="good"/><testcase name="skipped"><skipped/></testcase>
<testcase name="bad"><failure><![CDATA[x]]></failure></testcase></testsuite></testsuites>"""
PYTEST = """<testsuites><testsuite name="pytest"><testcase classname="tests.cli.test_help" name="test_a[1]"/>
<testcase classname="tests.cli.test_help" name="test_a[2]"/></testsuite></testsuites>"""

SCENARIOS = """<testsuites><testsuite name="pytest">
<testcase classname="tests.scenario.test_scenarios" name="test_scenario[login-one]"/>
<testcase classname="tests.scenario.test_scenarios" name="test_scenario[logout-one]"/>
<testcase classname="tests.scenario.test_scenarios" name="test_scenario[logout-move]"><failure/></testcase>
</testsuite></testsuites>"""


@pytest.fixture
def requirement(tree):
    """Writes a table of one row that names these tests."""
    def write(cell):
        tree.write("results/unit-gcc/xml-framer.xml", CMOCKA)
        tree.write("results/cli/pytest.xml", PYTEST)
        tree.write("results/scenario/pytest.xml", SCENARIOS)
        tree.write("docs/REQUIREMENTS.md",
                   "| requirement | source | tests |\n| --- | --- | --- |\n| r | RFC 6120, 4 | %s |\n" % cell)
        return tree.check("requirements")
    return write


@pytest.mark.parametrize("cell", ["`unit/xml/framer/good`", "`cli/test_help/test_a`", "`scenario/login`"])
def test_a_test_that_passed_is_fine(requirement, cell):
    assert requirement(cell) == (0, "1 requirements\n")


@pytest.mark.parametrize("cell, says", [
    ("`unit/xml/framer/none`", "did not run"),
    ("`scenario/none`", "did not run"),
    ("`scenario/logout`", "failed"),
    ("`unit/xml/framer/bad`", "failed"),
    ("`unit/xml/framer/skipped`", "skipped"),
    ("`unit/xml/framer/good` `unit/xml/framer/none`", "none did not run"),
    ("soon", "no test shows this"),
])
def test_a_test_that_did_not_pass_is_found(requirement, cell, says):
    code, output = requirement(cell)
    assert code == 1
    assert "docs/REQUIREMENTS.md:3: " in output and says in output


def test_a_test_that_failed_in_one_build_is_found(tree, requirement):
    tree.write("results/unit-asan/xml-framer.xml", CMOCKA.replace('"good"/>', '"good"><failure/></testcase>'))
    assert requirement("`unit/xml/framer/good`")[0] == 1


def test_a_document_without_a_table_is_found(tree):
    tree.write("results/cli/pytest.xml", PYTEST)
    tree.write("docs/REQUIREMENTS.md", "none\n")
    assert tree.check("requirements")[0] == 1
