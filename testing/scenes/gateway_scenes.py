# SPDX-License-Identifier: Apache-2.0
"""A client and two gateways that stand for each other: same identity, same network behind them."""
import conns
import peers
from lab import ip, wait_for
from scenes import CONNECTION, ESP, IKE, Scene, check


def start(scene, moment):
    """The right end, which sends clients to the spare one at @moment; returns the daemon there."""
    lab, family = scene.lab, scene.family
    spare = lab.add_client("spare", 3)
    spare.other = lab.left
    ip(spare.netns, f"address add {lab.right.inner[family][0]} dev lo {'nodad' if family == 6 else ''}")
    other = peers.Ikebana(lab, spare, scene.build)
    other.start(conns.connection(lab.right, family, IKE, {"net": ESP}, local_addrs=spare.outer[family]))
    policy = {"plugins": {"redirect": {"policy": "list", "gateways": spare.outer[family]}}} if moment != "no" else {}
    scene.right.start({**conns.connection(lab.right, family, IKE, {"net": ESP}, redirect=moment), **policy})
    scene.left.start(conns.connection(lab.left, family, IKE, {"net": ESP}))
    return other


def check_at(scene, here, other):
    """The client's one IKE SA is with @here, data goes there, and @other has none."""
    def hosts():
        return [sa["remote-host"] for sa in scene.left.sas()]
    wait_for(f"the client being at {here.side.name}", lambda: hosts() == [here.side.outer[scene.family]])
    wait_for(f"no IKE SA at {other.side.name}", lambda: not other.sas())
    scene.child(scene.left)
    scene.child(here)
    scene.lab.left.ping(scene.family)


def redirected(directory, build, family, moment):
    with Scene(directory, build, family) as scene:
        other = start(scene, moment)
        scene.left.up("net")
        check_at(scene, other, scene.right)
        other.check_end()


def redirect_first_message(directory, build, family):
    redirected(directory, build, family, "init")


def redirect_authenticated(directory, build, family):
    redirected(directory, build, family, "auth")


def redirect_by_command(directory, build, family):
    """There and back again, by name of the connection and by identity."""
    with Scene(directory, build, family) as scene:
        other = start(scene, "no")
        scene.left.up("net")
        check_at(scene, scene.right, other)
        answer = scene.right.json("redirect", other.side.outer[family], f"--connection={CONNECTION}")
        check("clients that heard of it", answer["n"], 1)
        check_at(scene, other, scene.right)
        other.cli("redirect", scene.right.side.outer[family], f"--user={scene.left.side.name}.example")
        check_at(scene, scene.right, other)
        other.check_end()


BOTH = (4, 6)
SCENES = [(redirect_first_message, BOTH), (redirect_authenticated, BOTH), (redirect_by_command, BOTH)]
