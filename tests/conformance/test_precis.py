"""PRECIS and SASLprep against other implementations of the same RFCs.

The derived properties and the two profiles are compared with python3-precis-i18n (which takes its Unicode from
Python), SASLprep with RFC 4013 on Python's stringprep and unicodedata.ucd_3_2_0. Where python3-precis-i18n reads the
RFCs otherwise than we do, its mapping is replaced below by one whose docstring cites the paragraph; the last test but
one counts what that excuses. Nothing is left out of the comparison.
"""

import os
import random
import stringprep
import subprocess
import unicodedata
from pathlib import Path

import pytest
from precis_i18n import get_profile
from precis_i18n.derived import derived_property
from precis_i18n.unicode import UnicodeData

HELPER = Path(os.environ["LINNET_BUILD"]) / "tests" / "conformance" / "precis-dump"
SEED = 20260131
COMBINATIONS = 12000

# In the order of enum precis_property.
PROPERTIES = ["PVALID", "FREE_PVAL", "CONTEXTJ", "CONTEXTO", "DISALLOWED", "UNASSIGNED"]

UCD = UnicodeData()
USERNAME = get_profile("UsernameCaseMapped")
OPAQUE = get_profile("OpaqueString")


def scalars():
    """All of planes 0 to 3 and 14; of the others, where nothing is assigned or all is private, one in 64."""
    planes = [range(0xD800), range(0xE000, 0x40000), range(0x40000, 0xE0000, 64), range(0xE0000, 0xF0000),
              range(0xF0000, 0x110000, 64)]
    return (c for plane in planes for c in plane)


# --- the other side ---


def lower(text):
    """toLowercase by code point.

    str.lower() has the rule on final sigma besides. RFC 7622, 3.5, last paragraph on table 1: the mapping does not
    account for the special status of U+03C2.
    """
    return "".join(c.lower() for c in text)


def width(text):
    """RFC 8264, 5.2.1: to "their decomposition mappings", which is one step.

    precis_i18n goes to NFKC instead where that is one character. Only the fillers and jamo U+FFA0 to U+FFDC and the
    macron U+FFE3 differ, and all of them are refused afterwards, one way or the other.
    """
    out = []
    for c in text:
        tag, _, mapping = unicodedata.decomposition(c).partition(" ")
        out.append(chr(int(mapping, 16)) if tag in ("<wide>", "<narrow>") else c)
    return "".join(out)


class Reference:
    """A profile of precis_i18n, with the two mappings replaced that the docstrings above speak of."""

    def __init__(self, profile, maps):
        self.profile = profile
        self.maps = maps

    def enforce(self, text):
        for _ in range(4):  # RFC 8264, 7: once, and again three times at most
            mapped = text
            for one in self.maps:
                mapped = one(mapped)
            if mapped == text:
                break
            text = mapped
        else:
            return None
        try:
            # On a text that is mapped already only the directionality rule and the class are left to apply.
            self.profile.directionality_rule(text)
            self.profile.base.enforce(text)
        except UnicodeEncodeError:
            return None
        return text or None


def spaces(text):
    return "".join(" " if unicodedata.category(c) == "Zs" else c for c in text)


def nfc(text):
    return unicodedata.normalize("NFC", text)


REFERENCE_USERNAME = Reference(USERNAME, [width, lower, nfc])
REFERENCE_OPAQUE = Reference(OPAQUE, [spaces, nfc])


def library(profile, text):
    try:
        return profile.enforce(text)
    except UnicodeEncodeError:
        return None


def excluded(text):
    """RFC 7622, 3.3.1."""
    return text is not None and any(c in "\"&'/:<>@" for c in text)


def nfkc_3_2(text):
    """NFKC of Unicode 3.2: what it had not assigned stands alone (RFC 3454, 7), where Python would still compose and
    reorder such characters by its own Unicode."""
    out, known = [], []
    for c in text:
        if stringprep.in_table_a1(c):
            out.append(unicodedata.ucd_3_2_0.normalize("NFKC", "".join(known)) + c)
            known = []
        else:
            known.append(c)
    return "".join(out) + unicodedata.ucd_3_2_0.normalize("NFKC", "".join(known))


PROHIBITED = [
    stringprep.in_table_c12, stringprep.in_table_c21_c22, stringprep.in_table_c3, stringprep.in_table_c4,
    stringprep.in_table_c5, stringprep.in_table_c6, stringprep.in_table_c7, stringprep.in_table_c8,
    stringprep.in_table_c9,
]


