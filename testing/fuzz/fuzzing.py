# SPDX-License-Identifier: Apache-2.0
"""What coverage and mutants share: the targets and the files they name, and builds of the tree apart from the checkout."""
import glob
import os
import re
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
# These load the plugins of the build.
WITH_PLUGINS = {"fuzz_eap_passwords", "fuzz_eap_talk", "fuzz_exchange", "fuzz_first", "fuzz_radius_dae", "fuzz_sim"}
LIBRARIES = {"libcore": ["libcore.la"], "plugins": ["libcrypto-openssl-all.la", "libkerneltun.la", "libesp.la"]}
ENVIRONMENT = {**os.environ, "G_SLICE": "always-malloc", "G_DEBUG": "fatal-criticals", "ASAN_OPTIONS": "detect_leaks=0"}


def targets():
    """{name: files}: the first comment of a target has a line "Covers: FILE…" for what it is to cover.  Those that name
    nothing (they run whole engines) are left out, and said so."""
    found = {}
    for source in sorted(glob.glob(os.path.join(HERE, "fuzz_*.c"))):
        with open(source) as file:
            comment = re.sub(r"\n \*", " ", file.read().split("*/", 2)[1])
        names = re.search(r"Covers:((?:\s+\S+\.c\b)+)", comment)
        if not names:
            print(f"{os.path.basename(source)[:-2]} names no file", flush=True)
            continue
        found[os.path.basename(source)[:-2]] = names.group(1).split()
    return found


def corpus(target):
    places = [os.path.join(HERE, "corpus", name) for name in (target, target[len("fuzz_"):])]
    return next(place for place in places if os.path.isdir(place))


def copy_tree(to):
    """The sources without what was built from them."""
    unwanted = shutil.ignore_patterns(".git", "autom4te.cache", "*.o", "*.lo", "*.la", ".libs", "__pycache__")

    def ignore(place, names):
        builds = {name for name in names if os.path.exists(os.path.join(place, name, "config.status"))}
        return unwanted(place, names) | builds

    shutil.copytree(TOP, to, ignore=ignore, symlinks=True)
    if os.path.exists(os.path.join(to, "config.status")):
        subprocess.run(["make", "distclean"], cwd=to, stdout=subprocess.DEVNULL, check=False)
    if not os.path.exists(os.path.join(to, "configure")):
        must(["autoreconf", "-fi"], to)


def must(command, where):
    done = subprocess.run(command, cwd=where, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          env=ENVIRONMENT, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: failed\n" + "\n".join(done.stdout.decode(errors="replace").splitlines()[-30:]))
    return done.stdout.decode(errors="replace")


def configure(source, build, *arguments):
    os.makedirs(build)
    must([os.path.join(source, "configure"), "CC=clang", "--enable-fuzzing", *arguments], build)


def make(build, *names):
    """Builds targets and what they link, nothing else."""
    jobs = f"-j{os.cpu_count()}"
    for directory, libraries in LIBRARIES.items():
        must(["make", jobs, *([] if WITH_PLUGINS.intersection(names) else libraries)], os.path.join(build, directory))
    must(["make", jobs, *(f"fuzz/{name}" for name in names)], os.path.join(build, "testing"))


def environment(build):
    return {**ENVIRONMENT, "IKE_TOP_BUILDDIR": build, "IKE_TOP_SRCDIR": TOP}


def program(build, name):
    return os.path.join(build, "testing", "fuzz", name)
