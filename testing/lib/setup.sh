# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Sourced by the commands of testing/: what they need of the machine, and the build trees below build/.
# shellcheck disable=SC2034 # those who source it use them

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
jobs=$(nproc 2>/dev/null || echo 2)

# What is looked for, and the Debian package that brings it.  pc: stands for a pkg-config name,
# rt: for a run-time library of clang.
NEEDED_TO_BUILD="gcc=gcc make=make autoreconf=autoconf automake=automake libtoolize=libtool pkg-config=pkg-config
  /usr/include/stdio.h=libc6-dev xz=xz-utils nm=binutils
  pc:glib-2.0=libglib2.0-dev pc:libcrypto=libssl-dev pc:json-c=libjson-c-dev pc:libmnl=libmnl-dev
  pc:libcurl=libcurl4-openssl-dev pc:p11-kit-1=libp11-kit-dev pc:sqlite3=libsqlite3-dev"
NEEDED_TO_RUN="ip=iproute2 ping=iputils-ping tcpdump=tcpdump unshare=util-linux python3=python3"
NEEDED_TO_CHECK="g++=g++ clang=clang rt:asan_static=libclang-rt-dev nft=nftables shellcheck=shellcheck
  softhsm2-util=softhsm2 openssl=openssl abidiff=abigail-tools meson=meson pc:hiredis=libhiredis-dev"
NEEDED_FOR_GUESTS="qemu-system-x86_64=qemu-system-x86 depmod=kmod"

is_there ()
{
  case $1 in
    pc:*) pkg-config --exists "${1#pc:}" 2>/dev/null ;;
    /*) [ -e "$1" ] ;;
    rt:*) command -v clang >/dev/null && [ -e "$(clang -print-file-name="libclang_rt.${1#rt:}-$(uname -m).a")" ] ;;
    *) command -v "$1" >/dev/null ;;
  esac
}

missing_packages ()
{
  local pair
  for pair in "$@"; do
    is_there "${pair%%=*}" || printf '%s ' "${pair#*=}"
  done
}

# need PAIR…: installs what is missing where we may, else says in one sentence what to install, and ends.
need ()
{
  local packages
  PATH=$PATH:/usr/sbin:/sbin
  packages=$(missing_packages "$@")
  [ -n "$packages" ] || return 0
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "${0##*/}: please install these packages first (names of Debian): ${packages% }" >&2
    exit 1
  fi
  echo "installing ${packages% }"
  # shellcheck disable=SC2086 # a list of words
  if ! { apt-get -qq update && DEBIAN_FRONTEND=noninteractive \
         apt-get -qq -y --no-install-recommends -o Dpkg::Use-Pty=0 install $packages; } >/tmp/ikebana-setup.$$ 2>&1 </dev/null; then
    tail -20 "/tmp/ikebana-setup.$$" >&2
    rm -f "/tmp/ikebana-setup.$$"
    echo "${0##*/}: apt-get could not install ${packages% }" >&2
    exit 1
  fi
  rm -f "/tmp/ikebana-setup.$$"
  packages=$(missing_packages "$@")
  [ -z "$packages" ] || { echo "${0##*/}: still missing after apt-get: ${packages% }" >&2; exit 1; }
}

# Makes ./configure when it is not there or older than what it is made of.
bootstrap ()
{
  if [ ! -x "$top/configure" ] || [ -n "$(find "$top" -path "$top/build" -prune -o \( -name '*.am' -o -name '*.m4' -o -name \
      configure.ac \) ! -path '*/autom4te.cache/*' ! -name 'l*.m4' ! -name aclocal.m4 -newer "$top/configure" -print -quit)" ]; then
    (cd "$top" && autoreconf -fi) || return 1
    touch "$top/configure"
  fi
}

# configure_tree NAME ARGUMENT…: build/NAME, once for the same arguments.
configure_tree ()
{
  local tree=$top/build/$1
  shift
  if [ -e "$tree/config.status" ] && [ "$(cat "$tree/arguments" 2>/dev/null)" = "$*" ] && [ ! "$top/configure" -nt "$tree/config.status" ]; then
    return 0
  fi
  mkdir -p "$tree"
  (cd "$tree" && rm -f arguments && ../../configure -q "$@" && printf '%s' "$*" >arguments)
}

# What the demo, the scenes and the lint look at.
configure_plain () { configure_tree plain --enable-werror "CFLAGS=-O2 -g1"; }
plain_tree () { configure_plain && make -s -j"$jobs" -C "$top/build/plain"; }
