"""What becomes of a server whose disk has no room, cannot be written or is held by somebody else: those who are not
concerned notice nothing, the others are told the truth, and afterwards all is as before.

Disks are small file systems in memory, mounted in a namespace of their own, so that nothing is left behind."""
import contextlib
import os
import pathlib
import sqlite3
import subprocess
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
from server import Server, program  # noqa: E402
from xmpp import Bystander, Client, condition  # noqa: E402

# Everything happens on a machine that does other things too; a server that waited for its disk would take longer.
UNBOTHERED_SECONDS = 3
HELD_SECONDS = 4
NO_ROOM = ("wait", "resource-constraint")
PEOPLE = ("romeo", "juliet", "tybalt", "paris", "benvolio", "nurse")
CONFIG = "hosts: [localhost]\nlisten:\n  - { kind: c2s, address: 127.0.0.1, port: 0, tls: starttls }\n"


class Disk:
    """A tmpfs that only commands behind `wrapper` see; it goes with this object's process."""

    def __init__(self, folder, size):
        self.folder = folder
        mount = 'mount -t tmpfs -o "size=$1" tmpfs "$2" && echo mounted && exec cat'
        # Who is not root may still be it in a namespace of users.
        unshare, nsenter = ([], []) if os.geteuid() == 0 else (["--map-root-user"], ["--user", "--preserve-credentials"])
        self.process = subprocess.Popen(
            ["unshare", *unshare, "--mount", "--propagation", "private", "sh", "-c", mount, "sh", size, str(folder)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.mounted = self.process.stdout.readline() == "mounted\n"
        self.wrapper = ["nsenter", "--target", str(self.process.pid), *nsenter, "--mount"]
        self.outside = pathlib.Path("/proc/%d/root%s" % (self.process.pid, folder))  # the same folder for the test

    def protect(self):
        subprocess.run([*self.wrapper, "mount", "-o", "remount,bind,ro", str(self.folder)], check=True)

    def fill(self, free=0):
        """Until there is room for that many bytes."""
        with open(self.outside / "filler", "ab", buffering=0) as filler:
            with contextlib.suppress(OSError):
                while filler.write(bytes(4096)):
                    pass
            filler.truncate(filler.tell() - free)

    def make_room(self):
        (self.outside / "filler").unlink()

    def close(self):
        self.process.communicate()


@pytest.fixture
def disk(tmp_path):
    """Makes one of a given size at tmp_path / "disk"."""
    disks = []

    def make(size):
        (tmp_path / "disk").mkdir()
        disks.append(Disk(tmp_path / "disk", size))
        if not disks[-1].mounted:
            pytest.skip("no mount namespace here: " + disks[-1].process.communicate()[1].strip())
        return disks[-1]
    yield make
    for each in disks:
        each.close()


def serve(disk, data):
    """A server that is expected not to start; it has said one line on what is wrong."""
    file = disk.folder.parent / "refused.yml"
    file.write_text(CONFIG)
    done = subprocess.run([*disk.wrapper, program(), "serve", "--config", str(file), "--data", str(data)], text=True,
                          capture_output=True, timeout=60, stdin=subprocess.DEVNULL)
    assert done.returncode == 2, done
    assert done.stdout == "" and len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stderr.startswith("linnet serve: ")
    return done.stderr


def test_a_data_folder_that_cannot_be_written_is_named(disk):
    ro = disk("1m")
    (ro.outside / "data").mkdir()
    ro.protect()
    assert serve(ro, ro.folder / "data") == (
        "linnet serve: the data folder %s/data is not writable for user %d: Read-only file system\n" %
        (ro.folder, 0))
    assert serve(ro, ro.folder / "new") == (
        "linnet serve: cannot make the data folder %s/new: Read-only file system\n" % ro.folder)
    assert [file.name for file in ro.outside.rglob("*")] == ["data"]


# Where the room ends: the first file, the index of the log, the tables, the secrets, the certificate.
@pytest.mark.parametrize("kibibytes", [0, 4, 16, 40, 64, 96, 120, 128, 132])
def test_a_disk_without_room_is_an_error_and_with_room_all_is_well(tmp_path, disk, kibibytes):
    small = disk("2m")
    small.fill(free=kibibytes * 1024)
    server = Server(tmp_path, listen=("none",), wrapper=small.wrapper)
    server.data = small.folder
    why = serve(small, server.data)
    assert any(text in why for text in ("disk is full", "No space left on device", "is the disk full?")), why
    small.make_room()
    server.add_accounts({"romeo@localhost": "romeo"})
    with server:
        Client(server.port("c2s-plain"), "romeo").close()


class Town:
    """A server with people who are logged in, tybalt being away and the nurse looking on."""

    def __init__(self, server):
        self.server = server
        self.port = server.port("c2s-plain")
        self.nurse = Bystander(self.port, "nurse")
        self.romeo, self.juliet, self.paris = (self.come(name) for name in ("romeo", "juliet", "paris"))

    def come(self, name):
        return Client(self.port, name).be_available()

    def talk(self, number):
        """Two who are online, both ways, one message after the other."""
        for i in range(10):
            sender, other = (self.romeo, self.juliet) if i % 2 else (self.juliet, self.romeo)
            sender.chat(other.jid, "t%d-%d" % (number, i))
            message = other.expect("message", UNBOTHERED_SECONDS, id="t%d-%d" % (number, i))
            assert message.get("type") == "chat" and message.find("{urn:xmpp:sid:0}stanza-id") is None

    def until_status(self, is_so):
        deadline = time.monotonic() + 20
        while not is_so(self.server.status()):
            assert time.monotonic() < deadline, self.server.log.read_text()

    def until(self, waiting):
        self.until_status(lambda status: status["storage_waiting"] == waiting)

    def until_stored(self, units):
        """That many since the start."""
        self.until_status(lambda status: status["counters"]["units"] >= units)

    def tybalt_has(self, *ids):
        """He comes, and these and no others have been kept for him, in this order."""
        tybalt = self.come("tybalt")
        for id in ids:
            message = tybalt.read()
            while message.tag != "{jabber:client}message":
                message = tybalt.read()
            assert message.get("id") == id and message.find("{urn:xmpp:sid:0}stanza-id") is not None
        assert tybalt.received() == []
        tybalt.close()


@contextlib.contextmanager
def town(server):
    server.add_accounts({name + "@localhost": name for name in PEOPLE})
    with server:
        town = Town(server)
        yield town
        for client in (town.romeo, town.juliet, town.paris):
            client.close()
        town.nurse.assert_unbothered(UNBOTHERED_SECONDS)


ROSTER_SET = "<query xmlns='jabber:iq:roster'><item jid='%s'/></query>"


def roster(client):
    answer = client.ask("<query xmlns='jabber:iq:roster'/>", "get")
    return sorted(item.get("jid") for item in answer[0])


def answer_now(client, id):
    """The answer to an IQ, or None if nothing is said to that client, whatever it asks."""
    try:
        return client.expect("iq", 0.5, id=id)
    except TimeoutError:
        return None


def nothing_can_be_stored(town, stop, go_on):
    """What both a full disk and a held one mean. stop() makes it so, go_on() ends it."""
    town.romeo.chat("tybalt@localhost", "before")
    town.until_stored(1)
    assert roster(town.paris) == []
    stop()
    # Whichever is first is delayed, since nobody knows yet, and nothing is said about it.
    town.romeo.chat("tybalt@localhost", "early")
    early_set = town.paris.request(ROSTER_SET % "friend@localhost")
    town.until(waiting=True)
    town.talk(1)
    # From now on it is refused.
    town.romeo.chat("tybalt@localhost", "refused")
    assert condition(town.romeo.expect("message", UNBOTHERED_SECONDS, id="refused")) == NO_ROOM
    refused = town.romeo.ask(ROSTER_SET % "somebody@localhost")
    assert refused.get("type") == "error" and condition(refused) == NO_ROOM
    town.romeo.write("<presence to='juliet@localhost' type='subscribe' id='s1'/>")
    assert condition(town.romeo.expect("presence", UNBOTHERED_SECONDS, id="s1", type="error")) == NO_ROOM
    town.talk(2)
    assert town.juliet.received() == []
    errors = town.romeo.received()
    assert errors in ([], [("early", NO_ROOM)])
    answer = answer_now(town.paris, early_set)
    assert answer is None or condition(answer) == NO_ROOM
    assert answer is None or errors == []
    assert town.paris.unseen == []
    assert town.server.status()["storage_waiting"]
    go_on()
    town.until(waiting=False)
    # What was delayed has happened, what was refused has not.
    if answer is None:
        assert town.paris.expect("iq", id=early_set).get("type") == "result"
        assert town.paris.expect("iq", type="set")[0][0].get("jid") == "friend@localhost"
    assert roster(town.paris) == (["friend@localhost"] if answer is None else [])
    assert roster(town.romeo) == roster(town.juliet) == []
    town.romeo.chat("tybalt@localhost", "after")
    town.romeo.ping()
    town.tybalt_has("before", *([] if errors else ["early"]), "after")
    assert town.romeo.received() == errors


def test_a_disk_that_gets_full_delays_refuses_and_says_nothing_false(tmp_path, disk):
    small = disk("4m")
    server = Server(tmp_path, listen=("none",), wrapper=small.wrapper)
    server.data = small.folder / "data"
    with town(server) as people:
        nothing_can_be_stored(people, small.fill, small.make_room)
    assert "storage waits: database or disk is full" in server.log.read_text()


def test_a_database_that_is_held_delays_refuses_and_says_nothing_false(tmp_path):
    server = Server(tmp_path, listen=("none",))
    with town(server) as people, contextlib.closing(sqlite3.connect(server.data / "linnet.db")) as db:
        db.isolation_level = began = None

        def stop():
            nonlocal began
            db.execute("BEGIN EXCLUSIVE")
            began = time.monotonic()

        def go_on():
            # Long enough for whoever waited for it to have been noticed.
            while time.monotonic() - began < HELD_SECONDS:
                people.talk(3)
            db.execute("ROLLBACK")
        nothing_can_be_stored(people, stop, go_on)
    assert "storage waits: database is locked" in server.log.read_text()


def test_others_log_in_while_the_disk_is_full_and_who_has_something_to_store_waits(tmp_path, disk):
    small = disk("4m")
    server = Server(tmp_path, listen=("none",), wrapper=small.wrapper)
    server.data = small.folder / "data"
    with town(server) as people:
        small.fill()
        people.romeo.chat("tybalt@localhost", "delayed")
        people.until(waiting=True)
        benvolio = people.come("benvolio")
        people.romeo.chat(benvolio.jid, "direct")
        assert benvolio.expect("message", UNBOTHERED_SECONDS, id="direct").get("type") == "chat"
        tybalt = Client(people.port, "tybalt")
        tybalt.write("<presence/>")
        with pytest.raises(TimeoutError):
            tybalt.read(0.5)
        small.make_room()
        assert tybalt.expect("message", id="delayed").find("{urn:xmpp:sid:0}stanza-id") is not None
        tybalt.close()
        benvolio.close()


def test_a_server_killed_on_a_full_disk_has_what_was_stored_before(tmp_path, disk):
    small = disk("4m")
    server = Server(tmp_path, listen=("none",), wrapper=small.wrapper)
    server.data = small.folder / "data"
    with town(server) as people:
        people.romeo.chat("tybalt@localhost", "before")
        people.paris.ask(ROSTER_SET % "friend@localhost")
        people.until_stored(2)
        small.fill()
        people.romeo.chat("tybalt@localhost", "lost")
        people.until(waiting=True)
        server.kill()
        small.make_room()
        server.start()
        people.__init__(server)
        assert roster(people.paris) == ["friend@localhost"]
        people.tybalt_has("before")
