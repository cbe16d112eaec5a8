# SPDX-License-Identifier: Apache-2.0
add_test(NAME timing.chase
         COMMAND python3 ${CMAKE_CURRENT_SOURCE_DIR}/timing/chase.py
                 --vtsim $<TARGET_FILE:vtsim> --preset skylake
                 --preset nehalem --preset zen3)
