# SPDX-License-Identifier: Apache-2.0
"""Scenes of a life behind NAT, between two Ikebanas or three."""
import capture
import conns
import peers
from lab import Failure, wait_for
from peers import CONNECTION
from scenes import ESP, IKE, IPV4, Scene, check, check_text

FIRST, SECOND = {500: 40500, 4500: 44500}, {500: 50500, 4500: 54500}
ANYBODY = {"remote_addrs": "%any"}


def start(scene, left=None, right=None, children=None):
    """@left, @right: further keys of the connections."""
    lab, children = scene.lab, children or {"net": ESP}
    scene.right.start(conns.connection(lab.right, 4, IKE, children, **{**ANYBODY, **(right or {})}))
    scene.left.start(conns.connection(lab.left, 4, IKE, children, **(left or {})))
    scene.left.up("net")


def check_port(scene, port):
    wait_for(f"the right end sending to port {port}", lambda: scene.right.sas()[0]["remote-port"] == port, 5)


def nat_rebinding(directory, build, family):
    """The NAT forgets the port, and chooses another one: ESP from there is followed, and so is IKE."""
    with Scene(directory, build, family, nat=FIRST) as scene:
        start(scene, children={"net": ESP, "more": {**ESP, "local_ts": "10.1.1.0/24,10.2.1.0/24", "remote_ts": "10.1.1.0/24,10.2.1.0/24"}})
        scene.ping()
        check_port(scene, FIRST[4500])
        scene.lab.translate_ports(SECOND)
        scene.lab.left.ping(family)
        check_port(scene, SECOND[4500])
        scene.lab.right.ping(family)
        scene.lab.translate_ports(FIRST)
        scene.left.up("more")
        check_port(scene, FIRST[4500])
        scene.ping()
        scene.ping(1)
        scene.check_protected(raw=False)


def nat_of_both(directory, build, family):
    """Each end knows the other by a translated address; the client's port changes, and is followed."""
    with Scene(directory, build, family, nat=FIRST) as scene:
        scene.lab.translate_ports(FIRST, hides_right=True)
        start(scene, left={"remote_addrs": scene.lab.left.gateway[4]})
        scene.ping()
        for peer, host in ((scene.left, scene.lab.left.gateway[4]), (scene.right, scene.lab.right.gateway[4])):
            sa = peer.sas()[0]
            check(f"addresses of {peer.side.name}", (sa["nat-local"], sa["nat-remote"], sa["remote-host"]), (True, True, host))
        scene.lab.translate_ports(SECOND, hides_right=True)
        scene.lab.left.ping(family)
        check_port(scene, SECOND[4500])
        scene.ping()
        scene.check_protected(raw=False)


def nat_keepalives(directory, build, family):
    """RFC 3948, 2.3: one octet 0xFF from the hidden end, and from it only."""
    with Scene(directory, build, family, nat=FIRST) as scene:
        start(scene, left={"keep_alive": "1s"}, right={"keep_alive": "1s"})

        def seen():
            return [packet for packet in scene.sniffer.so_far() if packet.protocol == capture.UDP and packet.payload == b"\xff"]
        wait_for("two keepalives", lambda: len(seen()) >= 2, 10)
        check("where they come from, and go", {(str(packet.source), packet.source_port, packet.target_port) for packet in seen()},
              {(scene.lab.right.gateway[4], FIRST[4500], 4500)})


def encap(directory, build, family):
    """Either end may want UDP where there is no NAT."""
    for number, (left, right) in enumerate((({"encap": "yes"}, {}), ({}, {"encap": "yes"}))):
        with Scene(f"{directory}/{number}", build, family) as scene:
            start(scene, left, right)
            scene.ping()
            for peer in (scene.left, scene.right):
                check(f"encap of {peer.side.name}", scene.child(peer)["encap"], True)
                check(f"nat-local of {peer.side.name}", peer.sas()[0]["nat-local"], False)
            scene.check_protected(raw=False)


def same_inner_address(directory, build, family):
    """RFC 3948, 5.1: both have 10.9.0.5 inside; the second one is told why that cannot be."""
    with Scene(directory, build, family, nat=True) as scene:
        lab = scene.lab
        third = lab.add_client("other", 3)
        clients = scene.left, peers.Ikebana(lab, third, build)
        tree = conns.connection(lab.right, family, IKE, {"net": {**ESP, "remote_ts": "10.9.0.0/16"}}, **ANYBODY)
        tree["connections"][CONNECTION]["remote"]["id"] = "%any"
        tree["secrets"]["ike-1"] = {"secret": conns.SECRET}
        scene.right.start(tree)
        for client in clients:
            tree = conns.connection(client.side, family, IKE, {"net": {**ESP, "local_ts": "10.9.0.5/32"}})
            tree["secrets"]["ike-1"] = {"secret": conns.SECRET}
            client.start(tree)
        clients[0].up("net")
        try:
            clients[1].up("net")
        except Failure as failure:
            check_text(str(failure), "TS_UNACCEPTABLE")
        else:
            raise Failure("both came up")
        reason = f"selector 10.9.0.5/32 is in use by {lab.left.name}.example"
        check_text(scene.right.cli("explain").stdout, reason, "if_id")
        check_text(scene.right.log(), reason)
        scene.child(scene.left)
        clients[1].check_end()


SCENES = [(nat_rebinding, IPV4), (nat_of_both, IPV4), (nat_keepalives, IPV4), (encap, IPV4), (same_inner_address, IPV4)]
