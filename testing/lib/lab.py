# SPDX-License-Identifier: Apache-2.0
"""Network namespaces for a case: left -- middle -- right, and everything it takes to remove them again.

The middle routes between the two, and translates addresses when a case asks for it.  Whatever was made is registered
at once, so that leaving the `with` block removes it, whether the case passed, failed or was interrupted."""
import ipaddress
import os
import signal
import subprocess
import time


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


def wait_for(what, test, seconds=10.0):
    """Polls @test until it returns something true, which is returned; Failure after @seconds."""
    deadline = time.monotonic() + seconds
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
        return run(["ip", "netns", "exec", self.netns] + args, **more)

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
        for netns in (self.left.netns, self.right.netns, self.middle):
            run(["ip", "netns", "add", netns])
            self.made.append(netns)
            self._sysctl(netns, {"ipv4.conf.all.rp_filter": 0, "ipv4.conf.default.rp_filter": 0,
                                 "ipv6.conf.all.accept_dad": 0, "ipv6.conf.default.accept_dad": 0})
            run(["ip", "-n", netns, "link", "set", "lo", "up"])
        self._sysctl(self.middle, {"ipv4.ip_forward": 1, "ipv6.conf.all.forwarding": 1})
        for side in (self.left, self.right):
            self._connect(side)
        if self.nat:
            self._translate()

    @staticmethod
    def _sysctl(netns, values):
        script = "\n".join(f"echo {value} >/proc/sys/net/{key.replace('.', '/')}" for key, value in values.items())
        run(["ip", "netns", "exec", netns, "sh", "-ec", script])

    def _connect(self, side):
        inside = side.name
        run(["ip", "-n", self.middle, "link", "add", inside, "type", "veth", "peer", "name", "eth0", "netns", side.netns])
        for family, length in ((4, 28), (6, 64)):
            nodad = ["nodad"] if family == 6 else []
            run(["ip", "-n", self.middle, "address", "add", f"{side.gateway[family]}/{length}", "dev", inside] + nodad)
            run(["ip", "-n", side.netns, "address", "add", f"{side.outer[family]}/{length}", "dev", "eth0"] + nodad)
            for inner in side.inner[family]:
                run(["ip", "-n", side.netns, "address", "add", inner, "dev", "lo"] + nodad)
        run(["ip", "-n", self.middle, "link", "set", inside, "up"])
        run(["ip", "-n", side.netns, "link", "set", "eth0", "up"])
        for family in (4, 6):
            run(["ip", f"-{family}", "-n", side.netns, "route", "add", "default", "via", side.gateway[family]])

    def _translate(self):
        """RFC 3948's usual case: the left end hides behind the middle's address towards the right end."""
        rules = ('table ip nat {\n  chain post {\n    type nat hook postrouting priority 100\n'
                 f'    oifname "right" ip saddr {self.left.link[4]} masquerade random\n  }}\n}}\n')
        done = run(["ip", "netns", "exec", self.middle, "nft", "-f", "-"], check=False, input=rules)
        if done.returncode != 0:
            raise Skip(f"nft cannot translate addresses here: {done.stdout.strip()}")

    def spawn(self, netns, args, log, **more):
        """Starts a program in a network namespace; it is stopped at the end at the latest."""
        output = open(os.path.join(self.dir, log), "ab")
        process = subprocess.Popen(["nsenter", f"--net=/run/netns/{netns}"] + args, stdin=subprocess.DEVNULL,
                                   stdout=output, stderr=subprocess.STDOUT, **more)
        output.close()
        self.processes.append(process)
        return process

    def close(self):
        for process in reversed(self.processes):
            stop(process, signal.SIGKILL)
        self.processes = []
        for netns in reversed(self.made):
            run(["ip", "netns", "del", netns], check=False)
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
