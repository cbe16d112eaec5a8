/* SPDX-License-Identifier: Apache-2.0
 * The contract between the loader, pk (the proxy kernel) and the host proxy:
 * constants and layouts only. workloads/ includes this file; the simulator
 * side may include it or keep its own transcription.
 *
 * START. pk.elf is a multiboot 1 image (ELF64 file with the address fields,
 * flag bit 16; everything lies in one contiguous span of the file). It is
 * entered as the specification says: 32-bit flat protected mode, paging off,
 * EAX = 0x2BADB002, EBX = information structure with memory map (flag 6) and
 * modules (flag 3).
 *   module 0   the user's static Linux ELF, byte for byte; its string is the
 *              path of the program (words after a space are arguments when
 *              there is no module 1).
 *   module 1   the parameters, see PARAMETERS; its string is "pk.params".
 * Modules lie below 4 GiB, start on a page boundary and overlap nothing.
 *
 * PARAMETERS. A sequence of NUL-terminated "key=value" strings, in any order
 * unless said otherwise; an unknown key is refused by pk.
 *   exec=PATH     absolute path of the program (AT_EXECFN, /proc/self/exe)
 *   arg=STR       one for each of argv[0], argv[1], ... in order, >= 1
 *   env=K=V       one for each environment string, in order
 *   cwd=PATH      working directory; default: first share, else /
 *   share=PATH    an absolute directory that the proxy serves (":ro" is known
 *                 to the proxy alone); in order
 *   page=4k|2m|1g size of the pages that back anonymous memory; default 4k
 *   cores=N       processors to use, APIC ids 0..N-1; default 1
 *   epoch=N       CLOCK_REALTIME at TSC 0, seconds since 1970; default
 *                 946684800 (2000-01-01)
 *   seed=N        for getrandom, AT_RANDOM and /dev/urandom; default 1
 *   tsc_hz=N      ticks per second of the TSC; default: CPUID leaf 15H, else
 *                 measured against the PIT
 *   apic_hz=N     input clock of the local-APIC timer (divider 1); default:
 *                 measured against the TSC
 *   slice_us=N    time slice in microseconds of simulated time; default 4000
 *   zeroed=1      RAM outside the loaded images is known to be zero, so pages
 *                 handed out for the first time are not cleared again
 * Numbers are decimal.
 *
 * OTHER PROCESSORS are started with INIT and two SIPIs with the vector of
 * PK_AP_PAGE. The code there works when entered in real mode (CS base =
 * vector << 12, IP 0) as the architecture has it, and equally in 32-bit flat
 * protected mode at linear address vector << 12 with flat CS, DS, ES and SS:
 * a machine without real mode may start the processor so.
 *
 * WITHOUT A PROXY (no signature): standard output and error go to port 0xE9
 * byte by byte, exit is an OUT of the status to port 0xF4, and there are no
 * files but the built-in ones.
 */
#ifndef VTSIM_WORKLOADS_INCLUDE_VTSIM_PK_H
#define VTSIM_WORKLOADS_INCLUDE_VTSIM_PK_H

#define PK_AP_PAGE 0x8000

/* Host proxy: I/O ports, each register 32 bits wide. */
#define PK_PROXY_PORT      0x05c0
#define PK_PROXY_PORTS     16 /* size of the range */
#define PK_REG_SIGNATURE   0  /* read: PK_PROXY_SIGNATURE */
#define PK_REG_VERSION     4  /* read: PK_PROXY_VERSION */
#define PK_REG_ADDR_HIGH   8  /* read and write: request address bits 63:32 */
#define PK_REG_DOORBELL    12 /* write: bits 31:0; the request is then served */
#define PK_PROXY_SIGNATURE 0x4b505456u /* "VTPK" */
#define PK_PROXY_VERSION   1u

