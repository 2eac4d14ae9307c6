# SPDX-License-Identifier: Apache-2.0
"""What two ikebanad do with each other, and one with its machine: a topology, settings and a test each."""
import os

import capture
import conns
import peers
from lab import Failure, Lab, ip, wait_for
from peers import CONNECTION

IKE = "aes256gcm16-prfsha256-x25519"
ESP = {"esp_proposals": "aes256gcm16"}
INFORMATIONAL = 37
IPV6_FRAGMENT = 44


class Scene:
    """Two daemons and a capture between them; `left` initiates."""

    def __init__(self, directory, build, family=4, nat=False):
        self.lab, self.family, self.build = Lab(directory, nat=nat), family, build

    def __enter__(self):
        self.lab.__enter__()
        self.left, self.right = (peers.Ikebana(self.lab, side, self.build) for side in (self.lab.left, self.lab.right))
        self.sniffer = capture.Capture(self.lab)
        return self

    def __exit__(self, error, *_):
        try:
            if not error:
                self.left.check_end()
                self.right.check_end()
        finally:
            self.lab.close()

    def start(self, left=None, right=None, ike=IKE, **more):
        """@left, @right: children of the ends; @more: further keys of both connections."""
        for peer, children in ((self.right, right or left), (self.left, left)):
            peer.start(conns.connection(peer.side, self.family, ike, children or {"net": ESP}, **more))

    def ping(self, i=0):
        self.lab.left.ping(self.family, i)
        self.lab.right.ping(self.family, i)

    def child(self, peer, name="net"):
        """The installed CHILD_SA of that name, which must be the only one."""
        def look():
            found = [child for sa in peer.sas() for child in sa["children"]
                     if child["name"] == name and child["state"] == "INSTALLED"]
            return found[0] if len(found) == 1 else None
        return wait_for(f"{peer.side.name} having one CHILD_SA {name}", look, 5)

    def check_protected(self, raw=True, sides=None):
        capture.check_protected(self.sniffer.stop(), self.lab, raw, sides)


def check(what, found, wanted):
    if found != wanted:
        raise Failure(f"{what} is {found!r}, not {wanted!r}")


def check_text(text, *parts):
    for part in parts:
        if part not in text:
            raise Failure(f"“{part}” is not said, but: {text.strip()}")


# -- the data path


def raw_esp(directory, build, family):
    """Nothing lies between: ESP goes without UDP, in packets of all sizes."""
    with Scene(directory, build, family) as scene:
        scene.start()
        scene.left.up("net")
        scene.ping()
        scene.lab.left.ping(family, size=1300)
        scene.lab.left.ping(family, size=4000)
        check("encap", scene.child(scene.left)["encap"], False)
        scene.check_protected()


def esn(directory, build, family):
    with Scene(directory, build, family) as scene:
        scene.start({"net": {"esp_proposals": "aes256gcm16-esn"}})
        scene.left.up("net")
        scene.ping()
        for peer in (scene.left, scene.right):
            check(f"esn of {peer.side.name}", scene.child(peer)["esn"], True)
        scene.check_protected()


def suites(directory, build, family):
    """Each of the suites that ESP may use, one connection after the other."""
    for number, esp in enumerate(("aes128-sha256", "aes256-sha512", "chacha20poly1305", "aes128gcm16", "aes256ctr-sha384")):
        with Scene(os.path.join(directory, str(number)), build, family) as scene:
            scene.start({"net": {"esp_proposals": esp}})
            scene.left.up("net")
            scene.ping()
            scene.check_protected()


def nat(directory, build, family):
    """RFC 7296, 2.23: the translation is seen, and ESP goes in UDP to the port that it chose."""
    with Scene(directory, build, family, nat=True) as scene:
        more = {"remote_addrs": "%any"}
        scene.right.start(conns.connection(scene.lab.right, family, IKE, {"net": ESP}, **more))
        scene.left.start(conns.connection(scene.lab.left, family, IKE, {"net": ESP}))
        scene.left.up("net")
        scene.ping()
        check("nat-local of the hidden end", scene.left.sas()[0]["nat-local"], True)
        check("remote-host of the other", scene.right.sas()[0]["remote-host"], scene.lab.right.gateway[4])
        check("encap", scene.child(scene.right)["encap"], True)
        scene.check_protected(raw=False)


