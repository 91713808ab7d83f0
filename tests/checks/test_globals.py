"""scripts/check-globals finds what it is for."""
import subprocess

import pytest


def build(tree, floor, name, source):
    """A static library of one object, where meson would put it."""
    tree.write("build/gcc/%s/x.c" % floor, source)
    folder = tree.root / "build/gcc" / floor
    subprocess.run(["gcc", "-fPIC", "-O2", "-c", "x.c", "-o", name + ".c.o"], cwd=folder, check=True)
    subprocess.run(["ar", "csrD", "lib%s.a" % floor.split("/")[1], name + ".c.o"], cwd=folder, check=True)


@pytest.mark.parametrize("source", [
    "int count;", "static int on = 1; int *f(void) { return &on; }", "_Thread_local int depth;",
    "_Thread_local int depth = 1;", "int f(void) { static int calls; return ++calls; }",
    "extern int e; int *pointer = &e;", 'const char *names[] = { "a" };'])
def test_mutable_state_is_found(tree, source):
    build(tree, "lib/xml", "node", source)
    tree.assert_found("globals", "lib/xml/node.c:1: ")


@pytest.mark.parametrize("source", [
    "const int limit = 1; const int *f(void) { return &limit; }", 'const char *const names[] = { "a" };',
    "extern int e; int *const pointer = &e;", "int f(void) { return 1; }"])
def test_constants_are_fine(tree, source):
    build(tree, "server/core", "worker", source)
    tree.assert_clean("globals")


def test_the_hooks_of_mem_c_are_allowed_there_only(tree):
    build(tree, "lib/base", "mem", "struct { int x; } hooks;")
    tree.assert_clean("globals")
    build(tree, "lib/xml", "mem", "struct { int x; } hooks;")
    tree.assert_found("globals", "lib/xml/mem.c:1: ")


def test_a_build_without_libraries_proves_nothing(tree):
    tree.write("build/gcc/x", "")
    assert tree.check("globals")[0] == 1
