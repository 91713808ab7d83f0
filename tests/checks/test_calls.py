"""scripts/check-calls finds what it is for."""
import pytest


@pytest.mark.parametrize(
    "call", ["strcpy", "strcat", "sprintf", "gets", "alloca", "rand", "random", "system", "popen", "atoi"])
@pytest.mark.parametrize("folder", ["lib/base", "server/core", "cmd", "tests/unit/base", "bench"])
def test_a_banned_call_is_found_everywhere(tree, call, folder):
    tree.write(folder + "/x.c", "void f(void)\n{\n\t%s (a, b);\n}\n" % call)
    tree.assert_found("calls", "%s/x.c:3: " % folder)


def test_longer_names_members_strings_and_comments_are_no_calls(tree):
    tree.write("lib/base/x.c", 'int a = snprintf(b, "sprintf(x)");\n/* system(x) */\n// rand()\nint c = s->random(1);\n')
    tree.assert_clean("calls")


@pytest.mark.parametrize("line", [
    "memcmp(stored_key, proof, 32)", "strcmp(a->password, b)", "str_eq(token, given)", "memcmp(a,\n\t\tserver_key, n)",
    "memcmp(k.salted, x, n)"])
def test_a_comparison_of_a_secret_is_found(tree, line):
    tree.write("lib/stream/scram.c", "bool f(void)\n{\n\treturn %s == 0;\n}\n" % line)
    tree.assert_found("calls", "lib/stream/scram.c:3: ")


@pytest.mark.parametrize("line", ["memcmp(monkey, b, n)", "str_eq(name, STR(\"password\"))", "ct_equal(key, proof, n)"])
def test_other_comparisons_are_fine(tree, line):
    tree.write("lib/stream/scram.c", "bool f(void)\n{\n\treturn %s;\n}\n" % line)
    tree.assert_clean("calls")


def test_a_key_alone_is_a_secret_only_where_keys_are(tree):
    line = "int f(void)\n{\n\treturn str_cmp(key, b);\n}\n"
    tree.write("server/core/config.c", line)
    tree.assert_clean("calls")
    tree.write("lib/crypto/digest.c", line)
    tree.assert_found("calls", "lib/crypto/digest.c:3: ")


def test_a_comment_can_say_that_it_is_no_secret(tree):
    tree.write("lib/net/tls.c", "int f(void)\n{\n\treturn memcmp(key, b, n); /* not a secret: a table's key */\n}\n")
    tree.assert_clean("calls")
