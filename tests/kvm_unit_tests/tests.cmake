# SPDX-License-Identifier: Apache-2.0
# The runner alone; the images are another project's (docs/kvm-unit-tests.md).
add_test(NAME kvm_unit_tests.runner
         COMMAND python3
                 ${CMAKE_CURRENT_SOURCE_DIR}/kvm_unit_tests/check.py)
