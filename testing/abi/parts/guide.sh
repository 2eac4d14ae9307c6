# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# The snippets of plugins/README.md: those of one file are joined in their order, compiled, and keep the rules.

# Makes $work/guide/NAME.c of the snippets "```c NAME.c"; prints a complaint for each that names no file.
extract ()
{
  awk -v dir="$work/guide" '
    /^```c/ && NF < 2 { print FILENAME ":" FNR ": the snippet names no file" }
    /^```c / { file = dir "/" $2; next }
    /^```/ { file = ""; next }
    file { print >file }' "$1"
}

# snippets_of NAME [OPTION…]: its options stand in the text, not in a file, so they are put there.
snippets_of ()
{
  local name=$1 file=$work/guide/$1 path fallback
  shift
  {
    printf 'plugins {\n  %s {\n' "$name"
    while IFS=$'\t' read -r path fallback; do
      printf '    # %s = %s\n' "$path" "$fallback"
    done < <(awk -F '"' '/\.path = "plugin\// { sub("plugin/", "", $2); path = $2 } /\.fallback = / && path { print path "\t" $2; path = "" }' "$file.c")
    printf '  }\n}\n'
  } >"$file.conf"
  compiled "$file.c" "$file.so" && kit_test "$file.so" "$@"
}

names_each () { [ -z "$(cat "$work/unnamed")" ] || { cat "$work/unnamed"; return 1; }; }

# What some of them have to be told: the ticket, and the service that knows it, which service.c stands for.
settings_of_guide ()
{
  cat >"$work/guide/ticket.settings" <<-'END'
	plugins { ticket { service = http://tickets.example.org/is/ } }
	connections { two { local { ticket = sesame } } }
	END
  echo 'plugins { guests { names = a.test, b.test } }' >"$work/guide/guests.settings"
  echo 'connections { two { visit = 1h } }' >"$work/guide/visit.settings"
  compiled "$abi/guide/service.c" "$work/guide/service.so"
}

# Two engines with what the snippets above were made to.
guide_is_true ()
{
  # shellcheck disable=SC2046,SC2086 # lists of words
  $compiler -std=gnu11 $flags "-I$template" $(pkg-config --cflags ikebana-1 glib-2.0) -o "$work/guide/test_guide" "$abi/guide/test_guide.c" \
    "$template/two.c" $(pkg-config --libs ikebana-1 glib-2.0) && IKEBANA_TEST_PLUGINS="$work/guide:$plugins" "$work/guide/test_guide"
}

mkdir -p "$work/guide"
extract "$src/plugins/README.md" >"$work/unnamed"
passes guide/every-snippet-names-its-file names_each
settings_of_guide || verdict 1 guide/service
for file in "$work"/guide/*.c; do
  name=$(basename "$file" .c)
  set --
  [ ! -e "$work/guide/$name.settings" ] || set -- "--settings=$work/guide/$name.settings"
  [ "$name" != ticket ] || set -- "$@" --with=service
  passes "guide/$name" snippets_of "$name" "$@"
done
passes guide/what-it-says-of-them-is-true guide_is_true