HOSTS = {**ESP, "mode": "transport", "local_ts": "dynamic", "remote_ts": "dynamic"}
AH_HOSTS = {"ah_proposals": "sha256", "mode": "transport", "local_ts": "dynamic", "remote_ts": "dynamic"}
PEER = """import socket, sys, threading
family = socket.AF_INET6 if ":" in sys.argv[2] else socket.AF_INET
data = bytes(range(256)) * 1000
listener = socket.socket(family)
if sys.argv[1] == "serve":
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((sys.argv[2], 7777))
    listener.listen()
    print("listening", flush=True)
    connection = listener.accept()[0]
else:
    connection = socket.create_connection((sys.argv[2], 7777), 10)
connection.settimeout(20)
threading.Thread(target=connection.sendall, args=(data,)).start()
got = b""
while len(got) < len(data):
    got += connection.recv(65536)
print("same" if got == data else "different", flush=True)
"""


def ping_hosts(scene, target=None, size=56):
    """Between the ends themselves."""
    for side in (scene.lab.left, scene.lab.right) if target is None else (scene.lab.left,):
        to = target or side.other.outer[scene.family]
        wait_for(f"ping {side.name} -> {to}", lambda side=side, to=to: side.exec(
            ["ping", "-n", "-c", "1", "-W", "1", "-s", str(size), to], check=False).returncode == 0, 8)


def talk_tcp(scene, client, server, address=None):
    """256 kB each way over one connection, from @client to @server."""
    log = f"tcp-{server.name}-{len(scene.lab.processes)}.log"
    listens_on = server.outer[scene.family]
    process = scene.lab.spawn(server.netns, ["python3", "-c", PEER, "serve", listens_on], log)
    wait_for("a listener", lambda: "listening" in _read(scene.lab.dir, log))
    check("what came by TCP", client.exec(["python3", "-c", PEER, "call", address or listens_on], timeout=40).stdout, "same\n")
    wait_for("the other end having it too", lambda: process.poll() is not None)
    check_text(_read(scene.lab.dir, log), "same")


def check_only(scene, protocol):
    """Between the ends went IKE and packets of @protocol, both ways, and nothing else."""
    packets = scene.sniffer.stop()
    ends = {str(side.outer[scene.family]) for side in (scene.lab.left, scene.lab.right)}
    between = [packet for packet in packets if {str(packet.source), str(packet.target)} == ends]
    check("protocols between the ends", {packet.protocol for packet in between} - {capture.UDP, IPV6_FRAGMENT}, {protocol})
    check("UDP ports between the ends", {min(packet.source_port, packet.target_port) for packet in between
                                         if packet.protocol == capture.UDP} - {500, 4500}, set())
    check("ends that sent it", {str(packet.source) for packet in between if packet.protocol == protocol}, ends)


def transport(directory, build, family):
    """From host to host: packets keep their header, whatever their size; what runs over TCP runs both ways."""
    with Scene(directory, build, family) as scene:
        scene.start({"net": HOSTS})
        scene.left.up("net")
        ping_hosts(scene)
        ping_hosts(scene, size=4000)
        for client in (scene.lab.left, scene.lab.right):
            talk_tcp(scene, client, client.other)
        check("mode", scene.child(scene.right)["mode"], "TRANSPORT")
        check_only(scene, capture.ESP)


def transport_ports(directory, build, family):
    """Only what the selectors say is protected; the rest goes as it always did."""
    with Scene(directory, build, family) as scene:
        scene.start({"net": {**HOSTS, "remote_ts": "dynamic[tcp/7777]"}}, {"net": {**HOSTS, "local_ts": "dynamic[tcp/7777]"}})
        scene.left.up("net")
        talk_tcp(scene, scene.lab.left, scene.lab.right)
        ping_hosts(scene)
        packets = scene.sniffer.stop()
        check("protocols seen", {packet.protocol for packet in packets if packet.source.version == family} & {1, 58, 6, capture.ESP},
              {1 if family == 4 else 58, capture.ESP})


