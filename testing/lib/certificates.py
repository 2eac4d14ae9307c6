# SPDX-License-Identifier: Apache-2.0
"""Two ends that prove themselves with certificates: what they are given, what their settings say of it, who tells of
revocation."""
import dataclasses
import os

import pki
from lab import Failure, wait_for

MIDDLE = "192.0.2.17"                         # an address of the middle, which both ends reach
CRLS, OCSP = f"http://{MIDDLE}", f"http://{MIDDLE}:8080"
PSK = "pre-shared key"
REVOKED, EXPIRED, UNKNOWN_CA, OTHER_NAME, SILENT = "revoked", "expired", "unknown-ca", "other-name", "silent"


@dataclasses.dataclass(frozen=True)
class Certs:
    left: str = "ecdsa256"                    # kind of the key of the initiator; None: it has a pre-shared key
    right: str = "ecdsa256"
    auth: str = "pubkey"                      # of Ikebana and strongSwan, where they have one
    words: str = None                         # what the others call that; None: as `pubkey`, by the kind of the key
    proof: str = "ECDSA_WITH_SHA256_DER"      # what strongSwan calls it; or that by the kind of who proves itself
    known: str = None                         # what each has of the other and is not sent: "certificate" or "key"
    is_by_url: bool = False                   # the hash and the URL of a certificate are sent (RFC 7296, 3.6)
    n_between: int = 0                        # CAs between the root and an end
    is_dn: bool = False                       # identities are the subjects, because there is no other
    source: str = None                        # "crl" or "ocsp": where revocation is told, and then checks are strict
    wrong: str = None                         # with the certificate of one of the ends; SILENT: nobody tells of revocation

    def method(self, peer):
        """What `auth` is in the settings of a daemon."""
        if peer in ("ikebana", "strongswan"):
            return self.auth
        by_kind = {"libreswan": "ecdsa" if (self.left or self.right).startswith("ecdsa") else "rsa-sha2", "openiked": "rfc7427"}
        return self.words or by_kind[peer]

    def proof_of(self, peer):
        if not (self.left if peer.side.name == "left" else self.right):
            return PSK
        return self.proof if isinstance(self.proof, str) else self.proof[peer.kind]


