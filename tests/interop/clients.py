"""Real client libraries behind one small interface, so that each test runs with any pair of them.

A client has connect(), send_presence(), send_message(), roster(), close(); what it receives waits in lists that
`expect` looks through. All of it runs on one asyncio loop."""
import asyncio
import hashlib
import json
import os
import pathlib
import shutil
import subprocess

import slixmpp

HERE = pathlib.Path(__file__).parent
WAIT_SECONDS = 15


def npm_modules():
    """The folder with node_modules, installed once and kept outside of the tree."""
    source = HERE / "xmpp.js"
    version = hashlib.sha256((source / "package.json").read_bytes()).hexdigest()[:16]
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "linnet" / ("npm-" + version)
    if not (cache / "installed").exists():
        cache.mkdir(parents=True, exist_ok=True)
        shutil.copy(source / "package.json", cache)
        subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts"],
                       cwd=cache, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        (cache / "installed").touch()
    return cache


class Client:
    def __init__(self, server, localpart, resource):
        self.server = server
        self.localpart = localpart
        self.jid = localpart + "@localhost"
        self.resource = resource
        self.received = []
        self.changed = asyncio.Event()

    def note(self, event):
        self.received.append(event)
        self.changed.set()

    async def expect(self, **wanted):
        """The first event with these values, waiting for it if need be; it is taken out."""
        deadline = asyncio.get_running_loop().time() + WAIT_SECONDS
        while True:
            for event in self.received:
                if all(event.get(key) == value for key, value in wanted.items()):
                    self.received.remove(event)
                    return event
            self.changed.clear()
            left = deadline - asyncio.get_running_loop().time()
            try:
                await asyncio.wait_for(self.changed.wait(), left)
            except asyncio.TimeoutError:
                raise AssertionError("%s waited for %s; it has %s" % (self.jid, wanted, self.received)) from None


class Slixmpp(Client):
    name = "slixmpp"
    maximum = None  # version of TLS

    def ssl_context(self):
        context = slixmpp.ClientXMPP.get_ssl_context(self.xmpp)
        if self.maximum:
            context.maximum_version = self.maximum
        return context

    async def connect(self):
        self.xmpp = slixmpp.ClientXMPP("%s/%s" % (self.jid, self.resource), self.localpart)
        self.xmpp.get_ssl_context = self.ssl_context
        self.xmpp.ca_certs = str(self.server.certificate())
        self.xmpp.auto_authorize = None  # the test decides
        self.xmpp.add_event_handler("session_start", lambda _: self.note({"event": "online"}))
        self.xmpp.add_event_handler("failed_auth", lambda _: self.note({"event": "error", "text": "auth"}))
        self.xmpp.add_event_handler("disconnected", lambda _: self.note({"event": "offline"}))
        self.xmpp.add_event_handler("message", self.on_message)
        self.xmpp.add_event_handler("presence", self.on_presence)
        self.xmpp.register_plugin("xep_0203")
        self.xmpp.connect(("127.0.0.1", self.server.port()), force_starttls=True)
        await self.expect(event="online")

    def on_message(self, m):
        self.note({"event": "message", "from": str(m["from"]), "id": m["id"], "type": m["type"], "body": m["body"],
                   "delayed": m.xml.find("{urn:xmpp:delay}delay") is not None})

    def on_presence(self, p):
        self.note({"event": "presence", "from": str(p["from"]), "type": p.xml.get("type") or "available"})

    async def send_presence(self, to=None, type=None):
        self.xmpp.send_presence(pto=to, ptype=type)

    async def send_message(self, to, id, body):
        message = self.xmpp.make_message(mto=to, mbody=body, mtype="chat")
        message["id"] = id
        message.send()

    async def roster(self):
        """As the server has it; the library's own copy, which it keeps by versions and pushes, has to agree."""
        await self.xmpp.get_roster()
        request = self.xmpp.make_iq_get()
        request.enable("roster")
        result = await request.send()
        for jid, item in result["roster"]["items"].items():
            assert self.xmpp.client_roster[str(jid)]["subscription"] == item["subscription"]
        return {str(jid): (item["subscription"], item["ask"] or None)
                for jid, item in result["roster"]["items"].items()}

    async def close(self):
        await self.xmpp.disconnect()


class XmppJs(Client):
    name = "xmpp.js"

    async def connect(self):
        modules = await asyncio.to_thread(npm_modules)
        script = modules / "client.js"
        shutil.copy(HERE / "xmpp.js" / "client.js", script)
        self.process = await asyncio.create_subprocess_exec(
            "node", str(script), "xmpp://127.0.0.1:%d" % self.server.port(), "localhost", self.localpart,
            self.localpart, self.resource, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env={**os.environ, "NODE_EXTRA_CA_CERTS": str(self.server.certificate())})
        self.reader = asyncio.create_task(self.read())
        await self.expect(event="online", jid="%s/%s" % (self.jid, self.resource))

    async def read(self):
        while line := await self.process.stdout.readline():
            self.note(json.loads(line))

    async def tell(self, **command):
        self.process.stdin.write((json.dumps(command) + "\n").encode())
        await self.process.stdin.drain()

    async def send_presence(self, to=None, type=None):
        await self.tell(command="presence", to=to, type=type)

    async def send_message(self, to, id, body):
        await self.tell(command="message", to=to, id=id, body=body)

    async def roster(self):
        await self.tell(command="roster")
        event = await self.expect(event="roster")
        return {item["jid"]: (item["subscription"], item["ask"]) for item in event["items"]}

    async def close(self):
        """Also when the server has gone: then there is nothing to wait for."""
        if not any(event["event"] == "offline" for event in self.received):
            await self.tell(command="stop")
            await self.expect(event="offline")
        self.process.kill()
        await self.process.wait()
        await self.reader
