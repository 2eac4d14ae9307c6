# SPDX-License-Identifier: Apache-2.0
"""What goes wrong on purpose, with the real daemon over its control socket."""
import threading

import conns
from lab import wait_for
from scenes import ESP, IKE, Scene, check, check_text

IPV4 = (4,)
LOADED = {"plugins": {"impair": {"load": "yes"}}}


def start(scene, peer, *more):
    tree = conns.connection(peer.side, scene.family, IKE, {"net": ESP}, retransmit_timeout="1s")
    peer.start({**tree, **LOADED}, *more)


def rule(peer, *words):
    return peer.json("impair-add", *words)["rule"]


def listed(peer, number):
    return next(row for row in peer.json("impair")["rules"] if row["rule"] == number)


def impaired(directory, build, family):
    """Requests are lost and damaged, an answer is held until somebody lets it go; the tunnel comes up all the same."""
    with Scene(directory, build, family) as scene:
        for peer in (scene.right, scene.left):
            start(scene, peer, "--for-tests")
        lost = rule(scene.left, "drop", "out", "--exchange=IKE_SA_INIT", "--count=1")
        damaged = rule(scene.left, "corrupt", "out", "--exchange=IKE_AUTH", "--count=1")
        held = rule(scene.right, "hold", "out", "--exchange=IKE_AUTH", "--message=response", "--count=1")
        check_text(scene.left.cli("help").stdout, "impair-add", "impair-drip")
        check_text(scene.left.cli("impair").stdout, "drop out IKE_SA_INIT count=1", "corrupt out IKE_AUTH count=1")
        wrong = scene.left.cli("impair-add", "drop", "out", "--exchange=IKE_ATUH", check=False)
        check_text(wrong.stdout, "there is no exchange IKE_ATUH")
        up = threading.Thread(target=scene.left.up, args=("net",))
        up.start()
        wait_for("the answer being held", lambda: listed(scene.right, held)["held"] == 1)
        check_text(scene.right.cli("impair-drip").stdout, "let-go")
        up.join(20)
        scene.ping()
        check("losses", listed(scene.left, lost)["hits"], 1)
        check("damages", listed(scene.left, damaged)["hits"], 1)
        scene.left.cli("impair-clear")
        check("rules", scene.left.json("impair")["rules"], [])
        scene.check_protected()


def impair_is_not_for_everybody(directory, build, family):
    """A daemon that was not started for tests does not open it, whatever its settings say, and works."""
    with Scene(directory, build, family) as scene:
        for peer in (scene.right, scene.left):
            start(scene, peer)
            why = peer.cli("plugins", "--why", "impair").stdout
            check_text(why, "for tests only: loads where ikebanad was started with --for-tests")
            refused = peer.cli("impair-add", "drop", "out", check=False)
            check("exit status", refused.returncode != 0, True)
            with open(f"/proc/{peer.pid()}/maps", encoding="utf-8") as maps:
                check("impair.so is mapped", "impair.so" in maps.read(), False)
        scene.left.up("net")
        scene.ping()
        scene.check_protected()


SCENES = [(impaired, IPV4), (impair_is_not_for_everybody, IPV4)]
