# SPDX-License-Identifier: Apache-2.0
"""What is negotiated with other implementations, case by case.

A case passes only when pings went both ways, ESP and no inner packet was seen between the two, and what the other says of
itself (`swanctl --list-sas`, `ipsec whack --status`; for OpenIKED, the kernel) names the algorithms of the case."""
import dataclasses
import functools
import os
import time

import capture
import certificates
import conns
import foreign
import peers
import pki
import redirecting
import rekeying
from certificates import Certs
from lab import Failure, Lab, ip, wait_for
from moving import Pings, go_by, leave
from peers import CONNECTION
from traffic import Traffic

IKE_SA_INIT, IKE_AUTH, CREATE_CHILD_SA, INFORMATIONAL = 34, 35, 36, 37
SKF = 53
COOKIE = (16390).to_bytes(2, "big")
GCM = {"encr-alg": "AES_GCM_16", "encr-keysize": "256"}


@dataclasses.dataclass
class Case:
    name: str
    ike: str = "aes256gcm16-prfsha256-x25519"
    esp: str = "aes256gcm16"
    ike_says: dict = dataclasses.field(default_factory=dict)      # keys of swanctl's listing
    child_says: dict = dataclasses.field(default_factory=lambda: GCM)
    responder_ike: str = None                                     # where it differs
    initiator_child: dict = dataclasses.field(default_factory=dict)   # further keys, by family where a dict
    second_child: dict = None
    before: callable = None                                       # what comes when both run, before the initiator begins
    then: callable = None                                         # what comes after the pings
    nat: bool = False                                             # or the ports, see Lab
    domain: str = "example"                                       # of the identities
    certs: Certs = None                                           # None: both have a pre-shared key
    refusals: dict = None                                         # by kind of the one that refuses: what it says then
    settings: dict = dataclasses.field(default_factory=dict)      # of charon and of Ikebana's plugins, by kind
    families: tuple = (4, 6)
    # In a guest, where ESP is the kernel's:
    peers: tuple = ("strongswan",)
    kernel: str = "uml"
    is_raw: bool = False                                          # ESP without UDP
    inner: dict = dataclasses.field(default_factory=dict)         # family of the inner addresses by that of the outer
    keys: dict = dataclasses.field(default_factory=dict)          # further keys of the connection
    initiator_keys: dict = dataclasses.field(default_factory=dict)
    responder_keys: dict = dataclasses.field(default_factory=dict)
    initiators: tuple = ("ikebana", "strongswan", "libreswan", "openiked")
    child_keys: dict = dataclasses.field(default_factory=dict)    # of its first child
    is_transport: bool = False                                    # from end to end
    is_trapped: bool = False                                      # a packet makes the initiator begin
    is_guarded: bool = False                                      # Ikebana drops what no SA carries
    link: str = "right"                                           # of the middle, where the sniffer sits


