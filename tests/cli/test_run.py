"""./run and the scripts behind it, without building anything."""
import subprocess

import pytest

from conftest import ROOT


@pytest.mark.parametrize("command", [
    ["scripts/setup"], ["scripts/setup", "all"], ["scripts/build"], ["scripts/build", "all"], ["scripts/fuzz", "none"],
    ["./test", "--none"], ["./test", "--only"], ["./test", "--only", "none"]])
def test_wrong_use_of_a_script_is_exit_code_2(command):
    done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr != ""


def test_setup_without_a_way_to_install_says_what_to_run(tmp_path):
    """As a user without sudo, on a machine where a command is missing."""
    for name in ("dpkg-query", "apt-get"):
        (tmp_path / name).write_text("#!/bin/sh\nexit 1\n")
        (tmp_path / name).chmod(0o755)
    (tmp_path / "id").write_text("#!/bin/sh\necho 1000\n")
    (tmp_path / "id").chmod(0o755)
    for name in ("bash", "env", "cat", "dirname"):
        (tmp_path / name).symlink_to("/usr/bin/" + name)
    done = subprocess.run(["/bin/bash", ROOT / "scripts/setup", "build"], env={"PATH": str(tmp_path)},
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "run as root: apt-get install" in done.stderr and "meson" in done.stderr
