# SPDX-License-Identifier: Apache-2.0
"""FreeRADIUS with a configuration that the test writes, what it wrote down of accounting, and radclient; the EAP peer of
wpa_supplicant, `eapol_test`.

Both are unpacked by `testing/interop/fetch`, and run in the foreground as children of the test."""
import dataclasses
import os
import platform
import signal
import subprocess

import sim
from lab import SLOWNESS, Failure, in_netns, run, stop, wait_for

SECRET = "s3cret of gateway and server"
AUTH, ACCT, RADSEC, DAE = 1812, 1813, 2083, 3799

# What stays the same; {…} is filled in, and stands doubled where it is of the grammar.
_SERVER = """prefix = {dir}
localstatedir = {dir}
name = freeradius
libdir = {lib}/freeradius
logdir = {dir}
run_dir = {dir}
pidfile = {dir}/pid
max_requests = 4096
cleanup_delay = 1
hostname_lookups = no
log {{
  destination = stdout
  auth = yes
}}
security {{
  reject_delay = 0
  status_server = yes
}}
client all {{
  ipaddr = 0.0.0.0/0
  secret = "{secret}"
  require_message_authenticator = yes
}}
clients radsec {{
  client all {{
    ipaddr = 0.0.0.0/0
    proto = tls
    secret = radsec
  }}
}}
thread pool {{
  start_servers = 1
  max_servers = 4
  min_spare_servers = 1
  max_spare_servers = 2
}}
modules {{
  pap {{
  }}
  chap {{
  }}
  mschap {{
    use_mppe = yes
  }}
  files {{
    usersfile = {dir}/users
  }}
  detail {{
    filename = {dir}/detail
    permissions = 0600
    header = "%t"
  }}
  always ok {{
    rcode = ok
  }}
  eap {{
    default_eap_type = md5
    timer_expire = 30
    max_sessions = 4096
    md5 {{
    }}
    gtc {{
      auth_type = PAP
    }}
    mschapv2 {{
    }}
    sim {{
    }}
{tunnels}
  }}
}}
server default {{
{listeners}
  authorize {{
    if (&request:Packet-Type == Status-Server) {{
      ok
    }}
    mschap
    chap
    files
    eap
    pap
  }}
{authenticate}
  preacct {{
    ok
  }}
  accounting {{
    detail
    ok
  }}
}}
server inner {{
  authorize {{
    mschap
    chap
    files
    eap
    pap
  }}
{authenticate}
}}
"""

# Of the server, and of the one in tunnels.
_AUTHENTICATE = """  authenticate {
    Auth-Type PAP {
      pap
    }
    Auth-Type CHAP {
      chap
    }
    Auth-Type MS-CHAP {
      mschap
    }
    mschap
    eap
  }"""

_TUNNELS = """    tls-config common {{
      private_key_file = {key}
      certificate_file = {cert}
      ca_file = {ca}
      tls_min_version = "{tls}"
      tls_max_version = "{tls}"
      cipher_list = "DEFAULT"
      ecdh_curve = ""
    }}
    tls {{
      tls = common
    }}
    ttls {{
      tls = common
      default_eap_type = md5
      copy_request_to_tunnel = no
      use_tunneled_reply = yes
      virtual_server = inner
    }}
    peap {{
      tls = common
      default_eap_type = mschapv2
      copy_request_to_tunnel = no
      use_tunneled_reply = yes
      virtual_server = inner
    }}"""

_LISTENER = """  listen {{
    type = {type}
    ipaddr = *
    port = {port}
  }}
"""

_RADSEC_LISTENER = """  listen {{
    type = auth+acct
    proto = tcp
    ipaddr = *
    port = {port}
    clients = radsec
    tls {{
      private_key_file = {key}
      certificate_file = {cert}
      ca_file = {ca}
      cipher_list = "DEFAULT"
      tls_min_version = "1.2"
      tls_max_version = "1.3"
      require_client_cert = yes
    }}
  }}
"""


@dataclasses.dataclass(frozen=True)
class User:
    """What the server knows of somebody: control attributes, among them the secret, and those of its answer."""
    name: str
    password: str = None
    control: tuple = ()                       # ("EAP-Type := MD5", …)
    reply: tuple = ()                         # ("Framed-IP-Address = 10.3.0.9", …)

    def lines(self):
        known = ([f'Cleartext-Password := "{self.password}"'] if self.password else []) + list(self.control)
        answer = ",\n".join(f"\t{attribute}" for attribute in self.reply)
        return f"{self.name} {', '.join(known)}\n{answer}\n"


def sim_control(triplets):
    """Control attributes of a user with a SIM."""
    values = [(f"{name}{n}", value) for n, triplet in enumerate(triplets, 1) for name, value in zip(("RAND", "SRES", "KC"), triplet)]
    return ("EAP-Type := SIM", *(f"EAP-Sim-{name} := 0x{value}" for name, value in values))


def environment(usr, *more):
    """What a program that was unpacked needs to find the libraries that came with it."""
    return {**os.environ, "LD_LIBRARY_PATH": ":".join((f"{usr}/lib/{platform.machine()}-linux-gnu", *more))}


