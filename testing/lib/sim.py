# SPDX-License-Identifier: Apache-2.0
"""A SIM card for `eapol_test`, which asks for its answers over its control socket: GSM triplets that are written down, and
the AKA of a USIM by MILENAGE (3GPP TS 35.206)."""
import glob
import os
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time

from lab import Failure

# [(RAND, SRES, Kc)] in hexadecimal digits: of GSM any will do, as long as both ends have the same.
TRIPLETS = [(f"{n:02x}" * 16, f"{n + 16:02x}" * 4, f"{n + 32:02x}" * 8) for n in (1, 2, 3)]
# Test set 1 of 3GPP TS 35.208.
KI, OPC, AMF = "465b5ce8b199b49faa5f0a2ee238a6bc", "cd63cb71954a9f4e48a5994e37a02baf", "b9b9"
IMSI = "232010000000000"


def cards():
    """A file of them for the plugin sim-file: triplets."""
    return "".join(f"{IMSI}, {rand}, {sres}, {kc}\n" for rand, sres, kc in TRIPLETS)


def usim():
    """The same of a card with MILENAGE."""
    return f"{IMSI}, {KI}, opc={OPC}, {AMF}, ff9bb4d0b607\n"


def _xor(*blocks):
    return bytes(a ^ b for a, b in zip(blocks[0], _xor(*blocks[1:]))) if len(blocks) > 1 else blocks[0]


def _turned(block, n_bytes):
    return block[n_bytes:] + block[:n_bytes]


class Milenage:
    def __init__(self, ki=KI, opc=OPC):
        self.ki, self.opc = ki, bytes.fromhex(opc)

    def _encrypt(self, blocks):
        done = subprocess.run(["openssl", "enc", "-aes-128-ecb", "-nopad", "-K", self.ki], input=b"".join(blocks), capture_output=True, check=True)
        return [done.stdout[at:at + 16] for at in range(0, len(done.stdout), 16)]

    def answer(self, rand, autn):
        """(RES, CK, IK); Failure when AUTN is not of the home network."""
        temp, = self._encrypt([_xor(rand, self.opc)])
        constants = [(0, 1), (4, 2), (8, 4)]
        outs = self._encrypt([_xor(_turned(_xor(temp, self.opc), turn), constant.to_bytes(16, "big")) for turn, constant in constants])
        out2, ck, ik = (_xor(out, self.opc) for out in outs)
        sqn = _xor(autn[:6], out2[:6])
        out1, = self._encrypt([_xor(temp, _turned(_xor((sqn + autn[6:8]) * 2, self.opc), 8))])
        if _xor(out1, self.opc)[:8] != autn[8:]:
            raise Failure("MAC of AUTN is wrong")
        return out2[8:], ck, ik


class Card(threading.Thread):
    """Waits for the socket of an eapol_test in a directory of its own (`ctrl_interface`, with `external_sim`) and answers it
    until it ends, or @seconds."""

    def __init__(self, seconds=10):
        super().__init__(daemon=True)
        self.directory, self.deadline = tempfile.mkdtemp(prefix="ike-sim."), time.monotonic() + seconds
        self.trouble = None
        self.own = os.path.join(self.directory, "card")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.own)
        self.socket.settimeout(0.2)

    def run(self):
        try:
            self._attach()
            while time.monotonic() < self.deadline:
                self._look()
        except (OSError, Failure, ValueError) as trouble:
            self.trouble = trouble

    def _attach(self):
        """It asks nothing before somebody listens (-W)."""
        while time.monotonic() < self.deadline:
            found = [path for path in glob.glob(os.path.join(self.directory, "*")) if path != self.own]
            try:
                self.socket.connect(found[0])
                self.socket.send(b"ATTACH")
                return
            except (IndexError, OSError):
                time.sleep(0.01)
        raise Failure("eapol_test has no control socket")

    def _look(self):
        try:
            said = self.socket.recv(4096).decode(errors="replace")
        except TimeoutError:
            return
        if "TERMINATING" in said:
            self.deadline = 0
        asked = re.search(r"CTRL-REQ-SIM-(\d+):(GSM|UMTS)-AUTH:([0-9a-f:]+) needed", said)
        if asked:
            network, kind, values = asked.groups()
            answer = (self._gsm if kind == "GSM" else self._umts)(values.split(":"))
            self.socket.send(f"CTRL-RSP-SIM-{network}:{kind}-AUTH:{answer}".encode())

    @staticmethod
    def _gsm(rands):
        return ":".join(f"{kc}:{sres}" for wanted in rands for rand, sres, kc in TRIPLETS if rand == wanted)

    @staticmethod
    def _umts(values):
        res, ck, ik = Milenage().answer(*(bytes.fromhex(value) for value in values))
        return f"{ik.hex()}:{ck.hex()}:{res.hex()}"

    def close(self):
        self.deadline = 0
        self.join()
        self.socket.close()
        shutil.rmtree(self.directory, ignore_errors=True)
        if self.trouble:
            raise Failure(f"the SIM card: {self.trouble}")