class Run:
    """One case with its daemons: the initiator is on the left, and who it has its SAs with on the right."""

    def __init__(self, case, family, lab, kinds, make):
        self.case, self.family, self.lab, self.make = case, family, lab, make
        self.left, self.right = make(kinds[0], lab, lab.left), make(kinds[1], lab, lab.right)
        self.ends = [self.left, self.right]                       # also those that the initiator has left
        self.inner = case.inner.get(family, family)
        self.checker = self.left if kinds[0] == "ikebana" else self.right
        self.hierarchy = None

    @property
    def others(self):
        return [peer for peer in (self.left, self.right) if peer.kind != "ikebana"]

    def children(self, is_initiator):
        side = self.lab.left if is_initiator else self.lab.right
        wide = {key: value[self.family] for key, value in self.case.initiator_child.items()} if is_initiator else {}
        nets = {"local_ts": side.net(self.inner), "remote_ts": side.other.net(self.inner)}
        if self.case.is_transport:
            nets = {"local_ts": "dynamic", "remote_ts": "dynamic", "mode": "transport"}
        if is_initiator and self.case.is_trapped:
            nets["start_action"] = "trap"
        children = {"net": {"esp_proposals": self.case.esp, **nets, **wide, **self.case.child_keys}}
        if self.case.is_guarded and (self.left if is_initiator else self.right).kind == "ikebana":
            children["guard"] = {"mode": "drop", "start_action": "trap", **nets}
        if self.case.second_child:
            children["net2"] = {"esp_proposals": self.case.second_child["esp"], "local_ts": side.net(self.inner, 1),
                                "remote_ts": side.other.net(self.inner, 1)}
        return children

    def start(self):
        for peer in (self.right, self.left):
            peer.more = self.case.settings.get(peer.kind, {})
            peer.start(self.tree_of(peer))

    def tree_of(self, peer, **more):
        """What it is told, with @more keys of its connection."""
        is_initiator, case = peer is self.left, self.case
        side = self.lab.left if is_initiator else self.lab.right
        if is_initiator:
            ike, keys = case.ike, case.initiator_keys
        else:
            hidden = {"remote_addrs": "%any"} if case.nat or "mobike" in case.keys else {}
            ike, keys = case.responder_ike or case.ike, {**hidden, **case.responder_keys}
        tree = conns.connection(side, self.family, ike, self.children(is_initiator), case.domain,
                                **{**case.keys, **keys, **more}, **self._credentials(peer))
        if self.hierarchy:
            tree.update(self.hierarchy.more_settings())
        if peer.kind == "ikebana":
            tree["plugins"], tree["core"] = peer.more, case.settings.get("core", {})
        return tree

    def _credentials(self, peer):
        """Gives them to @peer; what its connection says of them."""
        if not self.hierarchy:
            return {}
        peer.give(self.hierarchy.wallet(peer))
        always = {"send_cert": "always"} if self.case.refusals and peer is not self.checker else {}
        return {**self.hierarchy.sections(peer, peer is self.checker), **always}

    def set_up(self, made):
        """Certificates, and those who tell of their revocation."""
        if self.case.certs:
            liar = self.checker.side.other.name if self.case.refusals else None
            self.hierarchy = certificates.Hierarchy(made(), self.case.certs, liar)
            self.hierarchy.serve(self.lab)

    def check_refused(self):
        """It does not come up, now or a moment later, and the checker says why."""
        try:
            self.left.up("net")
        except Failure:
            wanted, checker = self.case.refusals[self.checker.kind], self.checker
            wait_for(f"{checker.side.name} {checker.kind} saying “{wanted}”", lambda: wanted in checker.why(), 5)
            time.sleep(0.5)
            if any(sa.get("state") == "ESTABLISHED" for sa in checker.sas()):
                raise Failure(f"{checker.side.name} {checker.kind} has an IKE SA") from None
            return
        raise Failure("up succeeded")

    def check_proofs(self):
        """What the others say of those they talk to, and some of themselves."""
        wanted = {peer.side.name: self.case.certs.proof_of(peer) for peer in (self.left, self.right)}
        for peer in self.others:
            said = peer.proofs()
            if any(wanted[name] != method for name, method in said.items()) or peer.side.other.name not in said:
                raise Failure(f"{peer.side.name} {peer.kind} says that ends proved themselves with {said}, not {wanted}")

    def ping(self, i=0):
        if self.case.is_transport:
            for side in (self.lab.left, self.lab.right):
                args = ["ping", "-n", "-c", "1", "-W", "1", side.other.outer[self.family]]
                wait_for("ping from end to end", lambda side=side, args=args: side.exec(args, check=False).returncode == 0, 8)
            return
        self.left.side.ping(self.inner, i)
        self.right.side.ping(self.inner, i)

    def ping_first(self):
        """What Ikebana holds back has to arrive; others may lose it."""
        self.left.wait_for_trap("net")
        source, target = self.left.side.inner[self.inner][0], self.right.side.inner[self.inner][0]
        done = self.left.side.exec(["ping", "-n", "-c", "1", "-W", "5", "-I", source, target], check=False, timeout=60)
        if done.returncode and self.left.kind == "ikebana":
            raise Failure(f"the first packet got lost: {done.stdout.strip()}")

    def check_listing(self, child="net", says=None):
        """On every other one of the case: it may be a moment behind."""
        for peer in self.others:
            wait_for(f"{peer.side.name} listing {child}", lambda peer=peer: self._child_of(peer, child), 5)
            sa, found = self._child_of(peer, child)
            compare(f"{peer.side.name}'s IKE_SA", sa, {"state": "ESTABLISHED", **self.case.ike_says})
            compare(f"{peer.side.name}'s CHILD_SA {child}", found, {"state": "INSTALLED", **(says or self.case.child_says)})

    @staticmethod
    def _child_of(peer, child):
        """An installed one before others: strongSwan keeps what was rekeyed for a while."""
        all_of_them = [(sa, found) for sa in peer.sas() for found in sa["child-sas"] if found["name"] == child]
        all_of_them.sort(key=lambda pair: pair[1]["state"] != "INSTALLED")
        return all_of_them[0] if all_of_them else None

    def check_all_gone(self):
        for peer in (self.left, self.right):
            wait_for(f"{peer.side.name} having no SA left", lambda peer=peer: not peer.sas(), 10)


def compare(what, found, wanted):
    for key, value in wanted.items():
        if found.get(key) != value:
            raise Failure(f"{what}: {key} is {found.get(key)}, not {value}")


def run_case(case, family, kinds, make, directory):
    """@make (kind, lab, side): a daemon.  @make.pki (): where certificates come from."""
    with Lab(directory, nat=case.nat) as lab:
        run = Run(case, family, lab, kinds, make)
        run.set_up(make.pki)
        sniffer = capture.Capture(lab, case.link)
        run.start()
        if case.refusals:
            run.check_refused()
            check_ends(run)
            return
        if case.before:
            case.before(run)
        if case.is_trapped:
            run.ping_first()
        else:
            run.left.up("net")
        run.ping()
        run.check_listing()
        if case.certs:
            run.check_proofs()
        if case.second_child:
            run.left.up("net2")
            run.ping(1)
            run.check_listing("net2", case.second_child["says"])
        if case.then:
            case.then(run, sniffer)
        packets = sniffer.stop()
        capture.check_protected(packets, lab, case.is_raw)
        if case.is_transport:
            check_only_esp(packets, [lab.left.outer[family], lab.right.outer[family]])
        check_ends(run)


