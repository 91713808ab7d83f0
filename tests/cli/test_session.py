"""Logins by SASL2, Bind 2 and tokens against the running program, the round trips they take, and linnet session."""
import base64
import contextlib
import hashlib
import hmac
import json
import pathlib
import re
import sqlite3
import subprocess
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
import sasl2  # noqa: E402
from sasl2 import LoginServer, failure, request_token  # noqa: E402
from server import program  # noqa: E402
from xmpp import Closed  # noqa: E402

OTHER_ID = "9e1b3a54-0c7e-4d4b-8a35-9a5f6d1c2b3a"


def linnet(*arguments, **kwargs):
    kwargs.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.run([program(), *arguments], text=True, capture_output=True, timeout=60, **kwargs)


def session(server, *arguments):
    return linnet("session", *arguments, "--config", str(server.config), "--data", str(server.data))


@contextlib.contextmanager
def server_of(folder, **kwargs):
    server = LoginServer(folder, listen=("direct",), **kwargs)
    server.add_accounts({"romeo@localhost": "secret", "juliet@localhost": "other"})
    with server:
        yield server


def connect(server, *args, **kwargs):
    return server.connect(*args, **kwargs)


def get_token(server, mechanism="HT-SHA-256-NONE", id=sasl2.CLIENT_ID):
    """From a login that is over."""
    client = connect(server)
    assert client.log_in(client.plain("secret", fast=request_token(mechanism), id=id)).tag == sasl2.SASL2 + "success"
    assert len(client.token) == 43
    client.close()
    return client.token


def test_returning_client_is_online_in_one_round_trip(tmp_path):
    with server_of(tmp_path) as server:
        token = get_token(server)
        juliet = connect(server, "juliet")
        juliet.log_in(juliet.plain("other"))
        phone = connect(server)
        # Header, login, binding, presence and a message: all without having heard anything.
        phone.open_stream(phone.with_token(token) + "<presence/><message to='%s' id='m'><body>hi</body></message>" % juliet.jid)
        assert phone.wait().tag == sasl2.STREAM + "features"
        assert phone.finish().tag == sasl2.SASL2 + "success"
        assert juliet.read().get("id") == "m"
        juliet.write("<message to='%s' id='n'><body>hello</body></message>" % phone.jid)
        while (stanza := phone.read()).get("id") != "n":
            pass
        assert stanza.get("from") == juliet.jid
        assert phone.waits == 1


def test_token_is_bound_to_its_mechanism_and_client(tmp_path):
    with server_of(tmp_path) as server:
        token = get_token(server)
        client = connect(server)
        assert failure(client.log_in(client.with_token(token, id=OTHER_ID))) == "not-authorized"
        client = connect(server, "juliet")
        assert failure(client.log_in(client.with_token(token))) == "not-authorized"
        client = connect(server)
        assert failure(client.log_in(client.with_token(token, mechanism="HT-SHA-256-ENDP"))) == "not-authorized"
        client = connect(server)
        assert client.log_in(client.with_token(token)).tag == sasl2.SASL2 + "success"


def test_token_bound_to_the_channel_is_taken_on_each_connection(tmp_path):
    with server_of(tmp_path) as server:
        for maximum in (None, sasl2.ssl.TLSVersion.TLSv1_2):
            token = get_token(server, "HT-SHA-256-ENDP")
            client = connect(server, maximum=maximum)
            binding = sasl2.hashlib.sha256(client.socket.getpeercert(binary_form=True)).digest()
            assert client.log_in(client.with_token(token, "HT-SHA-256-ENDP", binding)).tag == sasl2.SASL2 + "success"
            client = connect(server, maximum=maximum)
            assert failure(client.log_in(client.with_token(token, "HT-SHA-256-ENDP", b"x" * 32))) == "not-authorized"


def test_resource_of_a_client_stays_and_the_older_session_ends(tmp_path):
    with server_of(tmp_path) as server:
        first = connect(server)
        first.log_in(first.plain("secret"))
        assert re.fullmatch(r"romeo@localhost/Test/[A-Za-z0-9_-]{12}", first.jid)
        other = connect(server)
        other.log_in(other.plain("secret", id=OTHER_ID))
        nameless = connect(server)
        nameless.log_in(nameless.plain("secret", id=None))
        again = connect(server)
        again.log_in(again.plain("secret", bind="<bind xmlns='urn:xmpp:bind:0'/>"))
        assert len({first.jid, other.jid, nameless.jid}) == 3
        assert again.jid.rsplit("/")[-1] == first.jid.rsplit("/")[-1] and "Test" not in again.jid
        assert sasl2.CLIENT_ID not in first.jid
        error = first.read()
        assert error.tag == sasl2.STREAM + "error" and error[0].tag.endswith("}conflict")
        sessions = session(server, "list", "romeo@localhost").stdout
        assert sessions.count("session romeo@localhost") == 3 and first.jid not in sessions


