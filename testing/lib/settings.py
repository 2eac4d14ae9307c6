# SPDX-License-Identifier: Apache-2.0
"""Settings in the grammar that swanctl and Ikebana share: writing nested dicts, reading `swanctl --raw` output."""
import re


def write(tree, depth=0):
    """A dict as sections and settings; lists become comma-separated values."""
    lines, blank = [], "  " * depth
    for key, value in tree.items():
        if isinstance(value, dict):
            lines += [f"{blank}{key} {{", write(value, depth + 1).rstrip("\n"), f"{blank}}}"]
        elif value is not None:
            text = ",".join(value) if isinstance(value, (list, tuple)) else str(value)
            lines.append(f"{blank}{key} = {text}")
    return "\n".join(line for line in lines if line) + "\n"


_TOKEN = re.compile(r"\s*(?:([^\s{}\[\]=]+)\s*(=\s*\[|=|\{)|(\})|(\])|([^\s{}\[\]]+))")


def read_raw(text):
    """`swanctl --raw` prints messages as {key=value list=[a b] section {…}}, values unquoted, to the next blank."""
    root = {}
    stack, at = [root], text.find("{") + 1
    while 0 < at < len(text):
        token = _TOKEN.match(text, at)
        if not token:
            break
        at = token.end()
        key, kind, end = token.group(1), token.group(2), token.group(3)
        if end:
            stack.pop()
            if not stack:
                break
        elif key and kind == "{":
            stack[-1][key] = {}
            stack.append(stack[-1][key])
        elif key and kind == "=":
            value = re.compile(r"[^\s{}]*").match(text, at)
            stack[-1][key] = value.group(0)
            at = value.end()
        elif key:
            close = text.index("]", at)
            stack[-1][key] = text[at:close].split()
            at = close + 1
    return root
