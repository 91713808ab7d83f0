"""linnet serve, user, status, check-config: what an operator meets, the wrong ways included."""
import contextlib
import json
import os
import pathlib
import re
import socket
import sqlite3
import subprocess
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
from server import Server, program  # noqa: E402
from xmpp import Client  # noqa: E402

NOBODY = 65534


def serve(folder, config, *arguments, **kwargs):
    """Runs a server that is expected not to start."""
    file = folder / "linnet.yml"
    file.write_text(config)
    return subprocess.run([program(), "serve", "--config", str(file), *arguments], text=True, capture_output=True,
                          timeout=60, stdin=subprocess.DEVNULL, **kwargs)


def command(*arguments, **kwargs):
    kwargs.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.run([program(), *arguments], text=True, capture_output=True, timeout=60, **kwargs)


CONFIG = "hosts: [localhost]\nlisten:\n  - { kind: c2s, address: 127.0.0.1, port: 0, tls: starttls }\n"


def test_ready_line_names_what_a_script_needs(tmp_path):
    with Server(tmp_path, listen=("starttls", "direct", "none")) as server:
        assert server.ready["pid"] == str(server.process.pid)
        assert server.ready["data"] == str(server.data)
        assert server.ready["admin"] == str(server.data / "admin.sock")
        for listener in ("c2s", "c2s-direct", "c2s-plain"):
            socket.create_connection(("127.0.0.1", server.port(listener)), 5).close()


def test_all_addresses_are_those_of_ipv4_too(tmp_path):
    server = Server(tmp_path, listen=())
    server.config.write_text(CONFIG.replace("127.0.0.1", "'::'"))
    with server:
        with socket.create_connection(("127.0.0.1", server.port()), 5) as client:
            client.sendall(b"<stream:stream to='localhost' xmlns='jabber:client' version='1.0'"
                           b" xmlns:stream='http://etherx.jabber.org/streams'>")
            assert client.recv(10) == b"<?xml vers"


def test_status_is_what_the_contract_says(tmp_path):
    with Server(tmp_path, workers=2) as server:
        status = server.status()
        assert status["pid"] == server.process.pid and status["workers"] == 2
        assert status["sessions"] == 0 and status["uncommitted_units"] == 0
        assert re.fullmatch(r"\d+\.\d+\.\d+", status["version"])
        assert [l["address"] for l in status["listeners"]] == ["127.0.0.1:%d" % server.port()]


def test_two_signals_to_stop_are_one_and_the_exit_code_is_0(tmp_path):
    server = Server(tmp_path).start()
    server.process.terminate()
    server.process.terminate()
    assert server.process.wait(30) == 0


def test_a_second_server_on_the_same_folder_is_refused(tmp_path):
    with Server(tmp_path) as server:
        done = serve(tmp_path, CONFIG, "--data", str(server.data))
        assert done.returncode == 2
        assert "is in use by process %d" % server.process.pid in done.stderr


