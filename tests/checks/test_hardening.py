"""scripts/check-hardening misses no flag: a program is built with all of them, and with all but one."""
import json
import subprocess

import pytest

COMPILE = ["-O2", "-fPIE", "-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=3", "-fstack-protector-strong",
           "-fstack-clash-protection", "-fcf-protection=full", "-ftrivial-auto-var-init=zero"]
LINK = ["-pie", "-Wl,-z,relro,-z,now,-z,noexecstack"]
SOURCE = """
#include <string.h>
int main(int argc, char **argv)
{
	char text[64];
	strncpy(text, argv[argc - 1], (size_t)argc * 3);
	return text[argc];
}
"""


def build(tree, without=None, instead=None, link=LINK):
    flags = [flag for flag in COMPILE if flag != without] + ([instead] if instead else [])
    tree.write("build/release/cmd/main.c", SOURCE)
    folder = tree.root / "build/release"
    compile_command = ["gcc", *flags, "-c", "cmd/main.c", "-o", "cmd/main.o"]
    subprocess.run(compile_command, cwd=folder, check=True)
    subprocess.run(["gcc", *link, "cmd/main.o", "-o", "cmd/linnet"], cwd=folder, check=True)
    (folder / "compile_commands.json").write_text(json.dumps([{"command": " ".join(compile_command)}], indent=2))


def test_a_hardened_program_passes(tree):
    build(tree)
    tree.assert_clean("hardening")


@pytest.mark.parametrize("without, instead, says", [
    ("-D_FORTIFY_SOURCE=3", None, "FORTIFY"),
    ("-D_FORTIFY_SOURCE=3", "-D_FORTIFY_SOURCE=2", "FORTIFY"),
    ("-fstack-protector-strong", "-fno-stack-protector", "stack protector"),
    ("-fstack-clash-protection", None, "-fstack-clash-protection"),
    ("-fcf-protection=full", "-fcf-protection=none", "control-flow protection"),
    ("-ftrivial-auto-var-init=zero", None, "-ftrivial-auto-var-init=zero"),
    ("-O2", "-O0", "-O2"),
])
def test_a_missing_compiler_flag_is_found(tree, without, instead, says):
    build(tree, without=without, instead=instead)
    code, output = tree.check("hardening")
    assert code == 1
    assert says in output


@pytest.mark.parametrize("link, says", [
    (["-no-pie", "-Wl,-z,relro,-z,now,-z,noexecstack"], "position-independent"),
    (["-pie", "-Wl,-z,norelro,-z,now,-z,noexecstack"], "read-only relocations"),
    (["-pie", "-Wl,-z,relro,-z,lazy,-z,noexecstack"], "lazily"),
    (["-pie", "-Wl,-z,relro,-z,now,-z,execstack"], "executable stack"),
])
def test_a_missing_linker_flag_is_found(tree, link, says):
    build(tree, link=link)
    code, output = tree.check("hardening")
    assert code == 1
    assert says in output


def test_a_program_that_was_not_built_is_no_success(tree):
    assert tree.check("hardening")[0] == 1