def transport_nat(directory, build, family):
    """RFC 7296, 2.23.1, and RFC 3948, 3.1.2: the hidden end's checksums are of an address that the other never sees."""
    with Scene(directory, build, family, nat=True) as scene:
        scene.right.start(conns.connection(scene.lab.right, family, IKE, {"net": HOSTS}, remote_addrs="%any"))
        scene.left.start(conns.connection(scene.lab.left, family, IKE, {"net": HOSTS}))
        scene.left.up("net")
        ping_hosts(scene, scene.lab.right.outer[family])
        talk_tcp(scene, scene.lab.left, scene.lab.right)
        check("encap", scene.child(scene.right)["encap"], True)
        check("remote-ts", scene.child(scene.right)["remote-ts"], [f"{scene.lab.right.gateway[family]}/32"])
        check("protocols seen", {packet.protocol for packet in scene.sniffer.stop() if packet.source.version == family},
              {capture.UDP})


def two_behind_one_nat(directory, build, family):
    """RFC 3948, 5.2: both have the same address, and the same selectors, for the third; each gets its own answers."""
    with Scene(directory, build, family, nat=True) as scene:
        lab = scene.lab
        third = lab.add_client("other", 3)
        peer = peers.Ikebana(lab, third, build)
        tree = conns.connection(lab.right, family, IKE, {"net": HOSTS}, remote_addrs="%any")
        tree["connections"][CONNECTION]["remote"]["id"] = "%any"
        tree["secrets"]["ike-1"] = {"secret": conns.SECRET}
        scene.right.start(tree)
        for client in (scene.left, peer):
            tree = conns.connection(client.side, family, IKE, {"net": HOSTS})
            tree["secrets"]["ike-1"] = {"secret": conns.SECRET}
            client.start(tree)
            client.up("net")
        check("number of SAs", len(scene.right.sas()), 2)
        for _ in range(2):
            for side in (lab.left, third):
                talk_tcp(scene, side, lab.right)
        check("protocols seen", {packet.protocol for packet in scene.sniffer.stop() if packet.source.version == family},
              {capture.UDP})
        peer.check_end()


def beet(directory, build, family):
    """Fixed inner addresses, which are not on the wire at all; here of the other family than the outer ones."""
    inner = 10 - family
    with Scene(directory, build, family) as scene:
        scene.start(*({"net": {**ESP, "mode": "beet", "local_ts": side.inner[inner][0], "remote_ts": side.other.inner[inner][0]}}
                      for side in (scene.lab.left, scene.lab.right)))
        scene.left.up("net")
        for side in (scene.lab.left, scene.lab.right):
            side.ping(inner)
        scene.lab.left.ping(inner, size=4000)
        check("mode", scene.child(scene.left)["mode"], "BEET")
        check_only(scene, capture.ESP)


def ah_tunnel(directory, build, family):
    """RFC 4302: nothing is hidden, everything is proved; packets of all sizes."""
    with Scene(directory, build, family) as scene:
        scene.start({"net": {"ah_proposals": "sha256-esn"}})
        scene.left.up("net")
        scene.ping()
        scene.lab.left.ping(family, size=4000)
        check("protocol", scene.child(scene.left)["protocol"], "AH")
        check_only(scene, capture.AH)


def ah_transport(directory, build, family):
    with Scene(directory, build, family) as scene:
        scene.start({"net": AH_HOSTS})
        scene.left.up("net")
        ping_hosts(scene)
        ping_hosts(scene, size=4000)
        for client in (scene.lab.left, scene.lab.right):
            talk_tcp(scene, client, client.other)
        check_only(scene, capture.AH)


