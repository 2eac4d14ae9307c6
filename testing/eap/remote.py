# SPDX-License-Identifier: Apache-2.0
"""Road warriors: clients that prove themselves by EAP to a gateway, get an address from it, and ping what is behind it.

The clients are on the left, the gateway on the right, FreeRADIUS, where there is one, in the middle.  A gateway that a client is
sent to has a place of its own."""
import concurrent.futures
import dataclasses
import functools
import ipaddress
import json
import os
import signal
import struct

import capture
import peers
import pki
import radius
import sim
from lab import Failure, Lab, ip, wait_for
from peers import CONNECTION

IKE, ESP = "aes256gcm16-prfsha256-x25519", "aes256gcm16"
GATEWAY, AAA = "gateway.example", "radius.example"
NAME, OTHERS, PASSWORD = "alice", ("bob",), "wonderland"
POOL, POOL6 = "10.3.0.0/24", "fd03::/112"
BEHIND = {"address": "10.2.0.1", "net": "10.2.0.0/16"}
BEHIND6 = {"address": "fd02::1", "net": "fd02::/32"}
IKE_SA_INIT, RESPONSE, REDIRECTED_FROM = 34, 0x20, 16408

# What charon loads beside what other cases want of it.
STRONGSWAN_EAP = "eap-identity eap-md5 eap-gtc eap-mschapv2 eap-tls eap-ttls eap-radius md5 xauth-generic fips-prf"


@dataclasses.dataclass(frozen=True)
class Method:
    """What an end needs for an EAP method.  @name of `auth = eap-NAME`."""
    name: str
    has_password: bool = True
    is_certificate: bool = False              # the client has one
    is_card: bool = False                     # it has a SIM
    server_certificate: bool = False          # the EAP server shows one


METHODS = {method.name: method for method in (
    Method("md5"), Method("gtc"), Method("mschapv2"), Method("tls", has_password=False, is_certificate=True, server_certificate=True),
    Method("ttls", server_certificate=True), Method("peap", server_certificate=True),
    Method("sim", has_password=False, is_card=True))}


class Made:
    """The certificates of all cases."""

    def __init__(self, tree):
        made = pki.Pki(tree)
        self.root = made.root("root-of-remote-access")
        self.gateway = made.issue(self.root, "gateway", "ecdsa256", GATEWAY, san=GATEWAY, flag=("serverAuth", "clientAuth"))
        self.aaa = made.issue(self.root, "aaa", "ecdsa256", AAA, san=AAA, flag="serverAuth")
        self.client = made.issue(self.root, "client", "ecdsa256", NAME, san=f"{NAME}@example", flag="clientAuth")
        self.expired = made.issue(self.root, "client-expired", "ecdsa256", NAME, san=f"{NAME}@example", flag="clientAuth",
                                  **dict(zip(("not_before", "not_after"), pki.LONG_AGO)))


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    method: str                               # of METHODS
    server: str = "local"                     # who checks: the gateway itself, or "radius"
    clients: tuple = ("ikebana", "strongswan")
    gateways: tuple = ("ikebana", "strongswan")
    tls: str = "1.2"                          # version of it that FreeRADIUS has
    is_radius_up: bool = True
    is_first_dead: bool = False               # of two servers, the one that is asked first
    is_radsec: bool = False                   # between gateway and FreeRADIUS
    password: str = PASSWORD                  # that the client has
    client_method: str = None                 # where the client's is another
    user: str = None                          # its EAP identity; None: as it should be
    certificate: str = "client"               # attribute of Made
    refused: dict = None                      # kind of the gateway: what it says then
    told: str = None                          # what our client says then
    then: callable = None                     # what comes after the pings: (run, address)
    reply: tuple = ()                         # what FreeRADIUS says of the user in its Access-Accept
    wants_accounting: bool = False
    is_eap_only: bool = False                 # the gateway has no other proof, either (RFC 5998)
    is_second_round: bool = False             # the client shows a certificate first (RFC 4739)
    nat: bool = False                         # between them, see Lab
    has_address: bool = True                  # a virtual one; else a network of its own
    has_ipv6: bool = False                    # a virtual one of that, too
    sent: str = None                          # "init" or "auth": when a first gateway, an Ikebana, sends it to this one
    client_plugins: dict = dataclasses.field(default_factory=dict)
    gateway_plugins: dict = dataclasses.field(default_factory=dict)


