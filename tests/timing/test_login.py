"""Who does not know a password, or a token, cannot tell by the time of the answers whether an account exists, nor whether a client of it
is known (docs/SECURITY.md, L2): tries for those that exist and for others, in turns, each on a connection of its own, to a released
server.

LINNET_TIMING_TRIES: how many of each (default 3000). The machine should do little else."""
import base64
import hashlib
import hmac
import json
import os
import pathlib
import random
import re
import socket
import ssl
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
from compare import Comparison  # noqa: E402
from server import Server, run  # noqa: E402

TRIES = int(os.environ.get("LINNET_TIMING_TRIES", "3000"))
WARM_UP = 100
# Alike, and in no order: a name's place in the index of accounts has a time of its own, too.
NAMES = ["%08x" % random.getrandbits(32) for _ in range(200)]
KNOWN, UNKNOWN = NAMES[:100], NAMES[100:]
SASL = "xmlns='urn:ietf:params:xml:ns:xmpp-sasl'"
HEADER = ("<stream:stream to='localhost' version='1.0' xmlns='jabber:client'"
          " xmlns:stream='http://etherx.jabber.org/streams'>")
PROOF_BYTES = {"SCRAM-SHA-1": 20, "SCRAM-SHA-256": 32, "SCRAM-SHA-512": 64}
CONFIG = "limits: { rate: off }\n"
MECHANISMS = ["PLAIN", "SCRAM-SHA-512", "SCRAM-SHA-256", "SCRAM-SHA-1"]
TOKENS = "HT-SHA-256-NONE"
CLIENT, OTHER_CLIENT = "d4565fa7-4d72-4749-b3d3-740edbf87770", "0b4d4a51-6f0c-4d4e-9c51-5b1f7e8a2f10"


def base64_of(data):
    return base64.b64encode(data if isinstance(data, bytes) else data.encode()).decode()


class Try:
    """One connection and one wrong password. `times` are those of the answers, in seconds."""

    def __init__(self, port, mechanism, name):
        self.times = []
        self.socket = socket.create_connection(("127.0.0.1", port), 20)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.protect()
        try:
            self.say(HEADER, b"</stream:features>")
            self.times.clear()
            self.fail(mechanism, name)
        finally:
            self.socket.close()

    def protect(self):
        pass

    def say(self, text, end):
        """Returns the answer, up to what it ends in."""
        data = text.encode()
        began = time.perf_counter()
        self.socket.sendall(data)
        answer = b""
        while end not in answer:
            more = self.socket.recv(65536)
            assert more, answer
            answer += more
        self.times.append(time.perf_counter() - began)
        return answer.decode()

    def fail(self, mechanism, name):
        if mechanism == "PLAIN":
            first = "\0%s\0wrong" % name
            answer = self.say("<auth %s mechanism='PLAIN'>%s</auth>" % (SASL, base64_of(first)), b"</failure>")
        else:
            answer = self.fail_scram(mechanism, name)
        assert "not-authorized" in answer, answer

    def fail_scram(self, mechanism, name):
        first = "n,,n=%s,r=nonceofours" % name
        challenge = self.say("<auth %s mechanism='%s'>%s</auth>" % (SASL, mechanism, base64_of(first)), b"</challenge>")
        text = base64.b64decode(re.search(">(.*)</challenge>", challenge).group(1)).decode()
        proof = base64_of(random.randbytes(PROOF_BYTES[mechanism]))
        final = "c=biws,%s,p=%s" % (text.split(",")[0], proof)
        return self.say("<response %s>%s</response>" % (SASL, base64_of(final)), b"</failure>")


