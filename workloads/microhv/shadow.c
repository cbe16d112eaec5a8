#include "workloads/microhv/hv.h"
void shadow_init(struct vcpu *v)
{
    (void)v;
    hv_panic("no shadow");
}
u64 shadow_cr0_mask(void)
{
    return 0;
}
u64 shadow_cr4_mask(void)
{
    return 0;
}
u64 shadow_cr4_hidden(void)
{
    return 0;
}
u64 shadow_cr4(u64 cr4)
{
    return cr4;
}
u64 shadow_cr3(void)
{
    return 0;
}
void shadow_cr3_written(struct vcpu *v, u64 cr3)
{
    (void)v;
    (void)cr3;
}
void shadow_cr_changed(struct vcpu *v)
{
    (void)v;
}
u64 shadow_efer(void)
{
    return 0;
}
bool shadow_set_efer(struct vcpu *v, u64 efer)
{
    (void)v;
    (void)efer;
    return false;
}
void shadow_page_fault(struct vcpu *v, u64 linear, u32 error)
{
    (void)v;
    (void)linear;
    (void)error;
}
void exit_invlpg(struct vcpu *v)
{
    (void)v;
}
