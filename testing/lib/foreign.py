# SPDX-License-Identifier: Apache-2.0
"""Libreswan and OpenIKED as ends of a case, with the kernel's ESP: so only in a guest.

They are told with the same dict as the others, in their own words, and what they say is told in strongSwan's words."""
import os
import re
from ipaddress import ip_address, ip_network

from lab import Failure, wait_for
from peers import CONNECTION, Daemon

# A word of a proposal: what Libreswan and OpenIKED call it.
ENCRYPTION = {"aes128gcm16": ("aes_gcm128", "aes-128-gcm"), "aes256gcm16": ("aes_gcm256", "aes-256-gcm"),
              "aes128": ("aes128", "aes-128"), "aes256": ("aes256", "aes-256"),
              "chacha20poly1305": ("chacha20_poly1305", "chacha20-poly1305")}
INTEGRITY = {"sha1": ("sha1", "hmac-sha1"), "sha256": ("sha2_256", "hmac-sha2-256"), "sha384": ("sha2_384", "hmac-sha2-384"),
             "sha512": ("sha2_512", "hmac-sha2-512")}
GROUPS = {"x25519": ("dh31", "curve25519"), "ecp256": ("dh19", "ecp256"), "ecp384": ("dh20", "ecp384"),
          "modp2048": ("dh14", "modp2048")}
LIBRESWAN_GROUPS = {"DH31": "CURVE_25519", "DH19": "ECP_256", "DH20": "ECP_384", "MODP2048": "MODP_2048"}
OPENIKED_GROUPS = {"curve25519": "CURVE_25519", "ecp256": "ECP_256"}
OPENIKED_INTEGRITY = {"hmac-sha2-256": "HMAC_SHA2_256_128", "hmac-sha2-384": "HMAC_SHA2_384_192", "hmac-sha2-512": "HMAC_SHA2_512_256"}
OPENIKED_PRFS = {f"hmac-sha2-{bits}": f"PRF_HMAC_SHA2_{bits}" for bits in (256, 384, 512)}
OPENIKED_SCHEMES = [f"RSA_EMSA_PKCS1_SHA2_{bits}" for bits in (256, 384, 512)] + [f"ECDSA_WITH_SHA{bits}_DER" for bits in (256, 384, 512)]
OPENIKED_METHODS = {"RSA_SIG": "RSA signature", "ECDSA_256": "ECDSA-256 signature", "ECDSA_384": "ECDSA-384 signature"}
LIBRESWAN, OPENIKED = 0, 1


def transforms(proposal, whose):
    """{encryption, integrity, prf, group, esn} of a proposal, in the words of @whose; None for what it has not."""
    found = {"esn": False}
    for word in proposal.split("-"):
        tables = (("encryption", ENCRYPTION), ("integrity", INTEGRITY), ("group", GROUPS))
        if word in ("esn", "noesn"):
            found["esn"] = word == "esn"
        elif word.startswith("prf"):
            found["prf"] = INTEGRITY[word.removeprefix("prf")][whose]
        else:
            for kind, table in tables:
                if word in table:
                    found[kind] = table[word][whose]
    return {key: found.get(key) for key in ("encryption", "integrity", "prf", "group", "esn")}


def only_connection(tree):
    """The connection's name and keys, and the shared secret or None."""
    (name, conn), = tree["connections"].items()
    secrets = [secret["secret"] for secret in tree.get("secrets", {}).values()]
    return name, conn, secrets[0] if secrets else None


def _told(text, is_ike):
    """What Libreswan calls AES_CBC_256-HMAC_SHA2_384_192, or AES_GCM_16_256-HMAC_SHA2_256-DH31 for IKE."""
    match = re.match(r"(.*?)(?:_(128|192|256))?-([^-;]*)(?:-(.*))?$", text)
    if not match:
        return {}
    told = {"encr-alg": match[1], **({"encr-keysize": match[2]} if match[2] else {})}
    if is_ike:
        told.update({"prf-alg": "PRF_" + match[3], "dh-group": LIBRESWAN_GROUPS.get(match[4], match[4])})
    elif match[3] != "NONE":
        told["integ-alg"] = match[3]
    return told


