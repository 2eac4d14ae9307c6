# SPDX-License-Identifier: Apache-2.0
"""What two ikebanad do with the IPsec of a kernel of their own: these run in guests only."""
import os
import re
import signal

import capture
import conns
from lab import Failure, run, wait_for
from scenes import ESP, IKE, INFORMATIONAL, Scene, check

FOREIGN = {                                   # what another daemon has: selectors and SPIs that are none of ours
    4: ("192.0.2.250", "192.0.2.251", "10.99.0.0/24", "10.98.0.0/24"),
    6: ("2001:db8:ff::1", "2001:db8:ff::2", "fd99::/64", "fd98::/64"),
}


def kernel_has(peer, what="state"):
    """SAs or policies in the peer's namespace: without counters, the policies of sockets, and what has no keys."""
    listed = run(["ip", "-n", peer.side.netns, "xfrm", what, "list"] + (["nosock"] if what == "policy" else [])).stdout
    found = [re.sub(r"\n\s*anti-replay.*", "", entry) for entry in re.split(r"\n(?=\S)", listed.strip())]
    return [entry for entry in found if (re.search(r"^\s+(enc|aead|auth)", entry, re.M) if what == "state" else entry)]


def crash(peer):
    os.kill(peer.pid(), signal.SIGKILL)
    peer.process.wait(5)


def nothing_in_the_clear(directory, build, family):
    """Pings go on while one end is killed, is away, starts again and makes its SAs anew: the sniffer sees none of them."""
    with Scene(directory, build, family) as scene:
        tree = conns.connection(scene.lab.left, family, IKE, {"net": ESP})
        scene.start({"net": ESP})
        scene.left.up("net")
        source, target = (side.inner[family][0] for side in (scene.lab.left, scene.lab.right))
        pings = scene.lab.spawn(scene.lab.left.netns, ["ping", "-n", "-i", "0.1", "-I", source, target], "ping.log")
        scene.ping()
        crash(scene.left)
        n_left_behind = len(kernel_has(scene.left, "policy"))
        if not n_left_behind:
            raise Failure("no policy was left behind: what is sent now is in the clear")
        scene.left.start(tree)
        wait_for("the old SAs being gone", lambda: not kernel_has(scene.left))
        check("policies while there is no SA", len(kernel_has(scene.left, "policy")), n_left_behind)
        before = len(scene.sniffer.so_far())
        scene.lab.left.cannot_ping(family)
        scene.left.up("net")
        scene.ping()
        pings.send_signal(signal.SIGINT)
        pings.wait(5)
        if len(scene.sniffer.so_far()) <= before:
            raise Failure("the sniffer saw nothing after the restart")
        scene.check_protected()


def others_are_left_alone(directory, build, family):
    """What was there before us is there after a crash, a restart and an end; and of us is nothing left."""
    with Scene(directory, build, family) as scene:
        for peer in (scene.left, scene.right):
            foreign(peer, family)
        before = [(kernel_has(peer), kernel_has(peer, "policy")) for peer in (scene.left, scene.right)]
        scene.start({"net": ESP})
        scene.left.up("net")
        scene.ping()
        crash(scene.left)
        scene.left.start(conns.connection(scene.lab.left, family, IKE, {"net": ESP}))
        scene.left.up("net")
        scene.ping()
        for peer in (scene.right, scene.left):
            check("exit status", peer.terminate(), 0)
        after = [(kernel_has(peer), kernel_has(peer, "policy")) for peer in (scene.left, scene.right)]
        check("what the kernels have", after, before)


def foreign(peer, family):
    source, target, local, remote = FOREIGN[family]
    ip = ["ip", "-n", peer.side.netns, "xfrm"]
    run([*ip, "state", "add", "src", source, "dst", target, "proto", "esp", "spi", "0xc0ffee00", "reqid", "1", "mode", "tunnel",
         "enc", "cbc(aes)", "0x" + "11" * 16, "auth", "hmac(sha256)", "0x" + "22" * 32])
    run([*ip, "policy", "add", "src", local, "dst", remote, "dir", "out", "tmpl", "src", source, "dst", target, "proto", "esp",
         "reqid", "1", "mode", "tunnel"])
    run([*ip, "policy", "add", "src", remote, "dst", local, "dir", "in", "action", "block"])


def families_in_each_other(directory, build, family):
    """RFC 4301, 4.1: a tunnel's inner and outer addresses need not be of one family."""
    inner = 10 - family
    with Scene(directory, build, family) as scene:
        for peer in (scene.right, scene.left):
            side = peer.side
            child = {**ESP, "local_ts": side.net(inner), "remote_ts": side.other.net(inner)}
            peer.start(conns.connection(side, family, IKE, {"net": child}))
        scene.left.up("net")
        scene.lab.left.ping(inner)
        scene.lab.right.ping(inner)
        scene.check_protected()


def encapsulated(directory, build, family):
    """ESP goes in UDP because a setting wants it, though nothing translates addresses."""
    with Scene(directory, build, family) as scene:
        scene.start({"net": ESP}, encap="yes")
        scene.left.up("net")
        scene.ping()
        check("encap", scene.child(scene.left)["encap"], True)
        scene.check_protected(raw=False)


def down_leaves_nothing(directory, build, family):
    with Scene(directory, build, family) as scene:
        scene.start({"net": ESP})
        scene.left.up("net")
        scene.ping()
        scene.right.down_ike("gw")
        for peer in (scene.left, scene.right):
            wait_for(f"{peer.side.name}'s kernel having nothing of us", lambda peer=peer: not (
                kernel_has(peer) or kernel_has(peer, "policy")))
        if not capture.ike_messages(scene.sniffer.so_far(), INFORMATIONAL):
            raise Failure("no INFORMATIONAL exchange was seen")


BOTH, IPV4 = (4, 6), (4,)
SCENES = [
    (nothing_in_the_clear, BOTH), (others_are_left_alone, BOTH), (families_in_each_other, BOTH), (encapsulated, IPV4),
    (down_leaves_nothing, IPV4),
]
