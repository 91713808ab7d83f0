"""For the tests of the program: linnet(…) runs it. LINNET_BUILD names the build folder (build/gcc, if not set)."""
import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("LINNET_BUILD", ROOT / "build/gcc"))


class Done:
    def __init__(self, process):
        self.code = process.returncode
        self.out = process.stdout
        self.err = process.stderr


@pytest.fixture
def linnet():
    def run(*arguments, stdout=subprocess.PIPE):
        return Done(subprocess.run([BUILD / "cmd/linnet", *arguments], stdin=subprocess.DEVNULL, stdout=stdout,
                                   stderr=subprocess.PIPE, timeout=60, encoding="utf-8", errors="backslashreplace"))
    return run
