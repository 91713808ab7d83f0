"""People who use a server all at once and without any order: they log in over TLS and without, write, ask, befriend each other,
take each other's resources, vanish. What they are told they answer as they should; nobody waits for anybody.

Another thing that they do is a method of Person and a line of `ACTS`."""
import asyncio
import base64
import collections
import contextlib
import random
import socket
import ssl
import struct
import xml.etree.ElementTree as ElementTree

CLIENT = "{jabber:client}"
RESOURCES = ("phone", "desk")
HEADER = ("<stream:stream to='localhost' version='1.0' xmlns='jabber:client'"
          " xmlns:stream='http://etherx.jabber.org/streams'>")
STEP_SECONDS = 60  # a server under a sanitizer, on a machine that does other things


class Ended(Exception):
    """The stream has ended, with or without an error: that is what happens here."""


class Stream:
    """Elements of one connection."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self.open()

    def open(self):
        self.parser = ElementTree.XMLPullParser(("start", "end"))
        self.depth = 0
        self.write(HEADER)

    def write(self, text):
        self.writer.write(text.encode())

    def parsed(self):
        for event, element in self.parser.read_events():
            self.depth += 1 if event == "start" else -1
            if event == "end" and self.depth == 1:
                return element
            if event == "end" and self.depth == 0:
                raise Ended()
        return None

    async def read(self):
        while (element := self.parsed()) is None:
            data = await asyncio.wait_for(self.reader.read(65536), STEP_SECONDS)
            if not data:
                raise Ended()
            self.parser.feed(data)
        if element.tag.endswith("}error") and not element.tag.startswith(CLIENT):
            raise Ended()
        return element

    def reset(self):
        """The connection is gone, with all that was on its way."""
        linger = struct.pack("ii", 1, 0)
        with contextlib.suppress(OSError, AttributeError):  # it may be gone already
            self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.writer.transport.abort()


class Person:
    """One device of one account, again and again."""

    def __init__(self, crowd, number):
        self.crowd = crowd
        self.random = random.Random(number)
        self.name = crowd.names[number % len(crowd.names)]

    def other(self):
        return self.random.choice(self.crowd.names) + "@localhost"

    def count(self, what):
        self.crowd.counts[what] += 1

    async def connect(self):
        if self.random.random() < 0.5:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.crowd.plain_port)
        else:
            reader, writer = await asyncio.wait_for(
                asyncio.open_connection("127.0.0.1", self.crowd.tls_port, ssl=self.crowd.tls), STEP_SECONDS)
            self.count("tls")
        self.stream = Stream(reader, writer)

    async def log_in(self):
        password = self.name if self.random.random() < 0.9 else "wrong"
        secret = base64.b64encode(("\0%s\0%s" % (self.name, password)).encode()).decode()
        await self.stream.read()
        self.stream.write("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>%s</auth>" % secret)
        answer = await self.stream.read()
        if not answer.tag.endswith("}success"):
            self.count("refused")
            raise Ended()
        self.count("logins")
        self.stream.open()
        await self.stream.read()
        self.stream.write("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>%s</resource>"
                          "</bind></iq>" % self.random.choice(RESOURCES))
        await self.stream.read()

    # What people do. None of it waits for an answer.

    def appear(self):
        self.stream.write("<presence><priority>%d</priority></presence>" % self.random.randint(-1, 2))

    def disappear(self):
        self.stream.write("<presence type='unavailable'/>")

    def chat(self):
        to = self.other() + self.random.choice(("", "/phone", "/desk"))
        for _ in range(self.random.randint(1, 5)):
            self.stream.write("<message to='%s' type='chat' id='m'><body>%s</body></message>" %
                              (to, "x" * self.random.choice((3, 300, 5000))))

    def ask(self):
        to = self.random.choice((self.other(), self.other() + "/phone", "localhost"))
        self.stream.write("<iq type='get' id='p' to='%s'><ping xmlns='urn:xmpp:ping'/></iq>" % to)

    def discover(self):
        self.stream.write("<iq type='get' id='d' to='localhost'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>")

    def get_roster(self):
        self.stream.write("<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>")

    def write_roster(self):
        removes = "subscription='remove'" if self.random.random() < 0.3 else "name='friend'"
        self.stream.write("<iq type='set' id='s'><query xmlns='jabber:iq:roster'><item jid='%s' %s/></query></iq>" %
                          (self.other(), removes))

    def befriend(self):
        kind = self.random.choice(("subscribe", "subscribed", "unsubscribe", "unsubscribed"))
        self.stream.write("<presence to='%s' type='%s'/>" % (self.other(), kind))

    def direct(self):
        self.stream.write("<presence to='%s'/>" % self.other())

    ACTS = (appear, appear, disappear, chat, chat, chat, ask, discover, get_roster, write_roster, befriend, befriend, direct)

    def hear(self, element):
        self.count(element.tag.rsplit("}")[-1])
        if element.tag == CLIENT + "iq" and element.get("type") in ("get", "set"):
            to = "to='%s'" % element.get("from") if element.get("from") else ""
            self.stream.write("<iq type='result' id='%s' %s/>" % (element.get("id"), to))

    async def listen(self):
        while True:
            self.hear(await self.stream.read())

    async def be_busy(self):
        for _ in range(self.random.randint(5, 40)):
            self.random.choice(self.ACTS)(self)
            self.count("acts")
            await self.stream.writer.drain()
            await asyncio.sleep(self.random.random() * 0.05)
        end = self.random.random()
        if end < 0.5:
            self.stream.write("</stream:stream>")
            await asyncio.sleep(0.05)
        elif end < 0.75:
            self.stream.write("<message to='%s'><bo" % self.other())
        self.count("ends")

    async def live_once(self):
        try:
            await self.connect()
            await self.log_in()
            listening = asyncio.ensure_future(self.listen())
            try:
                await self.be_busy()
            finally:
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)
        finally:
            if self.stream:
                self.stream.reset()

    async def live(self):
        while not self.crowd.is_over.is_set():
            self.stream = None
            # Refused, thrown out, or the server has stopped: all of that happens here, and is counted where it matters.
            with contextlib.suppress(Ended, OSError, EOFError, asyncio.TimeoutError, ElementTree.ParseError):
                await self.live_once()
            await asyncio.sleep(self.random.random() * 0.1)


class Crowd:
    """All of them, for as long as is_over is not set."""

    def __init__(self, names, plain_port, tls_port):
        self.names, self.plain_port, self.tls_port = names, plain_port, tls_port
        self.counts = collections.Counter()
        self.tls = ssl.create_default_context()
        self.tls.check_hostname = False
        self.tls.verify_mode = ssl.CERT_NONE
        self.tls.set_alpn_protocols(["xmpp-client"])

    async def live(self, count, first, during):
        """So many of them, numbered from `first`, until the coroutine function `during` is through."""
        self.is_over = asyncio.Event()
        people = [asyncio.ensure_future(Person(self, first + i).live()) for i in range(count)]
        try:
            await during()
        finally:
            self.is_over.set()
            await asyncio.wait(people, timeout=STEP_SECONDS)
            for person in people:
                person.cancel()
        for result in await asyncio.gather(*people, return_exceptions=True):
            assert not isinstance(result, Exception), result
