# SPDX-License-Identifier: Apache-2.0
"""Ends that move while pings run, ten a second: each has a number, and at most ten are lost."""
import conns
from lab import ip, wait_for
from moving import Pings, go_by, leave
from scenes import ESP, IKE, Scene, check

LEFT_2, RIGHT_2 = 3, 4
ANYWHERE = {"local_addrs": "192.0.2.0/24,2001:db8::/32"}


def start(scene, left=None, right=None, core=None):
    lab, family = scene.lab, scene.family
    scene.right.start(conns.connection(lab.right, family, IKE, {"net": ESP}, **ANYWHERE, remote_addrs="%any", **(right or {})))
    scene.left.start({**conns.connection(lab.left, family, IKE, {"net": ESP}, **ANYWHERE, **(left or {})), "core": core or {}})
    scene.left.up("net")
    return Pings(lab, family)


def check_path(scene, left, right):
    """@left: as the right end sees it, too."""
    wait_for(f"the SA between {left} and {right}", lambda: (
        [(sa["local-host"], sa["remote-host"]) for sa in scene.left.sas()] == [(left, right)]
        and [(sa["local-host"], sa["remote-host"]) for sa in scene.right.sas()] == [(right, left)]), 10)


def mobike_new_link_first(directory, build, family):
    """The new link is there before the old one goes; then back."""
    with Scene(directory, build, family) as scene:
        lab = scene.lab
        pings = start(scene)
        own, gateway = lab.add_link(lab.left, LEFT_2)
        go_by(lab.left, "eth1", gateway)
        leave(lab.left)
        check_path(scene, own[family], lab.right.outer[family])
        pings.some_more()
        pings.end()
        scene.ping()
        scene.check_protected()


def mobike_old_link_gone(directory, build, family):
    """The old link is gone before there is a new one."""
    with Scene(directory, build, family) as scene:
        lab = scene.lab
        pings = start(scene)
        leave(lab.left)
        own, gateway = lab.add_link(lab.left, LEFT_2)
        go_by(lab.left, "eth1", {family: gateway[family]})
        check_path(scene, own[family], lab.right.outer[family])
        pings.some_more()
        pings.end()
        scene.ping()
        scene.check_protected()


def mobike_other_family(directory, build, family):
    """The outer addresses change from IPv4 to IPv6, and those inside do not."""
    other = 10 - family
    with Scene(directory, build, family) as scene:
        lab = scene.lab
        pings = start(scene)
        own, gateway = lab.add_link(lab.left, LEFT_2)
        ip(lab.left.netns, f"address del {own[family]}/{28 if family == 4 else 64} dev eth1")
        go_by(lab.left, "eth1", {other: gateway[other]})
        leave(lab.left)
        check_path(scene, own[other], lab.right.outer[other])
        pings.some_more()
        pings.end()
        scene.ping()
        scene.check_protected()


def mobike_nat(directory, build, family):
    """From behind NAT to where there is none, and back: packets are encapsulated, and not, and again."""
    with Scene(directory, build, family, nat=True) as scene:
        lab = scene.lab
        pings = start(scene)
        own, gateway = lab.add_link(lab.left, LEFT_2)
        go_by(lab.left, "eth1", gateway)
        ip(lab.left.netns, "link set eth0 down")
        check_path(scene, own[family], lab.right.outer[family])
        for peer in (scene.left, scene.right):
            check(f"encap of {peer.side.name}", scene.child(peer)["encap"], False)
        pings.some_more()
        ip(lab.left.netns, "link set eth0 up")
        go_by(lab.left, "eth0", {4: lab.left.gateway[4]})
        leave(lab.left, "eth1")
        wait_for("encapsulation at both ends",
                 lambda: all(scene.child(peer)["encap"] for peer in (scene.left, scene.right)), 10)
        pings.some_more()
        pings.end()


def mobike_gateway(directory, build, family):
    """The end that answered loses its address, and has another."""
    with Scene(directory, build, family) as scene:
        lab = scene.lab
        own, gateway = lab.add_link(lab.right, RIGHT_2)
        pings = start(scene)
        known = scene.left.sas()[0]["peer-addresses"]
        check("the other address is known", own[family] in known, True)
        go_by(lab.right, "eth1", gateway)
        leave(lab.right)
        check_path(scene, lab.left.outer[family], own[family])
        pings.some_more()
        pings.end()
        scene.ping()


def mobike_dead_way(directory, build, family):
    """Nothing comes through by one address of the other end, and no event tells: found out by asking."""
    with Scene(directory, build, family) as scene:
        lab = scene.lab
        own, _ = lab.add_link(lab.right, RIGHT_2)
        start(scene, left={"dpd_delay": "1s"}, core={"retransmit_timeout": "0.2"}).end()
        ip(lab.middle, f"route add blackhole {lab.right.outer[family]}")
        check_path(scene, lab.left.outer[family], own[family])
        scene.ping()
        check("IKE SAs made", len(scene.left.sas()), 1)


BOTH, IPV4 = (4, 6), (4,)
# Where the kernel has the SAs, too.
KERNEL_SCENES = [(mobike_new_link_first, BOTH), (mobike_gateway, BOTH)]
SCENES = KERNEL_SCENES + [(mobike_old_link_gone, BOTH), (mobike_other_family, IPV4), (mobike_nat, IPV4), (mobike_dead_way, IPV4)]