def check_ends(run):
    for peer in run.ends:
        if peer.kind == "ikebana":
            peer.check_end()


def check_only_esp(packets, ends):
    """Between the ends themselves goes nothing but ESP and IKE, once there is ESP."""
    between = [packet.protocol for packet in packets if str(packet.source) in ends and str(packet.target) in ends]
    other = set(between[between.index(capture.ESP):]) - {capture.UDP, capture.ESP}
    if other:
        raise Failure(f"between the ends went protocol {other}")


# -- what comes after the pings


def two_first_messages(run, sniffer):
    """RFC 7296, 1.3: the initiator repeats its request with the group that INVALID_KE_PAYLOAD names."""
    requests = {message for _, message in capture.ike_messages(sniffer.so_far(), IKE_SA_INIT) if not message[19] & 0x20}
    if len(requests) < 2:
        raise Failure(f"{len(requests)} IKE_SA_INIT request seen: the responder took the first group")


FIRST_MESSAGE = (                             # IKE_SA_INIT with one proposal, the base point of x25519, and a nonce
    "1122334455667788 0000000000000000 21202208 00000000 00000090 22000028 00000024 01010003 0300000c 01000014 800e0100"
    "03000008 02000005 00000008 0400001f 28000028 001f0000 09" + "00" * 31 + "00000024" + "5a" * 32)


def half_open(run):
    """Charon asks for cookies from one half-open SA on: so it gets one, from another port of the initiator."""
    if run.right.kind != "strongswan":
        return
    send = ("import socket, sys; s = socket.socket(socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM);"
            "s.settimeout(5); s.sendto(bytes.fromhex(sys.argv[2]), (sys.argv[1], 500)); print(s.recv(2000)[16])")
    first = run.lab.left.exec(["python3", "-c", send, run.lab.right.outer[run.family], FIRST_MESSAGE.replace(" ", "")]).stdout
    compare("the first payload of charon's answer", {"type": first.strip()}, {"type": "33"})


def with_cookie(run, sniffer):
    """RFC 7296, 2.6: the responder answered with a cookie alone, and the request came again with that as its first
    payload."""
    messages = [message for _, message in capture.ike_messages(sniffer.so_far(), IKE_SA_INIT)]
    asked = [message[36:] for message in messages if message[19] & 0x20 and message[16] == 41 and message[34:36] == COOKIE]
    brought = [message[36:] for message in messages if not message[19] & 0x20 and message[16] == 41 and message[34:36] == COOKIE]
    if not asked or not any(cookie and request.startswith(cookie) for cookie in asked for request in brought):
        raise Failure(f"{len(asked)} cookies were asked for, {len(brought)} brought back")
    if run.right.kind == "ikebana":
        compare("right's cookies", run.right.json("stats")["cookie"], {"sent": 1, "accepted": 1, "refused": 0})


def narrowed(run, sniffer):
    for peer in run.others:
        _, child = run._child_of(peer, "net")
        compare(f"{peer.side.name}'s CHILD_SA", child, {"local-ts": [peer.side.net(run.family)],
                                                        "remote-ts": [peer.side.other.net(run.family)]})


def child_made_afterwards(run, sniffer):
    """RFC 6023: IKE_AUTH made none, CREATE_CHILD_SA did."""
    if not capture.ike_messages(sniffer.so_far(), CREATE_CHILD_SA):
        raise Failure("no CREATE_CHILD_SA was seen")


def in_fragments(run, sniffer):
    """RFC 7383: IKE_AUTH came in several datagrams both ways, none of which IP had to cut."""
    for is_response in (False, True):
        messages = [(packet, message) for packet, message in capture.ike_messages(sniffer.so_far(), IKE_AUTH)
                    if bool(message[19] & 0x20) == is_response]
        if len(messages) < 2 or any(message[16] != SKF for _, message in messages):
            raise Failure(f"IKE_AUTH {'response' if is_response else 'request'}: {len(messages)} datagrams, "
                          f"payloads {[message[16] for _, message in messages]}")
        longest = max(len(packet.payload) for packet, _ in messages)
        if longest > peers.FRAGMENT_SIZE - 28:
            raise Failure(f"a fragment of {longest} bytes")


def fetched_by_url(run, sniffer):
    """Both ends got the other's certificate from the server whose URL they were sent."""
    with open(os.path.join(run.lab.dir, "http.log")) as log:
        said = log.read()
    for name, end in run.hierarchy.ends.items():
        if f"GET /{end.sha1()} 200" not in said:
            raise Failure(f"nobody got the certificate of {name}: {said}")


