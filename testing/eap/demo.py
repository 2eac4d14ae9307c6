#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Shows remote access: three road warriors with different methods, a gateway, and FreeRADIUS that decides and keeps count.

Run by testing/demo --remote-access, which has built what it needs.  Ends by itself and leaves nothing behind."""
import os
import shutil
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "lib"))
sys.dont_write_bytecode = True

import build   # noqa: E402
import capture  # noqa: E402
import peers   # noqa: E402
import pki     # noqa: E402
import radius  # noqa: E402
import remote  # noqa: E402
from lab import Failure, Lab, Skip, ip, wait_for  # noqa: E402
from peers import CONNECTION  # noqa: E402

PASSWORDS = {"alice": "through the looking glass", "carol": "a mad tea party"}
# (name, method, what it is called, network beside that of the gateway, what FreeRADIUS answers beside yes)
CLIENTS = (
    ("alice", "mschapv2", "EAP-MSCHAPv2: a password", ()),
    ("bob", "tls", "EAP-TLS 1.3: a certificate", ("Framed-IP-Address = 10.9.0.77",)),
    ("carol", "ttls", "EAP-TTLS: a password in a tunnel", ()),
)
POOL = "10.9.0.0/24"


def say(text):
    print(f"\n== {text}", flush=True)


def show(who, words, output):
    print(f"\n{who}$ {words}\n{output.rstrip()}", flush=True)


class Demo:
    def __init__(self, lab, tree):
        self.lab, self.build = lab, tree
        self.made = pki.Pki(tree)
        self.root = self.made.root("demo-ca")
        self.gateway = peers.Ikebana(lab, lab.right, tree)
        self.clients = {name: peers.Ikebana(lab, lab.add_client(name, number), tree)
                        for number, (name, *_) in enumerate(CLIENTS, 3)}
        self.address = lab.right.gateway[4]   # of FreeRADIUS, as the gateway sees it

    def certificate(self, name, flag):
        return self.made.issue(self.root, name, "ecdsa256", name, san=name, flag=flag)

    def user(self, name):
        return name if name in PASSWORDS else f"{name}@example"

    def start_radius(self):
        aaa = self.certificate(remote.AAA, "serverAuth")
        users = [radius.User(self.user(name), PASSWORDS.get(name), reply=("Acct-Interim-Interval = 60", *reply))
                 for name, _, _, reply in CLIENTS]
        self.radius = radius.FreeRadius(self.lab, self.lab.middle, os.path.join(self.build, "testing/interop/freeradius/root"), users,
                                        (aaa.cert, aaa.key, self.root.cert), "1.3")
        self.radius.start()

    def start_gateway(self):
        own = self.certificate(remote.GATEWAY, "serverAuth")
        self.gateway.give(pki.Wallet(own, (self.root,)))
        local = {"auth": "pubkey", "id": remote.GATEWAY, "certs": f"{own.name}.pem"}
        self._start(self.gateway, {
            "local_addrs": self.gateway.side.outer[4], "remote_addrs": "%any", "pools": "rw", "local": local,
            "remote": {"auth": "eap-radius", "id": "%any", "eap_id": "%any"}}, {"local_ts": remote.BEHIND["net"]},
            pools={"rw": {"addrs": POOL, "dns": remote.BEHIND["address"]}},
            plugins=remote.RADIUS_KEYS["ikebana"](remote.radius_settings(self.address, wants_accounting=True)))

    def start_client(self, name, method):
        peer, user = self.clients[name], self.user(name)
        own = self.certificate(user, "clientAuth") if name not in PASSWORDS else None
        peer.give(pki.Wallet(own, (self.root,)))
        local = {"auth": f"eap-{method}", "id": f"{name}@client.example", "eap_id": user,
                 "aaa_id": remote.AAA if remote.METHODS[method].server_certificate else None, "certs": own and f"{own.name}.pem"}
        self._start(peer, {"local_addrs": peer.side.outer[4], "remote_addrs": self.gateway.side.outer[4], "vips": "0.0.0.0", "local": local,
                           "remote": {"auth": "pubkey", "id": remote.GATEWAY, "cacerts": f"{self.root.name}.pem"}},
                    {"remote_ts": remote.BEHIND["net"]},
                    **({"secrets": {"eap-1": {"id": user, "secret": f'"{PASSWORDS[name]}"'}}} if name in PASSWORDS else {}))

    @staticmethod
    def _start(peer, conn, child, **more):
        peer.start(remote.tree(conn, child, more))

    def address_of(self, name):
        return wait_for(f"{name}'s virtual address", lambda: next(iter(self.clients[name].sas()[0].get("local-vips", [])), None))

    def bring_up(self, name):
        peer = self.clients[name]
        show(name, f"ikebana up {CONNECTION}", peer.cli("up", CONNECTION).stdout.partition("connection: ")[0])
        address = self.address_of(name)
        args = ["ping", "-n", "-c", "2", "-i", "0.2", "-W", "2", "-I", address, remote.BEHIND["address"]]
        show(name, " ".join(args), peer.side.exec(args).stdout)
        return address

    def show_accounting(self, kind):
        for record in self.radius.accounting():
            if record.get("Acct-Status-Type") == kind:
                wanted = ("User-Name", "Framed-IP-Address", "Acct-Session-Time", "Acct-Input-Octets", "Acct-Terminate-Cause")
                print(f"  {kind}: " + ", ".join(f"{key} {record[key]}" for key in wanted if key in record))

    def disconnect(self, name):
        peer, user = self.clients[name], self.user(name)
        show("freeradius", f"echo 'User-Name = \"{user}\"' | radclient {self.gateway.side.outer[4]}:{radius.DAE} disconnect …",
             self.radius.send(self.gateway.side.outer[4], "disconnect", f'User-Name = "{user}"'))
        wait_for(f"{name} having no IKE SA", lambda: not peer.sas())
        show(name, "ikebana status", peer.cli("status").stdout)
        self.radius.wait_for_accounting(Acct_Status_Type="Stop", User_Name=user)
        say("… and FreeRADIUS wrote down")
        self.show_accounting("Stop")


def sniff(lab):
    """None: in a user namespace tcpdump may not give up its groups, and then ends."""
    try:
        return capture.Capture(lab)
    except Failure as failure:
        print(f"demo: nobody looks at the wire, because {failure}", file=sys.stderr)
        return None


def show_wire(packets, addresses):
    n_esp = sum(map(lambda packet: capture.is_esp_in_udp(packet) or capture.is_raw_esp(packet), packets))
    for address in addresses:
        remote.check_protected(packets, address)
    say(f"Between them went {n_esp} packets of ESP, and none between inner addresses")


def show_demo(lab, tree):
    demo = Demo(lab, tree)
    sniffer = sniff(lab)
    say("A gateway, FreeRADIUS behind it, and three road warriors, each in a network namespace of its own")
    print(f"   gateway {demo.gateway.side.outer[4]}, behind it {remote.BEHIND['net']}; FreeRADIUS {demo.address}; addresses for clients {POOL}")
    for name, _, what, _ in CLIENTS:
        print(f"   {name:6} {demo.clients[name].side.outer[4]:13} {what}")
    demo.start_radius()
    demo.start_gateway()
    for name, method, _, _ in CLIENTS:
        demo.start_client(name, method)
    addresses = [demo.bring_up(name) for name, *_ in CLIENTS]
    say("What the gateway knows of them")
    for words in ("status", "leases", "radius"):
        show("gateway", f"ikebana {words}", demo.gateway.cli(words).stdout)
    for name, *_ in CLIENTS:
        demo.radius.wait_for_accounting(Acct_Status_Type="Start", User_Name=demo.user(name))
    say("What FreeRADIUS wrote down")
    demo.show_accounting("Start")
    say("FreeRADIUS throws alice out (RFC 5176)")
    demo.disconnect("alice")
    if sniffer:
        show_wire(sniffer.stop(), addresses)


def main():
    try:
        missing = build.what_is_missing()
        if missing:
            raise Skip(missing)
        directory = tempfile.mkdtemp(prefix="ikebana-demo.")
        try:
            with Lab(directory) as lab:
                ip(lab.middle, f"route add unreachable {POOL}")      # what is not protected ends here
                show_demo(lab, build.build_directory())
        finally:
            shutil.rmtree(directory, ignore_errors=True)
    except Skip as skip:
        print(f"demo: {skip}", file=sys.stderr)
        return 1
    except Failure as failure:
        print(f"demo: {failure}", file=sys.stderr)
        return 1
    say("Done.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
