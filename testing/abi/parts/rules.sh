# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# `ikebana plugin test` finds each rule that is broken: broken/RULE.c breaks one, and that check alone is not ok.

# A file that is none ends in a sentence.
is_no_plugin ()
{
  echo "no plugin" >"$work/text.so"
  ! kit_test "$work/text.so" && ! kit_test "$work/absent.so" && ! kit_test "$(pkg-config --variable=libdir ikebana-1)/libikebana.so.1"
}

passes test/a-missing-note-is-found finds no-note note
passes test/a-second-symbol-is-found finds symbols symbols
passes test/a-variable-is-found finds variables variables
passes test/a-table-without-its-size-is-found finds descriptor descriptor
passes test/an-option-that-differs-is-found finds options options
passes test/a-need-that-nobody-meets-is-found finds load load
passes test/a-plugin-that-lets-nobody-in-is-found finds exchange exchange
passes test/a-result-that-is-not-waited-for-is-found finds waits "late answers"
passes test/a-crash-while-unloading-is-found finds unload unload
passes test/a-job-that-holds-a-shard-is-found finds stalls stalls
passes test/what-is-no-plugin-is-said is_no_plugin
