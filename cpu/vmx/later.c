/* SPDX-License-Identifier: Apache-2.0
 * Parts of VMX that are on their way: stop aloud where they are asked for.
 */
#include "cpu/vmx/vmx.h"

#define LATER __attribute__((weak))

LATER void mmu_vm_transition(struct mmu *m)
{
    mmu_flush_all(m, true, FLUSH_VM_TRANSITION);
}

LATER void mmu_set_guest_port(struct mmu *m, struct guest_port port)
{
    (void)m;
    (void)port;
}

LATER void mmu_invept(struct mmu *m, enum mmu_invept type, uint64_t a,
                      uint64_t b)
{
    (void)type;
    (void)a;
    (void)b;
    mmu_flush_all(m, true, FLUSH_INVEPT_GLOBAL);
}

LATER void mmu_invvpid(struct mmu *m, enum mmu_invvpid type, uint16_t vpid,
                       uint64_t lin)
{
    (void)type;
    (void)vpid;
    (void)lin;
    mmu_flush_all(m, true, FLUSH_INVVPID_ALL);
}
