# SPDX-License-Identifier: Apache-2.0
"""The connection of a case as settings for one of its ends, in the grammar that both daemons read."""
from peers import CONNECTION

SECRET = "0x6f1d0c2b9a8e47c5b3f2a1908d7c6e5f"


def connection(side, family, ike, children, domain="example", local=None, remote=None, **more):
    """@children: {name: {key: value}}; what is left out of a child are its selectors, which are then the inner nets.
    @domain: what identities end in.  @local, @remote: keys of these sections, over those of a shared secret, which there
    is where one of them says `auth = psk`; a value None is left out.  @more: further keys of the connection."""
    other = side.other
    ids = {end: f"{end.name}.{domain}" for end in (side, other)}
    nets = {"local_ts": side.net(family), "remote_ts": other.net(family)}
    # swanctl loses identities of secrets that are longer than its lines.
    owners = {} if len(domain) > 100 else {"id-1": ids[side], "id-2": ids[other]}
    ends = {"local": {"auth": "psk", "id": ids[side], **(local or {})}, "remote": {"auth": "psk", "id": ids[other], **(remote or {})}}
    secrets = {"ike-1": {**owners, "secret": SECRET}} if "psk" in (end["auth"] for end in ends.values()) else {}
    return {
        "connections": {CONNECTION: {
            "version": 2, "proposals": ike, "local_addrs": side.outer[family], "remote_addrs": other.outer[family],
            **ends,
            "children": {name: {**nets, **child} for name, child in children.items()},
            **more}},
        **({"secrets": secrets} if secrets else {})}
