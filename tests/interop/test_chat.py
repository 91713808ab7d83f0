"""Two people, real client libraries, TLS, the built server: login, contacts, presence, chat, away and back, kill -9."""
import asyncio
import itertools
import ssl
import time

import pytest
from clients import Slixmpp, XmppJs
from server import Server

# What each library chooses of the mechanisms that are offered.
MECHANISM = {"slixmpp": "SCRAM-SHA-512-PLUS", "xmpp.js": "SCRAM-SHA-1"}
PAIRS = list(itertools.product([Slixmpp, XmppJs], repeat=2))


def log_has(server, text):
    return text in server.log.read_text()


async def until_committed(server, units):
    """Until at least so many units have been written, and none is on its way."""
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        status = await asyncio.to_thread(server.status)
        if status["uncommitted_units"] == 0 and status["counters"]["units"] >= units:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("the server still writes: %s" % status)


async def log_in(client):
    await client.connect()
    await client.roster()
    await client.send_presence()
    await client.expect(event="presence", **{"from": "%s/%s" % (client.jid, client.resource)})


async def become_contacts(romeo, juliet):
    await romeo.send_presence(to=juliet.jid, type="subscribe")
    await juliet.expect(event="presence", type="subscribe", **{"from": romeo.jid})
    await juliet.send_presence(to=romeo.jid, type="subscribed")
    await romeo.expect(event="presence", type="subscribed", **{"from": juliet.jid})
    await romeo.expect(event="presence", type="available", **{"from": juliet.jid + "/balcony"})
    await juliet.send_presence(to=romeo.jid, type="subscribe")
    await romeo.expect(event="presence", type="subscribe", **{"from": juliet.jid})
    await romeo.send_presence(to=juliet.jid, type="subscribed")
    await juliet.expect(event="presence", type="available", **{"from": romeo.jid + "/phone"})
    assert await romeo.roster() == {juliet.jid: ("both", None)}
    assert await juliet.roster() == {romeo.jid: ("both", None)}


async def chat(sender, recipient, id, delayed=False):
    await sender.send_message(recipient.jid, id, "a message: " + id)
    await receive(sender, recipient, id, delayed)


async def receive(sender, recipient, id, delayed):
    event = await recipient.expect(event="message", id=id)
    assert event["body"] == "a message: " + id
    assert event["from"] == "%s/%s" % (sender.jid, sender.resource)
    assert event["delayed"] == delayed


async def converse(server, Romeo, Juliet):
    romeo, juliet = Romeo(server, "romeo", "phone"), Juliet(server, "juliet", "balcony")
    await log_in(romeo)
    await log_in(juliet)
    for client in (romeo, juliet):
        assert log_has(server, "user=%s logged in mechanism=%s tls=yes" % (client.jid, MECHANISM[client.name]))
    await become_contacts(romeo, juliet)
    await chat(romeo, juliet, "m1")
    await chat(juliet, romeo, "m2")

    # Juliet goes away and comes back.
    await juliet.close()
    await romeo.expect(event="presence", type="unavailable", **{"from": juliet.jid + "/balcony"})
    await romeo.send_message(juliet.jid, "m3", "a message: m3")
    juliet = Juliet(server, "juliet", "balcony")
    await log_in(juliet)
    await receive(romeo, juliet, "m3", delayed=True)
    await romeo.expect(event="presence", type="available", **{"from": juliet.jid + "/balcony"})

    # She goes away again; the server is killed; both come back.
    await juliet.close()
    await romeo.expect(event="presence", type="unavailable", **{"from": juliet.jid + "/balcony"})
    units = (await asyncio.to_thread(server.status))["counters"]["units"]
    for i in range(20):
        await romeo.send_message(juliet.jid, "k%d" % i, "a message: k%d" % i)
    await until_committed(server, units + 20)
    server.kill()
    await romeo.close()
    server.start()
    juliet = Juliet(server, "juliet", "balcony")
    await log_in(juliet)
    for i in range(20):
        event = await juliet.expect(event="message")
        assert event["id"] == "k%d" % i and event["delayed"]
    assert await juliet.roster() == {romeo.jid: ("both", None)}
    await juliet.close()


@pytest.mark.parametrize("pair", PAIRS, ids=["%s-%s" % (a.name, b.name) for a, b in PAIRS])
def test_two_people_chat_and_nothing_is_lost(tmp_path, pair):
    server = Server(tmp_path)
    server.add_accounts({"romeo@localhost": "romeo", "juliet@localhost": "juliet"})
    with server:
        asyncio.run(asyncio.wait_for(converse(server, *pair), 120))


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=lambda v: v.name)
def test_slixmpp_binds_its_login_to_the_channel(tmp_path, version):
    """By its own choice, which is tls-unique on both (docs/SECURITY.md, L9)."""
    async def try_it(server):
        client = Slixmpp(server, "romeo", "phone")
        client.maximum = version
        await client.connect()
        assert client.xmpp.socket.version() == version.name.replace("_", ".")
        await client.close()

    server = Server(tmp_path)
    server.add_accounts({"romeo@localhost": "romeo"})
    with server:
        asyncio.run(try_it(server))
        assert log_has(server, "logged in mechanism=SCRAM-SHA-512-PLUS tls=yes")


def test_wrong_password_is_refused(tmp_path):
    async def try_it(server):
        client = Slixmpp(server, "romeo", "phone")
        connecting = asyncio.create_task(client.connect())
        await client.expect(event="error", text="auth")
        connecting.cancel()
        await client.close()

    server = Server(tmp_path)
    server.add_accounts({"romeo@localhost": "another"})
    with server:
        asyncio.run(try_it(server))
        assert log_has(server, "login failed user=romeo@localhost")
