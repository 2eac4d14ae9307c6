# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Memory is counted by a sanitizer, or, where there is none, by functions that take the C library's place: `make distcheck` runs
# this in a plain tree, so that both ways are tried.

passes test/a-leak-is-found finds leaks leaks
