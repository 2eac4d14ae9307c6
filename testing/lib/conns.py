# SPDX-License-Identifier: Apache-2.0
"""The connection of a case as settings for one of its ends, in the grammar that both daemons read."""
from peers import CONNECTION

SECRET = "0x6f1d0c2b9a8e47c5b3f2a1908d7c6e5f"


def connection(side, family, ike, children, **more):
    """@children: {name: {key: value}}; what is left out of a child are its selectors, which are then the inner nets.
    @more: further keys of the connection."""
    other = side.other
    nets = {"local_ts": side.net(family), "remote_ts": other.net(family)}
    return {
        "connections": {CONNECTION: {
            "version": 2, "proposals": ike, "local_addrs": side.outer[family], "remote_addrs": other.outer[family],
            "local": {"auth": "psk", "id": f"{side.name}.example"},
            "remote": {"auth": "psk", "id": f"{other.name}.example"},
            "children": {name: {**nets, **child} for name, child in children.items()},
            **more}},
        "secrets": {"ike-1": {"id-1": "left.example", "id-2": "right.example", "secret": SECRET}}}