/*
 * Request block: 64 bytes, 64-byte aligned, little-endian, in guest RAM. It
 * is read once; `result` alone is written back, before the OUT completes.
 *   offset 0 u32 op, 4 u32 zero, 8 u64 arg[6], 56 s64 result
 * result >= 0 is the value of the operation, < 0 a negative Linux x86-64
 * errno. Buffers are guest-physical, contiguous, at most PK_IO_MAX bytes.
 * Paths are absolute, not NUL-terminated, 1..PK_PATH_MAX bytes. A block or
 * buffer that is not RAM: result (if writable) is -EFAULT.
 */
#define PK_REQUEST_SIZE   64
#define PK_REQUEST_OP     0
#define PK_REQUEST_ARG    8
#define PK_REQUEST_ARGS   6
#define PK_REQUEST_RESULT 56
#define PK_IO_MAX         0x100000
#define PK_PATH_MAX       4095

/*
 * Operations. Handles are small integers; 0, 1 and 2 are the host's standard
 * input, output and error from the start. O_*, S_*, AT_* values are those of
 * Linux x86-64. `path` stands for two arguments, address and length.
 */
enum pk_op {
    PK_OP_EXIT = 1,  /* status 0..255; does not return */
    PK_OP_OPEN,      /* path, flags, mode -> handle */
    PK_OP_CLOSE,     /* handle */
    PK_OP_READ,      /* handle, addr, len, offset (streams: ignored) -> n */
    PK_OP_WRITE,     /* the same; O_APPEND handles ignore the offset */
    PK_OP_FSTAT,     /* handle, addr of struct pk_stat */
    PK_OP_STAT,      /* path, addr, AT_SYMLINK_NOFOLLOW or 0 */
    PK_OP_GETDENTS,  /* handle, addr, len, position -> bytes of pk_dirent */
    PK_OP_READLINK,  /* path, addr, len -> n */
    PK_OP_ACCESS,    /* path, mode (R_OK | W_OK | X_OK or F_OK) */
    PK_OP_MKDIR,     /* path, mode */
    PK_OP_RMDIR,     /* path */
    PK_OP_UNLINK,    /* path */
    PK_OP_RENAME,    /* path from, path to, flags (RENAME_NOREPLACE or 0) */
    PK_OP_SYMLINK,   /* target text (address, length), path */
    PK_OP_LINK,      /* path from, path to */
    PK_OP_CHMOD,     /* path, mode */
    PK_OP_FCHMOD,    /* handle, mode */
    PK_OP_TRUNCATE,  /* path, size */
    PK_OP_FTRUNCATE, /* handle, size */
    PK_OP_FSYNC,     /* handle */
    PK_OP_UTIMENS,   /* path, addr of 4 s64 (atime s, ns, mtime s, ns), flags */
    PK_OP_FUTIMENS,  /* handle, addr of 4 s64 */
    PK_OP_POLL,      /* handle, POLLIN | POLLOUT -> those ready now */
    PK_OP_TTY,       /* handle -> rows << 16 | columns, -ENOTTY if no tty */
    PK_OP_REALPATH,  /* path, addr, len -> n: absolute, symlinks resolved */
    PK_OP_END
};

/* struct pk_stat: 13 little-endian u64 in this order. */
enum pk_stat_word {
    PK_STAT_DEV,   /* number of the share, from 1; 0 outside */
    PK_STAT_INO,   /* small number, given in the order of first sight */
    PK_STAT_MODE,  /* type and permission bits */
    PK_STAT_NLINK, /* 1 for directories */
    PK_STAT_UID,
    PK_STAT_GID,
    PK_STAT_SIZE,
    PK_STAT_BLOCKS, /* of 512 bytes, from the size */
    PK_STAT_ATIME,  /* nanoseconds since 1970; equals the mtime */
    PK_STAT_MTIME,
    PK_STAT_CTIME, /* equals the mtime */
    PK_STAT_RDEV,
    PK_STAT_BLKSIZE,
    PK_STAT_WORDS
};

/*
 * Directory entries, sorted by name (bytes), "." and ".." first. `position`
 * 0 is the first; each entry carries the position of the next. Layout: u64
 * ino, u64 next position, u16 size of this entry (multiple of 8), u8 DT_*
 * type, name, NUL: that of Linux getdents64.
 */
#define PK_DIRENT_NAME 19

#endif