def test_invalidated_token_is_over(tmp_path):
    with server_of(tmp_path) as server:
        token = get_token(server)
        client = connect(server)
        assert client.log_in(client.with_token(token, attributes=" invalidate='true'")).tag == sasl2.SASL2 + "success"
        assert client.token is None
        client = connect(server)
        assert failure(client.log_in(client.with_token(token))) == "not-authorized"


def test_tokens_outlive_the_server_and_are_not_in_the_database(tmp_path):
    with server_of(tmp_path) as server:
        token = get_token(server)
    stored = b"".join(f.read_bytes() for f in server.data.iterdir() if f.is_file())
    assert token.encode() not in stored
    key = (server.data / "token-key").read_bytes()
    assert len(key) == 32 and (server.data / "token-key").stat().st_mode & 0o777 == 0o600
    assert all(key not in f.read_bytes() for f in server.data.iterdir() if f.is_file() and f.name != "token-key")
    with server:
        client = connect(server)
        assert client.log_in(client.with_token(token)).tag == sasl2.SASL2 + "success"
    (server.data / "token-key").unlink()
    with server:
        client = connect(server)
        assert failure(client.log_in(client.with_token(token))) == "not-authorized"


def test_new_password_ends_all_tokens(tmp_path):
    with server_of(tmp_path) as server:
        for running in (True, False):
            token = get_token(server)
            if not running:
                assert server.stop() == 0
            assert linnet("user", "passwd", "romeo@localhost", "--data", str(server.data), input="secret\n",
                          stdin=None).returncode == 0
            if not running:
                server.start()
            client = connect(server)
            assert failure(client.log_in(client.with_token(token))) == "not-authorized"


def test_clients_are_listed_and_revoked(tmp_path):
    with server_of(tmp_path) as server:
        token, other = get_token(server), get_token(server, id=OTHER_ID)
        phone = connect(server)
        phone.log_in(phone.with_token(token))
        listed = session(server, "list", "romeo@localhost").stdout
        assert re.search(r'^client romeo@localhost %s software="Tester" device="bench" last-login=\S+Z'
                         r' mechanism=HT-SHA-256-NONE address=127\.0\.0\.1:\d+ token-until=\S+Z$' % sasl2.CLIENT_ID,
                         listed, re.M), listed
        assert re.search(r"^session %s idle=\d+s address=127\.0\.0\.1:\d+ tls=TLSv1\.3$" % re.escape(phone.jid), listed, re.M)
        assert session(server, "list").stdout.count("client ") == 2
        assert session(server, "list", "juliet@localhost").stdout == ""
        done = session(server, "revoke", "romeo@localhost", sasl2.CLIENT_ID)
        assert done.returncode == 0, done.stderr
        error = phone.read()
        assert error.tag == sasl2.STREAM + "error" and error[0].tag.endswith("}not-authorized")
        with pytest.raises(Closed):
            phone.read()
        client = connect(server)
        assert failure(client.log_in(client.with_token(token))) == "not-authorized"
        assert session(server, "list").stdout.count("client ") == 1
        client = connect(server)
        assert client.log_in(client.with_token(other, id=OTHER_ID)).tag == sasl2.SASL2 + "success"
        assert session(server, "revoke", "romeo@localhost", "--all").returncode == 0
        assert client.read().tag == sasl2.STREAM + "error"
        assert session(server, "list").stdout == ""
        client = connect(server)
        assert client.log_in(client.plain("secret")).tag == sasl2.SASL2 + "success"


def test_without_a_server_the_folder_is_changed(tmp_path):
    with server_of(tmp_path) as server:
        token, other = get_token(server), get_token(server, id=OTHER_ID)
    assert session(server, "list").stdout.count("client ") == 2
    assert session(server, "revoke", "romeo@localhost", sasl2.CLIENT_ID).returncode == 0
    assert session(server, "list", "romeo@localhost").stdout.count("client ") == 1
    with server:
        client = connect(server)
        assert failure(client.log_in(client.with_token(token))) == "not-authorized"
        client = connect(server)
        assert client.log_in(client.with_token(other, id=OTHER_ID)).tag == sasl2.SASL2 + "success"
    assert session(server, "revoke", "romeo@localhost", "--all").returncode == 0
    assert session(server, "list").stdout == ""


