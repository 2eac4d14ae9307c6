# SPDX-License-Identifier: Apache-2.0
"""Two gateways that stand for each other: same identity, same network behind them.  The one that the initiator asks sends it
to the spare one (RFC 5685), at the first message, when it has authenticated itself, or by command."""
import functools
import ipaddress

import capture
from lab import Failure, ip, wait_for

IKE_SA_INIT, IKE_AUTH = 34, 35
FIRST, SPARE = "192.0.2.34", "192.0.2.50"
REDIRECTED_FROM = (16408).to_bytes(2, "big") + bytes([1, 4])    # with an IPv4 address
LIST = {"redirect": {"policy": "list", "gateways": SPARE}}
ACCEPT = {"accept-redirect": "yes"}
LIBRESWAN = {"init": {"setup": {"global-redirect": "yes", "global-redirect-to": SPARE}, "conn": ACCEPT},
             "auth": {"conn": {**ACCEPT, "send-redirect": "yes", "redirect-to": SPARE}},
             "command": {"conn": ACCEPT}}
# Whether there was IKE_AUTH with the first gateway, and ESP.
WITH_FIRST = {"init": (False, False), "auth": (True, False), "command": (True, True)}


def of(moment):
    """What makes a case one where the initiator is sent away at @moment: init, auth or command."""
    is_later = moment == "command"
    return {"families": (4,), "link": "left", "before": add_spare if is_later else begin_there,
            "then": sent_by_command if is_later else functools.partial(check, moment=moment),
            "responder_keys": {"redirect": "auth"} if moment == "auth" else {},
            "settings": {"ikebana": {} if is_later else LIST, "libreswan": LIBRESWAN[moment]}}


def add_spare(run):
    """A gateway like the right one, but that it sends nobody away."""
    side = run.lab.add_client("spare", 3)
    side.inner, side.other = run.lab.right.inner, run.lab.left
    ip(side.netns, f"address add {side.inner[4][0]} dev lo")
    spare = run.make(run.right.kind, run.lab, side)
    run.ends.append(spare)
    stay = {"redirect": "no"} if spare.kind == "ikebana" else {}
    spare.start(run.tree_of(spare, local_addrs=SPARE, **stay))


def begin_there(run):
    add_spare(run)
    run.right = run.ends[-1]


def sent_by_command(run, sniffer):
    run.right.redirect(SPARE)
    run.right = run.ends[-1]
    check(run, sniffer, "command")
    run.check_listing()


def check(run, sniffer, moment):
    """The initiator's one IKE SA is with the spare gateway, the first has none, and from then on ESP goes to the spare one
    alone.  What it had with the first is what @moment says."""
    first = run.ends[1]
    for peer, key in ((run.left, "remote-host"), (run.right, "local-host")):
        wait_for(f"{peer.side.name} having one IKE SA, at {SPARE}",
                 lambda peer=peer, key=key: [sa.get(key) for sa in peer.sas()] == [SPARE], 15)
    wait_for("the first gateway having no IKE SA", lambda: not first.sas())
    own = run.lab.left.outer[4]
    wanted, n_before = {(own, SPARE), (SPARE, own)}, len(sniffer.so_far())
    run.ping()
    wait_for(f"ESP to and from {SPARE}", lambda: ways_of_esp(sniffer.so_far()[n_before:]) >= wanted, 3)
    packets = sniffer.so_far()
    if ways_of_esp(packets[n_before:]) != wanted:
        raise Failure(f"ESP went {ways_of_esp(packets[n_before:])}")
    with_first = bool(requests(packets, IKE_AUTH, FIRST)), (FIRST, own) in ways_of_esp(packets)
    if with_first != WITH_FIRST[moment]:
        raise Failure(f"IKE_AUTH, and ESP, with the first gateway: {with_first}")
    if not any(REDIRECTED_FROM + ipaddress.ip_address(FIRST).packed in message for message in requests(packets, IKE_SA_INIT, SPARE)):
        raise Failure(f"the initiator did not say to {SPARE} that {FIRST} sent it")


def ways_of_esp(packets):
    """From whom to whom it goes."""
    return {(str(packet.source), str(packet.target)) for packet in packets
            if capture.is_raw_esp(packet) or capture.is_esp_in_udp(packet)}


def requests(packets, exchange, gateway):
    return [message for packet, message in capture.ike_messages(packets, exchange)
            if not message[19] & 0x20 and str(packet.target) == gateway]