class TokenTry(Try):
    """A wrong token, under TLS; `who` is (name, client)."""

    def protect(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self.socket = context.wrap_socket(self.socket, server_hostname="localhost")

    def authenticate(self, mechanism, message, client, more, end):
        return self.say("<authenticate xmlns='urn:xmpp:sasl:2' mechanism='%s'><initial-response>%s</initial-response><user-agent id='%s'/>"
                        "%s</authenticate>" % (mechanism, base64_of(message), client, more), end)

    def fail(self, mechanism, who):
        name, client = who
        answer = self.authenticate(mechanism, name.encode() + b"\0" + random.randbytes(32), client,
                                   "<fast xmlns='urn:xmpp:fast:0'/>", b"</failure>")
        assert "not-authorized" in answer, answer


class Login(TokenTry):
    """One that succeeds, after which the account has a client with a token."""

    def fail(self, mechanism, name):
        answer = self.authenticate("PLAIN", "\0%s\0pencil" % name, CLIENT,
                                   "<request-token xmlns='urn:xmpp:fast:0' mechanism='%s'/>" % mechanism, b"</success>")
        assert "<token " in answer, answer


def measure(port, mechanism, names, tries, kind=Try):
    """A list for each of the two lots of names: the times of each answer."""
    order = [i % 2 for i in range(2 * tries)]
    random.shuffle(order)
    times = [[], []]
    for i, which in enumerate([0, 1] * WARM_UP + order):
        found = kind(port, mechanism, random.choice(names[which])).times
        if i >= 2 * WARM_UP:
            times[which].append(found)
    return [[list(answer) for answer in zip(*lot)] for lot in times]


def keys(password, iterations):
    """As linnet user import takes them."""
    salt = random.randbytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    return {"salt": base64_of(salt), "iterations": iterations, "stored_key": base64_of(stored),
            "server_key": base64_of(hmac.digest(salted, b"Server Key", "sha256"))}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("timing"), workers=1, listen=("none", "direct"), config=CONFIG,
                    arguments=["--log", "error"])
    server.add_accounts({name + "@localhost": "pencil" for name in KNOWN})
    with server:
        for name in KNOWN:
            Login(server.port("c2s-direct"), TOKENS, name)
        yield server


def compare(what, lots):
    for answer, (a, b) in enumerate(zip(*lots)):
        comparison = Comparison(a, b)
        print("%s, answer %d: %s" % (what, answer + 1, comparison))
        assert not comparison.differs(), "%s, answer %d: %s" % (what, answer + 1, comparison)


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_unknown_accounts_take_as_long_as_wrong_passwords(server, mechanism):
    compare(mechanism, measure(server.port("c2s-plain"), mechanism, (KNOWN, UNKNOWN), TRIES))


@pytest.mark.parametrize("what, others", [("unknown accounts", [(name, CLIENT) for name in UNKNOWN]),
                                          ("unknown clients", [(name, OTHER_CLIENT) for name in KNOWN])])
def test_who_has_no_token_takes_as_long_as_a_wrong_one(server, what, others):
    known = [(name, CLIENT) for name in KNOWN]
    compare(what, measure(server.port("c2s-direct"), TOKENS, (known, others), TRIES, TokenTry))


def test_a_difference_of_the_server_is_found(tmp_path):
    """Accounts that were imported with half as many iterations again as unknown ones seem to have."""
    server = Server(tmp_path, workers=1, listen=("none",), config=CONFIG, arguments=["--log", "error"])
    file = tmp_path / "keys.jsonl"
    file.write_text("".join(json.dumps({"jid": name + "@localhost", "scram": {"sha-256": keys("pencil", 15000)}}) + "\n"
                            for name in KNOWN))
    run("user", "import", str(file), "--data", str(server.data))
    with server:
        known, unknown = measure(server.port("c2s-plain"), "PLAIN", (KNOWN, UNKNOWN), TRIES // 3)
    comparison = Comparison(known[0], unknown[0])
    print(comparison)
    assert comparison.differs()


def test_a_small_difference_is_found_among_long_tails():
    chance = random.Random(1)
    a, b = ([100e-6 + shift + chance.expovariate(1 / 20e-6) for _ in range(TRIES)] for shift in (5e-6, 0))
    assert Comparison(a, b).differs()
    assert not Comparison(a[::2], a[1::2]).differs()
