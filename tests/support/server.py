"""A server for tests that drive real clients and processes: its own folder, free ports, ended by process id.

The program is taken from the build folder named by LINNET_BUILD."""
import json
import os
import pathlib
import signal
import subprocess

START_SECONDS = 30


def program():
    return pathlib.Path(os.environ["LINNET_BUILD"]) / "cmd" / "linnet"


def run(*args, check=True, wrapper=(), **kwargs):
    """Runs a command of the program to its end."""
    return subprocess.run([*wrapper, program(), *args], check=check, text=True, capture_output=True, timeout=60,
                          **kwargs)


class Server:
    """linnet serve on a data folder inside `folder`, which is the test's own."""

    def __init__(self, folder, workers=None, listen=("starttls",), arguments=(), config="", wrapper=()):
        """workers: by default what LINNET_TEST_WORKERS says, or one; LINNET_TEST_ENVELOPES=encoded is a mode of serve.
        config: more of the configuration; rates are not limited unless it has a section `limits`.
        wrapper: a command that executes each command of the program, as nsenter does."""
        workers = workers or int(os.environ.get("LINNET_TEST_WORKERS", "1"))
        arguments = [*arguments, "--envelopes", os.environ.get("LINNET_TEST_ENVELOPES", "pointers")]
        self.folder = pathlib.Path(folder)
        self.data = self.folder / "data"
        self.config = self.folder / "linnet.yml"
        self.log = self.folder / "server.log"
        self.arguments = list(arguments)
        self.wrapper = list(wrapper)
        self.process = None
        self.ready = {}
        listeners = "".join("  - { kind: c2s, address: 127.0.0.1, port: 0, tls: %s }\n" % tls for tls in listen)
        if "limits:" not in config:
            config += "limits: { rate: off }\n"
        self.config.write_text("hosts: [localhost]\nworkers: %d\nlisten:\n%s%s" % (workers, listeners, config))

    def add_accounts(self, accounts):
        """accounts: {jid: password}"""
        lines = "".join(json.dumps({"jid": jid, "password": word}) + "\n" for jid, word in accounts.items())
        file = self.folder / "accounts.jsonl"
        file.write_text(lines)
        run("user", "import", str(file), "--data", str(self.data), wrapper=self.wrapper)

    def start(self):
        with open(self.log, "a") as log:
            self.process = subprocess.Popen(
                [*self.wrapper, program(), "serve", "--config", str(self.config), "--data", str(self.data),
                 *self.arguments],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True)
        line = self.process.stdout.readline()
        assert line.startswith("ready "), "no ready line; the log says:\n" + self.log.read_text()
        self.ready = dict(word.split("=", 1) for word in line.split()[1:])
        return self

    def port(self, listener="c2s"):
        return int(self.ready[listener].rsplit(":", 1)[1])

    def certificate(self):
        return self.data / "self-signed.crt"

    def status(self):
        return json.loads(run("status", "--json", "--data", str(self.data), wrapper=self.wrapper).stdout)

    def kill(self):
        """As a power cut would have it, as far as the process is concerned."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(timeout=30)

    def stop(self):
        """The way an operator does; returns the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)

    def __enter__(self):
        return self.start()

    def __exit__(self, failure, *_):
        code = self.stop()
        if failure is None:
            assert code == 0, "it ended with %d; the log says:\n%s" % (code, self.log.read_text())
