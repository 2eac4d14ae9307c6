# SPDX-License-Identifier: Apache-2.0
"""The daemons of a case, each in mount, PID and network namespaces of its own with /etc, /run and /var/lib of its own.

Both are told what to do with the same dict of `connections` and `secrets`, because both read the same grammar."""
import json
import os
import re
import shutil
import signal
import socket
import subprocess

import build
import guest
import settings
from lab import SLOWNESS, Failure, run, wait_for

FRAGMENT_SIZE = 600                           # of both: an ordinary IKE_AUTH is not cut
CONNECTION = "gw"                             # what the connection of every case is called

# Mounts are made in a namespace of the daemon's own: nothing of them is seen outside or stays behind.
_ENTER = """set -e
mount -t tmpfs -o mode=0755 tmpfs /run
mount -t tmpfs -o mode=0755 tmpfs /var/lib
mount -t overlay -o lowerdir=$1/etc:/etc overlay /etc
[ -z "$2" ] || mount -t overlay -o lowerdir=$2/usr:/usr overlay /usr
eval "$3"
shift 3
exec "$@"
"""


class Daemon:
    """Starts and stops a program in namespaces of its own; sub-classes know what to tell it."""
    unpacked = ""
    environment = {}
    prepare = ":"                             # what a shell does before the daemon starts, where it lives

    def __init__(self, lab, side):
        self.lab, self.side = lab, side
        self.more = {}                        # further settings, in its own words
        self.dir = os.path.join(lab.dir, f"{side.name}-{self.kind}")
        os.makedirs(os.path.join(self.dir, "etc"), exist_ok=True)
        self.process = None

    def write(self, name, text):
        path = os.path.join(self.dir, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(text)
        return path

    def put(self, name, source, mode=0o644):
        """A copy of a file, where it will find it."""
        path = os.path.join(self.dir, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        shutil.copyfile(source, path)
        os.chmod(path, mode)

    def give(self, wallet):
        """Keys and certificates, before it starts; in directories whose names swanctl and Ikebana share."""
        own = (wallet.own,) if wallet.own else ()
        for end in own:
            self.put(f"{self.credentials}/private/{end.name}.pem", end.key, 0o600)
        for end in (*own, *wallet.known):
            if wallet.is_raw:
                self.put(f"{self.credentials}/pubkey/{end.name}.pem", end.public)
            else:
                self.put(f"{self.credentials}/x509/{end.name}.pem", end.cert)
        for authority in (*wallet.roots, *(above for end in own for above in end.above())):
            self.put(f"{self.credentials}/x509ca/{authority.name}.pem", authority.cert)

    def log(self):
        with open(os.path.join(self.lab.dir, f"{self.side.name}-{self.kind}.log"), errors="replace") as log:
            return log.read()

    def launch(self, args):
        self.process = self.lab.spawn(
            self.side.netns,
            ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc",
             "sh", "-c", _ENTER, "sh", self.dir, self.unpacked, self.prepare] + args,
            f"{self.side.name}-{self.kind}.log", env={**os.environ, **self.environment})
        wait_for(f"{self.kind}'s namespaces", lambda: self.exited() or self._child())

    def _child(self):
        try:
            with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children") as children:
                return int(children.read().split()[0])
        except (OSError, IndexError):
            return 0

    def pid(self):
        """The daemon's, as seen from here (it is process 1 of its own namespace)."""
        child = self._child()
        if not child:
            raise Failure(f"{self.side.name} {self.kind} is not running:\n{self.log()[-2000:]}")
        return child

    def exec(self, args, check=True, timeout=20):
        """Runs a program where the daemon lives: same /run, same network."""
        return run(["nsenter", "-t", str(self.pid()), "--root", "--mount", "--net", "--pid", *args], check=check,
                   timeout=timeout * SLOWNESS, env={**os.environ, **self.environment})

    def path(self, path):
        """What is called @path where it lives, as seen from here."""
        return f"/proc/{self.pid()}/root{path}"

    def has(self, path):
        return os.path.exists(self.path(path))

    def exited(self):
        return self.process.poll() is not None

    def terminate(self, seconds=10.0):
        """SIGTERM to the daemon, and its exit status."""
        os.kill(self.pid(), signal.SIGTERM)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failure(f"{self.side.name} {self.kind} did not end within {seconds:g} s of SIGTERM") from None

    def check_end(self):
        """Ends it, if it still runs, and its exit status must be 0: so memory errors and leaks that a sanitizer finds
        are failures of the case."""
        if self.process and not self.exited():
            status = self.terminate()
            if status != 0:
                raise Failure(f"{self.side.name} {self.kind} ended with status {status}:\n{self.log()[-3000:]}")


class StrongSwan(Daemon):
    """charon-systemd 5.9.8 as `fetch` unpacked it, with ESP in user space (kernel-libipsec), in a guest in the kernel."""
    kind = "strongswan"
    credentials = "etc/swanctl"
    plugins = ("random nonce openssl curve25519 chapoly aes sha1 sha2 hmac kdf gcm pem pkcs1 pkcs8 x509 pubkey constraints "
               "revocation curl "
               + ("" if guest.kernel() else "kernel-libipsec ") + "kernel-netlink socket-default vici updown")

    def __init__(self, lab, side, root):
        super().__init__(lab, side)
        self.unpacked = root

    def start(self, tree):
        charon = {"load": self.plugins, "install_virtual_ip": "no", "fragment_size": FRAGMENT_SIZE, **self.more,
                  "filelog": {"stderr": {"default": 1, "ike": 2, "cfg": 2, "flush_line": "yes"}},
                  "journal": {"default": -1}}
        self.write("etc/strongswan.conf", settings.write({"charon-systemd": charon,
                                                          "swanctl": {"load": "random openssl curve25519 pem pkcs1 pkcs8 x509"}}))
        # Else it looks for other paths and tells of addresses in the middle of a case.
        tree = {**tree, "connections": {name: {"mobike": "no", **conn} for name, conn in tree["connections"].items()}}
        self.file = self.write("etc/swanctl/swanctl.conf", settings.write(tree))
        self.launch([os.path.join(self.unpacked, "usr/sbin/charon-systemd")])
        wait_for("charon's control socket", lambda: self.has("/run/charon.vici"))
        self.swanctl("--load-all", "--noprompt", "--file", self.file)

    def proofs(self):
        """{name of an end: what it proved itself with}, in the words of its log, of the last time."""
        found = re.findall(r"authentication of '.*?' (\(myself\) |)with (.*?)( successful|)$", self.log(), re.M)
        return {(self.side if is_own else self.side.other).name: method for is_own, method, is_good in found if is_own or is_good}

    def why(self):
        """What it says of itself when it refused the peer."""
        return self.log()

    def swanctl(self, *args, check=True):
        return self.exec([os.path.join(self.unpacked, "usr/sbin/swanctl"), *args], check=check).stdout

    def wait_for_trap(self, child):
        wait_for("strongSwan's trap", lambda: child in self.swanctl("--list-pols"), 5)

    def up(self, child):
        return self.swanctl("--initiate", "--child", child, "--timeout", "15")

    def down_ike(self, connection):
        self.swanctl("--terminate", "--ike", connection, "--timeout", "10")

    def down_child(self, child):
        self.swanctl("--terminate", "--child", child, "--timeout", "10")

    def rekey_child(self, child):
        self.swanctl("--rekey", "--child", child)

    def rekey_ike(self, connection):
        self.swanctl("--rekey", "--ike", connection)

    def redirect(self, gateway):
        self.swanctl("--redirect", "--ike", CONNECTION, "--gateway", gateway)

    def sas(self):
        """[{the IKE_SA's keys, child-sas: [{…}]}] as its own `swanctl --list-sas` tells them."""
        found = []
        for line in self.swanctl("--list-sas", "--raw").splitlines():
            if line.startswith("list-sa event"):
                for name, sa in settings.read_raw(line).items():
                    children = [child for child in sa.get("child-sas", {}).values()]
                    found.append({**sa, "connection": name, "child-sas": children})
        return found


class Ikebana(Daemon):
    """ikebanad from a build tree, with ESP in user space (kernel-tun), in a guest in the kernel (kernel-xfrm)."""
    kind = "ikebana"
    credentials = "etc/ikebana"

    def __init__(self, lab, side, tree):
        super().__init__(lab, side)
        self.build, self.environment = tree, build.environment(tree)

    def program(self, name):
        return build.program(self.build, name)

    def daemon_arguments(self, tree, *more):
        """@tree's connections and secrets, and on top of the plugins that a daemon needs whatever it says of plugins."""
        plugins = tree.get("plugins", {})
        xfrm = {"state_dir": os.path.join(self.dir, "state"), **plugins.get("kernel-xfrm", {})}
        self.file = self.write("etc/ikebana/ikebana.conf", settings.write(
            {**tree, "core": {"log": {"default": "debug"}, "fragment_size": FRAGMENT_SIZE, **tree.get("core", {})},
             "plugins": {**plugins, "kernel-xfrm": xfrm}}))
        return [self.program("charon-like-daemon/ikebanad"), "--config", self.file, "--plugin-dir",
                os.path.join(self.build, "plugins/.libs"), "--socket-dir", "/run/ikebana", *more]

    def start(self, tree, *more):
        self.launch(self.daemon_arguments(tree, *more))
        wait_for("ikebanad's control socket", self._is_ready, 30)
        if guest.kernel() and "kernel-xfrm" not in (told := self.cli("plugins", "--why", "kernel:ipsec", check=False).stdout):
            raise Failure(f"{self.side.name} ikebana leaves ESP to something else than the kernel: {told.strip()}")

    def _is_ready(self):
        """The socket is there a moment before somebody listens."""
        if not self.has("/run/ikebana/control"):
            return False
        with socket.socket(socket.AF_UNIX) as control:
            return control.connect_ex(self.path("/run/ikebana/control")) == 0

    def cli(self, *args, check=True, timeout=30):
        return self.exec([self.program("src-tools/ikebana"), "--socket", "/run/ikebana/control", *args],
                         check=check, timeout=timeout)

    def json(self, *args):
        return json.loads(self.cli("--json", *args).stdout)

    def wait_for_trap(self, child):
        wait_for("the trap", lambda: any(row["name"] == child and row["state"] == "INSTALLED"
                                         for row in self.json("list-policies")["policies"]), 5)

    def up(self, child):
        return self.cli("up", CONNECTION, child).stdout

    def why(self):
        return self.cli("--json", "explain").stdout

    def down_ike(self, connection):
        self.cli("down", connection)

    def down_child(self, child):
        self.cli("down", CONNECTION, child)

    def rekey_child(self, child):
        self.cli("rekey", CONNECTION, child)

    def rekey_ike(self, connection):
        self.cli("rekey", connection)

    def redirect(self, gateway):
        self.cli("redirect", gateway, "--all")

    def sas(self):
        """[{the IKE SA's keys, children: [{…}]}] as `ikebana status` tells them."""
        return self.json("status")["sas"]
