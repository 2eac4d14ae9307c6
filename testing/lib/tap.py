# SPDX-License-Identifier: Apache-2.0
"""Runs cases one after the other, each with a deadline, and reports in the manner of TAP."""
import os
import shutil
import signal
import sys
import time
import traceback

from lab import SLOWNESS, Failure, Skip


class _Deadline(Exception):
    pass


def _ring(*_):
    raise _Deadline()


def _leave(number, _):
    sys.exit(128 + number)


def read_skips(suite):
    """{beginning of a case's name: reason} of testing/skips.txt, whose lines are `SUITE NAME REASON…`."""
    file = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "skips.txt")
    with open(file) as lines:
        entries = [line.split(None, 2) for line in lines if line.strip() and not line.startswith("#")]
    return {name: reason.strip() for at, name, reason in entries if at == suite}


def part(text):
    """For argparse: (K, N) of `K/N`."""
    k, n = (int(number) for number in text.split("/"))
    if not 0 < k <= n:
        raise ValueError(text)
    return k, n


def run_cases(cases, names, logs, skips=None, deadline=60, part=(1, 1)):
    """@cases: [(name, function (directory))].  @names: which ones, as prefixes; all when empty, but for those in @skips.
    @part: (K, N), of them every Nth from the Kth on, so that N processes do all.
    Logs of a case are kept below @logs only when it failed.  Returns the exit status."""
    deadline = int(deadline * SLOWNESS)
    signal.signal(signal.SIGALRM, _ring)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _leave)
    chosen = [case for case in cases if not names or any(case[0].startswith(name) for name in names)][part[0] - 1::part[1]]
    if not chosen:
        print(f"no case is called {' or '.join(names)}", file=sys.stderr)
        return 2
    count = {"passed": 0, "failed": 0, "skipped": 0}
    print(f"1..{len(chosen)}")
    for number, (name, function) in enumerate(chosen, 1):
        directory = os.path.join(logs, name.replace("/", "-"))
        shutil.rmtree(directory, ignore_errors=True)
        os.makedirs(directory)
        began = time.monotonic()
        reasons = [] if names else [reason for start, reason in (skips or {}).items() if name.startswith(start)]
        result, why = ("skipped", reasons[0]) if reasons else _run_one(function, directory, deadline)
        count[result] += 1
        seconds = time.monotonic() - began
        if result == "failed":
            print(f"not ok {number} {name} # {seconds:.1f} s", *(f"# {line}" for line in why.splitlines()),
                  f"# logs: {directory}", sep="\n")
        else:
            print(f"ok {number} {name} # {'SKIP ' + why if result == 'skipped' else f'{seconds:.1f} s'}")
            shutil.rmtree(directory, ignore_errors=True)
        sys.stdout.flush()
    print(", ".join(f"{n} {what}" for what, n in count.items()))
    return 1 if count["failed"] else 0


def _run_one(function, directory, deadline):
    try:
        signal.alarm(deadline)
        try:
            function(directory)
        finally:
            signal.alarm(0)
        return "passed", ""
    except _Deadline:
        return "failed", f"not done within {deadline} s"
    except Skip as skip:
        return "skipped", str(skip)
    except Failure as failure:
        return "failed", str(failure)
    except Exception:  # a broken case must not keep the others from running
        return "failed", traceback.format_exc()
