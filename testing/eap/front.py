# SPDX-License-Identifier: Apache-2.0
"""Ikebana's EAP servers against the EAP peer of wpa_supplicant, with RADIUS between them (front.c), on loopback.

Where a method makes an MSK, eapol_test compares its own with the MPPE keys that come with the Access-Accept."""
import dataclasses
import os
import shutil
import subprocess

import build
import pki
import settings
import sim
from lab import SLOWNESS, Failure, wait_for
from radius import SECRET, quoted

NAME, PASSWORD, SERVER = "alice", "wonderland", "gateway.example"
# Nothing of the network, the kernel and the control sockets is of use here.
LEFT_OUT = ("net-udp", "net-sim", "kernel-tun", "kernel-xfrm", "kernel-fake", "control-json", "updown", "log-file", "log-syslog",
            "sqlite", "pool-sqlite", "store-sqlite", "sim-sqlite")


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    methods: tuple                            # of the server, the first one is proposed
    network: dict                             # of the peer, see wpa_supplicant.conf; values as they stand there
    has_keys: bool = True
    refused: str = None                       # what our end gives as its reason
    says: tuple = ()                          # what eapol_test's output has, too
    identity: str = NAME                      # that is accepted
    plugins: dict = dataclasses.field(default_factory=dict)
    secrets: dict = dataclasses.field(default_factory=lambda: {"eap-1": {"id": NAME, "secret": PASSWORD}})
    files: dict = dataclasses.field(default_factory=dict)         # beside the settings
    has_card: bool = False                    # the peer
    certificate: str = None                   # of the peer: "good", "expired", "stranger"


def password(method, secret=PASSWORD, name=NAME, **more):
    return {"eap": method, "identity": quoted(name), "password": quoted(secret), **more}


def tunnel(method, inner, version="1.2", **more):
    return {**password(method, **more), "anonymous_identity": quoted("somebody@example"), "phase2": quoted(inner),
            "ca_cert": quoted("CA"), "phase1": quoted(tls(version)), "domain_match": quoted(SERVER)}


def tls(version):
    """For wpa_supplicant: this version and no other."""
    return " ".join(f"tls_disable_tlsv{other.replace('.', '_')}={int(other != version)}" for other in ("1.0", "1.1", "1.2", "1.3"))


def certificate(version="1.2"):
    return {"eap": "TLS", "identity": quoted(f"{NAME}@example"), "ca_cert": quoted("CA"), "client_cert": quoted("CERT"),
            "private_key": quoted("KEY"), "phase1": quoted(tls(version)), "domain_match": quoted(SERVER)}


VERSIONS = ("1.2", "1.3")
INNER = {"pap": "auth=PAP", "chap": "auth=CHAP", "mschapv2": "auth=MSCHAPV2", "eap-md5": "autheap=MD5", "eap-mschapv2": "autheap=MSCHAPV2"}


def used(version):
    """What eapol_test says when it was that."""
    return (f"Using TLS version TLSv{version}",)


def of_card(name, method, prefix, cards):
    """RFC 4186, 4.2.1.6, and RFC 4187, 4.1.1.6: the permanent user name is the IMSI behind a digit that tells the method."""
    identity = f"{prefix}{sim.IMSI}"
    return Case(name, (name,), {"eap": method, "identity": quoted(identity)}, identity=identity, files={"cards": cards}, has_card=True, secrets={})


CASES = [
    Case("md5", ("md5",), password("MD5"), has_keys=False),
    Case("gtc", ("gtc",), password("GTC"), has_keys=False),
    Case("mschapv2", ("mschapv2",), password("MSCHAPV2")),
    Case("mschapv2-of-a-domain", ("mschapv2",), password("MSCHAPV2", name="EXAMPLE\\alice"), identity="EXAMPLE\\\\alice",
         secrets={"eap-1": {"id": "EXAMPLE\\alice", "secret": PASSWORD}}),
    Case("nak-takes-the-next", ("md5", "gtc", "mschapv2"), password("MSCHAPV2")),
    Case("dynamic", ("dynamic",), password("MD5"), has_keys=False, plugins={"eap-dynamic": {"methods": "mschapv2, gtc, md5"}}),
    Case("wrong-password-md5", ("md5",), password("MD5", "looking glass"), refused="the password of alice is wrong"),
    Case("wrong-password-gtc", ("gtc",), password("GTC", "looking glass"), refused="the password of alice is wrong"),
    Case("wrong-password-mschapv2", ("mschapv2",), password("MSCHAPV2", "looking glass"), refused="the password of alice is wrong"),
    Case("unknown-user", ("mschapv2",), password("MSCHAPV2", name="bob"), refused="there is no secret for bob"),
    Case("method-not-offered", ("md5",), password("MSCHAPV2"), refused="none of our methods"),
    *(Case(f"tls{version}", ("tls",), certificate(version), says=used(version), identity=f"{NAME}@example", certificate="good")
      for version in VERSIONS),
    Case("tls-expired", ("tls",), certificate("1.3"), refused="expired", certificate="expired"),
    Case("tls-stranger", ("tls",), certificate("1.2"), refused="root-of-strangers", certificate="stranger"),
    Case("tls-small-fragments", ("tls",), {**certificate("1.2"), "fragment_size": 100}, identity=f"{NAME}@example", certificate="good"),
    *(Case(f"ttls-{name}", ("ttls",), tunnel("TTLS", inner), says=used("1.2"),
           plugins={"eap-ttls": {"phase2_method": name[4:]}} if name.startswith("eap-") else {}) for name, inner in INNER.items()),
    Case("ttls1.3-pap", ("ttls",), tunnel("TTLS", INNER["pap"], "1.3"), says=used("1.3")),
    Case("ttls-wrong-password", ("ttls",), tunnel("TTLS", INNER["pap"], secret="looking glass"), refused="the password is wrong"),
    *(Case(f"peap-{inner.lower()}", ("peap",), tunnel("PEAP", f"auth={inner}"), says=used("1.2"),
           plugins={"eap-peap": {"phase2_method": inner.lower()}}) for inner in ("MSCHAPV2", "GTC")),
    Case("peap1.3-mschapv2", ("peap",), tunnel("PEAP", "auth=MSCHAPV2", "1.3"), says=used("1.3")),
    of_card("sim", "SIM", 1, sim.cards()),
    of_card("aka", "AKA", 0, sim.usim()),
    of_card("aka-prime", "AKA'", 6, sim.usim()),
    Case("peap-wrong-password", ("peap",), tunnel("PEAP", "auth=MSCHAPV2", secret="looking glass"), refused="the password of alice is wrong"),
]


