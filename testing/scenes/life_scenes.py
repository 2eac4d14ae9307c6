# SPDX-License-Identifier: Apache-2.0
"""Scenes of daemons that die, and of connections that shall be up."""
import os
import signal

import conns
from lab import wait_for
from peers import CONNECTION
from scenes import ESP, IKE, IPV4, Scene, check, check_text

# Dead after 1 + 3 seconds; a failure is tried again after a second.
QUICK = {"dpd_delay": "1s", "retransmit_timeout": "1", "retransmit_base": "1", "retransmit_tries": "2"}
AGAIN = {"core": {"retry_initiate_interval": "1", "retry_initiate_limit": "2"}}
KEPT = {**ESP, "start_action": "start", "dpd_action": "start", "close_action": "start"}


def settings(side, family, child, **more):
    return {**conns.connection(side, family, IKE, {"net": child}, **{**QUICK, **more}), **AGAIN}


def kill(peer):
    """Without a word: the kernel takes it, and its state."""
    os.kill(peer.pid(), signal.SIGKILL)
    wait_for(f"the end of {peer.side.name}", peer.exited)


def wait_for_one(scene, seconds=20):
    """One IKE SA with one child at both ends, and data goes through."""
    for peer in (scene.left, scene.right):
        wait_for(f"{peer.side.name} having one SA that is up", lambda peer=peer: [
            child["state"] for sa in peer.sas() for child in sa["children"]] == ["INSTALLED"], seconds)
    scene.ping()


def killed_responder(directory, build, family):
    """The other end finds out, and brings everything up again once there is somebody."""
    with Scene(directory, build, family) as scene:
        tree = settings(scene.lab.right, family, ESP)
        scene.right.start(tree)
        scene.left.start(settings(scene.lab.left, family, KEPT))
        wait_for_one(scene)
        kill(scene.right)
        wait_for("the left end having found out", lambda: scene.left.json("status")["waiting"], 20)
        check("SAs that are up", [sa for sa in scene.left.sas() if sa["state"] == "ESTABLISHED"], [])
        check_text(scene.left.cli("status").stdout, f"{CONNECTION}: NOT UP")
        scene.right.start(tree)
        wait_for_one(scene)
        scene.check_protected()


def killed_initiator(directory, build, family):
    """It begins again when it is back; the responder gets rid of the old SA by itself."""
    with Scene(directory, build, family) as scene:
        tree = settings(scene.lab.left, family, KEPT)
        scene.right.start(settings(scene.lab.right, family, ESP))
        scene.left.start(tree)
        wait_for_one(scene)
        kill(scene.left)
        scene.left.start(tree)
        wait_for_one(scene)
        scene.check_protected()


def proven_crash(directory, build, family):
    """Whoever was killed proves it as soon as it is back: the other end does not wait until all tries are over."""
    with Scene(directory, build, family) as scene:
        secret = {"plugins": {"qcd": {"secret_file": os.path.join(scene.right.dir, "qcd-secret")}}}
        left, right = (
            {**conns.connection(side, family, IKE, {"net": child}, dpd_delay="1s", retransmit_base="1", retransmit_timeout="1",
                                retransmit_tries="60"), **more}
            for side, child, more in ((scene.lab.left, KEPT, {}), (scene.lab.right, ESP, secret)))
        scene.right.start(right)
        scene.left.start(left)
        wait_for_one(scene)
        kill(scene.right)
        scene.right.start(right)
        wait_for_one(scene)
        counted = scene.left.json("stats")
        check("time-outs and proofs", (counted["ike"]["timeouts"], counted["qcd"]["verified"]), (0, 1))
        scene.check_protected()


def both_begin(directory, build, family):
    """However they meet, one IKE SA is left."""
    with Scene(directory, build, family) as scene:
        scene.right.start(settings(scene.lab.right, family, KEPT))
        scene.left.start(settings(scene.lab.left, family, KEPT))
        wait_for_one(scene)
        scene.check_protected()


def second_address(directory, build, family):
    """Nobody is at the first address of the peer."""
    with Scene(directory, build, family) as scene:
        there = scene.lab.right.outer[family]
        nobody = there.rsplit(".", 1)[0] + ".99"
        scene.right.start(settings(scene.lab.right, family, ESP))
        scene.left.start(settings(scene.lab.left, family, KEPT, remote_addrs=f"{nobody}, {there}"))
        wait_for_one(scene)
        check("remote-host", scene.left.sas()[0]["remote-host"], there)
        scene.check_protected()


SCENES = [(killed_responder, IPV4), (killed_initiator, IPV4), (proven_crash, IPV4), (both_begin, IPV4),
          (second_address, IPV4)]
