"""What peers meet at the limits of the real program, and what it costs the server."""
import base64
import os
import pathlib
import select
import socket
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
from server import Server  # noqa: E402
from xmpp import Client  # noqa: E402

HEADER = (b"<stream:stream to='localhost' version='1.0' xmlns='jabber:client'"
          b" xmlns:stream='http://etherx.jabber.org/streams'>")
STARTTLS = b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
WAIT_SECONDS = 20


def dial(server, listener="c2s"):
    return socket.create_connection(("127.0.0.1", server.port(listener)), WAIT_SECONDS)


def read_all(client):
    """Until the end, or a reset behind what has come."""
    heard = b""
    try:
        while data := client.recv(65536):
            heard += data
    except ConnectionResetError:
        pass
    return heard


def read_until(client, part):
    heard = b""
    while part not in heard:
        data = client.recv(65536)
        assert data, heard
        heard += data
    return heard


def auth(password):
    proof = base64.b64encode(b"\0romeo\0" + password).decode()
    return ("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>%s</auth>" % proof).encode()


def until(happens, seconds=WAIT_SECONDS):
    deadline = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_an_address_has_so_many_connections_without_login(tmp_path):
    with Server(tmp_path, workers=2, listen=("starttls", "direct"),
                config="limits: { address_unauthenticated: 2 }\n") as server:
        first = [dial(server), dial(server)]
        until(lambda: server.status()["unauthenticated"] == 2)
        assert b"<stream:error><policy-violation " in read_all(dial(server))
        # With TLS from the first byte there is nothing to be said, nor a handshake.
        assert read_all(dial(server, "c2s-direct")) == b""
        status = server.status()
        assert status["counters"]["refused_per_address"] == 2
        assert status["unauthenticated_max"] == 2000 and status["open_connections"] == 2 and status["addresses"] == 1
        first[0].close()
        until(lambda: server.status()["unauthenticated"] == 1)
        read = dial(server)
        read.sendall(HEADER)
        assert b"<stream:features>" in read_until(read, b"</stream:features>")
        assert "limit=refused_per_address address=127.0.0.1" in server.log.read_text()


def test_an_address_comes_so_often(tmp_path):
    with Server(tmp_path, config="limits: { address_connections: 3 }\n") as server:
        for _ in range(3):
            dial(server).close()
        until(lambda: server.status()["counters"]["connections"] == 3)
        for _ in range(5):
            assert b"<policy-violation " in read_all(dial(server))
        assert server.status()["counters"]["refused_per_minute"] == 5
        # One line tells of all.
        assert server.log.read_text().count("limit=refused_per_minute") == 1


def test_the_oldest_makes_room_on_whatever_worker(tmp_path):
    with Server(tmp_path, workers=3, config="limits: { unauthenticated: 4 }\n") as server:
        clients = []
        for n in range(8):
            clients.append(dial(server))
            clients[-1].sendall(HEADER)
            read_until(clients[-1], b"</stream:features>")
        for client in clients[:4]:
            assert b"<resource-constraint " in read_all(client)
        assert server.status()["counters"]["evicted"] == 4
        assert server.status()["unauthenticated"] == 4


def test_failed_logins_put_off_the_next(tmp_path):
    server = Server(tmp_path, listen=("none",), config="limits: { login_failures: 2 }\n")
    server.add_accounts({"romeo@localhost": "romeo"})
    with server:
        client = dial(server, "c2s-plain")
        client.sendall(HEADER)
        read_until(client, b"</stream:features>")
        for _ in range(2):
            client.sendall(auth(b"wrong"))
            assert b"<not-authorized" in read_until(client, b"</failure>")
        client.sendall(auth(b"wrong"))
        assert b"<not-authorized" in read_all(client)
        client = dial(server, "c2s-plain")
        client.sendall(HEADER + auth(b"romeo"))
        assert b"<temporary-auth-failure" in read_until(client, b"</failure>")
        time.sleep(1.1)
        client.sendall(auth(b"romeo"))
        read_until(client, b"<success")
        counters = server.status()["counters"]
        assert counters["logins_put_off"] == 1 and counters["logins"] == 1


def test_a_client_that_sends_too_fast_is_read_at_its_rate(tmp_path):
    server = Server(tmp_path, listen=("none",), config="limits: { read_rate: 400000, read_burst: 16KiB }\n")
    server.add_accounts({"romeo@localhost": "romeo", "juliet@localhost": "juliet"})
    with server:
        romeo, juliet = Client(server.port("c2s-plain"), "romeo"), Client(server.port("c2s-plain"), "juliet")
        ping = "<iq type='get' id='%s' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>"
        begin = time.monotonic()
        for n in range(2500):
            romeo.write(ping % ("r%d" % n))
        juliet.write(ping % "j")
        juliet.expect("iq", id="j")
        romeo.expect("iq", id="r2499")
        # 2,500 × (70 + 256) bytes are 815 kB: the burst, one read of 300 kB at most, and 500 kB at 400 kB/s.
        assert time.monotonic() - begin > 1.2
        assert server.status()["counters"]["throttled"] > 0


def test_descriptors_that_run_out_refuse_newcomers_only(tmp_path):
    server = Server(tmp_path, listen=("none",), config="limits: { rate: off }\n")
    server.add_accounts({"romeo@localhost": "romeo"})
    server.wrapper = ["prlimit", "--nofile=300:300"]
    with server:
        server.wrapper = []
        romeo = Client(server.port("c2s-plain"), "romeo")
        clients = [dial(server, "c2s-plain") for _ in range(220)]
        until(lambda: server.status()["counters"]["refused_full"] >= 40)
        assert romeo.ask("<ping xmlns='urn:xmpp:ping'/>", type="get").get("type") == "result"
        assert b"<resource-constraint " in read_all(clients[-1])
        # Nothing spins.
        used = cpu_seconds(server)
        time.sleep(0.5)
        assert cpu_seconds(server) - used < 0.2
        for client in clients:
            client.close()
        until(lambda: server.status()["open_connections"] == 1)
        Client(server.port("c2s-plain"), "romeo", "tablet")


def cpu_seconds(server):
    fields = pathlib.Path("/proc/%d/stat" % server.process.pid).read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_bytes(server):
    lines = pathlib.Path("/proc/%d/status" % server.process.pid).read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith("VmRSS")).split()[1])


def abort_many(server, count):
    """At four steps in turn, half of them by a reset."""
    words = (b"", HEADER[:20], HEADER + auth(b"wrong"), HEADER + STARTTLS + b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc")
    for first in range(0, count, 40):
        clients = []
        for n in range(first, first + 40):
            clients.append(dial(server))
            clients[-1].sendall(words[n % 4])
        select.select(clients, [], [], 0.01)
        for n, client in enumerate(clients):
            if n % 2:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            client.close()
    until(lambda: server.status()["open_connections"] == 0)


# ASan keeps what is freed for a while.
@pytest.mark.skipif("asan" in os.environ.get("LINNET_BUILD", ""), reason="ASan")
def test_memory_is_flat_after_many_aborted_connections(tmp_path):
    with Server(tmp_path, workers=2) as server:
        abort_many(server, 1000)
        before = resident_bytes(server)
        abort_many(server, 2000)
        # A page each would be eight megabytes.
        assert resident_bytes(server) - before < 2 << 20
