# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# `ikebana plugin new` makes one of each kind; each is built with each build system of this machine, its test is run, and it
# keeps the rules.

# The test finds the library where it is installed, wherever that is.
with_make () { env -u LD_LIBRARY_PATH make -s CC="$compiler" CFLAGS="$flags" check; }
# Where configure is asked the same question often, it is answered once.
with_autotools ()
{
  autoreconf -fi && ./configure -q -C CC="$compiler" CFLAGS="$flags" --cache-file="$work/configure.cache" \
    && make -s && { make -s check || { cat test-suite.log; false; }; }
}
# As it is said at the end of `ikebana plugin new`: what a test needs, it builds.
with_meson () { CC=$compiler CFLAGS=$flags meson setup build && meson test -C build; }

# Where each leaves the file.
made_by () { case $1 in make) echo . ;; autotools) echo .libs ;; meson) echo build ;; esac; }

# is_lacking BUILD: what is not on this machine.
is_lacking ()
{
  local program
  case $1 in make) set -- make ;; autotools) set -- autoreconf automake libtoolize ;; meson) set -- meson ninja ;; esac
  for program in "$@"; do
    command -v "$program" >/dev/null || echo "$program"
  done
}

# a_plugin KIND BUILD: its name has a dash, so that every way of writing it is tried.
a_plugin ()
{
  local name=my-$1 dir=$work/$2-$1
  kit new "$name" --kind="$1" --build="$2" --directory="$dir" --template="$template" && ! grep -rniE 'skeleton' "$dir" || return 1
  (cd "$dir" && "with_$2") && kit_test "$dir/$(made_by "$2")/$name.so" --conf="$dir/$name.conf"
}

refused () { ! kit new "$@" --template="$template"; }

# is_taken NAME TEXT [OPTION…]: it is refused with that sentence, and nothing is made.
is_taken ()
{
  local name=$1 text=$2
  shift 2
  ! kit new "$name" --directory="$work/taken" --template="$template" "$@" >"$work/taken.log" 2>&1 || return 1
  cat "$work/taken.log"
  [ ! -e "$work/taken" ] && grep -q "$text" "$work/taken.log"
}

for system in make autotools meson; do
  lacking=$(is_lacking $system)
  for kind in notify hook tap eap auth store command; do
    if [ -n "$lacking" ]; then
      left_out "new/$kind/$system" "${lacking//$'\n'/, } is not installed"
    else
      passes "new/$kind/$system" a_plugin $kind $system
    fi
  done
done
passes new/a-bad-name-is-refused refused My_Plugin
passes new/the-name-of-a-plugin-of-ours-is-refused is_taken mobike "has a plugin mobike of its own"
passes new/the-name-of-what-is-installed-is-refused is_taken auth-psk "auth-psk already, $plugins/" --plugins="$plugins"
passes new/the-name-of-a-file-of-the-test-is-refused is_taken two "two.c is a file of the test"
passes new/a-name-that-is-too-long-is-refused refused a-name-that-has-no-room-in-a-note
passes new/an-unknown-kind-is-refused refused mine --kind=dog
# What does not come up says why, not that a number is another one.
test_says_why ()
{
  ! IKEBANA_TEST_PLUGINS=$plugins "$work/make-eap/test_my_eap" >"$work/why" 2>&1 || return 1
  cat "$work/why"
  grep -q 'my-eap.*==.*NULL\|why == NULL.*my-eap' "$work/why"
}
passes new/a-test-that-fails-says-why test_says_why
without_a_template () { ! kit new mine --directory="$work/none" --template="$work/nowhere" && [ ! -e "$work/none" ]; }
passes new/nothing-is-left-of-one-that-has-no-template without_a_template
passes new/what-is-there-is-left-alone refused mine --directory="$work/make-hook"