def ah_suites(directory, build, family):
    for number, ah in enumerate(("sha1", "sha384", "sha512", "aesxcbc", "aescmac")):
        with Scene(os.path.join(directory, str(number)), build, family) as scene:
            scene.start({"net": {"ah_proposals": ah}})
            scene.left.up("net")
            scene.ping()
            check_only(scene, capture.AH)


def ah_nat(directory, build, family):
    """The ICV covers the address that the NAT changes: it is said before anything is tried."""
    with Scene(directory, build, family, nat=True) as scene:
        scene.right.start(conns.connection(scene.lab.right, family, IKE, {"net": {"ah_proposals": "sha256"}}, remote_addrs="%any"))
        scene.left.start(conns.connection(scene.lab.left, family, IKE, {"net": {"ah_proposals": "sha256"}}))
        failed = scene.left.cli("up", CONNECTION, check=False)
        if failed.returncode == 0:
            raise Failure("AH came up through a NAT")
        check_text(failed.stdout, "AH cannot pass the NAT")


def narrowing(directory, build, family):
    wide = {4: ("10.1.0.0/16", "10.2.0.0/16"), 6: ("fd01::/32", "fd02::/32")}[family]
    with Scene(directory, build, family) as scene:
        scene.start({"net": {**ESP, "local_ts": wide[0], "remote_ts": wide[1]}}, {"net": ESP})
        scene.left.up("net")
        scene.ping()
        child = scene.child(scene.left)
        check("local-ts", child["local-ts"], [scene.lab.left.net(family)])
        check("remote-ts", child["remote-ts"], [scene.lab.right.net(family)])
        scene.check_protected()


def two_children(directory, build, family):
    with Scene(directory, build, family) as scene:
        def children(side):
            return {"net": ESP, "net2": {"esp_proposals": "chacha20poly1305-x25519", "local_ts": side.net(family, 1),
                                         "remote_ts": side.other.net(family, 1)}}
        scene.start(children(scene.lab.left), children(scene.lab.right))
        scene.left.up("net")
        scene.left.up("net2")
        scene.ping()
        scene.ping(1)
        check("number of IKE SAs", len(scene.right.sas()), 1)
        scene.left.down_child("net")
        wait_for("one child left", lambda: len(scene.right.sas()[0]["children"]) == 1)
        scene.ping(1)
        scene.check_protected()


def child_rekeys_itself(directory, build, family):
    """Make before break: new SPIs, nothing lost on the way, and one CHILD_SA at the end."""
    with Scene(directory, build, family) as scene:
        timed = {"net": {**ESP, "rekey_time": "2s", "life_time": "60s", "rand_time": "0s"}}
        scene.start(timed, {"net": ESP})
        scene.left.up("net")
        before = scene.child(scene.left)["spi-in"]
        source, target = (side.inner[family][0] for side in (scene.lab.left, scene.lab.right))
        pings = scene.lab.spawn(scene.lab.left.netns, ["ping", "-n", "-c", "30", "-i", "0.1", "-W", "1", "-I", source, target],
                                "ping.log")
        wait_for("a new SPI", lambda: scene.child(scene.left)["spi-in"] != before)
        wait_for("the pings being over", lambda: pings.poll() is not None)
        check_text(_read(scene.lab.dir, "ping.log"), " 0% packet loss")
        scene.check_protected()


def ike_rekeys_itself(directory, build, family):
    """RFC 7296, 2.18: the CHILD_SAs move to the new IKE SA and are not interrupted."""
    with Scene(directory, build, family) as scene:
        for peer, more in ((scene.right, {}), (scene.left, {"rekey_time": "2s", "over_time": "60s", "rand_time": "0s"})):
            peer.start(conns.connection(peer.side, family, IKE, {"net": ESP}, **more))
        scene.left.up("net")
        before, child = scene.left.sas()[0]["initiator-spi"], scene.child(scene.left)["spi-in"]
        for peer in (scene.left, scene.right):
            wait_for(f"{peer.side.name} having one new IKE SA", lambda peer=peer: [
                sa["initiator-spi"] != before for sa in peer.sas()] == [True])
        check("SPI of the child", scene.child(scene.right)["spi-out"], child)
        scene.ping()
        scene.check_protected()


