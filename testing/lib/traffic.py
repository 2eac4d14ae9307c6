# SPDX-License-Identifier: Apache-2.0
"""Pings that flow both ways all the time, and whose doing it is that some were lost.

A ping is lost by us when our end dropped something: what its data path counts as dropped, of ESP that came in or of packets
that should go out, is all there is to ask, because everything that goes wrong there is counted.  What is lost beside that
went wrong at the other end; and so did what came for an SPI that we had offered, and for which there were no keys yet: the
other end sent before its answer was here."""
import os
import re
import signal

import guest
from lab import Failure, stop, wait_for

INTERVAL_S = 0.05

# What kernel-tun drops, in either direction; `esp.dummy` is no packet, `tun.own-packet` is IKE's.
_TUN = ("esp.bad-icv", "esp.replay", "esp.no-sa", "esp.bad-selector", "esp.malformed", "esp.bad-ecn", "esp.expired", "esp.overload",
        "esp.send-failed", "esp.too-big", "esp.exhausted", "tun.no-policy", "tun.policy-drop", "tun.no-tunnel", "tun.malformed",
        "tun.write-failed")


# Of the kernel: for a state that is only reserved.
_TOO_EARLY = "XfrmAcquireError"


def _dropped_by_tun(daemon):
    stats = daemon.json("stats")
    counters = {name: stats[name.split(".")[0]][name.split(".")[1]] for name in ("esp.in", *_TUN)}
    if not counters.pop("esp.in"):
        raise Failure("kernel-tun counts no ESP")
    return {name: n for name, n in counters.items() if n}


def _dropped_by_kernel(daemon):
    """XfrmInNoStates and so on, of the network namespace."""
    with open(f"/proc/{daemon.pid()}/net/xfrm_stat") as lines:
        counters = {name: int(n) for name, n in (line.split() for line in lines)}
    return {name: n for name, n in counters.items() if n}


def dropped(daemon):
    """{counter: n} of what a daemon's data path has dropped so far; None: it does not tell."""
    if guest.kernel():
        return _dropped_by_kernel(daemon)
    return _dropped_by_tun(daemon) if daemon.kind == "ikebana" else None


class _Ping:
    def __init__(self, lab, side, source, target):
        self.log = os.path.join(lab.dir, f"flow-{side.name}.log")
        self.process = lab.spawn(side.netns, ["ping", "-n", "-i", str(INTERVAL_S), "-W", "1", "-I", source, target],
                                 os.path.basename(self.log))

    def answered(self):
        with open(self.log) as log:
            return {int(seq) for seq in re.findall(r"bytes from .* icmp_seq=(\d+) ", log.read())}

    def count(self):
        """(sent, lost): what is answered after the last that was sent is still on its way, and not counted."""
        stop(self.process, signal.SIGINT)
        answered = self.answered()
        sent = max(answered, default=0)
        return sent, sent - len(answered)


class Traffic:
    """with Traffic (run) as traffic: …; then traffic.check ()."""

    def __init__(self, run):
        self.run, self.family = run, run.inner

    def __enter__(self):
        self.before = {peer: dropped(peer) for peer in (self.run.left, self.run.right)}
        sides = (self.run.lab.left, self.run.lab.right)
        self.pings = [_Ping(self.run.lab, side, side.inner[self.family][0], side.other.inner[self.family][0]) for side in sides]
        self.flow(2)
        return self

    def __exit__(self, *_):
        for ping in self.pings:
            stop(ping.process, signal.SIGINT)

    def flow(self, n=4 if guest.kernel() else 8):
        """Until so many more came back, in both directions."""
        before = [max(ping.answered(), default=0) for ping in self.pings]
        wait_for("pings coming back", lambda: all(max(ping.answered(), default=0) >= last + n
                                                  for ping, last in zip(self.pings, before)), 10)

    def _drops(self, peer):
        before, now = self.before[peer], dropped(peer)
        return None if now is None else {name: n - before.get(name, 0) for name, n in now.items() if n > before.get(name, 0)}

    def check(self, meant=()):
        """No ping was lost that is Ikebana's doing; says what was.  @meant: what it counts when it drops on purpose."""
        counts = [ping.count() for ping in self.pings]
        sent, lost = sum(sent for sent, _ in counts), sum(lost for _, lost in counts)
        drops = {peer: self._drops(peer) for peer in (self.run.left, self.run.right)}
        told = ", ".join(f"{peer.side.name} {peer.kind} dropped {found or 'nothing'}" for peer, found in drops.items()
                         if found is not None)
        print(f"# {self.run.case.name}: {lost} of {sent} pings lost; {told}", flush=True)
        if any(set(found) - {_TOO_EARLY, *meant} for peer, found in drops.items() if peer.kind == "ikebana"):
            raise Failure(f"{lost} of {sent} pings lost: {told}")
        if None not in drops.values() and lost > sum(sum(found.values()) for found in drops.values()):
            raise Failure(f"{lost} of {sent} pings lost, and nobody tells where: {told}")
