/* SPDX-License-Identifier: Apache-2.0
 * execve: a static ELF64 (fixed or position-independent) becomes the program
 * of the current process, with the stack that Linux builds.
 */
#include "workloads/pk/file.h"
#include "workloads/pk/proc.h"
#include "workloads/pk/syscall.h"

struct elf_header {
    u8 ident[16];
    u16 type, machine;
    u32 version;
    u64 entry, phoff, shoff;
    u32 flags;
    u16 ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct elf_segment {
    u32 type, flags;
    u64 offset, vaddr, paddr, filesz, memsz, align;
};

#define ET_EXEC   2
#define ET_DYN    3
#define EM_X86_64 62
#define PT_LOAD   1u
#define PT_INTERP 3u
#define MAX_PHNUM 64u
#define ARG_ORDER 7 /* 512 KiB of strings */
#define ARG_BYTES (PAGE << ARG_ORDER)
#define STACK_MAX (512ull << 20)
#define SHEBANG   256u

/* Strings of argv and then of envp, each with its NUL. */
struct strings {
    struct page *block;
    char *text;
    u64 bytes, argc, envc;
};

struct image {
    struct elf_header h;
    struct elf_segment segment[MAX_PHNUM];
    u64 bias, entry, phdr, end; /* end: of the highest segment */
};

static s64 strings_new(struct strings *s)
{
    *s = (struct strings){.block = page_alloc(ARG_ORDER)};
    if (!s->block)
        return -ENOMEM;
    s->text = direct(page_pa(s->block));
    return 0;
}

static void strings_free(struct strings *s)
{
    page_put(s->block);
}

static s64 strings_add(struct strings *s, const char *text)
{
    u64 n = strlen(text) + 1;

    if (n > ARG_BYTES - s->bytes)
        return -E2BIG;
    memcpy(s->text + s->bytes, text, n);
    s->bytes += n;
    return 0;
}

static s64 strings_add_user(struct strings *s, u64 array, u64 *count)
{
    for (; array; array += 8) {
        u64 at;
        if (GET_USER(&at, array))
            return -EFAULT;
        if (!at)
            break;
        s64 n = string_from_user(s->text + s->bytes, at, ARG_BYTES - s->bytes);
        if (n < 0)
            return n == -ENAMETOOLONG ? -E2BIG : n;
        s->bytes += (u64)n + 1;
        ++*count;
    }
    return 0;
}

/* ---- the file ---- */

static s64 read_exactly(struct file *f, void *to, u64 len, u64 at)
{
    s64 n = file_pread_kernel(f, to, len, at);

    if (n < 0)
        return n;
    return (u64)n == len ? 0 : -ENOEXEC;
}

static bool header_fits(const struct elf_header *h)
{
    static const u8 magic[7] = {0x7f, 'E', 'L', 'F', 2, 1, 1};

    return !memcmp(h->ident, magic, sizeof magic) && h->machine == EM_X86_64 &&
           (h->type == ET_EXEC || h->type == ET_DYN) &&
           h->phentsize == sizeof(struct elf_segment) && h->phnum &&
           h->phnum <= MAX_PHNUM;
}

static bool segment_fits(const struct elf_segment *s, u64 bias)
{
    u64 end;

    if (s->filesz > s->memsz || (s->offset ^ s->vaddr) & (PAGE - 1) ||
        s->offset >> 62)
        return false;
    if (s->memsz > USER_END || s->vaddr > USER_END)
        return false;
    end = bias + s->vaddr + s->memsz;
    return bias + s->vaddr >= USER_MIN && end <= MMAP_TOP;
}

static s64 image_read(struct file *f, struct image *m)
{
    s64 r = read_exactly(f, &m->h, sizeof m->h, 0);

    if (r)
        return r;
    if (!header_fits(&m->h))
        return -ENOEXEC;
    r = read_exactly(f, m->segment, m->h.phnum * sizeof m->segment[0],
                     m->h.phoff);
    if (r)
        return r;
    m->bias = m->h.type == ET_DYN ? PIE_BASE : 0;
    m->entry = m->bias + m->h.entry;
    m->phdr = m->end = 0;
    for (unsigned i = 0; i < m->h.phnum; i++) {
        const struct elf_segment *s = &m->segment[i];
        if (s->type == PT_INTERP) {
            pk_warn("%s is dynamically linked: link it with -static",
                    f->path ? f->path : "program");
            return -ENOEXEC;
        }
        if (s->type != PT_LOAD || !s->memsz)
            continue;
        if (!segment_fits(s, m->bias))
            return -ENOEXEC;
        m->end = max64(m->end, m->bias + s->vaddr + s->memsz);
        if (m->h.phoff >= s->offset && m->h.phoff < s->offset + s->filesz)
            m->phdr = m->bias + s->vaddr + (m->h.phoff - s->offset);
    }
    return m->end && m->entry < m->end ? 0 : -ENOEXEC;
}

/* ---- mapping ---- */

static s64 map_area(struct mm *mm, const struct vma *v)
{
    if (v->start >= v->end)
        return 0;
    if (!mm_is_free(mm, v->start, v->end))
        return -ENOEXEC;
    return mm_insert(mm, v);
}

static s64 map_segment(struct mm *mm, struct file *f,
                       const struct elf_segment *s, u64 bias)
{
    u64 start = align_down(bias + s->vaddr, PAGE);
    u64 file_end = bias + s->vaddr + s->filesz;
    u64 middle = s->filesz ? align_up(file_end, PAGE) : start;
    u64 end = align_up(bias + s->vaddr + s->memsz, PAGE);
    unsigned prot = (s->flags & 4 ? PROT_READ : 0) |
                    (s->flags & 2 ? PROT_WRITE : 0) |
                    (s->flags & 1 ? PROT_EXEC : 0);
    struct vma v = {
        .start = start,
        .end = middle,
        .prot = prot,
        .flags = MAP_PRIVATE,
        .file = f,
        .offset = align_down(s->offset, PAGE),
        .file_end = file_end,
    };
    if (middle > start) {
        file_get(f);
        s64 r = map_area(mm, &v);
        if (r) {
            file_put(f);
            return r;
        }
    }
    struct vma zero = {
        .start = middle, .end = end, .prot = prot, .flags = MAP_PRIVATE};
    return map_area(mm, &zero);
}

static u64 stack_size(void)
{
    u64 limit = current()->group->rlimit[RLIMIT_STACK].cur;

    return align_up(max64(min64(limit, STACK_MAX), STACK_LEN), level_size(2));
}

static s64 map_image(struct mm *mm, struct file *f, const struct image *m)
{
    for (unsigned i = 0; i < m->h.phnum; i++) {
        const struct elf_segment *s = &m->segment[i];
        if (s->type != PT_LOAD || !s->memsz)
            continue;
        s64 r = map_segment(mm, f, s, m->bias);
        if (r)
            return r;
    }
    struct vma stack = {.start = STACK_TOP - stack_size(),
                        .end = STACK_TOP,
                        .prot = PROT_READ | PROT_WRITE,
                        .flags = MAP_PRIVATE | VMA_STACK};
    mm->brk = mm->brk_start = align_up(m->end, level_size(params.page_level));
    mm->stack_top = STACK_TOP;
    return map_area(mm, &stack);
}

/* ---- the first stack ---- */

struct stack {
    u64 sp;
    bool failed;
};

static u64 push(struct stack *s, const void *data, u64 n)
{
    s->sp -= n;
    s->failed |= copy_to_user(s->sp, data, n) != 0;
    return s->sp;
}

struct auxv {
    u64 key, value;
};

static unsigned fill_auxv(struct auxv *v, const struct image *m, u64 random,
                          u64 platform, u64 name)
{
    const struct auxv table[] = {
        {AT_HWCAP, cpuid(1, 0).d},
        {AT_PAGESZ, PAGE},
        {AT_CLKTCK, 100},
        {AT_PHDR, m->phdr},
        {AT_PHENT, sizeof(struct elf_segment)},
        {AT_PHNUM, m->h.phnum},
        {AT_BASE, 0},
        {AT_FLAGS, 0},
        {AT_ENTRY, m->entry},
        {AT_UID, 0},
        {AT_EUID, 0},
        {AT_GID, 0},
        {AT_EGID, 0},
        {AT_SECURE, 0},
        {AT_RANDOM, random},
        {AT_HWCAP2, cpu_has_fsgsbase ? 2 : 0},
        {AT_EXECFN, name},
        {AT_MINSIGSTKSZ, sigframe_bytes()},
        {AT_PLATFORM, platform},
        {AT_NULL, 0},
    };

    memcpy(v, table, sizeof table);
    return ARRAY(table);
}

/* Pointers to `count` strings that begin at `at`, and a NULL. */
static u64 *string_pointers(u64 *out, const char *text, u64 at, u64 count,
                            u64 *used)
{
    u64 n = 0;

    for (u64 i = 0; i < count; i++) {
        *out++ = at + n;
        n += strlen(text + n) + 1;
    }
    *out++ = 0;
    *used = n;
    return out;
}

/* argc, argv, envp and the auxiliary vector; the stack pointer, or 0. */
static u64 build_stack(struct mm *mm, const struct image *m,
                       const struct strings *s, const char *path)
{
    struct stack k = {STACK_TOP - 8, false};
    struct auxv aux[24];
    u8 random[16];
    u64 words = 3 + s->argc + s->envc, used, zero = 0;
    u64 *block = kmalloc(words * sizeof *block);

    if (!block)
        return 0;
    push(&k, &zero, sizeof zero);
    u64 name = push(&k, path, strlen(path) + 1);
    u64 text = push(&k, s->text, s->bytes);
    u64 platform = push(&k, "x86_64", 7);
    random_fill(random, sizeof random);
    u64 seed = push(&k, random, sizeof random);
    unsigned auxc = fill_auxv(aux, m, seed, platform, name);

    block[0] = s->argc;
    u64 *p = string_pointers(block + 1, s->text, text, s->argc, &used);
    mm->arg_start = text;
    mm->arg_end = text + used;
    string_pointers(p, s->text + used, text + used, s->envc, &used);
    mm->env_end = text + s->bytes;
    u64 bytes = words * sizeof *block + auxc * sizeof aux[0];
    k.sp = align_down(k.sp - bytes, 16) + bytes;
    push(&k, aux, auxc * sizeof aux[0]);
    push(&k, block, words * sizeof *block);
    kfree(block);
    return k.failed ? 0 : k.sp;
}

/* ---- the switch ---- */

static void wait_until_alone(struct group *g)
{
    proc_kill_others(g);
    while (g->live > 1)
        sched_sleep(&g->child_exit, NEVER, false);
}

static void set_comm(struct task *t, const char *path)
{
    const char *slash = strrchr(path, '/');

    path = slash ? slash + 1 : path;
    size_t n = min64(strlen(path), sizeof t->comm - 1);
    memset(t->comm, 0, sizeof t->comm);
    memcpy(t->comm, path, n);
    memcpy(t->group->comm, t->comm, sizeof t->comm);
}

static void reset_task(struct task *t, u64 entry, u64 sp)
{
    memset(t->regs, 0, sizeof *t->regs);
    t->regs->rip = entry;
    t->regs->cs = SEL_USER_CODE;
    t->regs->rflags = RFLAGS_IF | 2;
    t->regs->rsp = sp;
    t->regs->ss = SEL_USER_DATA;
    fpu_reset(t->fpu);
    t->fs_base = t->gs_base = 0;
    msr_write(MSR_FS_BASE, 0);
    msr_write(MSR_KERNEL_GS_BASE, 0);
    t->clear_tid = t->robust_list = 0;
    t->in_syscall = false;
}

/* From here on the old program is gone. */
static void commit(struct task *t, struct mm *mm, const struct image *m,
                   const struct strings *s, const char *path)
{
    struct mm *old = t->mm;

    wait_until_alone(t->group);
    t->tid = t->group->pid;
    t->mm = mm;
    sched_set_mm(mm);
    proc_release_vfork(t);
    if (old)
        mm_put(old);
    files_close_on_exec(t->files);
    signal_exec(t);
    set_comm(t, path);
    u64 sp = build_stack(mm, m, s, path);
    if (!sp)
        group_exit(SIGKILL);
    reset_task(t, m->entry, sp);
}

static s64 exec_image(struct file *f, const char *path, const struct strings *s)
{
    struct image *m = kmalloc(sizeof *m);
    struct mm *mm = m ? mm_new() : NULL;
    s64 r = mm ? image_read(f, m) : -ENOMEM;

    if (!r)
        r = map_image(mm, f, m);
    if (!r) {
        mm->exec = kstrdup(path);
        r = mm->exec ? 0 : -ENOMEM;
    }
    if (r) {
        if (mm)
            mm_put(mm);
        kfree(m);
        return r;
    }
    struct image copy_header = {
        .h = m->h, .bias = m->bias, .entry = m->entry, .phdr = m->phdr};
    kfree(m);
    commit(current(), mm, &copy_header, s, path);
    return 0;
}

/* ---- scripts: the first line names the interpreter ---- */

static s64 add_script(const char *line, const char *path,
                      const struct strings *s, struct strings *out,
                      char *interpreter)
{
    const char *p = line + 2;
    char word[SHEBANG];
    size_t skip = strlen(s->text) + 1; /* argv[0] gives way to the path */

    out->argc = out->envc = 0;
    for (unsigned part = 0; part < 2; part++) {
        size_t n = 0;
        while (*p == ' ' || *p == '\t')
            p++;
        while (*p && *p != '\n' && (part || (*p != ' ' && *p != '\t')))
            word[n++] = *p++;
        while (n && (word[n - 1] == ' ' || word[n - 1] == '\t'))
            n--;
        word[n] = 0;
        if (!n)
            break;
        if (!part)
            memcpy(interpreter, word, n + 1);
        s64 r = strings_add(out, word);
        if (r)
            return r;
        out->argc++;
    }
    if (!out->argc)
        return -ENOEXEC;
    s64 r = strings_add(out, path);
    if (r)
        return r;
    if (!s->argc)
        skip = 0;
    if (s->bytes - skip > ARG_BYTES - out->bytes)
        return -E2BIG;
    memcpy(out->text + out->bytes, s->text + skip, s->bytes - skip);
    out->bytes += s->bytes - skip;
    out->argc += s->argc ? s->argc : 1;
    out->envc = s->envc;
    return 0;
}

static s64 exec_file(struct file *f, const char *path, struct strings *s,
                     unsigned depth);

static s64 exec_script(const char *line, const char *path, struct strings *s,
                       unsigned depth)
{
    char interpreter[SHEBANG];
    struct strings out;
    struct file *f;
    s64 r = depth < 4 ? strings_new(&out) : -ELOOP;

    if (r)
        return r;
    r = add_script(line, path, s, &out, interpreter);
    if (!r)
        r = path_open(interpreter, O_RDONLY, 0, &f);
    if (!r) {
        r = exec_file(f, interpreter, &out, depth + 1);
        file_put(f);
    }
    strings_free(&out);
    return r;
}

static s64 exec_file(struct file *f, const char *path, struct strings *s,
                     unsigned depth)
{
    char line[SHEBANG];
    struct linux_stat st;
    s64 r = file_stat(f, &st);

    if (r)
        return r;
    if ((st.mode & S_IFMT) != S_IFREG || !(st.mode & 0111))
        return -EACCES;
    memset(line, 0, sizeof line);
    r = file_pread_kernel(f, line, sizeof line - 1, 0);
    if (r < 0)
        return r;
    if (line[0] == '#' && line[1] == '!')
        return exec_script(line, path, s, depth);
    return exec_image(f, path, s);
}

static s64 do_exec(s32 dirfd, u64 path, u64 argv, u64 envp)
{
    char *name = kmalloc(PK_PATH_MAX + 1);
    struct strings s;
    struct file *f;
    s64 r = name ? path_from_user(dirfd, path, name) : -ENOMEM;

    if (!r)
        r = strings_new(&s);
    if (r) {
        kfree(name);
        return r;
    }
    r = strings_add_user(&s, argv, &s.argc);
    if (!r)
        r = strings_add_user(&s, envp, &s.envc);
    if (!r)
        r = path_open(name, O_RDONLY, 0, &f);
    if (!r) {
        if (f->path && strlen(f->path) <= PK_PATH_MAX)
            memcpy(name, f->path, strlen(f->path) + 1);
        r = exec_file(f, name, &s, 0);
        file_put(f);
    }
    strings_free(&s);
    kfree(name);
    return r;
}

s64 sys_execve(const u64 *a)
{
    return do_exec(AT_FDCWD, a[0], a[1], a[2]);
}

s64 sys_execveat(const u64 *a)
{
    if (a[4] & AT_EMPTY_PATH) {
        struct file *f = file_of(a[0]);
        struct strings s;
        if (!f || !f->path)
            return -EBADF;
        s64 r = strings_new(&s);
        if (r)
            return r;
        r = strings_add_user(&s, a[2], &s.argc);
        if (!r)
            r = strings_add_user(&s, a[3], &s.envc);
        file_get(f);
        if (!r)
            r = exec_file(f, f->path, &s, 0);
        file_put(f);
        strings_free(&s);
        return r;
    }
    return do_exec((s32)a[0], a[1], a[2], a[3]);
}

s64 exec_first(void)
{
    struct strings s;
    struct file *f;
    s64 r = strings_new(&s);

    for (u64 i = 0; i < params.argc && !r; i++)
        r = strings_add(&s, params.argv[i]);
    for (u64 i = 0; i < params.envc && !r; i++)
        r = strings_add(&s, params.envp[i]);
    s.argc = params.argc;
    s.envc = params.envc;
    if (!r)
        r = path_open(params.exec, O_RDONLY, 0, &f);
    if (r)
        return r;
    r = exec_file(f, params.exec, &s, 0);
    file_put(f);
    strings_free(&s);
    return r;
}