def host_name(directory, build, family):
    """The peer is known by its name only, which is looked up when it is needed."""
    with Scene(directory, build, family) as scene:
        scene.right.start(conns.connection(scene.lab.right, family, IKE, {"net": ESP}))
        scene.left.write("etc/hosts", f"{scene.lab.right.outer[family]} right.test\n")
        scene.left.start(conns.connection(scene.lab.left, family, IKE, {"net": ESP}, remote_addrs="right.test"))
        scene.left.up("net")
        scene.ping()
        scene.check_protected()


# -- coming and going


def sigterm(directory, build, family):
    """RFC 7296, 1.4.1: it tells the peer, which has nothing left then."""
    with Scene(directory, build, family) as scene:
        scene.start()
        scene.left.up("net")
        scene.ping()
        check("exit status", scene.right.terminate(), 0)
        wait_for("the other end having no SA", lambda: not scene.left.sas())
        if not capture.ike_messages(scene.sniffer.so_far(), INFORMATIONAL):
            raise Failure("no INFORMATIONAL exchange was seen")
        check("exit status", scene.left.terminate(), 0)


def down(directory, build, family):
    """Taken down by the end that did not bring it up; up again works, and there is one SA of it."""
    with Scene(directory, build, family) as scene:
        scene.start()
        for _ in range(2):
            scene.left.up("net")
            scene.ping()
            scene.right.down_ike(CONNECTION)
            wait_for("no SA left", lambda: not scene.left.sas() and not scene.right.sas())
        scene.left.up("net")
        scene.ping()
        check("number of SAs", [len(scene.left.sas()), len(scene.right.sas())], [1, 1])
        scene.check_protected()


def shards(directory, build, family):
    """Every datagram of an SA is handed to its thread by the kernel, none by another thread."""
    forwarded = many_threads(directory, build, family, "yes")
    check("datagrams forwarded", forwarded, 0)


def shards_without_steering(directory, build, family):
    """Nothing depends on the kernel's help: what comes to the wrong thread is forwarded."""
    if many_threads(directory, build, family, "no") == 0:
        raise Failure("of 12 SAs on 4 threads no datagram came to the wrong one: was it steered?")


def many_threads(directory, build, family, cbpf):
    """Up and down again and again, so that SAs are on all threads; how many datagrams were forwarded."""
    with Scene(directory, build, family) as scene:
        for peer in (scene.right, scene.left):
            tree = conns.connection(peer.side, family, IKE, {"net": ESP})
            peer.start({**tree, "core": {"shards": 4}, "plugins": {"net-udp": {"cbpf": cbpf}}})
        for _ in range(12):
            scene.left.up("net")
            scene.lab.left.ping(family)
            scene.left.down_ike(CONNECTION)
            wait_for("no SA left", lambda: not scene.right.sas())
        return sum(peer.json("stats")["net"]["forwarded"] for peer in (scene.left, scene.right))


# -- routes and interfaces; only the emulated machine has XFRM interfaces


def route_based(directory, build, family):
    """One setting makes an interface, routes into it, and takes both away."""
    with Scene(directory, build, family) as scene:
        scene.right.start(conns.connection(scene.lab.right, family, IKE, {"net": ESP}))
        scene.left.start(conns.connection(scene.lab.left, family, IKE, {"net": ESP}, if_id="%unique"))
        scene.left.up("net")
        scene.ping()
        check("interface", scene.child(scene.left)["interface"], "ike-1")
        links = scene.lab.left.exec(["ip", "-s", "link", "show", "ike-1"]).stdout
        check_text(links, "UP")
        check_text(scene.lab.left.exec(["ip", f"-{family}", "route", "show", "table", "220"]).stdout,
                   f"{scene.lab.right.net(family)} dev ike-1")
        scene.left.down_ike(CONNECTION)
        wait_for("the interface going", lambda: "ike-1" not in scene.lab.left.exec(["ip", "link"]).stdout)
        check("routes", scene.lab.left.exec(["ip", f"-{family}", "route", "show", "table", "220"], check=False).stdout, "")
        scene.check_protected()