def kernel_says(daemon):
    """What the kernel has for a daemon, and its status does not tell: ESN, encapsulation and mode."""
    states = daemon.exec(["ip", "xfrm", "state"]).stdout
    return {"esn": "1" if re.search(r"flag .*\besn\b", states) else "0", "encap": "yes" if "encap type" in states else "no",
            "mode": "TRANSPORT" if "mode transport" in states else "TUNNEL"}


class Libreswan(Daemon):
    """pluto 4.10.  A child is a connection of it; those between the same ends share an IKE SA."""
    kind = "libreswan"
    # NSS wants a data base, also where there is nothing in it.
    prepare = ("mkdir -p /run/pluto /var/lib/ipsec/nss; cd /var/lib/ipsec/nss;"
               "certutil -N -d sql:. --empty-password; for p12 in /etc/ipsec.d/*.p12; do [ ! -e $p12 ] || "
               "pk12util -i $p12 -d sql:. -W test; done; for root in /etc/ipsec.d/*.pem; do [ ! -e $root ] || "
               "certutil -A -a -i $root -d sql:. -n $(basename $root .pem) -t CT,,; done")

    def __init__(self, lab, side, root):
        super().__init__(lab, side)
        self.unpacked = root

    def give(self, wallet):
        self.issuer = wallet.roots[0].dn if wallet.roots else None
        if wallet.own:
            os.makedirs(os.path.join(self.dir, "etc/ipsec.d"), exist_ok=True)
            wallet.own.pki.pkcs12(wallet.own, os.path.join(self.dir, f"etc/ipsec.d/{wallet.own.name}.p12"), "test")
            self.nickname = wallet.own.name
        for root in wallet.roots:
            self.put(f"etc/ipsec.d/{root.name}.pem", root.cert)

    def start(self, tree):
        _, conn, secret = only_connection(tree)
        setup = {"protostack": "xfrm", "virtual-private": "%v4:10.0.0.0/8", **self.more.get("setup", {})}
        text = self._section("config setup", setup)
        for name, child in conn["children"].items():
            text += self._section(f"conn {name}", {**self._keys(conn, child), **self.more.get("conn", {})})
        self.write("etc/ipsec.conf", text)
        self.write("etc/ipsec.secrets", f"@{conn['local']['id']} @{conn['remote']['id']} : PSK {secret}\n" if secret else "")
        self.write("etc/resolv.conf", "nameserver 127.0.0.1\n")    # answers at once that nobody is there
        self.children = list(conn["children"])
        # It is told one after the other (so auto=ignore): who asks for a further CHILD_SA has to propose what it has for the
        # connection that its IKE SA was made with, and that is the one it was told last.
        self.launch(["/usr/libexec/ipsec/pluto", "--nofork", "--stderrlog", "--config", "/etc/ipsec.conf",
                     "--rundir", "/run/pluto", "--nssdir", "/var/lib/ipsec/nss"])
        wait_for("pluto's control socket", lambda: self.has("/run/pluto/pluto.ctl"))
        for name in self.children:
            self.exec(["/usr/libexec/ipsec/addconn", "--ctlsocket", "/run/pluto/pluto.ctl", "--config", "/etc/ipsec.conf", name])
        self.whack("--listen")

    @staticmethod
    def _section(head, keys):
        return head + "\n" + "".join(f"  {key}={value}\n" for key, value in keys.items() if value) + "\n"

    def _own_address(self, conn):
        """One: others take networks of them."""
        network = ip_network(conn["local_addrs"])
        return next(address for address in self.side.outer.values() if ip_address(address) in network)

    def _proof(self, conn):
        """How the ends prove who they are."""
        methods = [conn[end]["auth"].replace("psk", "secret") for end in ("local", "remote")]
        keys = {"authby": methods[0]} if methods[0] == methods[1] else {"leftauth": methods[0], "rightauth": methods[1]}
        for end, word in (("local", "left"), ("remote", "right")):
            name = conn[end].get("id")
            keys[word + "id"] = "%fromcert" if not name else name if "=" in name else "@" + name
        if conn["local"]["auth"] != "psk":
            keys.update({"leftcert": self.nickname, "leftsendcert": "always", "sendca": "all"})
        if conn["remote"]["auth"] != "psk":
            keys["rightca"] = f'"{self.issuer}"'
        return keys

    @staticmethod
    def _times(conn, child):
        """It rekeys, or authenticates anew, a margin before the end of a life time."""
        if "reauth_time" in conn:
            seconds = int(conn["reauth_time"].removesuffix("s")) + 1
            return {"rekey": "yes", "reauth": "yes", "ikelifetime": f"{seconds}s", "rekeymargin": "1s", "rekeyfuzz": "0%"}
        if "rekey_time" not in conn:
            return {}
        return {"rekey": "yes", "ikelifetime": f"{conn['rekey_time'] + 1}s", "salifetime": f"{child['rekey_time'] + 1}s", "rekeymargin": "1s",
                "rekeyfuzz": "0%"}

    def _keys(self, conn, child):
        ike, esp = transforms(conn["proposals"], LIBRESWAN), transforms(child["esp_proposals"], LIBRESWAN)
        esp_words = [word for word in (esp["encryption"], esp["integrity"]) if word]
        is_transport = child.get("mode") == "transport"
        return {
            "auto": "ignore", **self._proof(conn), "ikev2": "insist", "rekey": "no", **self._times(conn, child), "type": child.get("mode", "tunnel"),
            "left": self._own_address(conn), "right": conn["remote_addrs"],
            "leftsubnet": None if is_transport else child["local_ts"],
            "rightsubnet": None if is_transport else child["remote_ts"], "leftupdown": "%disabled",
            "ike": f"{ike['encryption']}-{ike['prf'] or ike['integrity']};{ike['group']}",
            "esp": "-".join(esp_words) + (f";{esp['group']}" if esp["group"] else ""),
            "pfs": "yes" if esp["group"] else "no", "esn": "yes" if esp["esn"] else "no",
            "encapsulation": "yes" if conn.get("encap") == "yes" else "auto", "mobike": conn.get("mobike"),
            **({"dpddelay": conn["dpd_delay"], "dpdtimeout": "30s", "dpdaction": "hold"} if "dpd_delay" in conn else {})}

    def whack(self, *args, check=True):
        return self.exec(["/usr/libexec/ipsec/whack", "--ctlsocket", "/run/pluto/pluto.ctl", *args], check=check).stdout

    def up(self, child):
        self.whack("--initiate", "--name", child)

    def down_ike(self, _):
        for name in self.children:
            self.whack("--terminate", "--name", name)

    def down_child(self, child):
        """The CHILD_SA alone: by its number, because the name stands for all that the connection made."""
        match = re.search(rf'#(\d+): "{child}"[^\n]*STATE_V2_ESTABLISHED_CHILD_SA', self.whack("--status"))
        if not match:
            raise Failure(f"libreswan has no CHILD_SA {child}")
        self.whack("--deletestate", match[1])

    def rekey_child(self, child):
        self.whack("--rekey-ipsec", "--name", child)

    def rekey_ike(self, _):
        self.whack("--rekey-ike", "--name", self.children[0])

    def redirect(self, gateway):
        self.whack("--name", self.children[0], "--redirect-to", gateway)

    def proofs(self):
        """{name of the other end: what it proved itself with}, in strongSwan's words."""
        found = re.findall(r"established IKE SA; authenticated peer (?:using authby=(\w+)|'(.*?)' (digital )?signature)", self.log())
        return {self.side.other.name: self._proof_told(*told) for told in found}

    def why(self):
        return self.log()

    @staticmethod
    def _proof_told(word, method, is_digital):
        """`2048-bit RSASSA-PSS with SHA2_256`, `P-256 ECDSA with SHA2_256`, or the word of a configuration."""
        if word:
            return "pre-shared key" if word == "secret" else word
        bits = method[-3:]
        if "RSASSA-PSS" in method:
            return f"RSA_EMSA_PSS_SHA2_{bits}_SALT_{int(bits) // 8}"
        if "ECDSA" in method:
            return f"ECDSA_WITH_SHA{bits}_DER"
        return f"RSA_EMSA_PKCS1_SHA2_{bits}" if is_digital else "RSA signature"

    def sas(self):
        status = self.whack("--status")
        numbers = re.findall(r'#(\d+): "[^\n]*STATE_V2_ESTABLISHED_IKE_SA', status)
        children = [{"name": name, "state": "INSTALLED", "number": number, **self._esp(status, name)} for name in self.children
                    for number in re.findall(rf'#(\d+): "{name}"[^\n]*STATE_V2_ESTABLISHED_CHILD_SA', status)]
        match = re.search(r"IKE(?:v2)? algorithm newest: (\S+)", status)
        told = _told(match[1] if match else "", True)
        hosts = re.findall(r" esp\.\w+@(\S+) esp\.\w+@(\S+)", status)
        last = {"child-sas": children, **(dict(zip(("remote-host", "local-host"), hosts[-1])) if hosts else {})}
        return [{"state": "ESTABLISHED", "number": number, **told, **(last if number == numbers[-1] else {"child-sas": []})}
                for number in numbers]

    def _esp(self, status, name):
        match = re.search(rf'"{name}"(?:\[\d+\])?: +ESP algorithm newest: (\S+);', status)
        return {**_told(match[1] if match else "", False), **kernel_says(self)}