def deleted_by_initiator(run, sniffer):
    run.left.down_ike(CONNECTION)
    run.check_all_gone()


def deleted_by_responder(run, sniffer):
    run.right.down_ike(CONNECTION)
    run.check_all_gone()


def child_deleted_by_initiator(run, sniffer):
    run.left.down_child("net")
    for peer in run.others:
        wait_for("the CHILD_SA being gone", lambda peer=peer: not run._child_of(peer, "net"), 10)
    for peer in (run.left, run.right):
        sas = peer.sas()
        if len(sas) != 1:
            raise Failure(f"{peer.side.name}: the IKE_SA went with its CHILD_SA")
        if peer.kind == "ikebana":
            wait_for("Ikebana having no CHILD_SA", lambda peer=peer: not peer.sas()[0]["children"], 10)


def behind_nat(run, sniffer):
    """The right end saw the translated address, and kept to the port that the translation chose."""
    outside = run.lab.right.gateway[4]

    def sources():
        return {str(packet.source) for packet in sniffer.so_far() if capture.is_esp_in_udp(packet) and packet.target_port == 4500}
    wait_for(f"the sniffer having seen ESP from {outside}, which is translated", lambda: outside in sources(), 3)
    if run.lab.left.outer[4] in sources():
        raise Failure("ESP from the address that should be hidden")


FIRST, SECOND = {500: 40500, 4500: 44500}, {500: 50500, 4500: 54500}


def rebound(run, sniffer):
    """The NAT chooses another port, midway.  Ikebana follows ESP; strongSwan follows IKE, so there that goes first."""
    run.lab.translate_ports(SECOND)
    if run.right.kind != "ikebana":
        run.left.down_child("net2")
    run.ping()
    outside = run.lab.right.gateway[4]
    n_before = len(sniffer.so_far())
    run.lab.right.ping(run.inner)

    def answered_at_last():
        return any(capture.is_esp_in_udp(packet) and packet.target_port == SECOND[4500] and str(packet.target) == outside
                   for packet in sniffer.so_far()[n_before:])
    wait_for(f"ESP to port {SECOND[4500]} of {outside}", answered_at_last, 3)


def moved(run, sniffer):
    """RFC 4555: the initiator goes from one link to another, and its pings with it."""
    pings = Pings(run.lab, run.inner)
    own, gateway = run.lab.add_link(run.left.side, 3)
    go_by(run.left.side, "eth1", {run.family: gateway[run.family]})
    leave(run.left.side)
    wait_for(f"the responder seeing the initiator at {own[run.family]}",
             lambda: [sa.get("remote-host") for sa in run.right.sas()] == [own[run.family]], 15)
    pings.some_more()
    pings.end()
    run.check_listing()


def asked_for_life(run, sniffer):
    """RFC 7296, 2.4: the initiator asks a silent peer again and again, is answered, and all stays up."""
    def messages(is_response):
        return [message[20:24] for _, message in capture.ike_messages(sniffer.so_far(), INFORMATIONAL)
                if bool(message[19] & 0x20) == is_response and bool(message[19] & 0x08) != is_response]
    wait_for("three requests and their answers", lambda: len(set(messages(False)) & set(messages(True))) >= 3, 15)
    run.ping()
    run.check_listing()


def reauthenticated(run, sniffer):
    """A new IKE SA from scratch, and the old one closed.  strongSwan does it when it was told to (RFC 4478); itself it tells only
    those whom it could not authenticate anew of its own accord: EAP, virtual addresses."""
    before = rekeying.current(run)
    n_first = len(capture.ike_messages(sniffer.so_far(), IKE_SA_INIT))
    if run.left.kind == "strongswan" and run.right.kind == "ikebana" and "received AUTH_LIFETIME of 20s" not in run.left.log():
        raise Failure("strongSwan does not say that it was told")
    with Traffic(run) as traffic:
        if run.left.kind == "ikebana":
            run.left.cli("rekey", CONNECTION, "--reauth")
        rekeying.wait_for_keys(run, before, (rekeying.IKE, rekeying.CHILD), 30)
        traffic.flow()
        # It closes the old one before it makes the new, and in between the guard holds back what has no SA.
        traffic.check(meant=("XfrmOutPolBlock",) if run.left.kind == "libreswan" else ())
    if len(capture.ike_messages(sniffer.so_far(), IKE_SA_INIT)) == n_first:
        raise Failure("no IKE_SA_INIT was seen")
    run.ping()
    run.check_listing()


def ask_for_cookies(run):
    """Libreswan asks everybody from now on; Ikebana was told so with its settings."""
    if run.right.kind == "libreswan":
        run.right.whack("--ddos-busy")


def cookie_life_and_reauth(run, sniffer):
    """As much of these as the initiator and the responder know: OpenIKED asks for no cookie, for life only after a minute, and
    does not authenticate anew."""
    if run.right.kind != "openiked":
        with_cookie(run, sniffer)
    if run.left.kind != "openiked":
        asked_for_life(run, sniffer)
        reauthenticated(run, sniffer)


