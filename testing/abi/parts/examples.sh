# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# The plugins of testing/examples, each built outside of the tree with nothing but pkg-config, and tested.

# an_example NAME [OPTION…]: of `ikebana plugin test`.
an_example ()
{
  local dir=$work/examples/$1 name=$1
  shift
  mkdir -p "$dir" && cp "$src"/testing/examples/example.mk "$src"/testing/examples/listener.h "$work/examples/" && cp "$src/testing/examples/$name"/* "$dir/" || return 1
  make -s -C "$dir" -f Makefile.example CC="$compiler" CFLAGS="$flags" check && kit_test "$dir/$name.so" "$@"
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
