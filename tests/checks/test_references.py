"""scripts/check-references finds what it is for."""
import pytest


@pytest.fixture(autouse=True)
def small_tree(tree):
    tree.write("build/gcc/cmd/linnet", '#!/bin/sh\nprintf "# %s\\n\\n| a |\\n" "$1"\n')
    (tree.root / "build/gcc/cmd/linnet").chmod(0o755)
    tree.write("docs/OPTIONS.md", "# options\n\n| a |\n")
    tree.write("docs/MODULES.md", "# modules\n\n| a |\n")


def test_what_the_program_prints_is_fine(tree):
    tree.assert_clean("references")


@pytest.mark.parametrize("name", ["OPTIONS", "MODULES"])
@pytest.mark.parametrize("text", ["", "# else\n", "# options\n\n| a |", "# options\n\n| a |\n\n"])
def test_another_text_is_found(tree, name, text):
    tree.write("docs/%s.md" % name, text)
    code, output = tree.check("references")
    assert code == 1 and output.startswith("docs/%s.md:1: " % name)


def test_a_document_that_is_missing_is_found(tree):
    (tree.root / "docs/OPTIONS.md").unlink()
    assert tree.check("references")[0] == 1


def test_a_program_that_fails_is_found(tree):
    tree.write("build/gcc/cmd/linnet", "#!/bin/sh\nexit 3\n")
    code, output = tree.check("references")
    assert code == 1 and "cannot be run" in output
