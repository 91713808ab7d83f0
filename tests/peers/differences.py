"""What other servers do otherwise: differences.toml, and the section of docs/PROTOCOL.md that says the same.

A `difference` of the file is of some peers, and has
    does     what they do, and
    text     the paragraph that makes Linnet do as it does: both are for people;
    instead  the scenarios in which it shows, each with pairs of texts: with the second in place of the first, the scenario
             says what these servers do. A first text that ends in "…" is a place and all that is behind it.
    hidden   with `scenarios`: an element that clients get besides.
An `unfit` has the scenarios that cannot be played to some peers, and why. An `open` has scenarios that fail with some peers and
have not been gone through to their end: each is to become a difference.

To print the section: /usr/bin/python3 tests/peers/differences.py
"""
import pathlib
import tomllib

FILE = pathlib.Path(__file__).with_name("differences.toml")
NAMES = {"ejabberd": "ejabberd", "prosody": "Prosody"}


class Table:
    def __init__(self, text):
        found = tomllib.loads(text)
        self.differences = found.get("difference", [])
        self.unfits = found.get("unfit", [])
        self.opens = found.get("open", [])

    def of(self, scenario, peer):
        """The differences that show in the scenario."""
        return [d for d in self.differences if peer in d["peers"] and scenario in scenarios_of(d)]

    def unfit(self, scenario, peer):
        """Why the scenario cannot be played to the peer, or None."""
        return why_of(self.unfits, scenario, peer)

    def open(self, scenario, peer):
        """What is known of a scenario that fails and has not been gone through, or None."""
        return why_of(self.opens, scenario, peer)

    def scenarios(self):
        return {name for row in self.differences + self.unfits + self.opens for name in scenarios_of(row)}

    def section(self):
        """The lines of the document."""
        lines = ["| who | does | but | seen in |", "| --- | --- | --- | --- |"]
        lines += ["| %s | %s | %s | %s |" % (who(d), d["does"], d["text"], seen_in(d)) for d in self.differences]
        lines += ["", "Not played to them:", "", "| scenario | who | why |", "| --- | --- | --- |"]
        lines += ["| %s | %s | %s |" % (seen_in(u), who(u), u["why"]) for u in self.unfits]
        if self.opens:
            lines += ["", "Failing, and not gone through to the end yet:", "", "| scenario | who | as far as is known |",
                      "| --- | --- | --- |"]
            lines += ["| %s | %s | %s |" % (seen_in(o), who(o), o["why"]) for o in self.opens]
        return lines


def read():
    return Table(FILE.read_text())


def why_of(rows, scenario, peer):
    return next((row["why"] for row in rows if peer in row["peers"] and scenario in row["scenarios"]), None)


def scenarios_of(row):
    return [*row.get("scenarios", []), *row.get("instead", {})]


def who(row):
    return ", ".join(NAMES[peer] for peer in row["peers"])


def seen_in(row):
    return ", ".join("`%s`" % name for name in sorted(scenarios_of(row)))


def rewritten(scenario, differences, text):
    """The text of the scenario as a peer that differs so plays it."""
    for d in differences:
        for ours, theirs in d.get("instead", {}).get(scenario, []):
            text = replaced(scenario, text, ours, theirs)
        if scenario in d.get("scenarios", []):
            name, _, rest = text.partition("\n")
            text = "%s\nhidden %s\n%s" % (name, d["hidden"], rest)
    return text


def replaced(scenario, text, ours, theirs):
    to_the_end = ours.endswith("…")
    ours = ours.removesuffix("…")
    assert ours in text, "%s does not contain this:\n%s" % (scenario, ours)
    if to_the_end:
        return text[:text.index(ours)] + theirs
    return text.replace(ours, theirs)


if __name__ == "__main__":
    print("\n".join(read().section()))
