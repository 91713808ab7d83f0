"""scripts/check-floors finds what it is for."""
import pytest


def test_a_floor_includes_itself_and_those_above(tree):
    tree.write("lib/base/str.h", "")
    tree.write("lib/xml/node.h", "")
    tree.write("lib/xml/node.c", '#include "lib/xml/node.h"\n#include "lib/base/str.h"\n#include <string.h>\n')
    tree.assert_clean("floors")


def test_a_floor_below_is_refused(tree):
    tree.write("lib/stream/sasl.h", "")
    tree.write("lib/xml/node.c", '\n#include "lib/stream/sasl.h"\n')
    tree.assert_found("floors", "lib/xml/node.c:2: ")


def test_floors_to_come_are_in_the_list(tree):
    tree.write("server/core/worker.h", "")
    tree.write("server/storage/sqlite.c", '#include "server/core/worker.h"\n')
    tree.assert_found("floors", "server/storage/sqlite.c:1: ")


def test_an_include_from_the_own_folder_is_refused(tree):
    tree.write("lib/xml/node.h", "")
    tree.write("lib/xml/node.c", '#include "node.h"\n')
    tree.assert_found("floors", "lib/xml/node.c:1: ")


def test_a_library_includes_nothing_of_the_tests(tree):
    tree.write("tests/fuzz/target.h", "")
    tree.write("cmd/main.c", '#include "tests/fuzz/target.h"\n')
    tree.assert_found("floors", "cmd/main.c:1: ")


def test_a_file_outside_of_the_floors_is_refused(tree):
    tree.write("src/extra.c", "")
    tree.assert_found("floors", "src/extra.c:1: ")


@pytest.mark.parametrize("header", ["sys/socket.h", "unistd.h", "time.h", "pthread.h"])
def test_system_headers_are_refused_in_the_core(tree, header):
    tree.write("lib/stream/receiver.c", "#include <%s>\n" % header)
    tree.assert_found("floors", "lib/stream/receiver.c:1: ")


@pytest.mark.parametrize("folder", ["lib/net", "server/storage", "cmd", "tests/unit/net", "bench"])
def test_system_headers_are_for_the_floors_that_touch_the_system(tree, folder):
    tree.write(folder + "/x.c", "#include <sys/socket.h>\n")
    tree.assert_clean("floors")


def test_a_worker_may_lock_but_starts_no_thread(tree):
    tree.write("server/core/inbox.c", "#include <pthread.h>\n")
    tree.assert_clean("floors")
    tree.write("server/core/inbox.c", "#include <pthread.h>\nint f(void)\n{\n\treturn pthread_create(a, b, c, d);\n}\n")
    tree.assert_found("floors", "server/core/inbox.c:4: ")


def test_reading_the_clock_in_the_core_is_refused(tree):
    tree.write("lib/xmpp/delay.c", "long now(void)\n{\n\treturn time(0);\n}\n")
    tree.assert_found("floors", "lib/xmpp/delay.c:3: ")


def test_members_and_comments_are_no_calls(tree):
    tree.write("lib/base/clock.c", "/* time() and\n * clock() */\nint f(struct c *c) { return c->time(0) + c->x.clock(1); }\n")
    tree.assert_clean("floors")