class OpenIked(Daemon):
    """iked 7.2, its keys by PF_KEY.  It initiates when it starts, and ends an IKE SA when it is told to reset."""
    kind = "openiked"
    prepare = ("mount -t tmpfs tmpfs /etc/iked; mkdir -p /run/empty /etc/iked/private /etc/iked/ca /etc/iked/certs /etc/iked/crls; "
               "[ ! -d $1/iked ] || cp -R $1/iked/. /etc/iked/; [ -e /etc/iked/private/local.key ] || openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out /etc/iked/private/local.key; "
               "openssl pkey -in /etc/iked/private/local.key -pubout -out /etc/iked/local.pub; grep -v _iked /etc/passwd >/run/passwd || :; "
               "echo '_iked:x:65533:65533::/run/empty:/bin/false' >>/run/passwd; mount --bind /run/passwd /etc/passwd; "
               "cp /etc/group /run/group; echo '_iked:x:65533:' >>/run/group; mount --bind /run/group /etc/group")

    def __init__(self, lab, side, root):
        super().__init__(lab, side)
        self.unpacked = root

    def give(self, wallet):
        if wallet.own:
            self.put("iked/private/local.key", wallet.own.key, 0o600)
        if wallet.own and not wallet.is_raw:
            self.put("iked/certs/local.crt", wallet.own.cert)
        if wallet.is_raw:
            self.put(f"iked/pubkeys/fqdn/{self.side.other.name}.example", wallet.known[0].public)
        for authority in (*(wallet.own.above() if wallet.own else ()), *wallet.roots):
            self.put(f"iked/ca/{authority.name}.crt", authority.cert)

    def start(self, tree):
        _, conn, secret = only_connection(tree)
        (child,) = conn["children"].values()
        ike, esp = transforms(conn["proposals"], OPENIKED), transforms(child["esp_proposals"], OPENIKED)
        peer = self.side.gateway[4] if conn["remote_addrs"] == "%any" else conn["remote_addrs"]
        words = ["ikev2", CONNECTION, "active", child.get("mode", "tunnel"), "esp",
                 "from", self._end(child["local_ts"], conn["local_addrs"]), "to", self._end(child["remote_ts"], peer), "local", conn["local_addrs"], "peer", peer,
                 "ikesa", *self._words(ike), "childsa", *self._words(esp), "esn" if esp["esn"] else "noesn",
                 "srcid", conn["local"]["id"], "dstid", conn["remote"]["id"], "ikelifetime", str(conn.get("rekey_time", 0)),
                 "lifetime", str(child.get("rekey_time", 0)), *self._proof(conn, secret)]
        os.makedirs(os.path.join(self.dir, "etc/iked"), exist_ok=True)
        self.write("etc/iked.conf", "set fragmentation\n" + " ".join(words) + "\n")
        self.launch(["/usr/sbin/iked", "-d", "-v", "-v", "-f", "/etc/iked.conf", "-s", "/run/iked.sock"])
        wait_for("iked's control socket", lambda: self.has("/run/iked.sock"))
        if self.side is self.lab.right:
            self._become_responder()

    @staticmethod
    def _proof(conn, secret):
        return ["psk", secret] if secret else [conn["local"]["auth"]]

    def proofs(self):
        """{name of the other end: what it proved itself with}, in strongSwan's words."""
        found = re.findall(r"authverify: method (\w+) keylen.*\n(?:.*verify_init: signature scheme (\d) selected\n|.*\n)*?"
                           r".*authentication successful", self.log())
        return {self.side.other.name: OPENIKED_SCHEMES[int(number)] if method == "SIG" else OPENIKED_METHODS[method]
                for method, number in found}

    def _become_responder(self):
        """It knows the traffic selectors of a policy only once it has tried to initiate; before, it answers with none."""
        wait_for("OpenIKED having tried", lambda: "send IKE_SA_INIT req" in self.log())
        self.ctl("passive")
        self.ctl("reset", "sa")

    @staticmethod
    def _end(selector, address):
        return address if selector == "dynamic" else selector

    @staticmethod
    def _words(sa):
        return [word for key, name in (("enc", "encryption"), ("auth", "integrity"), ("prf", "prf"), ("group", "group")) if sa[name]
                for word in (key, sa[name])]

    def ctl(self, *args, check=True):
        return self.exec(["/usr/sbin/ikectl", "-s", "/run/iked.sock", *args], check=check).stdout

    def up(self, child):
        wait_for(f"OpenIKED having brought up {child}", self.sas, 15)

    def down_ike(self, _):
        self.ctl("reset", "id", f"FQDN/{self.side.other.name}.example")

    def down_child(self, child):
        raise Failure("OpenIKED has no way to delete a CHILD_SA")

    def sas(self):
        """ikectl names addresses and SPIs, the log the algorithms."""
        shown = self.ctl("show", "sa")
        numbers = re.findall(r"iked_sas: \S+ (rspi \S+ ispi \S+) .* ESTABLISHED ", shown)
        spis = re.findall(r"sa_childsas: \S+ ESP 0x(\S+) in", shown)
        ike = self._last(r"established peer .* as \S+ \((.*)\)")
        told = {**kernel_says(self), **self._last(r"loaded SPIs: .*\((.*)\)")} if spis else {}
        children = [{"name": "net", "state": "INSTALLED", "number": spi, **told} for spi in spis]
        return [{"state": "ESTABLISHED", "number": number, **ike, "child-sas": children if number == numbers[-1] else []}
                for number in numbers]

    def _last(self, pattern):
        """The algorithms of the last line that tells of some: `enc aes-256 auth hmac-sha2-384 group curve25519 …`."""
        found = re.findall(pattern, self.log())
        words = (found[-1] if found else "").split()
        told = dict(zip(words[::2], words[1::2]))
        names = {"encr-alg": "AES_CBC" if told.get("enc", "").startswith("aes-") else told.get("enc"),
                 "encr-keysize": told.get("enc", "").split("-")[-1], "integ-alg": OPENIKED_INTEGRITY.get(told.get("auth")),
                 "dh-group": OPENIKED_GROUPS.get(told.get("group")), "prf-alg": OPENIKED_PRFS.get(told.get("prf"))}
        return {key: value for key, value in names.items() if value}
