# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# The skeleton as it stands in the tree, built with make, installed, and loaded by the installed daemon.

skeleton_is_installed ()
{
  cp -R "$src/plugins/skeleton" "$work/mine" && chmod -R u+w "$work/mine" || return 1
  make -s -C "$work/mine" -f Makefile.out-of-tree CC="$compiler" CFLAGS="$flags" install && [ -f "$plugins/skeleton.so" ]
}

daemon_loads_it ()
{
  echo 'plugins { skeleton { greeting = hello from outside } }' >"$work/ikebana.conf"
  # LeakSanitizer of GCC 12 dies of its own where so many libraries have thread-local variables: it takes what stands before
  # one of them for its size.  Leaks are looked for where plugins are tested.
  ASAN_OPTIONS=detect_leaks=0 "$daemon" --check --config "$work/ikebana.conf" --plugin-dir "$plugins" >"$work/check.log" 2>&1
  cat "$work/check.log"
  grep -Eq '^skeleton +ready' "$work/check.log"
}

passes the-skeleton-builds-and-installs skeleton_is_installed
daemon=$(find "$root" -name ikebanad -type f | head -1)
[ -z "$daemon" ] || passes the-installed-daemon-loads-it daemon_loads_it
rm -f "$plugins/skeleton.so"