@pytest.mark.parametrize("arguments, code, says", [
    (("revoke", "romeo@localhost", OTHER_ID), 1, "there is no such client"),
    (("revoke", "nobody@localhost", "--all"), 1, "there is no such account"),
    (("revoke", "romeo@localhost"), 2, "it takes list [JID], revoke JID CLIENT, or revoke JID --all"),
    (("list", "romeo@localhost/phone"), 2, "an account is localpart@domain"),
    (("list", "--all"), 2, "it takes"),
])
def test_wrong_use_is_told(tmp_path, arguments, code, says):
    server = LoginServer(tmp_path, listen=("direct",))
    server.add_accounts({"romeo@localhost": "secret"})
    for running in (False, True):
        with contextlib.ExitStack() as stack:
            if running:
                stack.enter_context(server)
            done = session(server, *arguments)
            assert done.returncode == code and says in done.stderr, done.stderr


def test_clients_go_with_their_account(tmp_path):
    with server_of(tmp_path) as server:
        get_token(server)
        assert linnet("user", "remove", "romeo@localhost", "--data", str(server.data)).returncode == 0
        assert session(server, "list").stdout == ""


def test_disabled_account_cannot_log_in_by_any_means(tmp_path):
    with server_of(tmp_path) as server:
        token = get_token(server)
    with sqlite3.connect(server.data / "linnet.db") as database:
        database.execute("UPDATE accounts SET flags = 1 WHERE localpart = 'romeo'")
    with server:
        for element in (lambda c: c.with_token(token), lambda c: c.plain("secret")):
            client = connect(server)
            assert failure(client.log_in(element(client))) == "not-authorized"


def test_fast_can_be_switched_off(tmp_path):
    with server_of(tmp_path, config="fast: off\n") as server:
        client = connect(server)
        client.open_stream()
        assert client.read().find(".//" + sasl2.FAST + "fast") is None
        client.write(client.plain("secret", fast=request_token()))
        assert client.finish().tag == sasl2.SASL2 + "success" and client.token is None


def offered(server):
    client = connect(server)
    client.open_stream()
    names = [m.text for m in client.read().find("{urn:ietf:params:xml:ns:xmpp-sasl}mechanisms")]
    client.close()
    return names


def derive(password, digest, salt, iterations):
    """What `linnet user import` takes of a password."""
    salted = hashlib.pbkdf2_hmac(digest, password.encode(), salt, iterations)
    key = hmac.new(salted, b"Client Key", digest).digest()
    stored, server_key = hashlib.new(digest, key).digest(), hmac.new(salted, b"Server Key", digest).digest()
    base64_of = [base64.b64encode(b).decode() for b in (salt, stored, server_key)]
    return {"salt": base64_of[0], "iterations": iterations, "stored_key": base64_of[1], "server_key": base64_of[2]}


def upgrade(client, password, digest="sha256", task="UPGR-SCRAM-SHA-256"):
    """A login by PLAIN that adds keys (XEP-0480). Returns the end of it."""
    ns = "{urn:xmpp:scram-upgrade:0}"
    client.open_stream(client.plain(password, more="<upgrade xmlns='urn:xmpp:sasl:upgrade:0'>%s</upgrade>" % task))
    assert client.read().tag == sasl2.STREAM + "features"
    assert client.read().tag == sasl2.SASL2 + "continue"
    client.write("<next xmlns='urn:xmpp:sasl:2' task='%s'/>" % task)
    salt = client.read().find(ns + "salt")
    hashed = hashlib.pbkdf2_hmac(digest, password.encode(), base64.b64decode(salt.text), int(salt.get("iterations")))
    client.write("<task-data xmlns='urn:xmpp:sasl:2'><hash xmlns='urn:xmpp:scram-upgrade:0'>%s</hash></task-data>" %
                 base64.b64encode(hashed).decode())
    return client.finish()


def test_keys_are_added_at_a_login_and_offered_from_then_on(tmp_path):
    server = LoginServer(tmp_path, listen=("direct",))
    server.add_accounts({"juliet@localhost": "other"})
    accounts = tmp_path / "moved.jsonl"
    accounts.write_text(json.dumps({"jid": "romeo@localhost", "scram": {"sha-1": derive("secret", "sha1", b"0" * 16, 4096)}}))
    with server:
        assert "SCRAM-SHA-256" in offered(server)
        done = linnet("user", "import", str(accounts), "--data", str(server.data))
        assert done.returncode == 0, done.stderr
        assert "SCRAM-SHA-1" in offered(server) and "SCRAM-SHA-256" not in offered(server)
        assert upgrade(connect(server), "secret").tag == sasl2.SASL2 + "success"
        deadline = time.monotonic() + 10
        while "SCRAM-SHA-256" not in offered(server):
            assert time.monotonic() < deadline
        assert "SCRAM-SHA-512" not in offered(server)
        client = connect(server)
        assert client.log_in(client.plain("secret")).tag == sasl2.SASL2 + "success"
    with sqlite3.connect(server.data / "linnet.db") as database:
        row = database.execute("SELECT scram_sha1, scram_sha256, scram_sha512 FROM accounts WHERE localpart = 'romeo'").fetchone()
    assert row[0] and row[1] and row[2] is None
