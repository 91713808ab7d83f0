"""For the tests of the checks: a small tree in a temporary folder, and a way to run a check on it."""
import pathlib
import subprocess

import pytest

SCRIPTS = pathlib.Path(__file__).resolve().parent.parent.parent / "scripts"


class Tree:
    def __init__(self, root):
        self.root = root

    def write(self, path, text):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def check(self, name, *arguments):
        """(exit code, output) of scripts/check-NAME on this tree."""
        done = subprocess.run([SCRIPTS / ("check-" + name), self.root, *arguments], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return done.returncode, done.stdout

    def assert_clean(self, name, *arguments):
        assert self.check(name, *arguments) == (0, "")

    def assert_found(self, name, where, *arguments):
        """The check fails and names `where`, and nothing else."""
        code, output = self.check(name, *arguments)
        assert code == 1
        assert [line for line in output.splitlines() if where not in line] == []
        assert where in output


@pytest.fixture
def tree(tmp_path):
    return Tree(tmp_path)
