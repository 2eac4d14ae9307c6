# SPDX-License-Identifier: Apache-2.0
"""Ends that move while pings run, ten a second: each has a number, and at most ten may be lost."""
import os
import re
import signal

from lab import Failure, ip, stop, wait_for

LOST_AT_MOST, FOR_A_WHILE = 10, 20


class Pings:
    """From the left end's inner address to the right end's."""

    def __init__(self, lab, family):
        self.log = os.path.join(lab.dir, "pings.log")
        self.process = lab.spawn(lab.left.netns, ["ping", "-n", "-i", "0.1", "-W", "1", "-I", lab.left.inner[family][0],
                                                  lab.right.inner[family][0]], "pings.log")
        self.some_more()

    def answered(self):
        with open(self.log, encoding="ascii") as log:
            return {int(seq) for seq in re.findall(r"bytes from .* icmp_seq=(\d+) ", log.read())}

    def some_more(self):
        before = max(self.answered(), default=0)
        wait_for("pings that are answered", lambda: sum(seq > before for seq in self.answered()) >= FOR_A_WHILE, 20)

    def end(self):
        """How many were lost, of those up to the last that was answered."""
        stop(self.process, signal.SIGINT)
        answered = self.answered()
        lost = max(answered) - len(answered)
        print(f"# {os.path.basename(os.path.dirname(self.log))}: {lost} of {max(answered)} pings lost", flush=True)
        if lost > LOST_AT_MOST:
            raise Failure(f"{lost} of {max(answered)} pings were lost, not {LOST_AT_MOST} at most")


def go_by(side, device, gateway):
    ip(side.netns, *(f"route replace {net} via {gateway[family]} dev {device}"
                     for family, net in ((4, "0.0.0.0/0"), (6, "::/0")) if family in gateway))


def leave(side, device="eth0"):
    """The link is gone, as when a cable is pulled out and the addresses go with it."""
    ip(side.netns, f"link set {device} down", f"address flush dev {device}")