# Of both ends: each begins when it has been there for between 3 and 4 seconds, or 2 and 3.
SHORT_IKE = {"rekey_time": 4, "rand_time": 1, "over_time": 20}
SOON = {"strongswan": {"retransmit_timeout": "0.5"}, "core": {"retransmit_timeout": "0.5"}}
MAKE_FIRST = {"strongswan": {"make_before_break": "yes"}, "core": {"make_before_break": "yes"}}
SHORT_CHILD = {"rekey_time": 3, "rand_time": 1, "life_time": 30}
X25519 = {"encr-alg": "AES_GCM_16", "prf-alg": "PRF_HMAC_SHA2_256", "dh-group": "CURVE_25519"}

CASES = [
    Case("aes-gcm-x25519", ike_says=X25519),
    Case("aes-cbc-sha2-ecp384", ike="aes256-sha384-prfsha384-ecp384", esp="aes256-sha384",
         ike_says={"encr-alg": "AES_CBC", "encr-keysize": "256", "integ-alg": "HMAC_SHA2_384_192",
                   "prf-alg": "PRF_HMAC_SHA2_384", "dh-group": "ECP_384"},
         child_says={"encr-alg": "AES_CBC", "encr-keysize": "256", "integ-alg": "HMAC_SHA2_384_192"}),
    Case("chacha20-curve448", ike="chacha20poly1305-prfsha512-curve448", esp="chacha20poly1305",
         ike_says={"encr-alg": "CHACHA20_POLY1305", "prf-alg": "PRF_HMAC_SHA2_512", "dh-group": "CURVE_448"},
         child_says={"encr-alg": "CHACHA20_POLY1305"}),
    Case("modp2048", ike="aes128-sha256-modp2048", esp="aes128-sha256",
         ike_says={"encr-alg": "AES_CBC", "encr-keysize": "128", "integ-alg": "HMAC_SHA2_256_128",
                   "prf-alg": "PRF_HMAC_SHA2_256", "dh-group": "MODP_2048"},
         child_says={"encr-alg": "AES_CBC", "encr-keysize": "128", "integ-alg": "HMAC_SHA2_256_128"}),
    Case("invalid-ke", ike="aes256gcm16-prfsha256-x25519-ecp256", responder_ike="aes256gcm16-prfsha256-ecp256",
         ike_says={"encr-alg": "AES_GCM_16", "dh-group": "ECP_256"}, then=two_first_messages),
    Case("cookie", ike_says=X25519, before=half_open, then=with_cookie,
         settings={"strongswan": {"cookie_threshold": "1"}, "ikebana": {"cookie": {"always": "yes"}}}),
    Case("narrowing", ike_says=X25519, then=narrowed,
         initiator_child={"local_ts": {4: "10.1.0.0/16", 6: "fd01::/32"}, "remote_ts": {4: "10.2.0.0/16", 6: "fd02::/32"}}),
    Case("fragments", ike_says=X25519, domain="x" * 400 + ".example", then=in_fragments),
    Case("second-child", ike_says=X25519,
         second_child={"esp": "aes128gcm16-x25519",
                       "says": {"encr-alg": "AES_GCM_16", "encr-keysize": "128", "dh-group": "CURVE_25519"}}),
    # A CHILD_SA that was made in IKE_AUTH has no group of its own.
    Case("childless", esp="aes256gcm16-x25519", ike_says=X25519, child_says={**GCM, "dh-group": "CURVE_25519"}, families=(4,),
         keys={"childless": "force"}, then=child_made_afterwards),
    Case("childless-prefer", esp="aes256gcm16-x25519", ike_says=X25519, child_says={**GCM, "dh-group": "CURVE_25519"}, families=(4,),
         initiator_keys={"childless": "prefer"}, initiators=("ikebana",), then=child_made_afterwards),   # it has no such value
    Case("trap", ike_says=X25519, is_trapped=True, then=narrowed),
    Case("rekey-child", ike_says=X25519, then=rekeying.by_turns(rekeying.CHILD)),
    Case("rekey-child-pfs", esp="aes256gcm16-x25519", ike_says=X25519, families=(4,), then=rekeying.by_turns(rekeying.CHILD)),
    Case("rekey-ike", ike_says=X25519, then=rekeying.by_turns(rekeying.IKE)),
    Case("rekey-both-child", esp="aes256gcm16-x25519", ike_says=X25519, families=(4,), settings=SOON,
         then=rekeying.at_once(rekeying.CHILD)),
    Case("rekey-both-ike", ike_says=X25519, families=(4,), settings=SOON, then=rekeying.at_once(rekeying.IKE)),
    Case("rekey-often", esp="aes256gcm16-x25519", ike_says=X25519, families=(4,), then=rekeying.often, keys=SHORT_IKE,
         child_keys=SHORT_CHILD),
    Case("liveness", ike_says=X25519, initiator_keys={"dpd_delay": "1s"}, then=asked_for_life),
    # Charon may not hear an answer that is there before it has put down the new IKE_SA: it asks again before over_time is over.
    Case("reauth", ike_says=X25519, then=reauthenticated, families=(4,),
         keys={"reauth_time": "20s", "over_time": "3s", "rand_time": "0s"},
         settings={"ikebana": {"auth-lifetime": {"min_lifetime": "1s"}}, "core": MAKE_FIRST["core"],
                   "strongswan": {**MAKE_FIRST["strongswan"], **SOON["strongswan"]}}),
    Case("redirect-init", ike_says=X25519, **redirecting.of("init"), initiators=("strongswan",)),
    Case("redirect-auth", ike_says=X25519, **redirecting.of("auth"), initiators=("strongswan",)),
    Case("redirect-command", ike_says=X25519, **redirecting.of("command")),
    Case("delete-child", ike_says=X25519, then=child_deleted_by_initiator),
    Case("delete-by-initiator", ike_says=X25519, then=deleted_by_initiator),
    Case("delete-by-responder", ike_says=X25519, then=deleted_by_responder),
    Case("nat", ike_says=X25519, nat=True, families=(4,), then=behind_nat),
    Case("nat-rebinding", ike_says=X25519, nat=FIRST, families=(4,), then=rebound,
         second_child={"esp": "aes128gcm16-x25519", "says": {"encr-alg": "AES_GCM_16"}}),
    Case("encap", ike_says=X25519, families=(4,), keys={"encap": "yes"}),
    Case("mobike", ike_says=X25519, keys={"mobike": "yes", "local_addrs": "192.0.2.0/24,2001:db8::/32"}, then=moved),
]


