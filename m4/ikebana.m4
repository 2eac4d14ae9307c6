# SPDX-License-Identifier: Apache-2.0
# What configure.ac is made of.

# IKE_PLUGIN(NAME, DEFAULT, SUMMARY, [CONDITION-VARIABLE], [WHY-NOT])
# --enable-NAME; on, off, or auto: on when CONDITION-VARIABLE is yes.  Adds a line to the summary.
AC_DEFUN([IKE_PLUGIN], [
  AC_ARG_ENABLE([$1], [AS_HELP_STRING([--enable-$1], [plugin: $3 (default: $2)])],
    [ike_asked="$enableval"], [ike_asked="$2"])
  ike_why=
  ike_state="$ike_asked"
  m4_ifval([$4], [
    AS_IF([test "$ike_asked" != no && test "$$4" != yes],
      [AS_IF([test "$ike_asked" = yes && test "x${enable_[]m4_translit([$1],[-],[_])-unset}" = xyes],
         [AC_MSG_ERROR([plugin $1 cannot be built: $5])])
       ike_state=no; ike_why="$5"])
  ])
  AS_IF([test "$ike_state" = auto], [ike_state=yes; ike_how="on  (auto)"],
        [test "$ike_state" = yes], [ike_how="on"],
        [test -n "$ike_why"], [ike_how="off (auto): $ike_why"],
        [ike_how="off: --disable-$1"])
  AM_CONDITIONAL([PLUGIN_]m4_translit([$1],[-a-z],[_A-Z]), [test "$ike_state" = yes])
  ike_summary="$ike_summary
    m4_format([%-16s], [$1]) $ike_how"
])

AC_DEFUN([IKE_SUMMARY], [
  AC_MSG_NOTICE([
  ikebana $PACKAGE_VERSION (plugin ABI $IKE_ABI_MAJOR)

    prefix           $prefix
    compiler         $CC
    sanitizers       ${ike_sanitizers:-none}
    fuzz targets     $ike_fuzzing
    ikebana pki      $ike_pki
    ikebana store    $ike_store

  plugins$ike_summary
  ])
])

# Warnings are errors in the tests (--enable-werror), not for a distribution's newer compiler.
AC_DEFUN([IKE_COMPILER_WARNINGS], [
  AC_ARG_ENABLE([werror], [AS_HELP_STRING([--enable-werror], [treat warnings as errors])], [], [enable_werror=no])
  IKE_CFLAGS="-std=gnu11 -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wwrite-strings -Wvla -Wformat=2 -Wno-unused-parameter -Wno-missing-field-initializers"
  AS_IF([test "$enable_werror" = yes], [IKE_CFLAGS="$IKE_CFLAGS -Werror"])
  IKE_CFLAGS="$IKE_CFLAGS -fvisibility=hidden -fno-strict-aliasing -pthread"
  AC_SUBST([IKE_CFLAGS])
])

AC_DEFUN([IKE_SANITIZERS], [
  AC_ARG_ENABLE([sanitizers], [AS_HELP_STRING([--enable-sanitizers=LIST], [compile with -fsanitize=LIST, for the tests])],
    [], [enable_sanitizers=no])
  AS_IF([test "$enable_sanitizers" = yes], [enable_sanitizers=address,undefined])
  AS_IF([test "$enable_sanitizers" != no], [
    ike_sanitizers="$enable_sanitizers"
    SANITIZER_FLAGS="-fsanitize=$enable_sanitizers -fno-omit-frame-pointer -fno-sanitize-recover=all"
  ])
  AC_SUBST([SANITIZER_FLAGS])
  AM_CONDITIONAL([SANITIZED], [test "$enable_sanitizers" != no])
])

# libFuzzer targets of testing/fuzz; needs clang.
AC_DEFUN([IKE_FUZZING], [
  AC_ARG_ENABLE([fuzzing], [AS_HELP_STRING([--enable-fuzzing], [build the fuzz targets (needs CC=clang)])], [], [enable_fuzzing=no])
  ike_fuzzing="$enable_fuzzing"
  AS_IF([test "$enable_fuzzing" = yes], [FUZZ_FLAGS="-fsanitize=fuzzer-no-link"])
  AC_SUBST([FUZZ_FLAGS])
  AM_CONDITIONAL([FUZZING], [test "$enable_fuzzing" = yes])
])
