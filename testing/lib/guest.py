# SPDX-License-Identifier: Apache-2.0
"""Boots a kernel, runs a command in it and brings back what it says: User Mode Linux, or qemu without KVM.

Guest and host talk through a directory, the job: `command` goes in, `stdout`, `stderr` and `status` come out, and
`console` is what the kernel said.  Every process of a guest lives in a PID namespace of its own, so that they end together."""
import ctypes
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import build

VM = os.path.join(build.TESTING, "vm")
TIMED_OUT, BROKEN, CANNOT = 124, 125, 77
PR_SET_PDEATHSIG = 1

_libc = ctypes.CDLL(None)


class Guest:
    """One guest; sub-classes know how their kernel boots."""

    def __init__(self, directory, job, memory):
        self.directory, self.job, self.memory = directory, job, memory
        self.modules = os.path.join(directory, "modules")
        self.processes = []

    def spawn(self, args, log, **more):
        """In a PID namespace: with the first process all end, and that ends when we do."""
        with open(os.path.join(self.job, log), "ab") as output:
            process = subprocess.Popen(["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"] + args,
                                       stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
                                       preexec_fn=lambda: _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL), **more)
        self.processes.append(process)
        return process

    def parameters(self):
        return [f"vm_kernel={self.kind}", f"vm_job={self.job}", f"vm_modules={self.modules}", "quiet", "panic=-1"]

    def close(self):
        for process in reversed(self.processes):
            process.kill()
            process.wait()


class Uml(Guest):
    """The kernel is a program, the host's files are a file system of it (hostfs)."""
    kind, slowness = "uml", "2"

    @staticmethod
    def missing():
        return None

    def boot(self, _):
        return self.spawn([os.path.join(self.directory, "kernel"), f"mem={self.memory}M", "rootfstype=hostfs", "rootflags=/",
                           "root=/dev/root", "ro", "con=null", "con0=null,fd:1", "ssl=null", "console=tty0",
                           f"uml_dir={self.job}/", f"init={VM}/init", *self.parameters()], "console",
                          env={**os.environ, "LD_PRELOAD": os.path.join(self.directory, "xstate.so")})


class Qemu(Guest):
    """Debian's cloud kernel on an emulated processor; the host's files come through virtiofs."""
    kind, slowness = "qemu", "5"
    early = ("virtio_pci", "virtiofs", "virtio-rng")

    @staticmethod
    def missing():
        if not shutil.which("qemu-system-x86_64"):
            return "needs qemu-system-x86_64 (Debian: qemu-system-x86)"
        return None if Qemu._virtiofsd() else "needs virtiofsd (Debian: qemu-system-common)"

    @staticmethod
    def _virtiofsd():
        return next((path for path in ("/usr/lib/qemu/virtiofsd", "/usr/libexec/virtiofsd") if os.path.exists(path)), None)

    def _share(self, tag, directory, cache):
        """A directory as the arguments of qemu that offer it to the guest."""
        socket = os.path.join(self.job, f"{tag}.socket")
        self.spawn([self._virtiofsd(), f"--socket-path={socket}", "-o", f"source={directory}", "-o", f"cache={cache}",
                    "-o", "sandbox=chroot", "-o", "log_level=warn"], "virtiofsd.log")
        _wait_for_socket(self.processes[-1], socket)
        return ["-chardev", f"socket,id={tag},path={socket}", "-device", f"vhost-user-fs-pci,chardev={tag},tag={tag},queue-size=256"]

    def _early_modules(self):
        """Files of the modules without which there are no files, each after those that it needs."""
        base = os.path.join(self.modules, os.listdir(self.modules)[0])
        with open(os.path.join(base, "modules.dep")) as lines:
            needs = {file: rest.split() for file, rest in (line.strip().split(":", 1) for line in lines)}
        found = []
        for name in self.early:
            file = next(file for file in needs if file.endswith(f"/{name}.ko"))
            found += [needed for needed in reversed(needs[file]) if needed not in found] + [file]
        return [os.path.join(base, file) for file in dict.fromkeys(found)]

    def _initramfs(self):
        modules = self._early_modules()
        loads = "".join(f"busybox insmod /{os.path.basename(module)}\n" for module in modules)
        script = f"#!/busybox sh\n{loads}busybox mount -t virtiofs -o ro root /host\nexec busybox switch_root /host {VM}/init\n"
        file = os.path.join(self.job, "initramfs")
        entries = [("init", 0o100755, script.encode()), ("host", 0o40755, b""), ("dev", 0o40755, b"")]
        for source in [os.path.join(self.directory, "root/bin/busybox"), *modules]:
            with open(source, "rb") as content:
                entries.append((os.path.basename(source), 0o100755, content.read()))
        with open(file, "wb") as archive:
            archive.write(_cpio(entries))
        return file

    def boot(self, writable):
        shares = self._share("root", "/", "always") + self._share("job", self.job, "none")
        for tag, directory in writable:
            shares += self._share(tag, directory, "auto")
        return self.spawn([
            "qemu-system-x86_64", "-M", "pc,memory-backend=memory", "-accel", "tcg", "-cpu", "qemu64", "-smp", "1",
            "-m", f"{self.memory}M", "-object", f"memory-backend-memfd,id=memory,size={self.memory}M,share=on",
            "-nodefaults", "-display", "none", "-no-reboot", "-serial", f"file:{self.job}/console", "-device", "virtio-rng-pci",
            *shares, "-kernel", os.path.join(self.directory, "kernel"), "-initrd", self._initramfs(),
            "-append", " ".join(["console=ttyS0", "mitigations=off", "rdinit=/init", *self.parameters()])], "qemu.log")