class Run:
    """One case, with its daemons.  Where the client is sent elsewhere, `first` is the gateway that does it."""

    def __init__(self, case, kinds, lab, make):
        self.case, self.lab, self.made = case, lab, make.pki()
        self.clients, self.told = [], ""
        self.make, self.client, self.first = make, make(kinds[0], lab, lab.left), None
        where = lab.right
        if case.sent:
            self.first, where = make("ikebana", lab, lab.right), self.elsewhere()
        self.gateway = make(kinds[1], lab, where)
        self.method = METHODS[case.method]
        self.known = f"{NAME}@example" if self.method.is_certificate else f"1{sim.IMSI}" if self.method.is_card else NAME
        self.user = case.user or self.known
        self.radius = None
        if case.server == "radius":
            self.radius_address = lab.right.gateway[4]
            aaa = self.made.aaa
            self.radius = radius.FreeRadius(
                lab, lab.middle, make.unpacked("freeradius"), self.users(), (aaa.cert, aaa.key, self.made.root.cert), case.tls,
                case.is_radsec)

    def users(self):
        control = radius.sim_control(sim.TRIPLETS) if self.method.is_card else ()
        others = [radius.User(name, PASSWORD) for name in OTHERS]
        return [radius.User(self.known, PASSWORD if self.method.has_password else None, control, self.case.reply), *others]

    # -- settings

    def identity(self):
        """IDi of the client, which is not what policy goes by."""
        return self.user if "@" in self.user else f"{self.user if self.user.isalnum() else NAME}@client.example"

    def client_tree(self, peer):
        local = {"auth": f"eap-{self.case.client_method or self.method.name}", "eap_id": self.user, "id": self.identity()}
        remote = {"auth": f"eap-{self.method.name}" if self.case.is_eap_only else "pubkey", "id": GATEWAY}
        if not self.case.is_eap_only or peer.kind == "ikebana":      # of an EAP method charon does not know the CA
            remote["cacerts"] = f"{self.made.root.name}.pem"
        own = f"{getattr(self.made, self.case.certificate).name}.pem"
        if self.method.is_certificate:
            local["certs"] = own
        if self.method.server_certificate:
            local["aaa_id"] = AAA if self.radius else GATEWAY
        rounds = {"local": local}
        if self.case.is_second_round:
            rounds = {"local-1": {"auth": "pubkey", "id": f"{NAME}@example", "certs": own}, "local-2": local}
        more = {"secrets": {"eap-1": {"id": self.user, "secret": f'"{self.case.password}"'}}} if self.method.has_password else {}
        return tree({"local_addrs": peer.side.outer[4], "remote_addrs": (self.first or self.gateway).side.outer[4],
                     "vips": self.families("0.0.0.0", "::") if self.case.has_address else None, **rounds, "remote": remote},
                    {"remote_ts": self.families(BEHIND["net"], BEHIND6["net"]),
                     "local_ts": None if self.case.has_address else peer.side.net(4)}, more)

    def gateway_tree(self, gateway, **keys):
        local = {"auth": f"eap-{self.method.name}" if self.case.is_eap_only else "pubkey", "id": GATEWAY,
                 "certs": f"{self.made.gateway.name}.pem"}
        remote = {"auth": "eap-radius" if self.radius else f"eap-{self.method.name}", "id": "%any", "eap_id": "%any"}
        if self.method.is_certificate and not self.radius:
            remote["cacerts"] = f"{self.made.root.name}.pem"
        rounds = {"remote": remote}
        if self.case.is_second_round:
            rounds = {"remote-1": {"auth": "pubkey", "cacerts": f"{self.made.root.name}.pem"}, "remote-2": remote}
        more = {}
        if self.case.has_address:
            more["pools"] = {"rw": {"addrs": POOL, "dns": BEHIND["address"]}, "rw6": {"addrs": POOL6}}
        if self.method.has_password and not self.radius:
            more["secrets"] = {f"eap-{name}": {"id": name, "secret": f'"{PASSWORD}"'} for name in (NAME, *OTHERS)}
        pool, theirs = (self.families("rw", "rw6"), None) if self.case.has_address else (None, self.client.side.net(4))
        return tree({"local_addrs": gateway.side.outer[4], "remote_addrs": "%any", "pools": pool, "local": local, **rounds, **keys},
                    {"local_ts": self.families(BEHIND["net"], BEHIND6["net"]), "remote_ts": theirs}, more)

    def families(self, *words):
        return words if self.case.has_ipv6 else words[0]

    # -- what happens

    def elsewhere(self):
        """Another place for a gateway; behind both is the same."""
        side = self.lab.add_client("elsewhere", 5)
        side.other = self.lab.left
        ip(side.netns, f"address add {BEHIND['address']} dev lo")
        return side

    def start_first(self):
        policy = {"redirect": {"policy": "list", "gateways": self.gateway.side.outer[4]}}
        self.first.give(pki.Wallet(self.made.gateway, (self.made.root,)))
        START[self.first.kind](self.first, self.gateway_tree(self.first, redirect=self.case.sent), policy)

    def start(self):
        if self.radius and self.case.is_radius_up:
            self.radius.start()
        plugins = {name: dict(keys) for name, keys in self.case.gateway_plugins.items()}
        if self.radius:
            keys = radius_settings(self.radius_address, self.case.wants_accounting, self.case.is_radsec)
            if self.case.is_first_dead:
                keys["servers"] = {"first": {**keys["servers"]["aaa"], "auth_port": 9, "preference": 10}, **keys["servers"]}
            for name, section in RADIUS_KEYS[self.gateway.kind](keys).items():
                plugins[name] = {**section, **plugins.get(name, {})}
        self.gateway.give(pki.Wallet(self.made.gateway, (self.made.root,)))
        START[self.gateway.kind](self.gateway, self.gateway_tree(self.gateway), plugins)
        if self.first:
            self.start_first()
        self.start_client(self.client)

    def start_client(self, peer):
        own = getattr(self.made, self.case.certificate) if self.method.is_certificate or self.case.is_second_round else None
        plugins = {name: dict(keys) for name, keys in self.case.client_plugins.items()}
        if self.method.is_card:
            plugins["sim-file"] = {"file": peer.write("etc/ikebana/cards", sim.cards())}
        peer.give(pki.Wallet(own, (self.made.root,)))
        START[peer.kind](peer, self.client_tree(peer), plugins)
        self.clients.append(peer)

    def neighbour(self):
        """Another client, of another user, beside the first."""
        self.user, = OTHERS
        other = self.make(self.client.kind, self.lab, self.lab.add_client("neighbour", 5))
        self.start_client(other)
        return other

    def up(self):
        self.told = self.client.up("net")

    def addresses(self):
        """Of the client inside: the virtual ones, as the gateway's listing has them."""
        if not self.case.has_address:
            return self.client.side.inner[4][:1]
        n = 1 + self.case.has_ipv6
        return wait_for(f"the gateway listing {n} virtual addresses", lambda: next(
            (sa["remote-vips"] for sa in self.gateway.sas() if len(sa.get("remote-vips", [])) == n), None), 5)

    def ping(self):
        """Both ways; what the client sends has its virtual address as source."""
        for address in self.addresses():
            behind = (BEHIND6 if ":" in address else BEHIND)["address"]
            for side, source, target in ((self.client.side, address, behind), (self.gateway.side, behind, address)):
                args = ["ping", "-n", "-c", "1", "-W", "1", "-I", source, target]
                wait_for(f"ping {source} -> {target}", lambda side=side, args=args: side.exec(args, check=False).returncode == 0, 8)

    def check_refused(self):
        try:
            self.up()
        except Failure:
            wanted = self.case.refused.get(self.gateway.kind)
            if self.case.told and self.client.kind == "ikebana":
                wait_for(f"the client saying “{self.case.told}”", lambda: self.case.told in self.client.why(), 5)
            if wanted:
                wait_for(f"the gateway saying “{wanted}”", lambda: wanted in self.gateway.why(), 5)
                if (n := len(json.loads(self.gateway.why())["failures"])) != 1:
                    raise Failure(f"the gateway explains {n} failures: {self.gateway.why()}")
            for peer in (self.gateway, self.client):
                wait_for(f"{peer.side.name} having no IKE SA", lambda peer=peer: not self.live(peer), 5)
            return
        raise Failure("up succeeded")

    def live(self, peer):
        """Its IKE SAs.  strongSwan goes without a word when it is refused, and keeps half-open ones for half a minute."""
        is_alone = "strongswan" not in (self.client.kind, self.gateway.kind)
        return [sa for sa in peer.sas() if is_alone or sa.get("state") == "ESTABLISHED"]