# What strongSwan calls signatures; without RFC 7427, the method of AUTH.
RSA, PSS, PSS512 = "RSA_EMSA_PKCS1_SHA2_256", "RSA_EMSA_PSS_SHA2_256_SALT_32", "RSA_EMSA_PSS_SHA2_512_SALT_64"
SHA256, SHA384, SHA512 = (f"ECDSA_WITH_SHA{bits}_DER" for bits in (256, 384, 512))
OLD_RSA = "RSA signature"
OLD = {"strongswan": {"signature_authentication": "no"}}
BY_URL = {"strongswan": {"hash_and_url": "yes"}, "ikebana": {"auth-pubkey": {"hash_and_url": "yes"}}}
OURS_OLD = {"ikebana": {"auth-pubkey": {"signature_authentication": "no"}}}
IPV4 = {"ike_says": X25519, "families": (4,)}
COOKIES = {"ikebana": {"cookie": {"always": "yes"}}}

CASES += [
    Case("cert-ecdsa256", ike_says=X25519, certs=Certs()),
    Case("cert-ecdsa384", **IPV4, certs=Certs("ecdsa384", "ecdsa384", proof=SHA384)),
    Case("cert-ed25519", **IPV4, certs=Certs("ed25519", "ed25519", proof="ED25519")),
    Case("cert-rsa-pkcs1", **IPV4, certs=Certs("rsa2048", "rsa2048", "ike:rsa-sha256", proof=RSA)),
    Case("cert-rsa-pss", **IPV4, certs=Certs("rsa2048", "rsa2048", "ike:rsa/pss-sha256", proof=PSS)),
    Case("cert-old-rsa", **IPV4, certs=Certs("rsa2048", "rsa2048", proof=OLD_RSA), settings=OLD),
    Case("cert-old-ecdsa", **IPV4, certs=Certs(proof="ECDSA-256 signature"), settings=OLD),
    Case("cert-intermediate", **IPV4, certs=Certs(n_between=1)),
    Case("cert-fragments", **IPV4, certs=Certs("rsa2048", "rsa2048", proof=RSA, n_between=2), then=in_fragments),
    Case("cert-dn", **IPV4, certs=Certs(is_dn=True)),
    Case("cert-by-url", **IPV4, certs=Certs(is_by_url=True), settings=BY_URL, then=fetched_by_url),
    Case("cert-known", **IPV4, certs=Certs(known="certificate"), keys={"send_cert": "never", "send_certreq": "no"}),
    Case("raw-keys-ecdsa256", **IPV4, certs=Certs(known="key")),
    Case("raw-keys-rsa", **IPV4, certs=Certs("rsa2048", "rsa2048", known="key", proof=RSA)),
    Case("cert-and-psk", **IPV4, certs=Certs(right=None)),
    Case("psk-and-cert", **IPV4, certs=Certs(left=None)),
    Case("cert-crl", **IPV4, certs=Certs(source="crl", n_between=1)),
    Case("cert-ocsp", **IPV4, certs=Certs(source="ocsp")),
    Case("cert-crl-revoked", **IPV4, certs=Certs(source="crl", n_between=1, wrong="revoked"),
         refusals={"ikebana": "was revoked on", "strongswan": "certificate was revoked"}),
    Case("cert-ocsp-revoked", **IPV4, certs=Certs(source="ocsp", wrong="revoked"),
         refusals={"ikebana": "was revoked on", "strongswan": "certificate was revoked"}),
    Case("cert-crl-silent", **IPV4, certs=Certs(source="crl", wrong="silent"),
         refusals={"ikebana": "it is not known whether certificate", "strongswan": "certificate status is not available"}),
    Case("cert-expired", **IPV4, certs=Certs(wrong="expired"),
         refusals={"ikebana": "expired on 2021-01-01", "strongswan": "certificate invalid (valid from"}),
    Case("cert-unknown-ca", **IPV4, certs=Certs(wrong="unknown-ca"),
         refusals={"ikebana": "no trusted CA issued it", "strongswan": "no issuer certificate found"}),
]