class FreeRadius:
    """In the namespace @netns of a lab.  @certs: (certificate, key, CA) files of the server, or None: then it has no method
    with TLS.  @tls: the one version of it."""

    def __init__(self, lab, netns, unpacked, users, certs=None, tls="1.2", is_radsec=False):
        self.lab, self.netns, self.usr = lab, netns, os.path.join(unpacked, "usr")
        self.dir = os.path.join(lab.dir, "freeradius")
        lib = os.path.join(self.usr, "lib")
        self.environment = environment(self.usr, f"{lib}/freeradius")
        self.dictionary = os.path.join(self.usr, "share/freeradius")
        files = dict(zip(("cert", "key", "ca"), certs or ()))
        listeners = _LISTENER.format(type="auth", port=AUTH) + _LISTENER.format(type="acct", port=ACCT)
        if is_radsec:
            listeners += _RADSEC_LISTENER.format(port=RADSEC, **files)
        os.makedirs(self.dir, mode=0o700, exist_ok=True)
        self._write("radiusd.conf", _SERVER.format(dir=self.dir, lib=lib, secret=SECRET, listeners=listeners,
                                                   authenticate=_AUTHENTICATE,
                                                   tunnels=_TUNNELS.format(tls=tls, **files) if certs else ""))
        self._write("users", "".join(user.lines() for user in users))
        self._write("dictionary", "")
        self.process = None

    def _write(self, name, text):
        with open(os.path.join(self.dir, name), "w") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(text)

    def start(self):
        self.process = self.lab.spawn(self.netns, [os.path.join(self.usr, "sbin/freeradius"), "-f", "-x", "-d", self.dir,
                                                   "-D", self.dictionary], "freeradius.log", env=self.environment)
        wait_for("FreeRADIUS", self._is_ready)

    def _is_ready(self):
        """It says so a moment before it answers."""
        if self.process.poll() is not None:
            raise Failure(f"FreeRADIUS ended:\n{self.said()[-2000:]}")
        return "Ready to process requests" in self.said() \
            and "Received Access-Accept" in self.send("127.0.0.1", "status", "Message-Authenticator = 0x00", port=AUTH, seconds=0.2)

    def said(self):
        with open(os.path.join(self.lab.dir, "freeradius.log"), errors="replace") as log:
            return log.read()

    def stop(self):
        if stop(self.process, signal.SIGTERM) != 0:
            raise Failure(f"FreeRADIUS ended with status {self.process.returncode}:\n{self.said()[-2000:]}")

    def accounting(self):
        """What came by Accounting-Request, in order: [{attribute: value, or list of values}]."""
        try:
            with open(os.path.join(self.dir, "detail"), errors="replace") as file:
                text = file.read()
        except FileNotFoundError:
            return []
        return [_attributes(record) for record in text.split("\n\n") if record.strip()]

    def wait_for_accounting(self, seconds=10.0, /, **wanted):
        """The first record whose attributes (with _ for -) are as @wanted."""
        pairs = {key.replace("_", "-"): value for key, value in wanted.items()}
        return wait_for(f"an Accounting-Request with {pairs}", lambda: next(
            (record for record in self.accounting() if all(record.get(key) == value for key, value in pairs.items())), None), seconds)

    def send(self, address, kind, *attributes, port=DAE, seconds=3, secret=SECRET):
        """Sends a request of @kind ("disconnect", "coa", "status") by radclient, from where the server lives; its output."""
        args = [os.path.join(self.usr, "bin/radclient"), "-d", self.dir, "-D", self.dictionary, "-x", "-t", str(seconds), "-r", "2",
                f"{address}:{port}", kind, secret]
        return run([*in_netns(self.netns), *args], timeout=20 * SLOWNESS, check=False, input="\n".join(attributes) + "\n",
                   env=self.environment).stdout

def _attributes(record):
    found = {}
    for line in record.splitlines():
        name, sign, value = line.strip().partition(" = ")
        if sign and line.startswith("\t"):
            value = value.strip('"')
            found[name] = value if name not in found else [*(found[name] if isinstance(found[name], list) else [found[name]]), value]
    return found


# -- the peer of wpa_supplicant


class EapolTest:
    """@unpacked: where eapol_test was unpacked."""

    def __init__(self, unpacked):
        self.program = os.path.join(unpacked, "usr/bin/eapol_test")
        self.environment = environment(os.path.join(unpacked, "usr"))

    def run(self, directory, network, address="127.0.0.1", port=AUTH, has_keys=True, has_card=False, seconds=10):
        """@network: keys of a network of wpa_supplicant; text is to stand in quotes there.  @has_keys: the method makes
        an MSK, which must be that of the MPPE keys in the Access-Accept.  @has_card: there is a SIM, which is asked.  True
        when all went well, and the output."""
        file = os.path.join(directory, "eapol.conf")
        card = sim.Card(seconds) if has_card else None
        with open(file, "w") as out:
            os.fchmod(out.fileno(), 0o600)
            lines = "".join(f"  {key}={value}\n" for key, value in {"key_mgmt": "WPA-EAP", "eapol_flags": 0, **network}.items())
            out.write((f"ctrl_interface={card.directory}\nexternal_sim=1\n" if card else "") + f"network={{\n{lines}}}\n")
        if card:
            card.start()
        args = [self.program, "-c", file, "-a", address, "-p", str(port), "-s", SECRET, "-t", str(seconds), *([] if has_keys else ["-n"]), *(["-W"] if card else [])]
        done = subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                              timeout=seconds * 2 * SLOWNESS, stdin=subprocess.DEVNULL, env=self.environment)
        with open(os.path.join(directory, "eapol.log"), "w") as log:
            log.write(done.stdout)
        if card:
            card.close()
        return done.returncode == 0 and done.stdout.rstrip().endswith("SUCCESS"), done.stdout


def quoted(text):
    return f'"{text}"'