def tree(conn, child, more):
    conn = {"version": 2, "proposals": IKE, **conn, "send_cert": "always", "children": {"net": {"esp_proposals": ESP, **child}}}
    return {"connections": {CONNECTION: conn}, **more}


def radius_settings(address, wants_accounting, is_radsec=False):
    """Of a gateway, in the words of strongSwan's eap-radius."""
    secret = f'"{radius.SECRET}"'
    server = {"secret": secret, "auth_port": radius.AUTH, "acct_port": radius.ACCT}
    if is_radsec:
        server = {"type": "tls", "tls_id": AAA, "tls_own_id": GATEWAY}
    return {"servers": {"aaa": {"address": address, **server}},
            "accounting": "yes" if wants_accounting else "no",
            "dae": {"enable": "yes", "listen": "0.0.0.0", "port": radius.DAE, "secret": secret}}


def start_strongswan(peer, tree, plugins):
    peer.plugins = f"{peers.StrongSwan.plugins} {STRONGSWAN_EAP}"
    ours = {"openssl": {"load_legacy": "yes"}, "eap-gtc": {"backend": "generic"}}
    peer.more = {"install_virtual_ip": "yes", "plugins": {**ours, **{name: plugins[name] for name in plugins if name == "eap-radius"}}}
    peer.start(tree)