class Front:
    """The front end as a child, its settings beside it."""

    def __init__(self, directory, tree, case, made):
        self.dir, self.build, self.case = directory, tree, case
        self.config = os.path.join(directory, "front.conf")
        plugins = {name: {"load": "no"} for name in LEFT_OUT}
        if "cards" in case.files:
            plugins["sim-file"] = {"file": os.path.join(directory, "cards")}
        self._write("front.conf", settings.write({"secrets": case.secrets, "plugins": {**plugins, **case.plugins}}))
        for name, text in case.files.items():
            self._write(name, text)
        if made:
            self._give(made)

    def _write(self, name, text):
        with open(os.path.join(self.dir, name), "w") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(text)

    def _give(self, made):
        for place, source in (("private", made.server.key), ("x509", made.server.cert), ("x509ca", made.root.cert)):
            os.makedirs(os.path.join(self.dir, place), mode=0o700)
            shutil.copy(source, os.path.join(self.dir, place, "server.pem"))

    def __enter__(self):
        program = build.program(self.build, "testing/eap/front")
        self.log = open(os.path.join(self.dir, "front.log"), "w")
        self.process = subprocess.Popen(
            [program, "--config", self.config, "--plugin-dir", os.path.join(self.build, "plugins/.libs"), "--secret", SECRET,
             *self.case.methods], stdin=subprocess.PIPE, stdout=self.log, stderr=subprocess.STDOUT,
            env={**os.environ, **build.environment(self.build)})
        try:
            self.port = int(wait_for("the front end's port", self._port))
        except BaseException:
            self._end()
            raise
        return self

    def said(self):
        with open(os.path.join(self.dir, "front.log"), errors="replace") as log:
            return log.read()

    def _port(self):
        if self.process.poll() is not None:
            raise Failure(f"the front end ended:\n{self.said()}")
        return next((line.split()[1] for line in self.said().splitlines() if line.startswith("port ")), None)

    def _end(self):
        self.process.stdin.close()
        self.log.close()
        try:
            return self.process.wait(10 * SLOWNESS)
        finally:
            self.process.kill()

    def __exit__(self, error, *_):
        status = self._end()
        if status != 0 and not error:
            raise Failure(f"the front end ended with status {status}:\n{self.said()[-3000:]}")


class Made:
    """The certificates of all cases."""

    def __init__(self, tree):
        made = pki.Pki(tree)
        stranger = made.root("root-of-strangers")
        self.root = made.root("root")
        self.server = made.issue(self.root, "server", "ecdsa256", SERVER, san=SERVER, flag="serverAuth")
        self.of = {
            "good": self._peer(made, self.root, "good"), "stranger": self._peer(made, stranger, "stranger"),
            "expired": self._peer(made, self.root, "expired", **dict(zip(("not_before", "not_after"), pki.LONG_AGO)))}

    @staticmethod
    def _peer(made, issuer, name, **more):
        return made.issue(issuer, f"peer-{name}", "ecdsa256", NAME, san=f"{NAME}@example", flag="clientAuth", **more)

    def files(self, case):
        """What stands in a network for CA, CERT and KEY."""
        own = self.of.get(case.certificate)
        return {"CA": self.root.cert, **({"CERT": own.cert, "KEY": own.key} if own else {})}


def needs_certificates(case):
    return "ca_cert" in case.network


def run_case(case, tree, peer, made, directory):
    """@peer: an EapolTest.  @made (): the certificates."""
    certificates = made() if needs_certificates(case) else None
    names = certificates.files(case) if certificates else {}
    network = {key: quoted(names.get(value.strip('"'), value.strip('"'))) if str(value).startswith('"') else value
               for key, value in case.network.items()}
    with Front(directory, tree, case, certificates) as front:
        is_in, output = peer.run(directory, network, port=front.port, has_keys=case.has_keys, has_card=case.has_card)
        wait_for("the end of the conversation", lambda: "accepted " in front.said() or "refused: " in front.said(), 5)
        said = front.said()
    if case.refused:
        reason = next((line for line in said.splitlines() if line.startswith("refused: ")), "")
        if is_in or "EAP Failure" not in output:
            raise Failure(f"no EAP-Failure:\n{output[-1500:]}")
        if case.refused not in reason:
            raise Failure(f"“{case.refused}” is not said, but: {said}")
        return
    if not is_in:
        raise Failure(f"not accepted: {said}\n{output[-1500:]}")
    if f"accepted {case.identity}\n" not in said:
        raise Failure(f"“accepted {case.identity}” is not said, but: {said}")
    for text in case.says:
        if text not in output:
            raise Failure(f"eapol_test does not say “{text}”")


def all_cases(tree, peer, made):
    """[(name, function (directory))]"""
    return [(f"eapol_test/{case.name}", lambda directory, case=case: run_case(case, tree, peer, made, directory)) for case in CASES]
