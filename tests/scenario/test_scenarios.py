"""Each scenario file against a server of its own, with fresh accounts, in each mode of LINNET_SCENARIO_MODE (words between
commas; "one", if not set)."""
import json
import os
import pathlib
import re
import subprocess

import pytest

import keeper
import server as support

FOLDER = pathlib.Path(__file__).parent
FILES = sorted(FOLDER.glob("*.scenario"))
# Modes, as support.Server is told of them.
MODES = {
    "one": {"LINNET_TEST_WORKERS": "1"},
    "move": {"LINNET_TEST_WORKERS": "3"},
    "encoded": {"LINNET_TEST_WORKERS": "3", "LINNET_TEST_ENVELOPES": "encoded"},
}
CHOSEN = os.environ.get("LINNET_SCENARIO_MODE", "one").split(",")
STEP_SECONDS = "30"


def accounts_of(file):
    """As `linnet scenario` expects them: the localpart is the password."""
    found = re.findall(r"^account\s+(\S+)", file.read_text(), re.M)
    return {jid: jid.split("@")[0] for jid in found}


@pytest.mark.parametrize("mode", CHOSEN)
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_scenario(file, mode, tmp_path, monkeypatch):
    for name, value in MODES[mode].items():
        monkeypatch.setenv(name, value)
    server = support.Server(tmp_path, listen=tuple(keeper.LISTENERS), config="limits: { rate: off }\n")
    if accounts_of(file):
        server.add_accounts(accounts_of(file))
    with keeper.Keeper(server) as kept:
        done = subprocess.run(
            [support.program(), "scenario", "--server", kept.address("starttls"), "--direct", kept.address("direct"),
             "--plain", kept.address("none"), "--ca", server.certificate(), "--control", FOLDER / "control.py",
             "--timeout", STEP_SECONDS, file],
            env=kept.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
    if done.returncode != 0 or done.stderr:
        pytest.fail("%s%s\nthe server's log:\n%s" % (done.stdout, done.stderr, server.log.read_text()), pytrace=False)
    assert "skipped " + file.stem not in done.stdout, done.stdout


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_file_is_named_for_its_scenario(file):
    assert file.read_text().split("\n")[0] == "# " + file.stem