ALL = ("strongswan", "libreswan", "openiked")
BOTH = ("strongswan", "libreswan")
CBC = {"encr-alg": "AES_CBC", "encr-keysize": "256", "integ-alg": "HMAC_SHA2_384_192"}
RAW4 = {"is_raw": True, "families": (4,)}
CBC_IKE = {"encr-alg": "AES_CBC", "prf-alg": "PRF_HMAC_SHA2_384", "dh-group": "CURVE_25519"}

OPENIKED4 = {**RAW4, "ike": "aes256-sha384-prfsha384-x25519", "esp": "aes256-sha384", "ike_says": CBC_IKE, "child_says": CBC}

# With the kernel's ESP.  What OpenIKED cannot do there stands in README.md.
GUEST_CASES = [
    Case("gcm", peers=BOTH, is_raw=True, ike_says=X25519, then=deleted_by_initiator),
    Case("cbc-sha384", peers=ALL, is_raw=True, ike="aes256-sha384-prfsha384-x25519", esp="aes256-sha384", ike_says=CBC_IKE,
         child_says=CBC, then=deleted_by_responder),
    Case("cbc-sha256", peers=BOTH, is_raw=True, families=(4,), ike="aes128-sha256-prfsha256-modp2048", esp="aes128-sha256",
         child_says={"encr-alg": "AES_CBC", "encr-keysize": "128", "integ-alg": "HMAC_SHA2_256_128"}),
    Case("cbc-sha512", peers=("openiked",), is_raw=True, families=(4,), ike="aes256-sha512-prfsha512-ecp256", esp="aes256-sha512",
         child_says={"encr-alg": "AES_CBC", "encr-keysize": "256", "integ-alg": "HMAC_SHA2_512_256"}),
    Case("chacha20", peers=BOTH, is_raw=True, families=(4,), esp="chacha20poly1305", child_says={"encr-alg": "CHACHA20_POLY1305"},
         then=child_deleted_by_initiator),
    Case("esn", peers=BOTH, is_raw=True, families=(4,), esp="aes256gcm16-esn", child_says={**GCM, "esn": "1"}),
    Case("encap", peers=BOTH, families=(4,), child_says={**GCM, "encap": "yes"}, keys={"encap": "yes"}),
    Case("6-in-4", peers=BOTH, is_raw=True, families=(4,), inner={4: 6}),
    Case("4-in-6", peers=BOTH, is_raw=True, families=(6,), inner={6: 4}),
    Case("second-child", peers=BOTH, is_raw=True, families=(4,),
         second_child={"esp": "aes128gcm16-x25519", "says": {"encr-alg": "AES_GCM_16", "encr-keysize": "128"}}),
    Case("transport", peers=BOTH, is_raw=True, is_transport=True, child_says={**GCM, "mode": "TRANSPORT"}),
    Case("cbc-transport", peers=("openiked",), is_raw=True, is_transport=True, ike="aes256-sha384-prfsha384-x25519",
         esp="aes256-sha384", child_says={**CBC, "mode": "TRANSPORT"}),
    Case("cert-ecdsa256", peers=("libreswan",), **RAW4, certs=Certs(proof={"ikebana": SHA256, "libreswan": SHA512})),
    Case("cert-ecdsa384-chain", peers=("libreswan",), **RAW4,
         certs=Certs("ecdsa384", "ecdsa384", proof={"ikebana": SHA384, "libreswan": SHA512}, n_between=1)),
    Case("cert-rsa", peers=("libreswan",), **RAW4,
         certs=Certs("rsa2048", "rsa2048", words="rsasig", proof={"ikebana": RSA, "libreswan": PSS512})),
    Case("cert-rsa-pss-fragments", peers=("libreswan",), **RAW4,
         certs=Certs("rsa2048", "rsa2048", "ike:rsa/pss-sha256", "rsa-sha2_256", PSS, n_between=2), then=in_fragments),
    Case("cert-old-rsa", peers=("libreswan",), **RAW4, certs=Certs("rsa2048", "rsa2048", words="rsa-sha1", proof=OLD_RSA)),
    Case("cert-and-psk", peers=("libreswan",), **RAW4, certs=Certs("ecdsa521", None, proof=SHA512)),
    Case("psk-and-cert", peers=("libreswan",), **RAW4, certs=Certs(None, "ecdsa521", proof=SHA512)),
    Case("cert-other-name", peers=("libreswan",), **RAW4, certs=Certs(wrong="other-name"),
         refusals={"ikebana": "somebody.example", "libreswan": "subjectAltName extension does not match"}),
    Case("cbc-cert-ecdsa256", peers=("openiked",), **OPENIKED4, certs=Certs()),
    Case("cbc-cert-ecdsa384-chain", peers=("openiked",), **OPENIKED4,
         certs=Certs("ecdsa384", "ecdsa384", proof={"ikebana": SHA384, "openiked": SHA256}, n_between=1)),
    Case("cbc-cert-rsa", peers=("openiked",), **OPENIKED4, certs=Certs("rsa2048", "rsa2048", proof=RSA)),
    Case("cbc-raw-keys-ecdsa256", peers=("openiked",), **OPENIKED4, certs=Certs(known="key"), keys={"send_certreq": "no"}),
    Case("cbc-cert-old-rsa", peers=("openiked",), **OPENIKED4, settings=OURS_OLD,
         certs=Certs("rsa2048", "rsa2048", words="rsa", proof={"ikebana": OLD_RSA, "openiked": RSA})),
    Case("cbc-cert-old-ecdsa384", peers=("openiked",), **OPENIKED4, settings=OURS_OLD,
         certs=Certs("ecdsa384", "ecdsa384", words="ecdsa384", proof={"ikebana": "ECDSA-384 signature", "openiked": SHA256})),
    Case("trap", is_trapped=True, is_raw=True, families=(4,), then=narrowed),
    Case("rekey", peers=("libreswan",), **RAW4, esp="aes256gcm16-x25519", ike_says=X25519,
         then=rekeying.by_turns(rekeying.CHILD, rekeying.IKE)),
    Case("cbc-rekey", peers=("openiked",), **OPENIKED4, then=rekeying.by_turns(rekeying.CHILD, rekeying.IKE)),
    Case("cookie-life-reauth", peers=("libreswan",), **RAW4, ike_says=X25519, before=ask_for_cookies, then=cookie_life_and_reauth,
         initiator_keys={"dpd_delay": "1s", "reauth_time": "10s", "rand_time": "0s"}, is_guarded=True, settings={**COOKIES, **MAKE_FIRST}),
    Case("cbc-cookie-life-reauth", peers=("openiked",), **OPENIKED4, then=cookie_life_and_reauth, initiator_keys={"dpd_delay": "1s"},
         settings={**COOKIES, **MAKE_FIRST}),
    *(Case(f"redirect-{moment}", peers=("libreswan",), is_raw=True, ike_says=X25519, **redirecting.of(moment))
      for moment in ("init", "auth", "command")),
    Case("childless", peers=("libreswan",), **RAW4, esp="aes256gcm16-x25519", ike_says=X25519,
         initiator_keys={"childless": "force"}, initiators=("ikebana",), then=child_made_afterwards),
    Case("mobike", peers=("libreswan",), **RAW4, ike_says=X25519, keys={"mobike": "yes", "local_addrs": "192.0.2.0/24"}, then=moved),
    Case("nat", peers=BOTH, kernel="qemu", nat=True, families=(4,), then=behind_nat),
    Case("cbc-nat", peers=("openiked",), kernel="qemu", nat=True, families=(4,), ike="aes256-sha384-prfsha384-x25519",
         esp="aes256-sha384", child_says=CBC, then=behind_nat),
]


