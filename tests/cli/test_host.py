"""linnet host: domains that come and go, with a server and without, as operators and clients meet it."""
import contextlib
import json
import os
import pathlib
import socket
import ssl
import subprocess
import sys
import threading

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
from server import Server, program  # noqa: E402
from xmpp import Client, StreamError, condition  # noqa: E402

LISTEN = ("none", "direct", "starttls")


def host(data, *arguments, code=0):
    done = subprocess.run([program(), "host", *arguments, "--data", str(data)], text=True, capture_output=True,
                          timeout=60, stdin=subprocess.DEVNULL)
    assert done.returncode == code, done
    return done


def hosts(data):
    return [tuple(line.split(" ")) for line in host(data, "list").stdout.splitlines()]


def add_user(data, jid):
    subprocess.run([program(), "user", "add", jid, "--data", str(data)], text=True, capture_output=True, timeout=60,
                   input=jid.split("@")[0] + "\n", check=True)


CLIENTS = []


def client(server, localpart, domain="localhost", resource="phone"):
    CLIENTS.append(Client(server.port("c2s-plain"), localpart, resource, domain))
    return CLIENTS[-1]


@contextlib.contextmanager
def running(server):
    """Ends at once: a server that stops waits for clients that do not close."""
    with server:
        yield
        while CLIENTS:
            CLIENTS.pop().socket.close()


def assert_host_unknown(server, domain):
    with pytest.raises(StreamError) as error:
        client(server, "romeo", domain)
    assert error.value.condition == "host-unknown"


def assert_goes(a_client):
    """Its stream ends with host-gone."""
    with pytest.raises(StreamError) as error:
        while True:
            a_client.read()
    assert error.value.condition == "host-gone"


def names_in_certificate(server, domain, trusted):
    """What a client that trusts this file alone, and asks for the domain, is shown."""
    context = ssl.create_default_context(cafile=str(trusted))
    with socket.create_connection(("127.0.0.1", server.port("c2s-direct")), 20) as plain:
        with context.wrap_socket(plain, server_hostname=domain) as tls:
            return [name for _, name in tls.getpeercert()["subjectAltName"]]


@pytest.mark.parametrize("workers", [1, 3])
def test_an_added_host_is_served_at_once_and_after_a_restart(tmp_path, workers):
    server = Server(tmp_path, workers=workers, listen=LISTEN)
    server.add_accounts({"romeo@localhost": "romeo"})
    with running(server):
        romeo = client(server, "romeo").be_available()
        assert_host_unknown(server, "im.example")
        host(server.data, "add", "IM.Example")
        add_user(server.data, "juliet@im.example")
        add_user(server.data, "nurse@im.example")
        juliet = client(server, "juliet", "im.example").be_available()
        nurse = client(server, "nurse", "im.example").be_available()
        romeo.chat("juliet@im.example", "m1")
        juliet.expect("message", id="m1")
        nurse.chat("romeo@localhost", "m2")
        romeo.expect("message", id="m2")
        assert hosts(server.data) == [("localhost", "configuration", "self-signed"), ("im.example", "added", "self-signed")]
    with running(server):
        assert client(server, "juliet", "im.example").ping().get("type") == "result"
        assert hosts(server.data)[1][:2] == ("im.example", "added")


