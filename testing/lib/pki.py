# SPDX-License-Identifier: Apache-2.0
"""Authorities, keys and certificates for tests, made by `ikebana pki` of the build tree.

What is made stays until the program ends, and is made once: cases that want the same certificate share it.  Keys stay in
the build tree, because some take long to make in a guest."""
import atexit
import dataclasses
import hashlib
import os
import shutil
import ssl
import tempfile

import build
from lab import Failure, Skip, run

KEYS = {"rsa2048": ("rsa", "2048"), "ecdsa256": ("ecdsa", "256"), "ecdsa384": ("ecdsa", "384"),
        "ecdsa521": ("ecdsa", "521"), "ed25519": ("ed25519", None)}
ORGANISATION = "C=CH, O=Ikebana"
LONG_AGO = ("2020-01-01", "2021-01-01")       # when a certificate was valid that is not


@dataclasses.dataclass(frozen=True)
class Credential:
    """A certificate and its key; an authority is one that issues others."""
    pki: "Pki"
    name: str
    dn: str
    issuer: "Credential" = None

    @property
    def key(self):
        return os.path.join(self.pki.directory, f"{self.name}.key")

    @property
    def cert(self):
        return os.path.join(self.pki.directory, f"{self.name}.pem")

    @property
    def public(self):
        return os.path.join(self.pki.directory, f"{self.name}.pub")

    def der(self):
        with open(self.cert) as file:
            return ssl.PEM_cert_to_DER_cert(file.read())

    def sha1(self):
        """What it is called where certificates lie by their hashes (RFC 7296, 3.6)."""
        return hashlib.sha1(self.der()).hexdigest()

    def above(self):
        """The authorities above it without the root: its issuer first."""
        return (self.issuer, *self.issuer.above()) if self.issuer and self.issuer.issuer else ()


class Pki:
    def __init__(self, tree):
        self.program = build.program(tree, "src-tools/ikebana-pki")
        if not os.path.exists(self.program):
            raise Skip("ikebana-pki is not built")
        self.environment = {**os.environ, **build.environment(tree)}
        self.keys = os.path.join(tree, "testing/keys")
        os.makedirs(self.keys, mode=0o700, exist_ok=True)
        self.directory = tempfile.mkdtemp(prefix="ike-pki.")
        self.made = {}
        atexit.register(shutil.rmtree, self.directory, ignore_errors=True)

    def __call__(self, command, *args):
        """Runs a sub-command; options whose value is None are left out."""
        words = [self.program, command]
        for option, value in args:
            for each in value if isinstance(value, (list, tuple)) else [value]:
                words += [] if each is None else [f"--{option}"] if each is True else [f"--{option}", str(each)]
        return run(words, env=self.environment).stdout

    def _once(self, credential, kind, command, *options):
        """Makes key and certificate of @credential, unless they are there."""
        wanted = (credential, kind, command, options)
        if self.made.setdefault(credential.name, wanted) != wanted:
            raise Failure(f"two different certificates are called {credential.name}")
        if not os.path.exists(credential.cert):
            shutil.copy(self._key(f"{credential.name}.{kind}"), credential.key)
            self("pub", ("in", credential.key), ("out", credential.public))
            self(command, ("in", credential.key), ("dn", credential.dn), ("out", credential.cert), *options)
        return credential

    def _key(self, name):
        """The file of a key that was made now or long ago, perhaps by others at the same time."""
        file = os.path.join(self.keys, name)
        if not os.path.exists(file):
            type_, size = KEYS[name.rpartition(".")[2]]
            new = f"{file}.{os.getpid()}"
            self("gen", ("type", type_), ("size", size), ("out", new))
            os.rename(new, file)
        return file

    def root(self, name, kind="ecdsa256"):
        credential = Credential(self, name, f"{ORGANISATION}, CN={name}")
        return self._once(credential, kind, "self", ("ca", True))

    def issue(self, issuer, name, kind, common_name=None, **more):
        """@more: further options of `pki issue`, with _ for -."""
        credential = Credential(self, name, f"{ORGANISATION}, CN={common_name or name}", issuer)
        return self._once(credential, kind, "issue", ("cacert", issuer.cert), ("cakey", issuer.key), ("type", "key"),
                          *((key.replace("_", "-"), value) for key, value in more.items()))

    def authority(self, issuer, name, kind="ecdsa256", **more):
        return self.issue(issuer, name, kind, ca=True, **more)

    def crl(self, issuer, out, revoked=()):
        """A CRL in DER."""
        return self("crl", ("cacert", issuer.cert), ("cakey", issuer.key), *(("cert", one.cert) for one in revoked), ("form", "der"),
                    ("out", out))

    def serial(self, credential):
        """In hexadecimal digits."""
        lines = self("print", ("in", credential.cert)).splitlines()
        return next(line for line in lines if line.startswith("serial: ")).split()[1]

    def pkcs12(self, credential, out, password):
        """With the authorities above it, the root too."""
        chain, at = [], credential.issuer
        while at:
            chain.append(at.cert)
            at = at.issuer
        with open(out + ".password", "w") as file:
            file.write(password + "\n")
        return self("p12", ("cert", credential.cert), ("key", credential.key), ("cacert", chain), ("name", credential.name),
                    ("passphrase-file", out + ".password"), ("out", out))


@dataclasses.dataclass(frozen=True)
class Wallet:
    """What one end is given."""
    own: Credential = None                    # None: it proves itself by something else
    roots: tuple = ()                         # those it trusts
    known: tuple = ()                         # others whose certificates it has
    is_raw: bool = False                      # no certificates, the public keys