def all_cases(make, is_self=False):
    """[(name, function (directory))]: every case × who initiates × family.  In user space strongSwan knows no traps."""
    kinds = [("strongswan", "strongswan")] if is_self else [("ikebana", "strongswan"), ("strongswan", "ikebana")]
    return [(f"{case.name}/{ends[0]}-initiates/ipv{family}", _case(case, family, ends, make))
            for case in CASES for ends in kinds if not case.is_trapped or ends[0] == "ikebana"
            if ends[0] in case.initiators and (not is_self or len(case.initiators) > 1)
            for family in case.families]


def guest_cases(make, kernel, is_self=False):
    """The same of those for the kernel of a guest, or for any."""
    return [(f"{case.name}/{peer}/{ends[0]}-initiates/ipv{family}", _case(case, family, ends, make))
            for case in GUEST_CASES if kernel in (None, case.kernel) for peer in case.peers
            for ends in ([(peer, peer)] if is_self else [("ikebana", peer), (peer, "ikebana")])
            if ends[0] in case.initiators for family in case.families]


def _case(case, family, kinds, make):
    return lambda directory: run_case(case, family, kinds, make, directory)


def maker(build, directory):
    """@directory: below which the others were unpacked."""
    others = {"strongswan": peers.StrongSwan, "libreswan": foreign.Libreswan, "openiked": foreign.OpenIked}

    def make(kind, lab, side):
        if kind == "ikebana":
            return peers.Ikebana(lab, side, build)
        return others[kind](lab, side, os.path.join(directory, kind, "root"))
    make.pki = functools.cache(lambda: pki.Pki(build))
    return make
