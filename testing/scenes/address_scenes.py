# SPDX-License-Identifier: Apache-2.0
"""Virtual addresses: what a gateway gives is what packets come from, and it is gone when the tunnel is."""
import os

import conns
from lab import Failure, wait_for
from scenes import CONNECTION, ESP, IKE, Scene, check

POOL = {4: ("10.3.0.0/24", "10.3.0.1", "0.0.0.0", "10.2.0.53"), 6: ("fd03::/64", "fd03::1", "::", "fd02::53")}


def has_address(peer, address):
    return f" {address}/" in peer.side.exec(["ip", "-o", "addr", "show"]).stdout


def ping(scene, family):
    """From wherever the machine chooses to send."""
    args = ["ping", "-n", "-c", "1", "-W", "5", scene.lab.right.inner[family][0]]
    return scene.lab.left.exec(args, check=False, timeout=60).returncode == 0


def start(scene, family, resolv_conf):
    addrs, _, any_address, dns = POOL[family]
    gateway = conns.connection(scene.lab.right, family, IKE, {"net": {**ESP, "remote_ts": "dynamic"}}, pools="rw")
    scene.right.start({**gateway, "pools": {"rw": {"addrs": addrs, "dns": dns}}})
    client = conns.connection(scene.lab.left, family, IKE, {"net": {**ESP, "local_ts": "dynamic"}}, vips=any_address)
    scene.left.start({**client, "plugins": {"resolve": {"method": "file", "file": resolv_conf}}})


def ids(peer):
    return [sa["unique-id"] for sa in peer.sas()]


def road_warrior(directory, build, family):
    """Packets come from the address of the pool, also after rekeying and a new authentication; then all is as it was."""
    _, address, _, dns = POOL[family]
    with Scene(directory, build, family) as scene:
        resolv_conf = os.path.join(directory, "resolv.conf")
        with open(resolv_conf, "w", encoding="ascii") as file:
            file.write("nameserver 192.0.2.1\n")
        start(scene, family, resolv_conf)
        scene.left.up("net")
        for again in (None, [], ["--reauth"]):
            if again is not None:
                before = ids(scene.left), ids(scene.right)
                scene.left.cli("rekey", CONNECTION, *again)
                wait_for("one SA, another one", lambda before=before: all(
                    len(now) == 1 and now != then for then, now in zip(before, (ids(scene.left), ids(scene.right)))))
            check("the client has the address", has_address(scene.left, address), True)
            if not ping(scene, family):
                raise Failure(f"no answer through the tunnel, after {'coming up' if again is None else 'rekey ' + ' '.join(again)}")
            check("selectors of the gateway", scene.child(scene.right)["remote-ts"], [f"{address}/{32 if family == 4 else 128}"])
            check("leases", [lease["address"] for lease in scene.right.json("leases")["leases"]], [address])
        wait_for("the name server", lambda: dns in open(resolv_conf, encoding="ascii").read())
        scene.left.down_ike(CONNECTION)
        wait_for("the address gone", lambda: not has_address(scene.left, address))
        wait_for("the name server gone", lambda: open(resolv_conf, encoding="ascii").read() == "nameserver 192.0.2.1\n")
        check("leases that are online", [lease for lease in scene.right.json("leases")["leases"] if lease["status"] == "online"], [])
        scene.check_protected()


def _named(function):
    function.__name__ = f"address_{function.__name__}"
    return function


SCENES = [(_named(road_warrior), (4, 6))]
