# SPDX-License-Identifier: Apache-2.0
# How the system-level cases run in vtsim: the width and the features that
# Bochs' processor has, as far as the cases look at them (compare.py's too).
like_bochs=(--quiet --timing off --memory 64M
    --set core.maxphyaddr=40 --set core.umip=off
    --set core.xsave=on --set core.avx=on --set core.vme=on)
