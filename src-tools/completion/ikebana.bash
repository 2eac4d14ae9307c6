# SPDX-License-Identifier: Apache-2.0
# Completion of ikebana(8) for bash.  The words come from the daemon's own description of its commands, or from the
# built-in list of the tool when no daemon runs.
_ikebana ()
{
  local current=${COMP_WORDS[COMP_CWORD]} line
  local -a words=("${COMP_WORDS[@]:1:COMP_CWORD}")
  COMPREPLY=()
  # bash splits at '=': --option=VALUE is three words.
  if [[ $current == "=" || ${COMP_WORDS[COMP_CWORD-1]} == "=" ]]; then
    return
  fi
  while IFS=$'\t' read -r line _; do
    COMPREPLY+=("$line")
  done < <(ikebana __complete -- "${words[@]}" 2>/dev/null)
  if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]]; then
    compopt -o nospace
  fi
}
complete -F _ikebana ikebana
