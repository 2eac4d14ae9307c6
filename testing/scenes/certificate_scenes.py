# SPDX-License-Identifier: Apache-2.0
"""Two ikebanad that know each other by certificates."""
import functools
import os

import conns
import pki
from certificates import SILENT, Certs, Hierarchy
from lab import Failure, wait_for
from peers import CONNECTION
from scenes import ESP, IKE, Scene, check, check_text

BOTH, IPV4 = (4, 6), (4,)
made = functools.cache(pki.Pki)


def start(scene, certs):
    hierarchy = Hierarchy(made(scene.build), certs, None)
    hierarchy.serve(scene.lab)
    for peer in (scene.right, scene.left):
        peer.give(hierarchy.wallet(peer))
        peer.start(conns.connection(peer.side, scene.family, IKE, {"net": ESP}, **hierarchy.sections(peer, True)))
    return hierarchy


def check_refused(scene, peer, *parts):
    """The left end does not come up, and @peer explains why."""
    if scene.left.cli("up", CONNECTION, check=False).returncode == 0:
        raise Failure("up succeeded")
    reasons = [failure["reason"] for failure in peer.json("explain")["failures"]]
    check_text("; ".join(reasons[:1]), *parts)
    check("SAs", established(scene), [])


def established(scene):
    """An end that cannot prove itself leaves a half-open SA to the other: that one is not meant."""
    return [sa for end in (scene.left, scene.right) for sa in end.sas() if sa["state"] == "ESTABLISHED"]


def come_and_go(scene):
    scene.left.up("net")
    check("SAs", len(established(scene)), 2)
    scene.left.down_ike(CONNECTION)
    wait_for("no SA left", lambda: not established(scene))


def certificates(directory, build, family):
    """An intermediate CA that only its end knows, and CRLs of both authorities, without which nobody is let in."""
    with Scene(directory, build, family) as scene:
        hierarchy = start(scene, Certs(n_between=1, source="crl"))
        scene.left.up("net")
        scene.ping()
        for peer in (scene.left, scene.right):
            known = {row["from"] for row in peer.json("revocation")["cache"] if row["says"] == "complete"}
            wanted = {hierarchy.crl_uri(authority) for authority in (hierarchy.root, hierarchy.ends[peer.side.other.name].issuer)}
            check(f"CRLs that {peer.side.name} has", known, wanted)
        scene.check_protected()


def certificates_come_and_go(directory, build, family):
    """Unloaded, loaded again, and renewed: what is used is what is there."""
    with Scene(directory, build, family) as scene:
        hierarchy = start(scene, Certs())
        own = hierarchy.ends["left"]
        come_and_go(scene)
        scene.left.cli("certs-unload", f"{own.name}.pem")
        check_refused(scene, scene.left, f"{own.name}.pem")
        scene.left.cli("reload")
        come_and_go(scene)
        renewed = made(build).issue(hierarchy.root, "renewed", "ecdsa384", "left.example", san="left.example")
        scene.left.put(f"etc/ikebana/private/{own.name}.pem", renewed.key, 0o600)
        scene.left.put(f"etc/ikebana/x509/{own.name}.pem", renewed.cert)
        scene.left.cli("reload")
        check("kinds of the keys", {row["key"] for row in scene.left.json("certs", "--type", "x509")["certs"]}, {"ECDSA P-384"})
        come_and_go(scene)


def certificate_revoked(directory, build, family):
    """What was good is not any more, as soon as the CRL is asked for anew."""
    with Scene(directory, build, family) as scene:
        hierarchy = start(scene, Certs(source="crl"))
        come_and_go(scene)
        hierarchy.publish(scene.lab, hierarchy.root, [hierarchy.ends["left"]])
        come_and_go(scene)
        scene.right.cli("revocation-flush")
        check_refused(scene, scene.right, "CN=left.example was revoked on", hierarchy.crl_uri(hierarchy.root))


def crl_that_nobody_has(directory, build, family):
    """`strict` lets nobody in then."""
    with Scene(directory, build, family) as scene:
        hierarchy = start(scene, Certs(source="crl", wrong=SILENT))
        check_refused(scene, scene.right, "it is not known whether", hierarchy.crl_uri(hierarchy.root))


def certificate_in_a_container(directory, build, family):
    """Key, certificate and the CAs above it come from one PKCS#12 file with a password; no setting names them."""
    with Scene(directory, build, family) as scene:
        hierarchy = Hierarchy(made(build), Certs("rsa2048", "rsa2048", n_between=1), None)
        scene.right.give(hierarchy.wallet(scene.right))
        scene.right.start(conns.connection(scene.lab.right, family, IKE, {"net": ESP}, **hierarchy.sections(scene.right, True)))
        scene.left.give(pki.Wallet(roots=(hierarchy.root,)))
        os.makedirs(os.path.join(scene.left.dir, "etc/ikebana/pkcs12"))
        made(build).pkcs12(hierarchy.ends["left"], os.path.join(scene.left.dir, "etc/ikebana/pkcs12/left.p12"), "seven samurai")
        proof = {"auth": "pubkey"}
        scene.left.start({**conns.connection(scene.lab.left, family, IKE, {"net": ESP}, local=proof, remote=proof),
                          "secrets": {"pkcs12-left": {"file": "left.p12", "secret": "seven samurai"}}})
        scene.left.up("net")
        scene.ping()
        scene.check_protected()


SCENES = [(certificates, BOTH), (certificates_come_and_go, IPV4), (certificate_revoked, IPV4), (crl_that_nobody_has, IPV4),
          (certificate_in_a_container, IPV4)]
