/* SPDX-License-Identifier: Apache-2.0
 * Serves the host proxy to pk under another machine than ours: guest RAM is
 * a shared file, the doorbell arrives as bytes of a serial line. This checks
 * pk against an independent x86 and the proxy against real use.
 *
 * usage: qemu_proxy RAM_FILE SOCKET [SHARE[:ro]]...
 * Exits with the status that the guest passed.
 */
#include "sim/chipset/hostproxy.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

struct ram {
    uint8_t *at;
    uint64_t size;
};

static bool ram_read(void *self, hpa at, unsigned len, void *out)
{
    struct ram *r = self;
    if (at.v >= r->size || r->size - at.v < len)
        return false;
    memcpy(out, r->at + at.v, len);
    return true;
}

static bool ram_write(void *self, hpa at, unsigned len, const void *in)
{
    struct ram *r = self;
    if (at.v >= r->size || r->size - at.v < len)
        return false;
    memcpy(r->at + at.v, in, len);
    return true;
}

static void on_exit_op(void *self, uint8_t status)
{
    (void)self;
    exit(status);
}

static int listen_on(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int s = socket(AF_UNIX, SOCK_STREAM, 0);
    snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
    unlink(path);
    if (s < 0 || bind(s, (struct sockaddr *)&a, sizeof a) != 0 ||
        listen(s, 1) != 0) {
        perror(path);
        exit(2);
    }
    return s;
}

static bool get(int line, uint8_t *to, size_t n)
{
    while (n > 0) {
        ssize_t got = read(line, to, n);
        if (got <= 0)
            return false;
        to += got;
        n -= (size_t)got;
    }
    return true;
}

static struct ram map_ram(const char *path)
{
    struct stat st;
    int fd = open(path, O_RDWR);
    if (fd < 0 || fstat(fd, &st) != 0 || st.st_size == 0) {
        perror(path);
        exit(2);
    }
    void *at = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE,
                    MAP_SHARED, fd, 0);
    if (at == MAP_FAILED) {
        perror(path);
        exit(2);
    }
    return (struct ram){at, (uint64_t)st.st_size};
}

int main(int argc, char **argv)
{
    const char *share[16];
    bool read_only[16];
    size_t shares = 0;
    if (argc < 3)
        return 2;
    for (int i = 3; i < argc && shares < 16; i++) {
        size_t n = strlen(argv[i]);
        read_only[shares] = n > 3 && strcmp(argv[i] + n - 3, ":ro") == 0;
        if (read_only[shares])
            argv[i][n - 3] = 0;
        share[shares++] = argv[i];
    }
    int door = listen_on(argv[2]), line = accept(door, NULL, NULL);
    struct ram ram = map_ram(argv[1]);
    struct hostproxy_config c = {
        .mem = {&ram, ram_read, ram_write},
        .share = share,
        .read_only = read_only,
        .shares = shares,
        .in = 0,
        .out = 1,
        .err = 2,
        .exit = {NULL, on_exit_op},
    };
    struct sim_error e;
    struct hostproxy *p;
    if (hostproxy_create(&c, &p, &e) != SIM_OK) {
        fprintf(stderr, "qemu_proxy: %s\n", e.text);
        return 2;
    }
    struct io_port port = hostproxy_port(p);
    uint8_t b[4];
    while (get(line, b, 1)) {
        if (b[0] == '?') {
            if (write(line, "P", 1) != 1)
                break;
            continue;
        }
        if (!get(line, b + 1, 3))
            break;
        port.out(port.self, HOSTPROXY_PORT + 12, 4,
                 (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 |
                     (uint32_t)b[3] << 24);
        if (write(line, "D", 1) != 1)
            break;
    }
    return 3;
}
