# SPDX-License-Identifier: Apache-2.0
# TAP in, one line per result out: passed|failed|skipped, name, reason, separated by tabs.  Variable prefix: what
# stands before the names.
function out(result, name, why) { printf "%s\t%s%s\t%s\n", result, prefix, name, why }
{ sub(/\r$/, "") }
/^1\.\.0 # SKIP/ { why = $0; sub(/^1\.\.0 # SKIP */, "", why); out("skipped", "all", why); next }
/^(not )?ok [0-9]+/ {
  result = /^not ok/ ? "failed" : "passed"
  name = $0
  sub(/^(not )?ok [0-9]+ *(- )?/, "", name)
  why = ""
  if (match(name, / *# *SKIP */)) {
    why = substr(name, RSTART + RLENGTH)
    name = substr(name, 1, RSTART - 1)
    result = "skipped"
  } else {
    sub(/ *#.*$/, "", name)
  }
  out(result, name, why)
}
