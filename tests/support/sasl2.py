"""A client of SASL2, Bind 2 and FAST on a plain socket under TLS, which counts how often it has had to wait for the server.

A wait is a read that found nothing: everything sent since the last one belongs to one round trip. So what is pipelined costs one."""
import base64
import hashlib
import hmac
import socket
import ssl
import xml.etree.ElementTree as ElementTree

from server import Server
from xmpp import Closed, WAIT_SECONDS

STREAM = "{http://etherx.jabber.org/streams}"
SASL2 = "{urn:xmpp:sasl:2}"
FAST = "{urn:xmpp:fast:0}"
BIND2 = "{urn:xmpp:bind:0}"
CLIENT_ID = "d4565fa7-4d72-4749-b3d3-740edbf87770"


class Client:
    """Connected under TLS; nothing has been sent yet. `direct`: TLS comes first, else STARTTLS."""

    def __init__(self, port, localpart="romeo", host="localhost", direct=True, certificate=None, maximum=None):
        self.localpart, self.host = localpart, host
        self.waits = 0
        self.token = None
        plain = socket.create_connection(("127.0.0.1", port), WAIT_SECONDS)
        if not direct:
            self.socket = plain
            self.open_stream()
            self.write("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
            assert self.read().tag.endswith("}features")
            assert self.read().tag.endswith("}proceed")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_alpn_protocols(["xmpp-client"])
        if maximum:
            context.maximum_version = maximum
        if certificate:
            context.load_cert_chain(*certificate)
        self.socket = context.wrap_socket(plain, server_hostname=host)
        self.waits = 0

    def write(self, text):
        self.socket.sendall(text.encode())

    def open_stream(self, and_more=""):
        self.parser = ElementTree.XMLPullParser(("start", "end"))
        self.depth = 0
        self.write("<?xml version='1.0'?><stream:stream to='%s' from='%s@%s' version='1.0' xmlns='jabber:client'"
                   " xmlns:stream='http://etherx.jabber.org/streams'>%s" % (self.host, self.localpart, self.host, and_more))

    def parsed(self):
        for event, element in self.parser.read_events():
            self.depth += 1 if event == "start" else -1
            if event == "end" and self.depth == 1:
                return element
            if event == "end" and self.depth == 0:
                raise Closed()
        return None

    def read(self):
        """The next top-level element. What comes in pieces is one wait, as long as nothing is sent in between."""
        while (element := self.parsed()) is None:
            self.socket.settimeout(WAIT_SECONDS)
            data = self.socket.recv(65536)
            if not data:
                raise Closed()
            self.parser.feed(data)
        return element

    def wait(self):
        """Counts a round trip: from here on the client reads what the server answers to all that was sent."""
        self.waits += 1
        return self.read()

    def authenticate(self, mechanism, data, fast="", bind="<bind xmlns='urn:xmpp:bind:0'><tag>Test</tag></bind>", id=CLIENT_ID,
                     more=""):
        """The element."""
        agent = "<user-agent id='%s'><software>Tester</software><device>bench</device></user-agent>" % id if id else ""
        return ("<authenticate xmlns='urn:xmpp:sasl:2' mechanism='%s'><initial-response>%s</initial-response>%s%s%s%s"
                "</authenticate>" % (mechanism, base64.b64encode(data).decode(), agent, bind, fast, more))

    def plain(self, password, **kwargs):
        return self.authenticate("PLAIN", b"\0" + self.localpart.encode() + b"\0" + password.encode(), **kwargs)

    def with_token(self, token, mechanism="HT-SHA-256-NONE", binding=b"", attributes="", **kwargs):
        proof = hmac.new(token.encode(), b"Initiator" + binding, hashlib.sha256).digest()
        kwargs.setdefault("fast", "<fast xmlns='urn:xmpp:fast:0' count='1'%s/>" % attributes)
        return self.authenticate(mechanism, self.localpart.encode() + b"\0" + proof, **kwargs)

    def finish(self):
        """Reads <success/> and what follows; the features. Returns the element of success, or that of failure."""
        answer = self.read()
        if answer.tag == STREAM + "features":
            answer = self.read()
        if answer.tag != SASL2 + "success":
            return answer
        self.jid = answer.find(SASL2 + "authorization-identifier").text
        token = answer.find(FAST + "token")
        self.token = None if token is None else token.get("token")
        assert self.read().tag == STREAM + "features"
        return answer

    def log_in(self, element):
        """Everything at once, and what became of it."""
        self.open_stream(element)
        self.waits += 1
        return self.finish()

    def close(self):
        self.socket.close()


class LoginServer(Server):
    """Its clients leave before it stops, so that it has nobody to wait for."""

    def connect(self, localpart="romeo", listener="c2s-direct", **kwargs):
        client = Client(self.port(listener), localpart, direct=listener == "c2s-direct", **kwargs)
        self.__dict__.setdefault("clients", []).append(client)
        return client

    def stop(self):
        for client in self.__dict__.pop("clients", []):
            client.close()
        return super().stop()


def request_token(mechanism="HT-SHA-256-NONE"):
    return "<request-token xmlns='urn:xmpp:fast:0' mechanism='%s'/>" % mechanism


def failure(element):
    """The condition in <failure/>."""
    assert element.tag == SASL2 + "failure", ElementTree.tostring(element)
    return next(e.tag.split("}")[1] for e in element if e.tag.startswith("{urn:ietf:params:xml:ns:xmpp-sasl}"))