def start_ikebana(peer, tree, plugins):
    peer.start({**tree, "plugins": {**tree.get("plugins", {}), **plugins}})


START = {"strongswan": start_strongswan, "ikebana": start_ikebana}
RADIUS_KEYS = {"strongswan": lambda settings: {"eap-radius": settings},
               "ikebana": lambda settings: {"radius": {"servers": settings["servers"], "dae": settings["dae"]},
                                            "eap-radius": {"accounting": settings["accounting"]}}}


def run_case(case, kinds, make, directory):
    with Lab(directory, nat=case.nat) as lab:
        ip(lab.middle, "route add 10.3.0.0/24 dev lo")      # what is not protected ends here
        run = Run(case, kinds, lab, make)
        sniffer = capture.Capture(lab, run.gateway.side.name)
        at_first = capture.Capture(lab, run.first.side.name) if run.first else None
        run.start()
        if case.refused is not None:
            run.check_refused()
        else:
            run.up()
            run.ping()
            addresses = run.addresses()
            if case.then:
                case.then(run, addresses[0])
            packets = sniffer.stop()
            for address in addresses:
                check_protected(packets, address)
            if case.sent:
                check_sent(run, packets, at_first.stop())
        for peer in filter(None, (*run.clients, run.first, run.gateway)):
            if peer.kind == "ikebana":
                check_escaped(peer)
                peer.check_end()
        if run.radius and case.is_radius_up:
            if case.wants_accounting and run.gateway.kind == "ikebana":
                run.radius.wait_for_accounting(Acct_Status_Type="Accounting-Off")
            run.radius.stop()


def check_escaped(peer):
    """What others say of themselves reaches no terminal as it is."""
    for text in (peer.log(), peer.cli("explain").stdout, peer.cli("--json", "explain").stdout, peer.cli("status").stdout):
        if wild := set(text) & set(map(chr, (*range(9), *range(11, 32), 127))):
            raise Failure(f"{peer.side.name} says {wild} in: {text}")


def check_protected(packets, address):
    """ESP in both directions, and nothing to or from the virtual address in the clear."""
    ends = {packet.source for packet in packets if capture.is_esp_in_udp(packet) or capture.is_raw_esp(packet)}
    if len(ends) < 2:
        raise Failure(f"ESP seen from {len(ends)} ends, not from both")
    clear = [packet for packet in packets if address in (str(packet.source), str(packet.target))]
    if clear:
        raise Failure(f"in the clear: {clear[0].source} -> {clear[0].target}, protocol {clear[0].protocol}")


