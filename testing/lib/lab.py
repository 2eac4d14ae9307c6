# SPDX-License-Identifier: Apache-2.0
"""Network namespaces for a case: left -- middle -- right, and everything it takes to remove them again.

The middle routes between the two, and translates addresses when a case asks for it.  Whatever was made is registered
at once, so that leaving the `with` block removes it, whether the case passed, failed or was interrupted."""
import ipaddress
import os
import signal
import subprocess
import time


SLOWNESS = float(os.environ.get("IKE_TEST_SLOWNESS", "1"))   # how many times longer things may take than on a machine


class Failure(Exception):
    """A case did not do what it promises; the text says what."""


class Skip(Exception):
    """A case cannot run here; the text says why."""


def run(args, timeout=20, check=True, **more):
    """Runs a program to its end; output comes back as text."""
    done = subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout, **more)
    if check and done.returncode != 0:
        raise Failure(f"{' '.join(args)}: exit {done.returncode}: {done.stdout.strip()}")
    return done


def in_netns(netns):
    return ["nsenter", f"--net=/run/netns/{netns}"]


def ip(netns, *commands):
    """Commands of `ip` in a namespace, or outside of any: one process for all, because it takes long to start in a guest."""
    run(["ip", *(["-n", netns] if netns else []), "-batch", "-"], input="\n".join(commands) + "\n")


def wait_for(what, test, seconds=10.0):
    """Polls @test until it returns something true, which is returned; Failure after @seconds, more on a slow machine."""
    deadline = time.monotonic() + seconds * SLOWNESS
    while True:
        answer = test()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise Failure(f"{what}: not within {seconds:g} s")
        time.sleep(0.05)


class Side:
    """One end: its namespace, outer and inner addresses by family, and those of the other end."""

    def __init__(self, lab, name, number):
        self.lab, self.name = lab, name
        self.netns = f"{lab.prefix}{name[0]}"
        self.outer = {4: f"192.0.2.{number * 16 + 2}", 6: f"2001:db8:{number}::2"}
        self.gateway = {4: f"192.0.2.{number * 16 + 1}", 6: f"2001:db8:{number}::1"}
        self.link = {4: f"192.0.2.{number * 16}/28", 6: f"2001:db8:{number}::/64"}
        self.inner = {4: [f"10.{number}.0.1", f"10.{number}.1.1"], 6: [f"fd{number:02}:0::1", f"fd{number:02}:1::1"]}
        self.other = None

    def net(self, family, i=0):
        """The inner network that the i-th inner address belongs to."""
        return str(ipaddress.ip_network(f"{self.inner[family][i]}/{24 if family == 4 else 64}", strict=False))

    def exec(self, args, **more):
        return run([*in_netns(self.netns), *args], **more)

    def ping(self, family, i=0, seconds=8.0, size=56):
        """Inner address to inner address of the other end; Failure unless an answer comes."""
        source, target = self.inner[family][i], self.other.inner[family][i]
        args = ["ping", "-n", "-c", "1", "-W", "1", "-s", str(size), "-I", source, target]
        wait_for(f"ping {source} -> {target}", lambda: self.exec(args, check=False).returncode == 0, seconds)

    def cannot_ping(self, family, i=0):
        args = ["ping", "-n", "-c", "1", "-W", "1", "-I", self.inner[family][i], self.other.inner[family][i]]
        if self.exec(args, check=False).returncode == 0:
            raise Failure(f"{args[-2]} -> {args[-1]} still answers")


