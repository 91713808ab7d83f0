"""scripts/check-sizes finds what it is for."""


def function(lines):
    return "void f(void)\n{\n" + "\ta();\n" * (lines - 1) + "}\n"


def test_800_lines_are_fine_and_801_are_not(tree):
    tree.write("lib/base/a.c", "\n" * 800)
    tree.assert_clean("sizes")
    tree.write("lib/base/a.c", "\n" * 801)
    tree.assert_found("sizes", "lib/base/a.c:800: ")


def test_a_function_of_100_lines_is_fine_and_101_are_not(tree):
    tree.write("lib/base/a.c", function(100))
    tree.assert_clean("sizes")
    tree.write("lib/base/a.c", function(5) + function(101))
    tree.assert_found("sizes", "lib/base/a.c:9: ")
