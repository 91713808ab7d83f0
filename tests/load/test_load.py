"""A server with eight workers, and everything at once: many people, an operator who adds and removes accounts and asks how it goes,
and stops in the middle of it. With a server that was built with ThreadSanitizer (suite load-tsan) no race may be found: it would
end the server with another exit code than 0. The folder planted has servers with a race, to see that it is found.

LINNET_LOAD_SECONDS: how long (default 40)."""
import asyncio
import collections
import contextlib
import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
from people import Crowd  # noqa: E402
import server as support  # noqa: E402
from server import Server, program  # noqa: E402

SECONDS = float(os.environ.get("LINNET_LOAD_SECONDS", "40"))
LIVES = 3  # of the server
WORKERS = 8
PEOPLE = 30
NAMES = ["u%d" % i for i in range(12)]
COMING_AND_GOING = "u11"
# As they are but for numbers: what all workers share of them is used as well.
CONFIG = ("limits: { address_unauthenticated: 1000, address_connections: 60000, login_failures: 1000, subscriptions: 900,"
          " read_rate: 100MiB, read_burst: 100MiB }\n")
RACES = ["limits_have_no_lock", "references_are_not_atomic"]
RACE_EXIT = 66  # of ThreadSanitizer


async def linnet(server, *arguments, text=""):
    process = await asyncio.create_subprocess_exec(
        program(), *arguments, "--data", str(server.data), stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
    out, _ = await asyncio.wait_for(process.communicate(text.encode()), 60)
    return process.returncode, out.decode()


async def operate(server, counts, seconds):
    """What an operator may do while people are there; each command does what it says."""
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    while loop.time() < until:
        for command, text in ((("status",), ""), (("user", "remove", COMING_AND_GOING + "@localhost"), ""),
                              (("user", "list"), ""),
                              (("user", "add", COMING_AND_GOING + "@localhost"), COMING_AND_GOING + "\n")):
            code, out = await linnet(server, *command, text=text)
            assert code == 0, (command, code, out)
            counts["commands"] += 1
            await asyncio.sleep(0.2)
    # While all of them are there; how it ends is looked at when it is waited for.
    server.process.terminate()
    await asyncio.sleep(1)


def live_once(server, counts, first):
    with server:
        crowd = Crowd(NAMES, server.port("c2s-plain"), server.port("c2s-direct"))
        asyncio.run(crowd.live(PEOPLE, first, lambda: operate(server, crowd.counts, SECONDS / LIVES)))
        counts.update(crowd.counts)


def test_everything_at_once_on_eight_workers(tmp_path):
    server = Server(tmp_path, workers=WORKERS, listen=("none", "direct"), config=CONFIG)
    server.add_accounts({name + "@localhost": name for name in NAMES})
    counts = collections.Counter()
    for life in range(LIVES):
        live_once(server, counts, life * PEOPLE)
    print(dict(counts))
    for what in ("tls", "logins", "refused", "message", "presence", "iq", "acts", "ends", "commands"):
        assert counts[what] > 0, (what, counts)


async def wait_for_its_end(server):
    for _ in range(int(SECONDS * 10)):
        if server.process.poll() is not None:
            return
        await asyncio.sleep(0.1)


@pytest.mark.parametrize("name", RACES)
def test_a_planted_race_is_found(tmp_path, monkeypatch, name):
    path = pathlib.Path(os.environ["LINNET_BUILD"]) / "tests" / "load" / "planted" / ("linnet-planted-" + name)
    if not path.exists():
        pytest.skip("only with ThreadSanitizer")
    monkeypatch.setattr(support, "program", lambda: path)
    monkeypatch.setenv("TSAN_OPTIONS", "halt_on_error=1")
    server = Server(tmp_path, workers=WORKERS, listen=("none", "direct"), config=CONFIG)
    server.add_accounts({name + "@localhost": name for name in NAMES})
    server.start()
    crowd = Crowd(NAMES, server.port("c2s-plain"), server.port("c2s-direct"))
    # The server goes, and they with it.
    with contextlib.suppress(Exception):
        asyncio.run(crowd.live(PEOPLE, 0, lambda: wait_for_its_end(server)))
    if server.process.poll() is None:
        server.kill()
    assert server.process.returncode == RACE_EXIT
    assert "WARNING: ThreadSanitizer: data race" in server.log.read_text()
