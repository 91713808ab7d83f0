"""How options are read; they are the same for every command."""
import pytest


@pytest.mark.parametrize("arguments", [
    ["--part", "domain", "a@b.example"],
    ["--part=domain", "a@b.example"],
    ["a@b.example", "--part", "domain"],
    ["a@b.example", "--part=domain"],
    ["--part", "local", "a@b.example", "--part", "domain"],
    ["--part", "domain", "--", "a@b.example"],
])
def test_an_option_may_stand_anywhere_and_the_last_one_counts(linnet, arguments):
    done = linnet("jid", *arguments)
    assert (done.code, done.out, done.err) == (0, "b.example\n", "")


def test_after_two_dashes_all_is_argument(linnet):
    done = linnet("jid", "--", "--part")
    assert done.code in (0, 1)
    assert "no option" not in done.err


@pytest.mark.parametrize("arguments, says", [
    (["--prat", "x", "a@b"], "there is no option --prat; did you mean --part?"),
    (["--prat=x", "a@b"], "there is no option --prat; did you mean --part?"),
    (["--hepl"], "did you mean --help?"),
    (["--xyzzy", "a@b"], "there is no option --xyzzy\n"),
    (["-x", "a@b"], "-x is no option"),
    (["a@b", "--part"], "--part wants a value: --part PART"),
    (["--part", "side", "a@b"], "not \"side\""),
    (["--part=", "a@b"], "not \"\""),
    (["--help=yes"], "there is no option"),
])
def test_wrong_options_are_wrong_use_and_point_to_the_help(linnet, arguments, says):
    done = linnet("jid", *arguments)
    assert (done.code, done.out) == (2, "")
    assert says in done.err


def test_help_wins_over_missing_arguments(linnet):
    assert linnet("jid", "--part", "local", "--help").code == 0