KERNELS = {"uml": Uml, "qemu": Qemu}


def _cpio(entries):
    """An archive in the format that the kernel unpacks (newc)."""
    parts = []
    for number, (name, mode, content) in enumerate([*entries, ("TRAILER!!!", 0, b"")], 1):
        fields = (number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0)
        head = b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
        parts += [head, bytes(-len(head) % 4), content, bytes(-len(content) % 4)]
    return b"".join(parts)


def _wait_for_socket(process, path):
    deadline = time.monotonic() + 10
    while not os.path.exists(path) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)


def place():
    """Where kernels are unpacked: below the build tree."""
    try:
        return os.path.join(build.build_directory(), "testing/vm")
    except build.Skip:
        return os.path.join(os.path.dirname(build.TESTING), "build/vm")


def what_is_missing(kernel):
    """A sentence, or None: this kernel can boot.  Unpacks it, if it is not there."""
    if os.geteuid() != 0:
        return "needs root"
    missing = KERNELS[kernel].missing()
    if missing:
        return missing
    if subprocess.run([os.path.join(VM, "fetch"), kernel, os.path.join(place(), kernel)], stdout=sys.stderr).returncode != 0:
        return f"the kernel of {kernel} cannot be had"
    return None


def _write_job(job, command, writable):
    exports = [f"export {name}={shlex.quote(value)}" for name, value in os.environ.items()
               if name.isidentifier() and name not in ("TMPDIR", "PWD", "OLDPWD")]
    with open(os.path.join(job, "command"), "w") as file:
        file.write("\n".join([*exports, f"cd {shlex.quote(os.getcwd())} || exit 125", f"exec {shlex.join(command)}", ""]))
    with open(os.path.join(job, "writable"), "w") as file:
        file.writelines(f"{tag} {directory}\n" for tag, directory in writable)


def _relay(files):
    """What was added to stdout and stderr of the guest goes to ours."""
    for source, target in files:
        data = source.read()
        if data:
            target.write(data)
            target.flush()


def _has_died(job):
    """Its init has said why it cannot go on."""
    return any(line.startswith("vm: ") for line in _console(job).splitlines())


def _follow(process, job, timeout):
    """Until the command has ended, the guest has, or its time is over; the exit status."""
    streams = ((1, "stdout"), (2, "stderr"))
    files = [(open(os.path.join(job, name), "rb"), os.fdopen(os.dup(number), "wb")) for number, name in streams]
    deadline = time.monotonic() + timeout
    status = None
    while status is None:
        has_ended, is_late = process.poll() is not None or _has_died(job), time.monotonic() > deadline
        if os.path.exists(os.path.join(job, "status")):
            with open(os.path.join(job, "status")) as file:
                status = int(file.read())
        elif has_ended or is_late:
            status = BROKEN if has_ended else TIMED_OUT
        else:
            time.sleep(0.05)
        _relay(files)
    if status in (BROKEN, TIMED_OUT):
        what = "the guest ended by itself" if status == BROKEN else f"not done within {timeout:g} s"
        print(f"vm: {what}; its console said:\n{_console(job)}", file=sys.stderr)
    return status


def _console(job):
    text = ""
    for name in ("console", "qemu.log", "virtiofsd.log"):
        path = os.path.join(job, name)
        if os.path.exists(path):
            with open(path, errors="replace") as file:
                text += "".join(file.readlines()[-30:])
    return text


def kernel():
    """Which kernel this is, or None: that of the machine."""
    return os.environ.get("IKE_TEST_KERNEL")


def repeat(name, timeout, logs):
    """The program that runs, with the same arguments but `--on`, in a guest."""
    arguments = sys.argv[1:]
    if "--on" in arguments:
        at = arguments.index("--on")
        del arguments[at:at + 2]
    arguments = [argument for argument in arguments if not argument.startswith("--on=")]
    os.environ.update(IKE_TEST_KERNEL=name, IKE_TEST_SLOWNESS=KERNELS[name].slowness)
    missing = what_is_missing(name)
    if missing:
        print(f"1..0 # SKIP {missing}\n0 passed, 0 failed, 1 skipped")
        return CANNOT
    return run(name, [os.path.abspath(sys.argv[0]), *arguments], timeout, writable=[logs])


def _leave(number, _):
    sys.exit(128 + number)


def run(kernel, command, timeout=300, memory=512, writable=()):
    """Runs @command on @kernel; its exit status, or TIMED_OUT, BROKEN or CANNOT, and then the reason is on stderr."""
    missing = what_is_missing(kernel)
    if missing:
        print(f"vm: {missing}", file=sys.stderr)
        return CANNOT
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _leave)
    job = tempfile.mkdtemp(prefix="job-", dir=place())
    shares = [(f"share{number}", os.path.abspath(directory)) for number, directory in enumerate(writable)]
    guest = KERNELS[kernel](os.path.join(place(), kernel), job, memory)
    try:
        _write_job(job, command, shares)
        for name in ("stdout", "stderr"):
            open(os.path.join(job, name), "w").close()
        for _, directory in shares:
            os.makedirs(directory, exist_ok=True)
        return _follow(guest.boot(shares), job, timeout)
    finally:
        guest.close()
        shutil.rmtree(job, ignore_errors=True)
