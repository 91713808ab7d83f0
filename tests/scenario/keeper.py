"""Kills and starts a server for a scenario, at the word of control.py."""
import os
import pathlib
import socket
import threading
import time

import server as support

LISTENERS = {"starttls": "c2s", "direct": "c2s-direct", "none": "c2s-plain"}


class Keeper:
    """Runs `server`, a support.Server with all three listeners, and listens for what is to happen to it. With it as a
    context; `environment` is for control.py."""

    def __init__(self, server):
        self.server = server
        self.path = str(pathlib.Path(server.folder) / "control.sock")
        self.environment = dict(os.environ, LINNET_CONTROL=self.path)
        self.listener = socket.socket(socket.AF_UNIX)
        self.thread = threading.Thread(target=self._serve, daemon=True)

    def address(self, tls):
        return "127.0.0.1:%d" % self.server.port(LISTENERS[tls])

    def __enter__(self):
        self.listener.bind(self.path)
        self.listener.listen()
        self.server.start()
        self._keep_ports()
        self.thread.start()
        return self

    def __exit__(self, failure, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.listener.close()
        self.server.__exit__(failure)

    def _keep_ports(self):
        """Port 0 took free ones; after a restart they have to be the same."""
        text = self.server.config.read_text()
        for tls, name in LISTENERS.items():
            text = text.replace("port: 0, tls: %s" % tls, "port: %d, tls: %s" % (self.server.port(name), tls))
        self.server.config.write_text(text)

    def _serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                answer = self._obey(connection.makefile().readline().strip())
                connection.sendall(answer.encode())

    def _obey(self, word):
        try:
            {"kill": self._kill, "stop": self._stop, "start": self.server.start, "restart": self._restart}[word]()
        except Exception as error:  # goes to the scenario, which fails with it
            return "%s: %r" % (word, error)
        return "done"

    def _kill(self):
        """Once everything that was sent is on disk: what a scenario expects afterwards is what has been promised."""
        deadline = time.monotonic() + support.START_SECONDS
        while self.server.status()["uncommitted_units"] > 0:
            assert time.monotonic() < deadline, "units are never committed"
        self.server.kill()

    def _stop(self):
        code = self.server.stop()
        assert code == 0, "it ended with %d" % code

    def _restart(self):
        self._stop()
        self.server.start()