def saslprep(text):
    """RFC 4013, 2, in the order of RFC 3454, 3.

    U+200B is in the tables C.1.2 and B.1; RFC 4013, 2.1 names C.1.2 first.
    """
    mapped = "".join(
        " " if stringprep.in_table_c12(c) else "" if stringprep.in_table_b1(c) else c for c in text)
    out = nfkc_3_2(mapped)
    if not out or any(table(c) for c in out for table in PROHIBITED):
        return None
    right = [stringprep.in_table_d1(c) for c in out]
    if any(right) and (any(stringprep.in_table_d2(c) for c in out) or not right[0] or not right[-1]):
        return None
    return out


# --- our side ---


def ask(texts):
    """Our five results for each text, None for a refusal."""
    lines = "".join(t.encode().hex() + "\n" for t in texts)
    done = subprocess.run([HELPER, "strings"], input=lines, capture_output=True, text=True, check=True)
    answers = [line.split(" ") for line in done.stdout.splitlines()]
    assert len(answers) == len(texts)
    return [[None if a == "!" else bytes.fromhex(a).decode() for a in line] for line in answers]


def differences(texts):
    found = []
    for text, (username, local, opaque, resource, sasl) in zip(texts, ask(texts)):
        expected = REFERENCE_USERNAME.enforce(text), REFERENCE_OPAQUE.enforce(text), saslprep(text)
        if (username, opaque, sasl) != expected:
            found.append((ascii(text), (username, opaque, sasl), expected))
        long_local = username is not None and len(username.encode()) > 1023
        if local != (None if excluded(username) or long_local else username):
            found.append((ascii(text), "localpart", local, username))
        long_resource = opaque is not None and len(opaque.encode()) > 1023
        if resource != (None if long_resource else opaque):
            found.append((ascii(text), "resourcepart", resource, opaque))
    return found


# --- the tests ---


def test_both_sides_have_the_same_unicode():
    assert unicodedata.unidata_version == "14.0.0"  # that of libunistring 1.0; with another, look again


def test_derived_property_of_every_code_point():
    done = subprocess.run([HELPER, "properties"], capture_output=True, text=True, check=True)
    assert len(done.stdout) == 0x110000
    differ = []
    for c, digit in enumerate(done.stdout):
        ours, theirs = PROPERTIES[int(digit)], derived_property(c, UCD)[0]
        if ours != theirs:
            differ.append((hex(c), ours, theirs))
    assert differ == []


def test_every_code_point_alone():
    assert differences([chr(c) for c in scalars()]) == []


TRICKY = [
    # Final sigma, titlecase, dotted and dotless i, sharp s.
    "ΑΣ", "ΣΑΣ", "Σ", "ας", "ǅ", "ᾈ", "İ", "I", "ı", "ẞ", "ß", "İİ", "xİ̇",
    # Composition: marks in any order, singletons, exclusions, Hangul.
    "a\u0301\u0323", "a\u0323\u0301", "\u212b", "\u2126", "\u0958", "\u0344", "\u1100\u1161", "\u1100\u1161\u11a8",
    "\uac00\u11a8", "\u1100", "\u0301", "\u0345\u03b1", "\u1fb3\u0313", "\U0001d15e", "\u2adc",
    # Width.
    "ＡＢＣ", "ｶﾞ", "ﾊﾟ", "ﾞ", "\uffa0", "\uffa1", "\uffe3", "\uff20", "\uff0f", "\uff1a", "\uff1c", "\u3000", "￦", "￨",
    # Context rules.
    "l·l", "L·L", "l·", "·l", "a·b", "l··l", "͵α", "α͵", "͵a", "א׳", "׳א", "א״", "a״", "・", "ア・", "・a", "a・漢", "あ・b",
    "٠١", "۰۱", "٠۰", "ب٠", "ب۰", "ا٠۰", "ب\u200cب", "ب\u200c", "\u200cب", "ا\u200cب", "ب\u064b\u200c\u064bب",
    "a\u200cb",
    "क्\u200cष", "क्\u200dष", "क\u200dष", "\u200d", "ب\u200dب", "\u180a\u200c\u1820", "\u1820\u200c\u1820",
    "\ua872\u200cب", "ب\u200c\ua872", "ب\u200c\u200cب",
    # Directions.
    "א", "אa", "aא", "1א", "א1", "א-", "א-ב", "אָ", "אָ1ָ", "ب1٠", "ب٠", "٠", "٠א", "\u200fא", "א\u202eב", "߀", "א߀",
    # Spaces and controls.
    " ", "a b", " a", "a ", "\u00a0", "\u1680", "\u2003\u202f\u205f", "\u200b", "\u2028", "\u0085", "\t",
    "\x7f", "a\x00",
    # Ignorable, unassigned, private, noncharacters, tags, variation selectors.
    "\u00ad", "a\u00adb", "\u034f", "\u115f", "\u3164", "\ufe0f", "\ufeff", "\u0378", "\ue000", "\ufdd0", "\uffff",
    "\U000e0001", "\U000e0041", "\U000e0100", "\U0010ffff", "\u2065", "\u180b", "\u180e", "\u061c",
    # Excluded from localparts (RFC 7622, 3.3.1), and their wide forms above.
    '"', "&", "'", "/", ":", "<", ">", "@", "a@b", "!#$%()*+,-.;=?[\\]^_`{|}~",
    # SASLprep: RFC 4013, 3, and Unicode later than 3.2.
    "I\u00adX", "user", "USER", "\u00aa", "\u2168", "\x07", "\u06271", "\u06271\u0628", "\u0627a\u0628", "\U0002f868",
    "\U0002f874", "\U0002f91f", "\U0002f95f", "\U0002f9bf", "\U0001f600", "\U0001f130", "a\u0358\u0323",
    "\u07ca", "\u07caa",
    "\u1b06\u1b35", "a\u0308\U0001f600a\u0308", "\u0340", "\u0341\u0300",
    # RFC 8265's examples.
    "juliet@example.com", "fussball", "fußball", "π", "foo bar", "henryⅣ", "∞", "correct horse battery staple", "πßå",
    "Jack of ♦s", "foo\u1680bar", "my cat is a \tby",
    # Long ones.
    "a" * 1023, "a" * 1024, "ä" * 511, "ä" * 512, "ａ" * 1023, "ａ" * 1024, "İ" * 341, "İ" * 342, "a" + "\u0301" * 500,
    "\u0628\u064b\u200c" * 100, "l·l" * 200, "",
]


