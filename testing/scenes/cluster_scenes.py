# SPDX-License-Identifier: Apache-2.0
"""A gateway that is killed, and another member of its cluster, which goes on with its SAs at the same address.

Ikebana has no plugin yet that shares the state of SAs; testing/seams/member.c is what that would be, with a file."""
import os

import capture
import conns
import guest
from lab import Failure, wait_for
from life_scenes import kill
from scenes import CONNECTION, ESP, IKE, Scene, check
from traffic import dropped

GAP = 1048576                                 # mid-sync's replay_gap
MOVED = 65536                                 # kernel-xfrm adds an SA anew to change it, and leaves out so many


def settings(side, family, child):
    children = {"net": child, "other": {**child, "local_ts": side.net(family, 1), "remote_ts": side.other.net(family, 1)}}
    return conns.connection(side, family, IKE, children)


def start(scene, child):
    """The right end is one member, or the next."""
    plugins = os.path.join(scene.build, "plugins/.libs")
    members = os.path.join(scene.build, "testing/seams/.libs")
    tree = {**settings(scene.lab.right, scene.family, child), "plugins": {"member": {"load": "yes"}}}
    scene.right.start(tree, "--plugin-dir", f"{plugins}:{members}")


def sequences(packets, end):
    """[(SPI, sequence number)] of the ESP that an end sent."""
    return [tuple(int.from_bytes(packet.payload[at:at + 4], "big") for at in (0, 4))
            for packet in packets if capture.is_raw_esp(packet) and str(packet.source) == end]


def sent(scene):
    """How many packets each end has sent in its CHILD_SA."""
    return {peer.side.name: scene.child(peer)["packets-out"] for peer in (scene.left, scene.right)}


def pings(scene, n):
    for _ in range(n):
        scene.ping()


def taken_over(directory, build, family, child):
    """RFC 6311: the other member has an older state, agrees with the client on message IDs and replay counters, and both send on
    behind all that was sent before, with the SAs that they had."""
    with Scene(directory, build, family) as scene:
        start(scene, child)
        scene.left.start(settings(scene.lab.left, family, child))
        scene.left.up("net")
        pings(scene, 2)
        spis = [scene.child(scene.left)[key] for key in ("spi-in", "spi-out")]
        kept = os.path.join(scene.right.dir, "kept")
        scene.right.cli("member-keep", kept)
        counted = sent(scene)["right"]
        # What the next member does not know of: requests of both, and data.
        for peer in (scene.left, scene.right):
            peer.cli("up", CONNECTION, "other")
            peer.cli("down", CONNECTION, "other")
        pings(scene, 3)
        before = sent(scene)

        kill(scene.right)
        start(scene, child)
        scene.right.cli("member-go-on", kept)
        wait_for("the client having agreed", lambda: scene.left.json("stats")["mid-sync"]["agreed"], 5)
        pings(scene, 3)

        check("SPIs", [scene.child(scene.left)[key] for key in ("spi-in", "spi-out")], spis)
        check("SPIs of the other member", [scene.child(scene.right)[key] for key in ("spi-out", "spi-in")], spis)
        check("what was dropped", [dropped(peer) for peer in (scene.left, scene.right)], [{}, {}])
        scene.left.cli("up", CONNECTION, "other")       # requests of both, again
        scene.ping(1)
        scene.right.cli("down", CONNECTION, "other")
        check("IKE SAs", [len(peer.sas()) for peer in (scene.left, scene.right)], [1, 1])
        packets = scene.sniffer.stop()
        capture.check_protected(packets, scene.lab, raw=True)
        left, right = (sequences(packets, side.outer[family]) for side in (scene.lab.left, scene.lab.right))
        check_jump("left", left, spis[1], before["left"], before["left"] + (MOVED if guest.kernel() else 0))
        check_jump("right", right, spis[0], before["right"], counted)


def check_jump(name, sequences, spi, n, base):
    """By one SA, upwards: as many as were sent, then on from GAP behind @base."""
    numbers = [number for at, number in sequences if at == int(spi, 16)]
    wanted = [*range(1, n + 1), *range(base + GAP + 1, base + GAP + 1 + len(numbers) - n)]
    if numbers != wanted or len(numbers) < n + 6:
        raise Failure(f"{name} sent {numbers}, not {wanted}")


def cluster_takes_over(directory, build, family):
    taken_over(directory, build, family, ESP)


def cluster_takes_over_esn(directory, build, family):
    """RFC 6311, 6.4: the counter that is raised has eight octets."""
    taken_over(directory, build, family, {"esp_proposals": "aes256gcm16-esn"})


KERNEL_SCENES = [(cluster_takes_over, (4,))]
SCENES = [(cluster_takes_over, (4, 6)), (cluster_takes_over_esn, (4,))]
