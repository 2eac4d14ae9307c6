# SPDX-License-Identifier: Apache-2.0
"""What passed the middle: a tcpdump on its link, and a reader of the file it wrote.

Only what the assertions need is parsed: addresses, protocol, UDP ports, and the first bytes behind them."""
import collections
import ipaddress
import os
import signal
import struct

from lab import Failure, in_netns, run, stop, wait_for

Packet = collections.namedtuple("Packet", "source target protocol source_port target_port payload")

UDP, ESP, AH = 17, 50, 51
MARKER = bytes(4)


# A frame of the Ethernet type for local experiments (IEEE 802, 9.2.4); parse() leaves it out.
MARK = b"\x88\xb5the sniffer has seen all"
SEND_MARK = """import socket, sys
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
wire.bind((sys.argv[1], 0))
wire.send(bytes(12) + bytes.fromhex(sys.argv[2]).ljust(48, bytes(1)))
"""


class Capture:
    def __init__(self, lab, interface="right"):
        self.lab = lab
        self.interface = interface
        self.file = os.path.join(lab.dir, f"{interface}.pcap")
        self.log = f"tcpdump-{interface}.log"
        self.process = lab.spawn(lab.middle, ["tcpdump", "-Z", "root", "-n", "-U", "--immediate-mode", "-s", "0", "-i", interface, "-w",
                                              self.file], self.log)
        wait_for("tcpdump", self._is_listening)

    def _is_listening(self):
        with open(os.path.join(self.lab.dir, self.log)) as log:
            text = log.read()
        if self.process.poll() is not None:
            raise Failure(f"tcpdump ended: {text.strip()}")
        return "listening on" in text

    def _is_marked(self):
        with open(self.file, "rb") as pcap:
            return MARK in pcap.read()

    def stop(self):
        """The capture is complete only now; returns its packets.  tcpdump forgets what it has not read when it ends: so a
        last frame goes out, and whatever was before it is in the file when that is."""
        run([*in_netns(self.lab.middle), "python3", "-c", SEND_MARK, self.interface, MARK.hex()])
        wait_for("tcpdump having read all", self._is_marked)
        stop(self.process, signal.SIGINT)
        return read(self.file)

    def so_far(self):
        return read(self.file)


def read(file):
    with open(file, "rb") as pcap:
        data = pcap.read()
    order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    packets, at = [], 24
    while at + 16 <= len(data):
        length = struct.unpack_from(order + "I", data, at + 8)[0]
        if at + 16 + length > len(data):      # tcpdump is just writing it
            break
        packet = parse(data[at + 16:at + 16 + length])
        if packet:
            packets.append(packet)
        at += 16 + length
    return packets


def parse(frame):
    """An Ethernet frame as a Packet; None for what is not IP."""
    kind = frame[12:14]
    if kind == b"\x08\x00":
        ip = frame[14:14 + struct.unpack(">H", frame[16:18])[0]]
        source, target, protocol, rest = ip[12:16], ip[16:20], ip[9], ip[(ip[0] & 15) * 4:]
    elif kind == b"\x86\xdd":
        ip = frame[14:]
        source, target, protocol, rest = ip[8:24], ip[24:40], ip[6], ip[40:40 + struct.unpack(">H", ip[4:6])[0]]
    else:
        return None
    ports = struct.unpack(">HH", rest[:4]) if protocol == UDP and len(rest) >= 8 else (0, 0)
    return Packet(ipaddress.ip_address(source), ipaddress.ip_address(target), protocol, *ports,
                  rest[8:] if protocol == UDP else rest)


def is_esp_in_udp(packet):
    return packet.protocol == UDP and 4500 in (packet.source_port, packet.target_port) \
        and len(packet.payload) > 8 and packet.payload[:4] != MARKER


def is_raw_esp(packet):
    return packet.protocol == ESP


def ike_messages(packets, exchange=None):
    """(packet, IKE message) of all IKE datagrams, with the non-ESP marker of port 4500 taken off."""
    found = []
    for packet in packets:
        message = packet.payload
        if packet.protocol != UDP or not {packet.source_port, packet.target_port} & {500, 4500}:
            continue
        if 4500 in (packet.source_port, packet.target_port):
            if message[:4] != MARKER:
                continue
            message = message[4:]
        if len(message) >= 28 and (exchange is None or message[18] == exchange):
            found.append((packet, message))
    return found


def check_protected(packets, lab, raw=False, sides=None):
    """ESP of the kind asked for, in both directions, and not one packet from or to inner addresses.

    @sides: whose packets must not be seen, where an end without policies may answer what an SA that just went had brought."""
    is_esp = is_raw_esp if raw else is_esp_in_udp
    sources = {packet.source for packet in packets if is_esp(packet)}
    if len(sources) < 2:
        raise Failure(f"{'raw' if raw else 'UDP-encapsulated'} ESP seen from {len(sources)} ends, not from both")
    guarded = {ipaddress.ip_address(address) for side in sides or (lab.left, lab.right) for family in (4, 6)
               for address in side.inner[family]}
    for packet in packets:
        if packet.source in guarded or not sides and packet.target in guarded:
            raise Failure(f"an inner packet in the clear: {packet.source} -> {packet.target}, protocol {packet.protocol}")