def test_busy_port_is_named(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        done = serve(tmp_path, CONFIG.replace("port: 0", "port: %d" % port), "--data", str(tmp_path / "data"))
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == "linnet serve: cannot listen on 127.0.0.1:%d: Address already in use" % port


def test_a_file_is_no_data_folder(tmp_path):
    (tmp_path / "data").write_text("")
    done = serve(tmp_path, CONFIG, "--data", str(tmp_path / "data"))
    assert done.returncode == 2 and "is not a folder but a file" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_folder_of_another_user_is_not_writable(tmp_path):
    data = tmp_path / "data"
    data.mkdir(mode=0o755)
    os.chmod(tmp_path, 0o755)
    for parent in list(tmp_path.parents)[:2]:
        os.chmod(parent, os.stat(parent).st_mode | 0o055)
    done = subprocess.run(["setpriv", "--reuid=%d" % NOBODY, "--regid=%d" % NOBODY, "--clear-groups", program(), "serve",
                           "--data", str(data)], text=True, capture_output=True, timeout=60, stdin=subprocess.DEVNULL)
    assert done.returncode in (2, 127, 1)
    assert "not writable" in done.stderr or "Permission denied" in done.stderr


def test_a_damaged_database_is_named(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "linnet.db").write_bytes(b"this is no database" * 1000)
    done = serve(tmp_path, CONFIG, "--data", str(tmp_path / "data"))
    assert done.returncode == 2 and "linnet.db is damaged or cannot be read" in done.stderr


def test_mistakes_in_the_configuration_are_told_with_line_and_column(tmp_path):
    done = serve(tmp_path, "host: [localhost]\nmodules: { ping: { intervall: 3s } }\n")
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    assert lines[0].endswith("linnet.yml:1:1: unknown option 'host'; did you mean 'hosts'?")
    assert lines[1].endswith("linnet.yml:2:20: unknown option 'intervall' of module ping; did you mean 'interval'?")
    assert command("check-config", "--config", str(tmp_path / "linnet.yml")).returncode == 1


def test_a_module_that_others_need_cannot_be_switched_off(tmp_path):
    done = serve(tmp_path, CONFIG + "modules: { roster: off }\n", "--data", str(tmp_path / "data"))
    assert done.returncode == 2 and "cannot be switched off" in done.stderr


def test_status_without_a_server_says_so(tmp_path):
    done = command("status", "--data", str(tmp_path))
    assert done.returncode == 1 and "no server runs on the data folder" in done.stderr


# Accounts: each test with a server and without.

@pytest.fixture(params=["running", "stopped"])
def data(tmp_path, request):
    server = Server(tmp_path)
    if request.param == "stopped":
        yield str(server.data)
    else:
        with server:
            yield str(server.data)


def users(data):
    done = command("user", "list", "--data", data)
    assert done.returncode == 0
    return done.stdout.split()


def add(data, jid, password="secret"):
    return command("user", "add", jid, "--data", data, input=password + "\n", stdin=None)


def test_accounts_are_added_listed_changed_and_removed(data):
    assert add(data, "romeo@localhost").returncode == 0
    assert add(data, "Juliet@localhost").returncode == 0
    assert users(data) == ["juliet@localhost", "romeo@localhost"]
    assert command("user", "passwd", "romeo@localhost", "--data", data, input="new\n", stdin=None).returncode == 0
    assert command("user", "remove", "romeo@localhost", "--data", data).returncode == 0
    assert users(data) == ["juliet@localhost"]


def test_what_is_wrong_with_an_account_is_said(data, tmp_path):
    assert add(data, "romeo@localhost").returncode == 0
    for arguments, code, text in (
            (("add", "romeo@localhost"), 1, "exists already"),
            (("passwd", "nobody@localhost"), 1, "no such account"),
            (("remove", "nobody@localhost"), 1, "no such account"),
            (("add", "romeo@elsewhere.example"), 2, "no such host"),
            (("add", "romeo@localhost/phone"), 2, "localpart@domain"),
            (("add", "localhost"), 2, "localpart@domain"),
            (("add", "a b@localhost"), 2, "a b@localhost"),
            (("ad", "romeo@localhost"), 2, "it takes add JID"),
            (("add",), 2, "it takes add JID")):
        done = command("user", *arguments, "--data", data, input="x\n", stdin=None)
        assert (done.returncode, text in done.stderr) == (code, True), (arguments, done)
    (tmp_path / "empty").write_text("")
    done = command("user", "add", "new@localhost", "--data", data, "--password-file", str(tmp_path / "empty"))
    assert done.returncode == 1 and "has no password" in done.stderr
    assert users(data) == ["romeo@localhost"]


def befriend(romeo, juliet):
    """Each sees the other; further contacts of romeo have been asked only, or have asked."""
    for asks, grants in ((romeo, juliet), (juliet, romeo)):
        asks.write("<presence to='%s' type='subscribe'/>" % grants.jid)
        grants.expect("presence", type="subscribe")
        grants.write("<presence to='%s' type='subscribed'/>" % asks.jid)
        asks.expect("presence", type="subscribed")


def subscriptions(client):
    answer = client.ask("<query xmlns='jabber:iq:roster'/>", "get")
    return {item.get("jid"): (item.get("subscription"), item.get("ask")) for item in answer[0]}


def outbox_rows(data):
    with contextlib.closing(sqlite3.connect("file:%s/linnet.db?mode=ro" % data, uri=True)) as db:
        return db.execute("SELECT count(*) FROM outbox").fetchone()[0]


def until(is_so):
    deadline = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < deadline


@pytest.mark.parametrize("running", [True, False], ids=["running", "stopped"])
def test_contacts_are_told_that_an_account_has_been_removed(tmp_path, running):
    server = Server(tmp_path, listen=("none",))
    names = ("romeo", "juliet", "nurse", "friar")
    server.add_accounts({name + "@localhost": name for name in names})
    with server:
        people = {name: Client(server.port("c2s-plain"), name).be_available() for name in names}
        for client in people.values():
            assert subscriptions(client) == {}
        befriend(people["romeo"], people["juliet"])
        people["romeo"].write("<presence to='nurse@localhost' type='subscribe'/>")
        people["nurse"].expect("presence", type="subscribe")
        people["friar"].write("<presence to='romeo@localhost' type='subscribe'/>")
        people["romeo"].expect("presence", type="subscribe")
        assert subscriptions(people["juliet"]) == {"romeo@localhost": ("both", None)}
        assert subscriptions(people["friar"]) == {"romeo@localhost": ("none", "subscribe")}
        if running:
            assert command("user", "remove", "romeo@localhost", "--data", str(server.data)).returncode == 0
        for client in people.values():
            client.socket.close()
    if not running:
        assert command("user", "remove", "romeo@localhost", "--data", str(server.data)).returncode == 0
        assert outbox_rows(server.data) == 4
    # Also if the first server to tell them is killed, and somebody new has the name.
    server.start()
    server.kill()
    assert add(str(server.data), "romeo@localhost", "romeo").returncode == 0
    with server:
        until(lambda: outbox_rows(server.data) == 0)
        romeo, juliet, nurse, friar = (Client(server.port("c2s-plain"), name) for name in names)
        for client in (juliet, friar):
            assert subscriptions(client) == {"romeo@localhost": ("none", None)}
        assert subscriptions(romeo) == subscriptions(nurse) == {}
        # The nurse has nothing to answer any more, and the new one counts on where the old one has ended.
        assert [p.get("type") for p in nurse.be_available().unseen] == []
        romeo.be_available()
        juliet.be_available()
        befriend(romeo, juliet)
        assert subscriptions(juliet) == {"romeo@localhost": ("both", None)}
        for client in (romeo, juliet, nurse, friar):
            client.close()


def test_an_import_is_whole_or_nothing(data, tmp_path):
    file = tmp_path / "accounts.jsonl"
    good = [{"jid": "u%d@localhost" % i, "password": "p%d" % i} for i in range(30)]
    assert add(data, "u7@localhost").returncode == 0
    file.write_text("".join(json.dumps(line) + "\n" for line in good))
    done = command("user", "import", str(file), "--data", data)
    assert done.returncode == 1 and "line 8: this account exists already" in done.stderr
    assert "nothing was imported" in done.stderr
    bad = good[:3] + [{"jid": "x@localhost"}, {"jid": "x@localhost", "password": "p", "scram": {}},
                      {"jid": "y@localhost", "scram": {"sha-1": {"salt": "AAAA"}}}, {"jid": "u1@localhost", "password": "p"}]
    file.write_text("".join(json.dumps(line) + "\n" for line in bad) + "not JSON\n")
    done = command("user", "import", str(file), "--data", data)
    assert done.returncode == 1
    assert [int(n) for n in re.findall(r"line (\d+):", done.stderr)] == [4, 5, 6, 7, 8]
    assert users(data) == ["u7@localhost"]
    file.write_text("".join(json.dumps(line) + "\n" for line in good if line["jid"] != "u7@localhost"))
    done = command("user", "import", str(file), "--data", data)
    assert done.returncode == 0 and re.match(r"29 accounts imported in [\d.]+ s, \d+ a second\n", done.stdout)
    assert len(users(data)) == 30
