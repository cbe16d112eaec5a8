/* SPDX-License-Identifier: Apache-2.0
 * Start: where the image and the guest are, the options, and the order in
 * which the parts come up; messages; the end.
 */
#include "workloads/include/vtsim_guest.h"
#include "workloads/include/vtsim_pk.h"
#include "workloads/microhv/hv.h"
#include "workloads/runtime/multiboot.h"

struct monitor hv;

extern char kernel_start[];
extern void move_image(u64 to, u64 distance);
void hv_main(u32 magic, u64 info_pa, u64 image);

u64 image_pa(const void *symbol)
{
    return (u64)symbol - (u64)kernel_start + hv.image;
}

/* ---- Messages ---- */

/* To standard error through the host proxy; false where there is none. */
static bool say_to_proxy(const char *text, size_t n)
{
    static struct {
        u32 op, zero;
        u64 arg[PK_REQUEST_ARGS];
        s64 result;
    } request __attribute__((aligned(64)));
    u64 pa = image_pa(&request);

    if (in32(PK_PROXY_PORT + PK_REG_SIGNATURE) != PK_PROXY_SIGNATURE)
        return false;
    request.op = PK_OP_WRITE;
    request.arg[0] = 2;
    request.arg[1] = image_pa(text);
    request.arg[2] = n;
    out32(PK_PROXY_PORT + PK_REG_ADDR_HIGH, (u32)(pa >> 32));
    out32(PK_PROXY_PORT + PK_REG_DOORBELL, (u32)pa);
    return true;
}

static void say(const char *f, va_list ap)
{
    static char line[256];
    size_t n = format(line, sizeof line, "microhv: ");

    n += format_list(line + n, sizeof line - n - 1, f, ap);
    n = min64(n, sizeof line - 2);
    line[n++] = '\n';
    if (say_to_proxy(line, n))
        return;
    for (size_t i = 0; i < n; i++)
        out8(0xe9, (u8)line[i]);
}

void hv_say(const char *f, ...)
{
    va_list ap;

    va_start(ap, f);
    say(f, ap);
    va_end(ap);
}

/* A triple fault: models end the run as for a guest that does it itself. */
void hv_shutdown(void)
{
    struct {
        u16 limit;
        u64 base;
    } __attribute__((packed)) none = {0, 0};

    __asm__ volatile("lidt %0\n\tud2" : : "m"(none));
    __builtin_unreachable();
}

void hv_panic(const char *f, ...)
{
    va_list ap;

    va_start(ap, f);
    say(f, ap);
    va_end(ap);
    hv_shutdown();
}

/* ---- Start ---- */

/* Its module, when a loader has prepared the guest. */
static const struct multiboot_module *find_params(u64 info_pa)
{
    const struct multiboot_info *info = direct(info_pa);
    const struct multiboot_module *m = direct(info->mods_addr);

    if (!(info->flags & MULTIBOOT_MODULES) || !info->mods_count)
        return NULL;
    return strcmp(direct(m->string), VTSIM_GUEST_MODULE) ? NULL : m;
}

/* The command line after the path of the image. */
static const char *command_line(const struct multiboot_info *info)
{
    if (!(info->flags & MULTIBOOT_CMDLINE))
        return "";
    const char *space = strchr(direct(info->cmdline), ' ');
    return space ? space : "";
}

void hv_main(u32 magic, u64 info_pa, u64 image)
{
    hv.image = image;
    if (magic != MULTIBOOT_LOADED)
        hv_panic("not started by a multiboot 1 loader");
    const struct multiboot_module *m = find_params(info_pa);
    host_tables();
    options_read(command_line(direct(info_pa)));
    if (m)
        guest_params_read(direct(m->start), direct(m->end));
    memory_find(info_pa, m == NULL);
    if (hv.area != hv.image) {
        u64 distance = hv.area - hv.image;
        hv.image = hv.area;
        move_image(hv.area, distance);
        host_tables();
    }
    memory_map_high();
    if (!m)
        load_guest(info_pa);
    vmx_enable();
    vm_create(&hv.vcpu);
    vm_run(&hv.vcpu);
}
