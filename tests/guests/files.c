/* SPDX-License-Identifier: Apache-2.0
 * File input and output in the working directory.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void list(const char *path)
{
    char *name[64];
    size_t n = 0;
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d)) && n < 64;) {
        struct stat st;
        fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW);
        asprintf(&name[n++], "%s %o %ld type %d", e->d_name,
                 (unsigned)st.st_mode,
                 S_ISREG(st.st_mode) ? (long)st.st_size : 0L, e->d_type);
    }
    if (d)
        closedir(d);
    qsort(name, n, sizeof name[0], by_name);
    for (size_t i = 0; i < n; i++)
        if (name[i][0] != '.')
            puts(name[i]);
}

int main(void)
{
    char buf[300];
    umask(022);
    if (mkdir("work", 0755) != 0 || chdir("work") != 0)
        return 1;
    FILE *f = fopen("text", "w+");
    for (int i = 0; i < 20000; i++)
        fprintf(f, "line %d\n", i);
    fseek(f, 100000, SEEK_SET);
    printf("%s", fgets(buf, sizeof buf, f));
    printf("%s%ld\n", fgets(buf, sizeof buf, f), ftell(f));
    fclose(f);
    int fd = open("data", O_RDWR | O_CREAT | O_EXCL, 0640);
    struct iovec v[3] = {{"abc", 3}, {"", 0}, {"defgh", 5}};
    printf("%zd %zd ", writev(fd, v, 3), pwrite(fd, "XY", 2, 10));
    printf("%ld %ld\n", (long)lseek(fd, 0, SEEK_END),
           (long)lseek(fd, -4, SEEK_CUR));
    printf("%zd %d %d\n", pread(fd, buf, 100, 0), buf[8], buf[10]);
    printf("%d\n", ftruncate(fd, 5000));
    close(fd);
    fd = open("data", O_WRONLY | O_APPEND);
    printf("%zd %ld\n", write(fd, "end", 3), (long)lseek(fd, 0, SEEK_CUR));
    int copy = dup2(fd, 40);
    printf("%d %d\n", copy, fcntl(copy, F_GETFL) & O_APPEND ? 1 : 0);
    close(copy);
    close(fd);
    printf("%d %d\n", symlink("data", "link"), link("text", "hard"));
    ssize_t n = readlink("link", buf, sizeof buf);
    printf("%.*s %d %d\n", (int)n, buf, access("link", R_OK),
           access("none", F_OK));
    printf("%d %d %d\n", rename("hard", "moved"), chmod("data", 0600),
           mkdir("sub", 0700));
    printf("%d ", open("none", O_RDONLY));
    printf("%d ", errno == ENOENT);
    printf("%d ", open("text/x", O_RDONLY));
    printf("%d ", errno == ENOTDIR);
    printf("%d ", rmdir("."));
    printf("%d %d\n", open("sub", O_WRONLY), errno == EISDIR);
    list(".");
    struct stat st;
    stat("text", &st);
    printf("%ld %lu\n", (long)st.st_size, (unsigned long)st.st_nlink);
    unlink("text");
    unlink("data");
    unlink("link");
    unlink("moved");
    printf("%d %d %d\n", rmdir("sub"), chdir(".."), rmdir("work"));
    return 0;
}
