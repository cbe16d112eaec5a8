# SPDX-License-Identifier: Apache-2.0
# Guest tests of hardware semantics: what they print is compared with a file
# of tests/golden/.
bare_guest(privileged ${CMAKE_CURRENT_SOURCE_DIR}/semantics/privileged.c)