def check_sent(run, packets, at_first):
    """RFC 5685, 3: the client names the gateway that it comes from; it has left that one, which saw no ESP, and is here alone."""
    if any(capture.is_esp_in_udp(packet) or capture.is_raw_esp(packet) for packet in at_first):
        raise Failure("ESP went to the first gateway")
    first, here = run.first.side.outer[4], run.gateway.side.outer[4]
    came_from = notify(REDIRECTED_FROM, b"\x01\x04" + ipaddress.ip_address(first).packed)
    if not any(came_from in message for _, message in capture.ike_messages(packets, IKE_SA_INIT) if not message[19] & RESPONSE):
        raise Failure(f"no IKE_SA_INIT said that it comes from {first}")
    wait_for("the first gateway having no IKE SA", lambda: not run.first.sas(), 5)
    if [sa["remote-host"] for sa in run.client.sas()] != [here]:
        raise Failure(f"the client has these IKE SAs: {run.client.sas()}")
    if (n := run.first.json("stats")["redirect"]["sent"]) != 1:
        raise Failure(f"the first gateway sent {n} clients elsewhere")
    if run.gateway.kind == "strongswan" and f"client got redirected from {first}" not in run.gateway.log():
        raise Failure("strongSwan does not say that the client comes from another gateway")


def notify(kind, data):
    """The payload, without the byte before its length."""
    return struct.pack(">HBBH", 8 + len(data), 0, 0, kind) + data


# -- what comes after the pings


def accounted(run, address):
    """On, Start and Stop, with what went and how it ended."""
    if run.gateway.kind == "ikebana":
        run.radius.wait_for_accounting(Acct_Status_Type="Accounting-On")
    start = run.radius.wait_for_accounting(Acct_Status_Type="Start")
    for key, wanted in (("User-Name", run.user), ("Framed-IP-Address", address)):
        if start.get(key) != wanted:
            raise Failure(f"Accounting-Start: {key} is {start.get(key)!r}, not {wanted!r}")
    run.client.down_ike(CONNECTION)
    stop = run.radius.wait_for_accounting(Acct_Status_Type="Stop", Acct_Session_Id=start["Acct-Session-Id"])
    if int(stop.get("Acct-Input-Octets", "0")) < 84 or stop.get("Acct-Terminate-Cause") != "User-Request":
        raise Failure(f"Accounting-Stop says: {stop}")


def disconnected(run, address):
    """RFC 5176: the server takes the client down, and is told when there is no such session."""
    said = run.radius.send(run.lab.right.outer[4], "disconnect", f'User-Name = "{run.user}"')
    if "Disconnect-ACK" not in said:
        raise Failure(f"no Disconnect-ACK: {said}")
    for peer in (run.gateway, run.client):
        wait_for(f"{peer.side.name} having no IKE SA", lambda peer=peer: not peer.sas(), 10)
    said = run.radius.send(run.lab.right.outer[4], "disconnect", 'User-Name = "bob"')
    if "Disconnect-NAK" not in said or (run.gateway.kind == "ikebana" and "Session-Context-Not-Found" not in said):
        raise Failure(f"bob is not unknown: {said}")


def given(wanted):
    """The address that FreeRADIUS chose goes before the pool, whose name servers the client is told all the same."""
    def check(run, address):
        if "INTERNAL_IP4_DNS" not in run.told:
            raise Failure(f"the client heard of no name server: {run.told}")
        if address != wanted:
            raise Failure(f"the address is {address}, not {wanted}")
    return check


def changed(run, address):
    """RFC 5176: a CoA-Request ends the session two seconds after it began, which its last account tells."""
    where = run.lab.right.outer[4]
    said = run.radius.send(where, "coa", f'User-Name = "{run.user}"', "Session-Timeout = 2")
    if "CoA-ACK" not in said:
        raise Failure(f"no CoA-ACK: {said}")
    said = run.radius.send(where, "coa", f'User-Name = "{run.user}"', 'Framed-Pool = "another"')
    if "CoA-NAK" not in said or "Error-Cause = Unsupported-Attribute" not in said:
        raise Failure(f"Framed-Pool is not refused: {said}")
    stop = run.radius.wait_for_accounting(Acct_Status_Type="Stop")
    if stop.get("Acct-Terminate-Cause") != "Session-Timeout":
        raise Failure(f"Accounting-Stop says: {stop}")
    wait_for("the client having no IKE SA", lambda: not run.client.sas(), 10)