def test_tricky_strings():
    assert differences(TRICKY) == []


def interesting():
    """One or more code points of each sort that the rules tell apart."""
    sorts = {}
    chance = random.Random(SEED)
    for c in scalars():
        char = chr(c)
        key = (derived_property(c, UCD), unicodedata.category(char), unicodedata.bidirectional(char),
               unicodedata.combining(char), unicodedata.decomposition(char).partition(" ")[0][:1] == "<",
               char.lower() != char, stringprep.in_table_a1(char))
        sorts.setdefault(key, []).append(char)
    return [c for group in sorts.values() for c in chance.sample(group, min(3, len(group)))]


def test_seeded_combinations():
    chance = random.Random(SEED)
    alphabet = interesting() + 6 * list(
        "lLaA1-· \u200c\u200d\u0301\u0323\u0628\u05d0\u0660\u06f0\u30fb\u30a2\u0375\u03b1\u05f3\u094d\u0130\u03a3"
        "\uff76\uff9e\u064b\u1100\u1161")
    texts = ["".join(chance.choices(alphabet, k=chance.randint(2, 7))) for _ in range(COMBINATIONS)]
    # Most of those are refused; these have a better chance.
    mild = [c for c in alphabet if REFERENCE_USERNAME.enforce(c)]
    texts += ["".join(chance.choices(mild, k=chance.randint(2, 7))) for _ in range(COMBINATIONS)]
    assert differences(texts) == []
    taken = [t for t in texts if REFERENCE_USERNAME.enforce(t)]
    assert len(taken) > COMBINATIONS // 4  # else this would compare refusals with refusals


def test_enforcement_is_idempotent():
    chance = random.Random(SEED + 1)
    alphabet = interesting()
    texts = TRICKY + ["".join(chance.choices(alphabet, k=chance.randint(1, 5))) for _ in range(COMBINATIONS)]
    for column in range(5):
        once = [a[column] for a in ask(texts) if a[column] is not None]
        assert [a[column] for a in ask(once)] == once


def test_library_itself_differs_only_as_excused():
    """The unchanged library agrees but for what the docstring of lower() cites."""
    texts = [chr(c) for c in scalars()] + TRICKY
    differ = [ascii(t) for t, a in zip(texts, ask(texts))
              if (a[0], a[2]) != (library(USERNAME, t), library(OPAQUE, t))]
    assert differ == [ascii("ΑΣ"), ascii("ΣΑΣ")]


@pytest.mark.parametrize("bad", [b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"a\x80"])
def test_bytes_that_are_not_utf8_are_refused(bad):
    done = subprocess.run([HELPER, "strings"], input=bad.hex() + "\n", capture_output=True, text=True, check=True)
    assert done.stdout == "! ! ! ! !\n"