class Lab:
    """with Lab (dir) as lab: … lab.left, lab.right, lab.middle; processes and namespaces go at the end."""

    def __init__(self, directory, nat=None):
        """@nat: True, the left end is hidden; or {port: port}, see translate_ports()."""
        self.dir = os.path.abspath(directory)
        self.prefix = f"ike{os.getpid()}"
        self.left, self.right = Side(self, "left", 1), Side(self, "right", 2)
        self.left.other, self.right.other = self.right, self.left
        self.middle = self.prefix + "m"
        self.nat = nat
        self.made, self.processes = [], []
        os.makedirs(self.dir, exist_ok=True)

    def __enter__(self):
        try:
            self._make()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def _make(self):
        namespaces = (self.left.netns, self.right.netns, self.middle)
        self.made += namespaces
        ip(None, *(f"netns add {netns}" for netns in namespaces))
        for netns in namespaces:
            forwards = int(netns == self.middle)
            self._sysctl(netns, {"ipv4.conf.all.rp_filter": 0, "ipv4.conf.default.rp_filter": 0,
                                 "ipv6.conf.all.accept_dad": 0, "ipv6.conf.default.accept_dad": 0,
                                 "ipv4.ip_forward": forwards, "ipv6.conf.all.forwarding": forwards})
        for side in (self.left, self.right):
            self._connect(side)
        if isinstance(self.nat, dict):
            self.translate_ports(self.nat)
        elif self.nat:
            self._translate()

    @staticmethod
    def _sysctl(netns, values):
        script = "\n".join(f"echo {value} >/proc/sys/net/{key.replace('.', '/')}" for key, value in values.items())
        run([*in_netns(netns), "sh", "-ec", script])

    def _connect(self, side):
        lengths, nodad = {4: 28, 6: 64}, {4: "", 6: "nodad"}
        ip(self.middle, f"link add {side.name} type veth peer name eth0 netns {side.netns}",
           *(f"address add {side.gateway[family]}/{lengths[family]} dev {side.name} {nodad[family]}" for family in (4, 6)),
           f"link set {side.name} up", "link set lo up")
        ip(side.netns, "link set lo up",
           *(f"address add {side.outer[family]}/{lengths[family]} dev eth0 {nodad[family]}" for family in (4, 6)),
           *(f"address add {inner} dev lo {nodad[family]}" for family in (4, 6) for inner in side.inner[family]),
           "link set eth0 up", f"route add 0.0.0.0/0 via {side.gateway[4]}", f"route add ::/0 via {side.gateway[6]}")

    def add_link(self, side, number, device="eth1"):
        """A further attachment of an end to the middle; no route goes there.  Returns the end's addresses on it and the
        middle's, by family."""
        lengths, name = {4: 28, 6: 64}, f"{side.name}{number}"
        own = {4: f"192.0.2.{number * 16 + 2}", 6: f"2001:db8:{number}::2"}
        gateway = {4: f"192.0.2.{number * 16 + 1}", 6: f"2001:db8:{number}::1"}
        ip(self.middle, f"link add {name} type veth peer name {device} netns {side.netns}",
           *(f"address add {gateway[family]}/{lengths[family]} dev {name} {'nodad' if family == 6 else ''}" for family in (4, 6)),
           f"link set {name} up")
        ip(side.netns,
           *(f"address add {own[family]}/{lengths[family]} dev {device} {'nodad' if family == 6 else ''}" for family in (4, 6)),
           f"link set {device} up")
        return own, gateway

    def add_client(self, name, number):
        """One more end behind the middle, translated as the left one is."""
        side = Side(self, name, number)
        side.other = self.right
        run(["ip", "netns", "add", side.netns])
        self.made.append(side.netns)
        run(["ip", "-n", side.netns, "link", "set", "lo", "up"])
        self._connect(side)
        if self.nat:
            run(["ip", "netns", "exec", self.middle, "nft", "add", "rule", "ip", "nat", "post", "oifname", "right",
                 "ip", "saddr", side.link[4], "masquerade", "random"])
        return side

    def _translate(self):
        """RFC 3948's usual case: the left end hides behind the middle's address towards the right end."""
        rules = ('table ip nat {\n  chain post {\n    type nat hook postrouting priority 100\n'
                 f'    oifname "right" ip saddr {self.left.link[4]} masquerade random\n  }}\n}}\n')
        done = run([*in_netns(self.middle), "nft", "-f", "-"], check=False, input=rules)
        if done.returncode != 0:
            raise Skip(f"nft cannot translate addresses here: {done.stdout.strip()}")

    def translate_ports(self, ports, hides_right=False):
        """A NAT that keeps no state, so that a test can change its mind: the left end's UDP ports {inside: outside}.
        @hides_right: the right end is called at the middle's address on the left, too, by a fixed mapping."""
        left, right = self.left.outer[4], self.right.outer[4]
        outside, shown = self.right.gateway[4], self.left.gateway[4]
        out = [f'oifname "right" ip saddr {left} udp sport {inside} udp sport set {port} ip saddr set {outside}'
               for inside, port in ports.items()]
        back = [f'iifname "right" ip daddr {outside} udp dport {port} udp dport set {inside} ip daddr set {left}'
                for inside, port in ports.items()]
        if hides_right:
            back.append(f'iifname "left" ip daddr {shown} udp dport {{ 500, 4500 }} ip daddr set {right}')
            out.append(f'oifname "left" ip saddr {right} udp sport {{ 500, 4500 }} ip saddr set {shown}')
        chains = (("out", "postrouting", 300, out), ("back", "prerouting", -300, back))
        text = "table ip ports\ndelete table ip ports\ntable ip ports {\n"
        for name, hook, priority, rules in chains:
            text += f"chain {name} {{\n type filter hook {hook} priority {priority}\n" + "\n".join(rules) + "\n}\n"
        done = run([*in_netns(self.middle), "nft", "-f", "-"], check=False, input=text + "}\n")
        if done.returncode != 0:
            raise Skip(f"nft cannot translate ports here: {done.stdout.strip()}")

    def spawn(self, netns, args, log, **more):
        """Starts a program in a network namespace; it is stopped at the end at the latest."""
        output = open(os.path.join(self.dir, log), "ab")
        process = subprocess.Popen([*in_netns(netns), *args], stdin=subprocess.DEVNULL,
                                   stdout=output, stderr=subprocess.STDOUT, **more)
        output.close()
        self.processes.append(process)
        return process

    def close(self):
        for process in reversed(self.processes):
            stop(process, signal.SIGKILL)
        self.processes = []
        if self.made:
            run(["ip", "-force", "-batch", "-"], check=False, input="".join(f"netns del {netns}\n" for netns in self.made))
        self.made = []


def stop(process, how, seconds=3.0):
    """Ends a process that we started with the signal @how, and if need be by force; returns its exit status."""
    if process.poll() is None:
        process.send_signal(how)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    return process.returncode