def beside(run, address):
    """Another client behind the same NAT: it gets an address of its own, and both are reached by that."""
    other = run.neighbour()
    other.up("net")
    for peer, wanted in ((other, "10.3.0.2"), (run.client, address)):
        args = ["ping", "-n", "-c", "1", "-W", "1", "-I", BEHIND["address"], wanted]
        wait_for(f"ping {wanted}", lambda args=args: run.gateway.side.exec(args, check=False).returncode == 0, 8)
        if peer.kind == "ikebana" and (found := peer.sas()[0]["local-vips"]) != [wanted]:
            raise Failure(f"{peer.side.name} has {found}, not {wanted}")


def stalled(run, address):
    """A server that is silent for a second holds up who waits for it, and nobody else."""
    other = run.neighbour()
    run.radius.process.send_signal(signal.SIGSTOP)
    try:
        with concurrent.futures.ThreadPoolExecutor() as pool:
            waiting = pool.submit(other.up, "net")
            wait_for("a question that the server does not answer", lambda: any(row["pending"] for row in run.gateway.json("radius")["servers"]))
            pings = run.client.side.exec(["ping", "-n", "-c", "10", "-i", "0.05", "-W", "1", "-I", address, BEHIND["address"]])
            if " 10 received," not in pings.stdout:
                raise Failure(f"not all pings were answered: {pings.stdout}")
            if waiting.done():
                raise Failure("the other client did not wait")
            run.radius.process.send_signal(signal.SIGCONT)
            waiting.result(15)
    finally:
        run.radius.process.send_signal(signal.SIGCONT)


def accounted_later(run, address):
    """What a server that is down did not hear, it hears when it is back, and how old that is."""
    start = run.radius.wait_for_accounting(Acct_Status_Type="Start")
    run.radius.stop()
    run.client.down_ike(CONNECTION)
    wait_for("the gateway having no IKE SA", lambda: not run.gateway.sas(), 5)
    run.radius.start()
    stop = run.radius.wait_for_accounting(15, Acct_Status_Type="Stop", Acct_Session_Id=start["Acct-Session-Id"])
    if int(stop.get("Acct-Delay-Time", "0")) < 1:
        raise Failure(f"Accounting-Stop says: {stop}")


def renewed(run, address):
    """An IKE SA that is rekeyed is the same session; one that is authenticated anew is another, at the same address."""
    first = run.radius.wait_for_accounting(Acct_Status_Type="Start")
    before = run.gateway.sas()[0]["unique-id"]
    run.client.rekey_ike(CONNECTION)
    wait_for("the gateway having the new IKE SA alone", lambda: len(ids := [sa["unique-id"] for sa in run.gateway.sas()]) == 1 and ids != [before], 5)
    run.ping()
    run.client.cli("rekey", CONNECTION, "--reauth")
    stop = run.radius.wait_for_accounting(Acct_Status_Type="Stop")
    starts = wait_for("the new session's account", lambda: [
        record for record in run.radius.accounting() if record["Acct-Status-Type"] == "Start"][1:])
    if stop["Acct-Session-Id"] != first["Acct-Session-Id"] or [record["Framed-IP-Address"] for record in starts] != [address]:
        raise Failure(f"what was accounted for: {stop}, {starts}")
    run.ping()


# Control characters, of terminals too, a format and quotes: what nobody's name is (attack class U).
HOSTILE = b"al\x1b]0;owned\x07ice\n%n%s'; drop \"table"
OURS = {"clients": ("ikebana",), "gateways": ("ikebana",)}      # charon has no such method, or no such setting
TO_OURS = {"gateways": ("ikebana",)}
PAP = {"client_plugins": {"eap-ttls": {"phase2": "pap"}}}
LEGACY = {"client_plugins": {"tls": {"legacy_servers": "yes"}}}     # charon's gateway does not know RFC 5746
ONCE = {"gateway_plugins": {"radius": {"retransmit_tries": "1", "retransmit_timeout": "0.5"}}}

