"""linnet jid."""
import pytest


def test_an_address_is_normalised_and_taken_apart(linnet):
    done = linnet("jid", "Juliet@Example.COM/Balcony")
    assert (done.code, done.err) == (0, "")
    assert done.out == ("juliet@example.com/Balcony\n"
                        "  localpart     juliet\n"
                        "  domainpart    example.com\n"
                        "  resourcepart  Balcony\n")


def test_parts_that_are_missing_are_left_out(linnet):
    assert linnet("jid", "example.com").out == "example.com\n  domainpart    example.com\n"


@pytest.mark.parametrize("part, value", [
    ("local", "a"), ("domain", "b.example"), ("resource", "C"), ("bare", "a@b.example")])
def test_one_part_can_be_asked_for(linnet, part, value):
    assert linnet("jid", "--part", part, "A@b.example/C", "A@B.example/C").out == (value + "\n") * 2


@pytest.mark.parametrize("address", [
    "@b.example", "a@", "a@b.example/", "", "a b@c.example", "a\u2028@b.example",
    pytest.param("a" * 1024 + "@b.example", id="1024 bytes"), pytest.param("x" * 100000, id="100000 bytes")])
def test_what_is_no_address_is_refused_with_a_reason(linnet, address):
    done = linnet("jid", address)
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("linnet jid: \"")
    assert len(done.err.rsplit("\": ", 1)[1]) > 5


def test_a_refusal_does_not_stop_the_others(linnet):
    done = linnet("jid", "--part", "bare", "a@b.example", "@", "c@d.example")
    assert (done.code, done.out) == (1, "a@b.example\nc@d.example\n")


def test_a_refused_address_cannot_reach_the_terminal(linnet):
    done = linnet("jid", b"\x1b[2J\x7f\xc2\x9b\xff\xc3\xa9@")
    assert done.code == 1
    assert '"\\x1b[2J\\x7f\\xc2\\x9b\\xff\u00e9@"' in done.err