def route_based_for_everything(directory, build, family):
    """Everything goes into the tunnel but what comes out of it."""
    everything = {4: "0.0.0.0/0", 6: "::/0"}[family]
    wide = {**ESP, "local_ts": everything, "remote_ts": everything}
    with Scene(directory, build, family) as scene:
        scene.start({"net": wide}, if_id="%unique")
        scene.left.up("net")
        scene.ping()
        scene.lab.left.ping(family, 1)
        scene.lab.right.ping(family, size=3000)
        scene.left.down_ike(CONNECTION)
        scene.check_protected()


def vrf(directory, build, family):
    """The networks of the left end are in a VRF, the tunnel's packets are not."""
    with Scene(directory, build, family) as scene:
        left = scene.lab.left
        ip(left.netns, "link add blue type vrf table 1010", "link set blue up",
           f"address del {left.inner[family][0]} dev lo", f"address add {left.inner[family][0]} dev blue")
        scene.right.start(conns.connection(scene.lab.right, family, IKE, {"net": ESP}))
        scene.left.start(conns.connection(left, family, IKE, {"net": ESP}, if_id="%unique", vrf="blue"))
        scene.left.up("net")
        ping = ["ping", "-n", "-c", "1", "-W", "1", "-I", "blue", left.other.inner[family][0]]
        wait_for("an answer in the VRF", lambda: left.exec(ping, check=False).returncode == 0)
        check_text(left.exec(["ip", f"-{family}", "route", "show", "table", "1010"]).stdout,
                   f"{left.other.net(family)} dev ike-1")
        check_text(left.exec(["ip", "link", "show", "ike-1"]).stdout, "master blue")
        scene.check_protected()


# -- what goes wrong, and what is said


def wrong_secret(directory, build, family):
    with Scene(directory, build, family) as scene:
        other = conns.connection(scene.lab.left, family, IKE, {"net": ESP})
        other["secrets"]["ike-1"]["secret"] = "something-else"
        scene.right.start(conns.connection(scene.lab.right, family, IKE, {"net": ESP}))
        scene.left.start(other)
        failed = scene.left.cli("up", CONNECTION, check=False)
        if failed.returncode == 0:
            raise Failure("up succeeded with a wrong secret")
        check("SAs", [scene.left.sas(), scene.right.sas()], [[], []])


def no_proposal(directory, build, family):
    """The responder knows which transform differed."""
    with Scene(directory, build, family) as scene:
        scene.right.start(conns.connection(scene.lab.right, family, "aes256gcm16-prfsha256-ecp384", {"net": ESP}))
        scene.left.start(conns.connection(scene.lab.left, family, "aes256gcm16-prfsha256-x25519", {"net": ESP}))
        if scene.left.cli("up", CONNECTION, check=False).returncode == 0:
            raise Failure("up succeeded without a common proposal")
        check_text(scene.right.cli("explain").stdout.lower(), "curve25519", "ecp384")


def port_in_use(directory, build, family):
    with Scene(directory, build, family) as scene:
        holder = scene.lab.spawn(scene.lab.right.netns, [
            "python3", "-c", "import socket, time; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); "
                             "s.bind(('', 500)); print('bound', flush=True); time.sleep(600)"], "holder.log")
        wait_for("port 500 being taken", lambda: holder.poll() is None and "bound" in _read(scene.lab.dir, "holder.log"))
        scene.right.start(conns.connection(scene.lab.right, family, IKE, {"net": ESP}))
        check_text(scene.right.cli("plugins", "--why", "net-udp").stdout, "UDP port 500", "in use", "another IKE daemon")