class Hierarchy:
    """The authorities and the ends of a case."""

    def __init__(self, made, certs, liar):
        """@liar: name of the end whose certificate is wrong, or None."""
        self.made, self.certs, self.liar = made, certs, liar
        self.kind = certs.right or certs.left
        self.name = "-".join(str(word) for word in (self.kind, certs.n_between, certs.source, "dn" if certs.is_dn else None)
                             if word)
        self.root = made.root(f"root-{self.name}", self.kind)
        self.stranger = made.root("root-of-strangers", self.kind) if certs.wrong == UNKNOWN_CA else None
        self.ends = {side: self._end(side, kind) for side, kind in (("left", certs.left), ("right", certs.right)) if kind}

    @staticmethod
    def crl_uri(authority):
        return f"{CRLS}/{authority.name}.crl"

    def _sources(self, issuer):
        return {"crl": {"crl": self.crl_uri(issuer)}, "ocsp": {"ocsp": OCSP}, None: {}}[self.certs.source]

    def _end(self, side, kind):
        issuer, wrong = self.root, self.certs.wrong if side == self.liar else None
        for number in range(self.certs.n_between):
            issuer = self.made.authority(issuer, f"{side}-ca{number}-{self.name}", self.kind, **self._sources(issuer))
        more = dict(zip(("not_before", "not_after"), pki.LONG_AGO)) if wrong == EXPIRED else {}
        if not self.certs.is_dn:
            more["san"] = "somebody.example" if wrong == OTHER_NAME else f"{side}.example"
        return self.made.issue(self.stranger if wrong == UNKNOWN_CA else issuer, "-".join(filter(None, (side, self.name, wrong))), kind,
                               f"{side}.example", **self._sources(issuer), **more)

    def wallet(self, peer):
        side, other = peer.side.name, peer.side.other.name
        if self.certs.known:
            return pki.Wallet(self.ends[side], known=(self.ends[other],), is_raw=self.certs.known == "key")
        roots = (self.root,) if self.certs.right and self.certs.left or side not in self.ends else ()
        if peer.kind == "openiked" and other in self.ends:    # it reads one certificate of a peer, the rest it must have
            roots += self.ends[other].above()
        return pki.Wallet(self.ends.get(side), roots + ((self.stranger,) if self.stranger and side == self.liar else ()))

    def authorities(self):
        return {authority.name: authority for end in self.ends.values() for authority in (*end.above(), self.root)}.values()

    def sections(self, peer, is_checker):
        """`local` and `remote` of the settings of an end."""
        side, other, method = peer.side.name, peer.side.other.name, self.certs.method(peer.kind)
        local = {"auth": method, "certs": f"{self.ends[side].name}.pem"} if side in self.ends else {}
        remote = {}
        if other in self.ends:
            remote = {"auth": method, "cacerts": f"{self.root.name}.pem"}
            if self.certs.source and is_checker:
                remote["revocation"] = "strict"
        if self.certs.known:
            kind = {"certificate": "certs", "key": "pubkeys"}[self.certs.known]
            local, remote = ({"auth": method, kind: f"{self.ends[name].name}.pem"} for name in (side, other))
        if self.certs.is_dn:
            local["id"], remote["id"] = None, self.ends[other].dn
        return {"local": local, "remote": remote}

    def more_settings(self):
        """What stands beside the connection."""
        if not self.certs.is_by_url:
            return {}
        return {"authorities": {"all": {"cacert": f"{self.root.name}.pem", "cert_uri_base": f"{CRLS}/"}}}

    # -- who tells of revocation

    def serve(self, lab):
        if self.certs.wrong == SILENT:
            return
        if self.certs.source == "crl":
            self._serve_crls(lab)
        elif self.certs.is_by_url:
            self._serve_files(lab)
            for end in self.ends.values():
                with open(os.path.join(lab.dir, "web", end.sha1()), "wb") as file:
                    file.write(end.der())
        elif self.certs.source == "ocsp":
            self._serve_ocsp(lab)

    def _revoked(self, authority):
        return [self.ends[self.liar]] if self.certs.wrong == REVOKED and self.ends[self.liar].issuer is authority else []

    def publish(self, lab, authority, revoked=()):
        """A CRL of @authority, where it is fetched from."""
        self.made.crl(authority, os.path.join(lab.dir, "web", f"{authority.name}.crl"), revoked)

    def _serve_crls(self, lab):
        self._serve_files(lab)
        for authority in self.authorities():
            self.publish(lab, authority, self._revoked(authority))

    def _serve_files(self, lab):
        directory = os.path.join(lab.dir, "web")
        os.makedirs(directory)
        server = lab.spawn(lab.middle, [self.made.program, "ocsp", "--serve", directory, "--address", MIDDLE, "--port", "80", "--verbose"],
                           "http.log", env=self.made.environment)
        wait_until_says(lab, server, "http.log", "listening on")

    def _serve_ocsp(self, lab):
        """The root has given the right to answer to somebody else."""
        signer = self.made.issue(self.root, f"ocsp-{self.name}", self.kind, flag="ocspSigning")
        index = os.path.join(lab.dir, "index.txt")
        with open(index, "w") as file:
            for end in self.ends.values():
                is_revoked = end in self._revoked(self.root)
                file.write("\t".join(("R" if is_revoked else "V", "400101000000Z", "250101000000Z,keyCompromise" if is_revoked else "",
                                      self.made.serial(end).upper(), "unknown", f"/CN={end.name}")) + "\n")
        server = lab.spawn(lab.middle, ["openssl", "ocsp", "-port", "8080", "-index", index, "-CA", self.root.cert, "-rsigner", signer.cert,
                                        "-rkey", signer.key, "-nmin", "5", "-text"], "ocsp.log")
        wait_until_says(lab, server, "ocsp.log", "waiting for OCSP client connections")


def wait_until_says(lab, server, log, text):
    def is_said():
        with open(os.path.join(lab.dir, log)) as file:
            said = file.read()
        if server.poll() is not None:
            raise Failure(f"{log}: {said.strip()}")
        return text.lower() in said.lower()
    wait_for(log, is_said)
