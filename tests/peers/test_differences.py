"""Each scenario, played to a fresh Prosody and a fresh ejabberd: it passes, or it differs as differences.toml says."""
import subprocess

import pytest

import differences
import keeper
import peers
import server as support
import test_scenarios as scenarios

TABLE = differences.read()
STEP_SECONDS = "10"
# What is expected to fail need not be waited for as long.
FAILING_STEP_SECONDS = "3"


class PeerKeeper(keeper.Keeper):
    """Peers keep their ports, and have nothing to be asked."""

    def _keep_ports(self):
        pass

    def _kill(self):
        self.server.kill()

    def _stop(self):
        self.server.stop()


def play(peer, file, text, folder, step_seconds=STEP_SECONDS):
    """What `linnet scenario` says to `text` on a fresh server, and its exit code."""
    folder.mkdir()
    script = folder / file.name
    script.write_text(text)
    with PeerKeeper(peers.PEERS[peer](folder)) as kept:
        kept.server.add_accounts(scenarios.accounts_of(file))
        done = subprocess.run(
            [support.program(), "scenario", "--server", kept.address("starttls"), "--direct", kept.address("direct"),
             "--plain", kept.address("none"), "--insecure", "--control", scenarios.FOLDER / "control.py", "--timeout",
             step_seconds, script],
            env=kept.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
        log = kept.server.log.read_text()
    assert done.returncode in (0, 1) and not done.stderr, done.stdout + done.stderr
    assert "skipped " + file.stem not in done.stdout, done.stdout
    return done.returncode == 0, "%s\nthe log of %s:\n%s" % (done.stdout, peer, log)


@pytest.mark.parametrize("peer", sorted(peers.PEERS))
@pytest.mark.parametrize("file", scenarios.FILES, ids=lambda file: file.stem)
def test_peer(file, peer, tmp_path):
    if TABLE.unfit(file.stem, peer):
        return
    ours = file.read_text()
    found = TABLE.of(file.stem, peer)
    if not found and not TABLE.open(file.stem, peer):
        is_passed, report = play(peer, file, ours, tmp_path / "ours")
        assert is_passed, report
        return
    is_passed, report = play(peer, file, ours, tmp_path / "ours", FAILING_STEP_SECONDS)
    assert not is_passed, "%s does as Linnet does now: its row in differences.toml has to go" % peer
    if TABLE.open(file.stem, peer):
        return
    is_passed, report = play(peer, file, differences.rewritten(file.stem, found, ours), tmp_path / "theirs")
    assert is_passed, report


def test_table_names_scenarios():
    assert TABLE.scenarios() <= {file.stem for file in scenarios.FILES}
