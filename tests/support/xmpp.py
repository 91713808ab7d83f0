"""A small XMPP client on a plain socket, for tests that look at the server while something happens to it.

It logs in with PLAIN on a listener without TLS, and reads whole stanzas as trees. Everything blocks, with a limit."""
import base64
import itertools
import socket
import threading
import time
import xml.etree.ElementTree as ElementTree

WAIT_SECONDS = 20
CLIENT = "{jabber:client}"
ERRORS = "{urn:ietf:params:xml:ns:xmpp-stanzas}"


class Closed(Exception):
    """The stream or the connection has ended."""


class StreamError(AssertionError):
    """The server has ended the stream with this condition, which nobody expected unless the test says so."""

    def __init__(self, condition, content):
        super().__init__("stream error %s %s" % (condition, content))
        self.condition = condition
        self.content = content


class Client:
    """A bound session of localpart@host, whose password is its localpart. It has not sent presence."""

    def __init__(self, port, localpart, resource="phone", host="localhost"):
        self.host = host
        self.jid = localpart + "@" + host
        self.ids = ("i%d" % i for i in itertools.count())
        self.unseen = []
        self.socket = socket.create_connection(("127.0.0.1", port), WAIT_SECONDS)
        try:
            self.log_in(localpart, resource)
        except BaseException:
            self.socket.close()
            raise

    def log_in(self, localpart, resource):
        self.open_stream()
        self.write("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>%s</auth>" %
                   base64.b64encode(("\0%s\0%s" % (localpart, localpart)).encode()).decode())
        answer = self.read()
        assert answer.tag.endswith("}success"), ElementTree.tostring(answer)
        self.open_stream()
        bind = "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>%s</resource></bind>" % resource
        assert self.ask(bind).get("type") == "result"

    def open_stream(self):
        self.parser = ElementTree.XMLPullParser(("start", "end"))
        self.depth = 0
        self.write("<stream:stream to='%s' version='1.0' xmlns='jabber:client'"
                   " xmlns:stream='http://etherx.jabber.org/streams'>" % self.host)
        features = self.read()
        assert features.tag.endswith("}features"), features.tag

    def write(self, text):
        self.socket.sendall(text.encode())

    def parsed(self):
        """The next stanza of what has been read, or None."""
        for event, element in self.parser.read_events():
            self.depth += 1 if event == "start" else -1
            if event == "end" and self.depth == 1:
                return element
            if event == "end" and self.depth == 0:
                raise Closed()
        return None

    def read(self, seconds=WAIT_SECONDS):
        """The next stanza, in the order they come. Raises Closed or TimeoutError."""
        deadline = time.monotonic() + seconds
        while (stanza := self.parsed()) is None:
            self.socket.settimeout(max(0.001, deadline - time.monotonic()))
            data = self.socket.recv(65536)
            if not data:
                raise Closed()
            self.parser.feed(data)
        if stanza.tag == "{http://etherx.jabber.org/streams}error":
            raise StreamError(stanza[0].tag.split("}")[1], (stanza[0].text or "").strip())
        return stanza

    def expect(self, name, seconds=WAIT_SECONDS, **attributes):
        """The first stanza of that name with these attributes; others before it wait for their turn."""
        deadline = time.monotonic() + seconds
        while True:
            for stanza in self.unseen:
                if stanza.tag == CLIENT + name and all(stanza.get(k.rstrip("_")) == v for k, v in attributes.items()):
                    self.unseen.remove(stanza)
                    return stanza
            self.unseen.append(self.read(deadline - time.monotonic()))

    def request(self, payload, type="set"):
        """Sends an IQ to its own account; returns the id."""
        id = next(self.ids)
        self.write("<iq id='%s' type='%s'>%s</iq>" % (id, type, payload))
        return id

    def ask(self, payload, type="set"):
        return self.expect("iq", id=self.request(payload, type))

    def ping(self, to=None, seconds=WAIT_SECONDS):
        """Until all it has sent to the server itself has been handled."""
        id = next(self.ids)
        self.write("<iq id='%s' type='get' to='%s'><ping xmlns='urn:xmpp:ping'/></iq>" % (id, to or self.host))
        return self.expect("iq", seconds, id=id)

    def be_available(self):
        """Presence, and until it has been handled: the account's own copy comes back."""
        self.write("<presence/>")
        self.expect("presence", from_=self.jid + "/phone")
        return self

    def chat(self, to, id, body="hello"):
        self.write("<message to='%s' id='%s' type='chat'><body>%s</body></message>" % (to, id, body))

    def received(self):
        """Ids of the messages that have come and that nobody has looked at; (id, condition) for errors."""
        self.ping()
        return [(m.get("id"), condition(m)) if m.get("type") == "error" else m.get("id")
                for m in self.unseen if m.tag == CLIENT + "message"]

    def close(self):
        """With the closing tag, and until the server has answered with its own."""
        self.write("</stream:stream>")
        try:
            while True:
                self.read()
        except Closed:
            self.socket.close()


def condition(stanza):
    """(type, condition) of a stanza error."""
    error = stanza.find(CLIENT + "error")
    return error.get("type"), next(e.tag for e in error if e.tag.startswith(ERRORS))[len(ERRORS):]


class Bystander:
    """A session that pings all the time, to show that it never notices what happens to others."""

    def __init__(self, port, localpart):
        self.client = Client(port, localpart).be_available()
        self.slowest = self.pings = 0
        self.failure = None
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        try:
            while not self.stopping.is_set():
                began = time.monotonic()
                assert self.client.ping().get("type") == "result"
                self.slowest = max(self.slowest, time.monotonic() - began)
                self.pings += 1
                self.stopping.wait(0.02)
        except Exception as failure:  # told by assert_unbothered
            self.failure = failure

    def assert_unbothered(self, seconds):
        """Each ping was answered, in less than that; and nothing else came."""
        self.stopping.set()
        self.thread.join(WAIT_SECONDS + 5)
        assert not self.thread.is_alive() and self.failure is None, self.failure
        assert self.pings > 0 and self.slowest < seconds, (self.pings, self.slowest)
        assert self.client.unseen == []
        self.client.close()
