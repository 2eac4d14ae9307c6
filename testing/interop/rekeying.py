# SPDX-License-Identifier: Apache-2.0
"""What comes after the first pings of a case: SAs are replaced, by one end or by both, while pings flow."""
import contextlib
import re
import threading
import time

import capture
import guest
from lab import Failure, Skip, in_netns, run as run_program, wait_for
from peers import CONNECTION
from traffic import Traffic

IKE_SA_INIT = 34
N_COLLISIONS = 4
SHORT_S = 8 if guest.kernel() else 15


def keys_of(run, peer):
    """(SPI of the IKE SA's initiator, of the CHILD_SA inbound) when there is one of each, in use; else None.  Of those who do
    not tell SPIs, numbers of their own."""
    sas = peer.sas()
    if any(other.kind == "openiked" for other in run.others):
        sas = [sa for sa in sas if sa["state"] == "ESTABLISHED"]    # README.md: it does not answer the Delete of the old one
    children = [child for sa in sas for child in sa.get("child-sas", sa.get("children", []))]
    if len(sas) != 1 or sas[0]["state"] != "ESTABLISHED":
        return None
    installed = [child for child in children if child["state"] == "INSTALLED"]
    if len(installed) != 1 or (peer.kind == "ikebana" and len(children) != 1):
        return None
    return sas[0].get("initiator-spi") or sas[0]["number"], installed[0].get("spi-in") or installed[0]["number"]


def wait_for_keys(run, before, which, seconds=15):
    """Both ends have one IKE SA and one CHILD_SA, and of those named in @which other ones than @before; they agree."""
    def are_new(peer):
        keys = keys_of(run, peer)
        return keys and all(key != old for number, (key, old) in enumerate(zip(keys, before[peer])) if number in which)
    for peer in (run.left, run.right):
        wait_for(f"{peer.side.name} {peer.kind} having rekeyed", lambda peer=peer: are_new(peer), seconds)
    spis = {keys_of(run, peer)[0] for peer in (run.left, run.right) if peer.kind in ("ikebana", "strongswan")}
    if len(spis) > 1:
        raise Failure(f"there are IKE SAs {' and '.join(spis)}")


IKE, CHILD = 0, 1
_ask = {IKE: lambda peer: peer.rekey_ike(CONNECTION), CHILD: lambda peer: peer.rekey_child("net")}


def current(run):
    for peer in (run.left, run.right):
        wait_for(f"{peer.side.name} {peer.kind} having one SA of each kind", lambda peer=peer: keys_of(run, peer), 10)
    return {peer: keys_of(run, peer) for peer in (run.left, run.right)}


def check_no_new_init(run, sniffer, n_first):
    if len(capture.ike_messages(sniffer.so_far(), IKE_SA_INIT)) > n_first:
        raise Failure("a new IKE SA was negotiated, as some do when the peer refuses to rekey")


def by_turns(*whiches):
    """From each side that can be told to; twice, where that is fast."""
    def then(run, sniffer):
        n_first = len(capture.ike_messages(sniffer.so_far(), IKE_SA_INIT))
        with Traffic(run) as traffic:
            for asker in (run.left, run.right) * (1 if guest.kernel() else 2):
                for which in whiches if hasattr(asker, "rekey_child") else ():
                    before = current(run)
                    _ask[which](asker)
                    wait_for_keys(run, before, (which,))
                    traffic.flow()
            traffic.check()
        check_no_new_init(run, sniffer, n_first)
        run.check_listing()
    return then


_HOLD = """table inet hold {
  chain forward {
    type filter hook forward priority 0
    udp dport 500 drop
    udp dport 4500 @th,64,32 0 drop
  }
}
"""


@contextlib.contextmanager
def no_ike(lab):
    """Between the two passes ESP only."""
    done = run_program([*in_netns(lab.middle), "nft", "-f", "-"], check=False, input=_HOLD)
    if done.returncode != 0:
        raise Skip(f"nft cannot drop IKE here: {done.stdout.strip()}")
    try:
        yield
    finally:
        run_program([*in_netns(lab.middle), "nft", "delete", "table", "inet", "hold"])


def is_asking(peer):
    return any(sa.get("operation") or sa.get("tasks-active") for sa in peer.sas())


def at_once(which):
    """Both ask while neither hears of the other; what is left is one SA of each kind, which both know."""
    def then(run, sniffer):
        n_first = len(capture.ike_messages(sniffer.so_far(), IKE_SA_INIT))
        with Traffic(run) as traffic:
            for _ in range(N_COLLISIONS):
                before = current(run)
                threads = [threading.Thread(target=_ask_quietly, args=(which, peer)) for peer in (run.left, run.right)]
                with no_ike(run.lab):
                    for thread in threads:
                        thread.start()
                    for peer in (run.left, run.right):
                        wait_for(f"{peer.side.name} {peer.kind} asking", lambda peer=peer: is_asking(peer), 5)
                for thread in threads:
                    thread.join()
                wait_for_keys(run, before, (which,))
                traffic.flow()
            traffic.check()
        check_no_new_init(run, sniffer, n_first)
        if not any(re.search("both ends replaced|detected [A-Z_]* collision", peer.log()) for peer in (run.left, run.right)):
            raise Failure("nobody saw a collision")
        run.check_listing()
    return then


def _ask_quietly(which, peer):
    """One of the two may find its SA replaced already, and say so: what counts is what is there in the end."""
    try:
        _ask[which](peer)
    except Failure:
        pass


def often(run, sniffer):
    """Both ends replace what is older than some seconds, for a while."""
    n_first = len(capture.ike_messages(sniffer.so_far(), IKE_SA_INIT))
    seen = ({}, {})
    with Traffic(run) as traffic:
        deadline = time.monotonic() + SHORT_S
        while time.monotonic() < deadline:
            keys = keys_of(run, run.checker)
            for kind in (IKE, CHILD) if keys else ():
                seen[kind][keys[kind]] = True
            time.sleep(0.1)
        traffic.flow()
        traffic.check()
    check_no_new_init(run, sniffer, n_first)
    print(f"# {run.case.name}: {len(seen[IKE])} IKE SAs and {len(seen[CHILD])} CHILD_SAs within {SHORT_S} s", flush=True)
    if len(seen[IKE]) < 2 or len(seen[CHILD]) < 3:
        raise Failure("SAs live longer than they may")
