"""Logins with client certificates (EXTERNAL, XEP-0178), from the running program's certificates file on."""
import pathlib
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
from sasl2 import SASL2, LoginServer, failure  # noqa: E402
from server import program  # noqa: E402

SASL = "{urn:ietf:params:xml:ns:xmpp-sasl}"


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=60)


def make_authority(folder, name="ca"):
    paths = str(folder / (name + ".crt")), str(folder / (name + ".key"))
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
            "-subj", "/CN=" + name, "-out", paths[0], "-keyout", paths[1])
    return paths


def issue(folder, authority, *addresses, name="client", days="1"):
    san = ",".join("otherName:1.3.6.1.5.5.7.8.5;UTF8:" + a for a in addresses)
    request, extensions = folder / (name + ".csr"), folder / (name + ".ext")
    paths = str(folder / (name + ".crt")), str(folder / (name + ".key"))
    extensions.write_text("subjectAltName=%s\nextendedKeyUsage=clientAuth\n" % san)
    openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=" + name,
            "-out", str(request), "-keyout", paths[1])
    openssl("x509", "-req", "-in", str(request), "-CA", authority[0], "-CAkey", authority[1], "-CAcreateserial", "-days", days,
            "-extfile", str(extensions), "-out", paths[0])
    return paths


def server_with(folder, authority):
    server = LoginServer(folder)
    server.config.write_text("hosts: [localhost]\nlisten:\n"
                             "  - { kind: c2s, address: 127.0.0.1, port: 0, tls: direct, client_ca: %s }\n"
                             "  - { kind: c2s, address: 127.0.0.1, port: 0, tls: starttls }\n" % authority[0])
    server.add_accounts({"romeo@localhost": "secret", "juliet@localhost": "other"})
    return server


def offered(client):
    client.open_stream()
    features = client.read()
    return [m.text for m in features.find(SASL + "mechanisms")]


def test_certificate_is_a_login(tmp_path):
    authority = make_authority(tmp_path)
    certificate = issue(tmp_path, authority, "Romeo@localhost")
    with server_with(tmp_path, authority) as server:
        client = server.connect(certificate=certificate)
        assert offered(client)[0] == "EXTERNAL"
        client.write(client.authenticate("EXTERNAL", b""))
        assert client.finish().tag == SASL2 + "success"
        assert client.jid.startswith("romeo@localhost/Test/")
        client = server.connect("juliet", certificate=certificate)
        assert client.log_in(client.authenticate("EXTERNAL", b"juliet@localhost")).tag == SASL2 + "failure"
        # The password is still one, with the certificate or without.
        client = server.connect("juliet", certificate=certificate)
        assert client.log_in(client.plain("other")).tag == SASL2 + "success"
        client = server.connect()
        assert "EXTERNAL" not in offered(client)
        # Where nobody asks for certificates, there are none.
        client = server.connect(listener="c2s", certificate=certificate)
        assert "EXTERNAL" not in offered(client)


@pytest.mark.parametrize("case", ["stranger", "expired", "elsewhere", "nobody"])
def test_certificates_that_do_not_count(tmp_path, case):
    authority = make_authority(tmp_path)
    other = make_authority(tmp_path, "other")
    certificate = {
        "stranger": lambda: issue(tmp_path, other, "romeo@localhost"),
        "expired": lambda: issue(tmp_path, authority, "romeo@localhost", days="-1"),
        "elsewhere": lambda: issue(tmp_path, authority, "romeo@elsewhere.example"),
        "nobody": lambda: issue(tmp_path, authority, "tybalt@localhost"),
    }[case]()
    with server_with(tmp_path, authority) as server:
        client = server.connect("tybalt" if case == "nobody" else "romeo", certificate=certificate)
        if case == "nobody":  # a certificate is no account
            assert failure(client.log_in(client.authenticate("EXTERNAL", b""))) == "not-authorized"
        else:
            assert "EXTERNAL" not in offered(client)
            client.write(client.plain("secret"))
            assert client.finish().tag == SASL2 + "success"


def test_file_without_certificates_stops_the_start(tmp_path):
    file = tmp_path / "ca.pem"
    file.write_text("nothing")
    server = server_with(tmp_path, (str(file),))
    done = subprocess.run([program(), "serve", "--config", str(server.config), "--data", str(server.data)], text=True,
                          capture_output=True, timeout=60)
    assert done.returncode == 2 and "trusted certificates %s" % file in done.stderr