@pytest.mark.parametrize("workers", [1, 3])
def test_a_removed_host_is_gone_and_comes_back_with_all_it_had(tmp_path, workers):
    server = Server(tmp_path, workers=workers, listen=LISTEN)
    server.add_accounts({"romeo@localhost": "romeo"})
    with running(server):
        host(server.data, "add", "im.example")
        people = ["juliet", "nurse", "tybalt", "paris"]
        for name in people:
            add_user(server.data, name + "@im.example")
        romeo = client(server, "romeo").be_available()
        juliet = client(server, "juliet", "im.example").be_available()
        others = [client(server, name, "im.example") for name in people[1:]]
        romeo.write("<presence to='juliet@im.example' type='subscribe'/>")
        juliet.expect("presence", type="subscribe")
        juliet.write("<presence to='romeo@localhost' type='subscribed'/>")
        romeo.expect("presence", from_="juliet@im.example/phone", type=None)
        host(server.data, "remove", "im.example")
        for one in [juliet, *others]:
            assert_goes(one)
        romeo.expect("presence", from_="juliet@im.example/phone", type="unavailable")
        assert_host_unknown(server, "im.example")
        romeo.chat("juliet@im.example", "m1")
        assert condition(romeo.expect("message", id="m1", type="error")) == ("cancel", "remote-server-not-found")
        assert romeo.ping().get("type") == "result"
        assert hosts(server.data) == [("localhost", "configuration", "self-signed")]
        host(server.data, "add", "im.example")
        romeo.chat("juliet@im.example", "m2")
        juliet = client(server, "juliet", "im.example").be_available()
        juliet.expect("message", id="m2")
        romeo.expect("presence", from_="juliet@im.example/phone", type=None)


def test_wrong_changes_are_refused_with_a_reason(tmp_path):
    (tmp_path / "x.crt").write_text("x")
    (tmp_path / "x.key").write_text("x")
    given = ("--certificate", str(tmp_path / "x.crt"), "--key", str(tmp_path / "x.key"))
    refused = (
        (("add", "localhost"), 1, "this host is served already"),
        (("remove", "localhost"), 1, "this host is in the configuration file"),
        (("remove", "other.example"), 1, "there is no such host"),
        (("add", "romeo@im.example"), 2, "romeo@im.example"),
        (("add", ""), 2, "linnet host"),
        (("add", "im.example", "--certificate", str(tmp_path / "x.crt")), 2, "given together"),
        (("add", "im.example", "--certificate", "no.crt", "--key", "no.key"), 1, "no.crt: No such file"),
        (("add", "im.example", *given), 1, "x.crt"),
        (("list", *given), 2, "are for add"),
        (("add",), 2, "it takes add DOMAIN"))
    server = Server(tmp_path, listen=LISTEN)

    def check():
        for arguments, code, text in refused:
            done = host(server.data, *arguments, code=code)
            assert text in done.stderr, (arguments, done)
        assert hosts(server.data) == [("localhost", "configuration", "self-signed")]
    check()
    with running(server):
        check()
        assert client_is_answered(server)


