# SPDX-License-Identifier: Apache-2.0
"""Where things are: the build tree, and what a run needs of the machine."""
import os
import shutil

from lab import Skip

TESTING = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def build_directory():
    """IKE_TOP_BUILDDIR, the present directory if it is a build tree, or what is built beside the sources."""
    beside = os.path.join(os.path.dirname(TESTING), "build")
    for place in (os.environ.get("IKE_TOP_BUILDDIR"), os.getcwd(), beside, os.path.join(beside, "plain")):
        if place and os.path.exists(os.path.join(place, "config.status")):
            return os.path.abspath(place)
    raise Skip("no build tree found; run this from one, or set IKE_TOP_BUILDDIR")


def what_is_missing():
    """A sentence, or None: everything is there."""
    if os.geteuid() != 0:
        return "needs root, for network namespaces"
    tools = [tool for tool in ("ip", "nsenter", "unshare", "tcpdump", "ping", "mount") if not shutil.which(tool)]
    if tools:
        return f"needs {', '.join(tools)} (Debian: iproute2 util-linux tcpdump iputils-ping)"
    if not os.path.exists("/dev/net/tun"):
        return "needs /dev/net/tun (modprobe tun)"
    return None


def program(build, name):
    """The program itself, not libtool's wrapper, which may want to write into the build tree."""
    directory, base = os.path.split(os.path.join(build, name))
    real = os.path.join(directory, ".libs", base)
    return real if os.path.exists(real) else os.path.join(directory, base)


def environment(build):
    """What a program of the build tree needs to find its library."""
    return {"LD_LIBRARY_PATH": os.path.join(build, "libcore/.libs")}


def has_ikebana(build):
    return os.path.exists(os.path.join(build, "charon-like-daemon/ikebanad")) \
        and os.path.exists(os.path.join(build, "src-tools/ikebana"))
