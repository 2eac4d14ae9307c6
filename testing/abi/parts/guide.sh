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

# snippets_of NAME: its options stand in the text, not in a file, so they are put there.
snippets_of ()
{
  local file=$work/guide/$1 path fallback
  {
    printf 'plugins {\n  %s {\n' "$1"
    while IFS=$'\t' read -r path fallback; do
      printf '    # %s = %s\n' "$path" "$fallback"
    done < <(awk -F '"' '/\.path = "plugin\// { sub("plugin/", "", $2); path = $2 } /\.fallback = / && path { print path "\t" $2; path = "" }' "$file.c")
    printf '  }\n}\n'
  } >"$file.conf"
  compiled "$file.c" "$file.so" && kit_test "$file.so" ${2:+"$2"}
}

names_each () { [ -z "$(cat "$work/unnamed")" ] || { cat "$work/unnamed"; return 1; }; }

mkdir -p "$work/guide"
extract "$src/plugins/README.md" >"$work/unnamed"
passes guide/every-snippet-names-its-file names_each
for file in "$work"/guide/*.c; do
  name=$(basename "$file" .c)
  # The service of the guide is not there, so this method is not asked for.
  passes "guide/$name" snippets_of "$name" "$([ "$name" != ticket ] || echo --auth=psk)"
done