def test_a_certificate_that_is_no_file_is_refused_and_does_not_hold_up_the_end(tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    server = Server(tmp_path, listen=LISTEN)
    with running(server):
        for path in (fifo, tmp_path, "/dev/zero"):
            done = host(server.data, "add", "im.example", "--certificate", str(path), "--key", str(path), code=1)
            assert "not a regular file" in done.stderr
    host(server.data, "add", "im.example", "--certificate", str(fifo), "--key", str(fifo), code=1)


def client_is_answered(server):
    with pytest.raises(AssertionError):
        client(server, "nobody")
    return True


def test_hosts_change_without_a_server_too(tmp_path):
    server = Server(tmp_path, listen=LISTEN)
    host(server.data, "add", "im.example")
    host(server.data, "add", "im.example", code=1)
    add_user(server.data, "juliet@im.example")
    assert hosts(server.data) == [("localhost", "configuration", "self-signed"), ("im.example", "added", "self-signed")]
    with running(server):
        assert client(server, "juliet", "im.example").ping().get("type") == "result"
    host(server.data, "remove", "im.example")
    with running(server):
        assert_host_unknown(server, "im.example")


def test_an_added_host_shows_its_own_certificate_and_no_connection_is_dropped(tmp_path):
    server = Server(tmp_path, workers=2, listen=LISTEN)
    with running(server):
        context = ssl.create_default_context(cafile=str(server.certificate()))
        plain = socket.create_connection(("127.0.0.1", server.port("c2s-direct")), 20)
        with context.wrap_socket(plain, server_hostname="localhost") as before:
            host(server.data, "add", "im.example")
            own = server.data / "self-signed-im.example.crt"
            assert names_in_certificate(server, "im.example", own) == ["im.example"]
            assert names_in_certificate(server, "localhost", server.certificate()) == ["localhost"]
            # One that is given: made by the server for another purpose, and named here.
            key = server.data / "self-signed-im.example.key"
            host(server.data, "remove", "im.example")
            host(server.data, "add", "im.example", "--certificate", str(own), "--key", str(key))
            assert hosts(server.data)[1] == ("im.example", "added", str(own))
            assert names_in_certificate(server, "im.example", own) == ["im.example"]
            before.sendall(b"<stream:stream to='localhost' xmlns='jabber:client' version='1.0'"
                           b" xmlns:stream='http://etherx.jabber.org/streams'>")
            assert before.recv(10) == b"<?xml vers"
    with running(server):
        assert names_in_certificate(server, "im.example", own) == ["im.example"]


def test_changes_at_the_same_time_are_made_one_by_one_while_others_talk(tmp_path):
    server = Server(tmp_path, workers=3, listen=LISTEN)
    server.add_accounts({"romeo@localhost": "romeo", "juliet@localhost": "juliet"})
    codes = {}

    def change(name):
        codes[name] = [subprocess.run([program(), "host", what, name, "--data", str(server.data)], text=True,
                                      capture_output=True, timeout=60, stdin=subprocess.DEVNULL)
                       for what in ("add", "remove") * 3]
    with running(server):
        romeo, juliet = client(server, "romeo").be_available(), client(server, "juliet").be_available()
        threads = [threading.Thread(target=change, args=("h%d.example" % i,)) for i in range(4)]
        for thread in threads:
            thread.start()
        number = 0
        while any(thread.is_alive() for thread in threads) or number < 100:
            number += 1
            romeo.chat("juliet@localhost", "m%d" % number)
            juliet.expect("message", id="m%d" % number)
        for thread in threads:
            thread.join()
        said = {line.split(": ", 1)[1] for done in codes.values() for one in done for line in one.stderr.splitlines()
                if line.startswith("linnet host: ")}
        assert said <= {"another change of the hosts is under way; try again", "this host is served already",
                        "there is no such host"}
        served = {name for name, where, _ in hosts(server.data) if where == "added"}
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as admin:
            admin.connect(str(server.data / "admin.sock"))
            admin.sendall(b'{"command": "host-list"}\n')
            answer = json.loads(admin.makefile().readline())
        assert served == {h["domain"] for h in answer["result"] if not h["configured"]}
    assert {name for name, where, _ in hosts(server.data) if where == "added"} == served


@pytest.mark.parametrize("place", ["b.example.org:5222", "'[2001:db8::1]'"])
def test_a_listener_redirects_clients_once_tls_protects_them(tmp_path, place):
    """RFC 6120, 4.9.3.19."""
    server = Server(tmp_path, listen=("starttls",), config="".join(
        "  - { kind: c2s, address: 127.0.0.1, port: 0, tls: %s, redirect: %s }\n" % (tls, place) for tls in ("none", "direct")))
    header = (b"<stream:stream to='localhost' xmlns='jabber:client' version='1.0'"
              b" xmlns:stream='http://etherx.jabber.org/streams'>")
    with running(server):
        with pytest.raises(StreamError) as error:
            client(server, "romeo")
        assert (error.value.condition, error.value.content) == ("see-other-host", place.strip("'"))
        context = ssl.create_default_context(cafile=str(server.certificate()))
        with socket.create_connection(("127.0.0.1", server.port("c2s-direct")), 20) as plain:
            with context.wrap_socket(plain, server_hostname="localhost") as tls:
                tls.sendall(header)
                assert (">%s</see-other-host></stream:error></stream:stream>" % place.strip("'")).encode() in tls.recv(4096)
        with socket.create_connection(("127.0.0.1", server.port("c2s")), 20) as plain:
            plain.sendall(header)
            assert b"see-other-host" not in plain.recv(4096)
