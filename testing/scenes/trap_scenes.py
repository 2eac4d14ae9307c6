# SPDX-License-Identifier: Apache-2.0
"""Traps and shunts: what a packet brings up, what goes in the clear because somebody said so, and that nothing else does."""
import ipaddress
import os
import signal

import capture
import conns
from lab import Failure, wait_for
from scenes import CONNECTION, ESP, IKE, Scene, check, check_text

TRAP = {**ESP, "start_action": "trap"}
WIDE = {4: ("10.1.0.0/16", "10.2.0.0/16"), 6: ("fd01::/16", "fd02::/16")}
ELSEWHERE = {4: ("198.51.100.0/24", "198.51.100.1"), 6: ("2001:db8:fe::/64", "2001:db8:fe::1")}


def policies(peer):
    return {row["name"]: row for row in peer.json("list-policies")["policies"]}


def start(scene, children, peers_children=None, **more):
    """The left end waits for packets; what leaves it is seen."""
    scene.outside = capture.Capture(scene.lab, "left")
    scene.right.start(conns.connection(scene.lab.right, scene.family, IKE, peers_children or {"net": ESP}))
    scene.left.start(conns.connection(scene.lab.left, scene.family, IKE, children, **more))
    for name, child in children.items():
        if child.get("start_action"):
            wait_for(f"the policies of {name}", lambda name=name: policies(scene.left).get(name, {}).get("state") == "INSTALLED")


def ping(scene, target, i=0, seconds=5):
    """One packet, once: does its answer come?"""
    args = ["ping", "-n", "-c", "1", "-W", str(seconds), "-I", scene.lab.left.inner[scene.family][i], target]
    return scene.lab.left.exec(args, check=False, timeout=60).returncode == 0


def addresses(*texts):
    return {ipaddress.ip_address(text) for text in texts}


def in_the_clear(scene):
    """Where packets from inner addresses went that anybody outside of the left end can read."""
    inner = addresses(*scene.lab.left.inner[scene.family])
    return {packet.target for packet in scene.outside.so_far() if packet.source in inner}


def first_packet(directory, build, family):
    """The packet that makes the tunnel come up arrives through it, each time; the peer hears its addresses first."""
    with Scene(directory, build, family) as scene:
        start(scene, {"net": TRAP})
        check("SAs before a packet", scene.left.sas(), [])
        for _ in range(2):
            if not ping(scene, scene.lab.right.inner[family][0]):
                raise Failure("the first packet got lost")
            check("SAs of one trap", len(scene.left.sas()), 1)
            check("reqid", scene.child(scene.left)["reqid"], policies(scene.left)["net"]["reqid"])
            scene.left.down_ike(CONNECTION)
            wait_for("no SA left", lambda: not scene.left.sas() and not scene.right.sas())
        check("packets in the clear", in_the_clear(scene), set())
        scene.check_protected()


def narrowing_peer(directory, build, family):
    """It takes a part of what is trapped; packets for another part bring up another CHILD_SA."""
    with Scene(directory, build, family) as scene:
        right = scene.lab.right
        start(scene, {"net": {**TRAP, "local_ts": WIDE[family][0], "remote_ts": WIDE[family][1]}},
              {f"net{i}": {**ESP, "local_ts": right.net(family, i), "remote_ts": WIDE[family][0]} for i in range(2)})
        for i in (1, 0):
            if not ping(scene, right.inner[family][i]):
                raise Failure(f"the first packet to {right.net(family, i)} got lost")
        check("what is carried", {child["remote-ts"][0] for child in scene.left.sas()[0]["children"]},
              {right.net(family, i) for i in range(2)})
        check("packets in the clear", in_the_clear(scene), set())


def away(directory, build, family):
    """Nobody is there: packets wait or go, but not out; when somebody is, the next one gets through."""
    with Scene(directory, build, family) as scene:
        start(scene, {"net": TRAP}, retransmit_timeout="0.3", retransmit_tries=1)
        check("exit status", scene.right.terminate(), 0)
        target = scene.lab.right.inner[family][0]
        if ping(scene, target, seconds=3):
            raise Failure("somebody answered who is not there")
        wait_for("an explanation", lambda: "no SA for a packet" in scene.left.why())
        scene.right.start(conns.connection(scene.lab.right, family, IKE, {"net": ESP}))
        wait_for("an answer", lambda: ping(scene, target, seconds=1), 30)
        check("packets in the clear", in_the_clear(scene), set())


