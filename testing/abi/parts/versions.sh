# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Versions of the ABI: what was built with earlier headers loads; what was built with later ones is refused, with what to
# rebuild, by the daemon and by `ikebana plugin test`.

older_loads ()
{
  mkdir -p "$work/older" && compiled "$abi/older.c" "$work/older/older.so" && kit_test "$work/older/older.so"
}

# of_version MAJOR MINOR OUT.so: the skeleton, with headers that say so.
of_version ()
{
  local dir=$work/headers-$1.$2 include
  include=$(pkg-config --variable=includedir ikebana-1)/ikebana-1
  mkdir -p "$dir" "${3%/*}" && cp -R "$include/ikebana" "$dir/" || return 1
  sed -i "s/\(#define IKE_ABI_MAJOR\).*/\1 $1/; s/\(#define IKE_ABI_MINOR\).*/\1 $2/" "$dir/ikebana/plugin.h"
  compiled "$src/plugins/skeleton/skeleton.c" "$3" "-I$dir"
}

# is_refused MAJOR MINOR SENTENCE
is_refused ()
{
  local dir=$work/plugin-$1.$2
  of_version "$1" "$2" "$dir/skeleton.so" || return 1
  echo 'plugins { skeleton { load = yes } }' >"$work/ikebana.conf"
  "$daemon" --check --config "$work/ikebana.conf" --plugin-dir "$dir" >"$work/refused" 2>&1
  ! kit_test "$dir/skeleton.so" --conf="$src/plugins/skeleton/skeleton.conf" >"$work/refused-too" || return 1
  cat "$work/refused" "$work/refused-too"
  grep -E "^skeleton +abi" "$work/refused" | grep -q "$3" && grep -E "^not ok 2 - ABI: .*rebuild" "$work/refused-too"
}

major=$(pkg-config --variable=abi_major ikebana-1)
daemon=$(find "$root" -name ikebanad -type f | head -1)
passes versions/a-plugin-of-the-first-headers-loads older_loads
passes versions/a-later-minor-is-refused is_refused "$major" 999 "update the core, or rebuild the plugin"
passes versions/a-later-major-is-refused is_refused $((major + 1)) 0 "rebuild the core"
passes versions/an-earlier-major-is-refused is_refused $((major - 1)) 0 "rebuild the plugin"
