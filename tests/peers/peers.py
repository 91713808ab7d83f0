"""Servers of others: each run has its own configuration, folder and ports, and is ended by its process id.

A peer is a class with a name, command(), write_configuration() and add_accounts(); the rest is Peer. What it is told is
what Linnet does by itself, as far as it can be told: TLS is required, stanzas have the same limit, other domains are not
talked to, and no features beyond those that Linnet has."""
import json
import os
import pathlib
import signal
import socket
import subprocess
import threading
import urllib.request

START_SECONDS = 120
STOP_SECONDS = 60
# As Linnet's own limit after the login, so that scenarios about sizes mean the same.
STANZA_BYTES_MAX = 262144


def free_ports(count):
    """Ports nobody has now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


class Peer:
    """A server of the domain "localhost" in `folder`, which is its own, with the listeners of tests/scenario/keeper.py."""

    name = None
    # Said in its log so many times once all listeners are there.
    started = None
    started_times = 1
    environment = {}

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.log = self.folder / "log"
        self.ports = dict(zip(("c2s", "c2s-direct", "c2s-plain", "api"), free_ports(4)))
        self.process = None
        self.is_ready = threading.Event()

        self._make_certificate()
        self.write_configuration()

    def _make_certificate(self):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
             "30", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout",
             self.folder / "key.pem", "-out", self.folder / "cert.pem"],
            check=True, capture_output=True, stdin=subprocess.DEVNULL, timeout=60)

    def port(self, listener):
        return self.ports[listener]

    def start(self):
        self.is_ready.clear()
        self.process = subprocess.Popen(
            self.command(), cwd=self.folder, env=dict(os.environ, HOME=str(self.folder), **self.environment),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.reader = threading.Thread(target=self._read, args=(self.process.stdout,), daemon=True)
        self.reader.start()
        try:
            is_up = self.is_ready.wait(START_SECONDS) and self.process.poll() is None
            assert is_up, "%s does not start; its log says:\n%s" % (self.name, self.log.read_text())
        except BaseException:  # whoever interrupts the test wants the server gone, too
            self.kill()
            raise
        return self

    def _read(self, out):
        times = 0
        with open(self.log, "ab", buffering=0) as log, out:
            for line in out:
                log.write(line)
                times += self.started in line
                if times == self.started_times:
                    self.is_ready.set()
        # Whoever waits sees that it has ended.
        self.is_ready.set()

    def kill(self):
        self._end(signal.SIGKILL)

    def stop(self):
        self._end(signal.SIGTERM)

    def _end(self, how):
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(STOP_SECONDS)
        self.reader.join(STOP_SECONDS)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        """Nothing of it is needed any more."""
        self.kill()


def lua(text):
    """Text as a string of Lua."""
    return "\"" + "".join(c if c.isalnum() else "\\%03d" % c.encode()[0] for c in text) + "\""


class Prosody(Peer):
    name = "prosody"
    started = b"Activated service 'c2s_direct_tls'"

    def command(self):
        return ["prosody", "-F", "--config", str(self.folder / "prosody.cfg.lua")]

    def write_configuration(self):
        (self.folder / "data").mkdir()
        (self.folder / "prosody.cfg.lua").write_text(
            """run_as_root = true
daemonize = false
data_path = "%(folder)s/data"
certificates = "%(folder)s"
log = { { levels = { min = "info" }, to = "console" } }
interfaces = { "127.0.0.1" }
c2s_ports = { %(c2s)d }
c2s_direct_tls_ports = { %(c2s-direct)d }
c2s_direct_tls_ssl = { options = { "no_tlsv1_3" } }
c2s_stanza_size_limit = %(size)d
ssl = { certificate = "%(folder)s/cert.pem"; key = "%(folder)s/key.pem" }
c2s_require_encryption = true
modules_enabled = { "disco", "roster", "saslauth", "tls", "ping" }
modules_disabled = { "s2s" }
authentication = "internal_plain"
storage = "internal"
VirtualHost "localhost"
""" % dict(self.ports, folder=self.folder, size=STANZA_BYTES_MAX))

    def add_accounts(self, accounts):
        """{jid: password}. As its own storage has them; they are read when somebody logs in."""
        for jid, password in accounts.items():
            user, domain = jid.split("@")
            file = self.folder / "data" / self._encoded(domain) / "accounts" / (self._encoded(user) + ".dat")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("return { [\"password\"] = %s; };\n" % lua(password))

    @staticmethod
    def _encoded(name):
        return "".join(c if c.isalnum() else "%%%02x" % ord(c) for c in name)


class Ejabberd(Peer):
    name = "ejabberd"
    # It says that it is started before any of these.
    started = b"Start accepting T"
    started_times = 4

    @property
    def environment(self):
        return {"EJABBERD_CONFIG_PATH": str(self.folder / "ejabberd.yml"), "ERL_LIBS": "/usr/lib/x86_64-linux-gnu",
                "EJABBERD_LOG_PATH": str(self.folder / "ejabberd.log"),
                "ERL_CRASH_DUMP": str(self.folder / "crash.dump"), "ERL_MAX_PORTS": "4096"}

    def command(self):
        """Without a node name: then Erlang opens no port of its own, and starts no port mapper."""
        return ["erl", "-noinput", "-start_epmd", "false", "-mnesia", "dir", "\"%s\"" % (self.folder / "spool"), "-s",
                "ejabberd"]

    def write_configuration(self):
        (self.folder / "spool").mkdir()
        listener = "  - { ip: 127.0.0.1, port: %d, module: ejabberd_c2s, max_stanza_size: %d, %s }\n"
        (self.folder / "ejabberd.yml").write_text(
            "hosts: [localhost]\nloglevel: info\nacme: { auto: false }\n"
            "certfiles: [\"%s/cert.pem\", \"%s/key.pem\"]\nlisten:\n" % (self.folder, self.folder)
            + listener % (self.ports["c2s"], STANZA_BYTES_MAX, "starttls: true, starttls_required: true")
            + listener % (self.ports["c2s-direct"], STANZA_BYTES_MAX, "tls: true")
            + listener % (self.ports["c2s-plain"], STANZA_BYTES_MAX, "starttls: false")
            + "  - { ip: 127.0.0.1, port: %d, module: ejabberd_http, request_handlers: { /api: mod_http_api } }\n"
            % self.ports["api"]
            + """api_permissions:
  here: { who: { ip: 127.0.0.1/8 }, what: [register] }
modules: { mod_disco: {}, mod_offline: {}, mod_ping: {}, mod_roster: { versioning: true } }
""")

    def add_accounts(self, accounts):
        """They are made by a request over HTTP: its own command would start a machine for each."""
        for jid, password in accounts.items():
            user, domain = jid.split("@")
            request = urllib.request.Request(
                "http://127.0.0.1:%d/api/register" % self.ports["api"],
                json.dumps({"user": user, "host": domain, "password": password}).encode(),
                {"Content-Type": "application/json"})
            with urllib.request.urlopen(request, timeout=60) as answer:
                assert answer.status == 200


PEERS = {peer.name: peer for peer in (Prosody, Ejabberd)}