def second_daemon(directory, build, family):
    with Scene(directory, build, family) as scene:
        scene.start()
        arguments = scene.right.daemon_arguments(conns.connection(scene.lab.right, family, IKE, {"net": ESP}))
        environment = [f"{key}={value}" for key, value in scene.right.environment.items()]
        second = scene.right.exec(["env", *environment, *arguments], check=False)
        if second.returncode == 0:
            raise Failure("a second daemon started")
        check_text(second.stdout, "another ikebanad runs already")


def missing_plugin(directory, build, family):
    """Without auth-psk.so the daemon runs, and says what is missing where somebody asks for it."""
    with Scene(directory, build, family) as scene:
        plugins = os.path.join(scene.lab.dir, "plugins")
        os.makedirs(plugins)
        source = os.path.join(build, "plugins/.libs")
        for name in os.listdir(source):
            if name.endswith(".so") and name != "auth-psk.so":
                os.symlink(os.path.join(source, name), os.path.join(plugins, name))
        scene.right.start(conns.connection(scene.lab.right, family, IKE, {"net": ESP}), "--plugin-dir", plugins)
        check_text(scene.right.cli("plugins", "--why", "auth-psk").stdout, "auth-psk")
        check_text(scene.right.log(), "connections.gw.local.auth: 'psk' cannot be used")
        if scene.right.cli("up", CONNECTION, check=False).returncode == 0:
            raise Failure("up succeeded without a way to authenticate")


def disabled_plugin(directory, build, family):
    """The reason names the line that disables it; what does not need it works."""
    with Scene(directory, build, family) as scene:
        tree = conns.connection(scene.lab.right, family, IKE, {"net": ESP})
        scene.right.start({**tree, "plugins": {"net-udp": {"load": "no"}}})
        check_text(scene.right.cli("plugins", "--why", "net-udp").stdout, "disabled", "ikebana.conf:")
        check("SAs", scene.right.sas(), [])


def _read(directory, name):
    with open(os.path.join(directory, name)) as file:
        return file.read()


BOTH, IPV4 = (4, 6), (4,)
SCENES = [
    (raw_esp, BOTH), (esn, BOTH), (suites, IPV4), (nat, IPV4), (narrowing, BOTH), (transport, BOTH),
    (transport_ports, BOTH), (transport_nat, IPV4), (two_behind_one_nat, IPV4), (beet, BOTH), (ah_tunnel, BOTH), (ah_transport, BOTH), (ah_suites, IPV4),
    (ah_nat, IPV4), (two_children, BOTH),
    (child_rekeys_itself, BOTH), (ike_rekeys_itself, IPV4), (host_name, BOTH), (sigterm, BOTH),
    (down, IPV4), (shards, BOTH), (shards_without_steering, IPV4), (wrong_secret, IPV4), (no_proposal, IPV4),
    (port_in_use, IPV4), (second_daemon, IPV4), (missing_plugin, IPV4), (disabled_plugin, IPV4),
    (route_based, BOTH), (route_based_for_everything, IPV4), (vrf, BOTH),
]


# On the kernels of guests: there is no NAT in User Mode Linux, and the emulated machine is for what needs more of a kernel.
XFRM_INTERFACES = ("route-based", "vrf")
NOT_ON = {"here": (*XFRM_INTERFACES, "trap-crash"), "uml": ("nat", "transport-nat", "two-behind-one-nat", "ah-nat", *XFRM_INTERFACES)}
ONLY_ON = {"qemu": ("raw-esp/ipv4", "nat", "transport-nat", *XFRM_INTERFACES)}


def belongs_on(name, kernel):
    return not name.startswith(NOT_ON.get(kernel, ())) and name.startswith(ONLY_ON.get(kernel, ("",)))


def all_scenes(build, kernel=None, more=()):
    """[(name, function (directory))]: those that belong on a guest's kernel, or all.  @more: scenes of other files."""
    scenes = [(f"{function.__name__.replace('_', '-')}/ipv{family}",
               lambda directory, function=function, family=family: function(directory, build, family))
              for function, families in [*SCENES, *more] for family in families]
    return [scene for scene in scenes if belongs_on(scene[0], kernel)]
