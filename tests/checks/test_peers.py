"""scripts/check-peers finds what it is for."""
import pytest

TABLE = """[[difference]]
peers = ["ejabberd", "prosody"]
does = "Sleeps."
text = "It is awake (RFC 1, 1)."
[difference.instead]
one = [["a", "b"]]

[[unfit]]
peers = ["prosody"]
scenarios = ["two"]
why = "It cannot."
"""
SECTION = """# Doc

## Where other servers do otherwise

Text.

| who | does | but | seen in |
| --- | --- | --- | --- |
| ejabberd, Prosody | Sleeps. | It is awake (RFC 1, 1). | `one` |

Not played to them:

| scenario | who | why |
| --- | --- | --- |
| `two` | Prosody | It cannot. |
"""


@pytest.fixture(autouse=True)
def small_tree(tree):
    tree.write("tests/peers/differences.toml", TABLE)
    tree.write("docs/PROTOCOL.md", SECTION)
    tree.write("tests/scenario/one.scenario", "# one\n")
    tree.write("tests/scenario/two.scenario", "# two\n")


def test_equal_tables_are_fine(tree):
    tree.assert_clean("peers")


def test_another_section_may_follow(tree):
    tree.write("docs/PROTOCOL.md", SECTION + "\n## More\n\n| a |\n")
    tree.assert_clean("peers")


@pytest.mark.parametrize("text", [
    "# Doc\n", SECTION.replace("Sleeps", "Wakes"), SECTION + "| `three` | Prosody | It cannot. |\n",
    SECTION.replace("| `two` | Prosody | It cannot. |\n", "")])
def test_a_document_that_says_something_else_is_found(tree, text):
    tree.write("docs/PROTOCOL.md", text)
    tree.assert_found("peers", "docs/PROTOCOL.md:")


def test_a_scenario_that_is_gone_is_found(tree):
    (tree.root / "tests/scenario/two.scenario").unlink()
    tree.assert_found("peers", "tests/peers/differences.toml:1: there is no scenario two")