CASES = [
    *(Case(name, name) for name in ("md5", "gtc", "mschapv2")),
    *(Case(name, name, **LEGACY) for name in ("tls", "ttls")),
    Case("peap", "peap", **OURS),
    Case("eap-only", "tls", is_eap_only=True, **LEGACY),
    Case("two-rounds", "mschapv2", is_second_round=True),
    Case("both-families", "mschapv2", has_ipv6=True),
    Case("two-behind-nat", "mschapv2", nat=True, then=beside, **TO_OURS),
    Case("without-address", "md5", has_address=False, **OURS),
    *(Case(f"redirect-{when}", "mschapv2", sent=when) for when in ("init", "auth")),
    Case("wrong-password", "mschapv2", password="looking glass", refused={"ikebana": "the password of alice is wrong"},
         told="(E=691"),
    Case("unknown-user", "md5", user="carol", refused={"ikebana": "there is no secret for carol"}, **TO_OURS),
    Case("hostile-name", "md5", user=f'"fqdn:#{HOSTILE.hex()}"', refused={"ikebana": "there is no secret for"}, **OURS),
    Case("method-not-offered", "md5", client_method="gtc", refused={"ikebana": "the peer does not do eap-md5"}, **TO_OURS),
    Case("expired", "tls", certificate="expired", refused={"ikebana": "expired on 2021-01-01"}, **OURS),
    Case("radius-mschapv2", "mschapv2", "radius", wants_accounting=True, then=accounted),
    Case("radius-tls1.2", "tls", "radius", reply=("Framed-IP-Address = 10.3.0.77",), then=given("10.3.0.77"), **TO_OURS),
    Case("radius-tls1.3", "tls", "radius", tls="1.3", **OURS),
    Case("radius-peap", "peap", "radius", **OURS),
    Case("radius-ttls-pap", "ttls", "radius", **PAP, **OURS),
    Case("radius-ttls", "ttls", "radius", **TO_OURS),
    Case("radius-sim", "sim", "radius", **OURS),
    Case("radius-radsec", "mschapv2", "radius", is_radsec=True, wants_accounting=True, then=accounted, **OURS),
    Case("radius-disconnect", "md5", "radius", then=disconnected, **TO_OURS),
    Case("radius-coa", "mschapv2", "radius", wants_accounting=True, then=changed, **OURS),
    Case("radius-renewed", "mschapv2", "radius", wants_accounting=True, then=renewed, **OURS),
    Case("radius-stalled", "md5", "radius", then=stalled, **OURS),
    Case("radius-back-again", "md5", "radius", wants_accounting=True, then=accounted_later, **ONCE, **OURS),
    Case("radius-wrong-password", "mschapv2", "radius", password="looking glass",
         refused={"ikebana": "RADIUS server aaa refused user"}, **TO_OURS),
    Case("radius-next-server", "mschapv2", "radius", is_first_dead=True, **ONCE, **OURS),
    Case("radius-down", "md5", "radius", is_radius_up=False, refused={"ikebana": "no RADIUS server answers"}, **ONCE, **OURS),
]


def all_cases(make, is_self=False):
    """[(name, function (directory))]: every case × client × gateway, one of which at least is Ikebana."""
    pairs = {True: [("strongswan", "strongswan")], False: [("ikebana", "ikebana"), ("ikebana", "strongswan"), ("strongswan", "ikebana")]}
    return [(f"{case.name}/{client}-to-{gateway}", functools.partial(run_case, case, (client, gateway), make))
            for case in CASES for client, gateway in pairs[is_self] if client in case.clients and gateway in case.gateways]


def maker(tree):
    """A function (kind, lab, side): a daemon; @pki and @unpacked as Run wants them."""
    unpacked = lambda name: os.path.join(tree, "testing/interop", name, "root")

    def make(kind, lab, side):
        return peers.Ikebana(lab, side, tree) if kind == "ikebana" else peers.StrongSwan(lab, side, unpacked("strongswan"))
    make.pki, make.unpacked = functools.cache(lambda: Made(tree)), unpacked
    return make