def reload(directory, build, family):
    """Packets go on while the settings change, the SA goes and the policies stay: none of this end is in the clear."""
    with Scene(directory, build, family) as scene:
        start(scene, {"net": TRAP})
        target = scene.lab.right.inner[family][0]
        pings = scene.lab.spawn(scene.lab.left.netns, ["ping", "-n", "-i", "0.05", "-I", scene.lab.left.inner[family][0], target],
                                "ping.log")
        wait_for("an answer", lambda: "time=" in open(os.path.join(scene.lab.dir, "ping.log")).read())
        for child in ({**TRAP, "rekey_time": "50m"}, {**TRAP, "local_ts": WIDE[family][0]}, TRAP):
            scene.left.daemon_arguments(conns.connection(scene.lab.left, family, IKE, {"net": child}))
            scene.left.cli("reload")
            scene.left.down_ike(CONNECTION)
            wait_for("an SA again", lambda: any(sa["state"] == "ESTABLISHED" for sa in scene.left.sas()))
        pings.send_signal(signal.SIGINT)
        pings.wait(5)
        check("packets in the clear", in_the_clear(scene), set())
        # The other end has no trap: when its SA goes, the answer to a ping that came just before finds no policy there.
        scene.check_protected(sides=[scene.lab.left])


def shunts(directory, build, family):
    """What shall pass does so beside a tunnel that covers it, what shall not leave does not; both only while they are there."""
    with Scene(directory, build, family) as scene:
        net, nowhere = ELSEWHERE[family]
        right = scene.lab.right
        start(scene, {"net": {**TRAP, "local_ts": WIDE[family][0], "remote_ts": WIDE[family][1]},
                      "local": {"mode": "pass", "start_action": "trap", "remote_ts": right.net(family, 1)},
                      "kill": {"mode": "drop", "start_action": "trap", "remote_ts": net}},
              {"net": {**ESP, "local_ts": WIDE[family][1], "remote_ts": WIDE[family][0]}})
        if not ping(scene, right.inner[family][0]):
            raise Failure("the tunnel does not come up beside shunts")
        ping(scene, right.inner[family][1], seconds=1)
        ping(scene, nowhere, seconds=1)
        check("packets in the clear", in_the_clear(scene), addresses(right.inner[family][1]))
        scene.left.cli("uninstall", "local")
        scene.left.cli("uninstall", "kill")
        wait_for("the shunts being gone", lambda: set(policies(scene.left)) == {"net"})
        if not ping(scene, right.inner[family][1]):
            raise Failure("what passed before does not go through the tunnel now")
        ping(scene, nowhere, seconds=1)
        check("packets in the clear", in_the_clear(scene), addresses(right.inner[family][1], nowhere))


def crash(directory, build, family):
    """Policies in the kernel outlive the daemon; the next one takes the trap over, and the first packet gets through."""
    with Scene(directory, build, family) as scene:
        start(scene, {"net": TRAP})
        target = scene.lab.right.inner[family][0]
        os.kill(scene.left.pid(), signal.SIGKILL)
        scene.left.process.wait(5)
        if ping(scene, target, seconds=1):
            raise Failure("somebody answered who is not there")
        scene.left.start(conns.connection(scene.lab.left, family, IKE, {"net": TRAP}))
        wait_for("the trap", lambda: policies(scene.left).get("net", {}).get("state") == "INSTALLED")
        wait_for("an answer", lambda: ping(scene, target, seconds=2), 30)
        check("packets in the clear", in_the_clear(scene), set())


def peer_by_name(directory, build, family):
    """Nobody has to be looked up before there is a packet for him."""
    with Scene(directory, build, family) as scene:
        scene.left.write("etc/hosts", f"{scene.lab.right.outer[family]} right.test\n")
        start(scene, {"net": TRAP}, remote_addrs="right.test", local_addrs="%any")
        if not ping(scene, scene.lab.right.inner[family][0]):
            raise Failure("the first packet got lost")
        check("packets in the clear", in_the_clear(scene), set())


def no_peer(directory, build, family):
    """A trap for whoever it may be is refused with file and line, and the other connections are loaded."""
    with Scene(directory, build, family) as scene:
        scene.right.start(conns.connection(scene.lab.right, family, IKE, {"net": TRAP}, remote_addrs="%any"))
        check("policies", policies(scene.right), {})
        check_text(scene.right.log(), "ikebana.conf:", "start_action: a packet does not say which peer",
                   "write the address or the name of one in remote_addrs")
        scene.left.start(conns.connection(scene.lab.left, family, IKE, {"net": ESP}))


def _named(function):
    function.__name__ = f"trap_{function.__name__}"
    return function


BOTH, IPV4 = (4, 6), (4,)
SCENES = [(_named(function), families) for function, families in (
    (first_packet, BOTH), (narrowing_peer, BOTH), (away, IPV4), (reload, IPV4), (shunts, BOTH), (peer_by_name, IPV4), (no_peer, IPV4),
    (crash, IPV4))]
