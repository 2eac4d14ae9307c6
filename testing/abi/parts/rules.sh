# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# `ikebana plugin test` finds each rule that is broken: broken/RULE.c breaks one, and that check alone is not ok.

# A file that is none ends in a sentence.
is_no_plugin ()
{
  echo "no plugin" >"$work/text.so"
  ! kit_test "$work/text.so" && ! kit_test "$work/absent.so" && ! kit_test "$(pkg-config --variable=libdir ikebana-1)/libikebana.so.1"
}

# The process of a rule ends with whoever started it: broken/hangs says which it is.
goes_with_its_parent ()
{
  local parent child='' deadline=$((SECONDS + 20))
  "$kit" test "$work/broken/hangs.so" --plugins="$plugins" >"$work/hanging" 2>&1 &
  parent=$!
  while [ -z "$child" ] && [ $SECONDS -lt $deadline ]; do
    child=$(sed -n 's/^hangs: //p' "$work/hanging")
  done
  kill -KILL $parent
  wait $parent 2>/dev/null
  [ -n "$child" ] || { cat "$work/hanging"; return 1; }
  while is_alive "$child"; do
    [ $SECONDS -lt $deadline ] || { kill -KILL "$child"; echo "process $child went on"; return 1; }
  done
}

# is_alive PID: and not only waited for.
is_alive () { [ -e "/proc/$1" ] && ! grep -q '^State:[[:space:]]*Z' "/proc/$1/status" 2>/dev/null; }

passes test/a-missing-note-is-found finds no-note note
passes test/a-second-symbol-is-found finds symbols symbols
passes test/a-variable-is-found finds variables variables
passes test/a-table-without-its-size-is-found finds descriptor descriptor
passes test/an-option-that-differs-is-found finds options options \
  'options: options.conf says limit = 11, but the default is "10": let them agree; options.conf has depth, which'
passes test/a-need-that-nobody-meets-is-found finds load load
passes test/a-plugin-that-lets-nobody-in-is-found finds exchange exchange "# b logs: notice ike two[1]: peer 10.0.0.1 (a.test): authentication failed; it likes nobody"
passes test/a-second-answer-is-found finds twice exchange 'the call "authorize" is answered twice'
passes test/what-hangs-is-found finds hangs load "within 5 s while two engines with it started" --limit=5
passes test/what-hangs-ends-with-who-started-it goes_with_its_parent
passes test/a-result-that-is-not-waited-for-is-found finds waits "late answers"
passes test/a-crash-while-unloading-is-found finds unload unload
passes test/a-job-that-holds-a-shard-is-found finds stalls stalls
passes test/what-is-no-plugin-is-said is_no_plugin
