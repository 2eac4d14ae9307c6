# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# The plugins of testing/examples, each built outside of the tree with nothing but pkg-config, and tested.

# an_example NAME: a copy of its directory, which is all that it takes; its test finds the library where it is installed.
an_example ()
{
  local dir=$work/example-$1
  cp -R "$src/testing/examples/$1" "$dir" && chmod -R u+w "$dir" && [ -s "$dir/README.md" ] || return 1
  env -u LD_LIBRARY_PATH make -s -C "$dir" -f Makefile.example CC="$compiler" CFLAGS="$flags" check \
    && make -s -C "$dir" -f Makefile.example DESTDIR="$dir/to" install && find "$dir/to" -name "$1.conf" | grep -q . \
    && kit_test "$dir/$1.so"
}

for dir in "$src"/testing/examples/*/; do
  name=$(basename "$dir")
  lacking=
  for library in $(sed -n 's/^LIBRARIES = *//p' "$dir/Makefile.example"); do
    pkg-config --exists "$library" || lacking="$lacking $library"
  done
  if [ -n "$lacking" ]; then
    left_out "examples/$name" "pkg-config knows no$lacking: install its development package"
  else
    passes "examples/$name" an_example "$name"
  fi
done
