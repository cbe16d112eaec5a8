/* SPDX-License-Identifier: Apache-2.0
 * Stream sockets inside the machine: AF_UNIX, and AF_INET on any local
 * address. A connection is two pipes. Addresses of AF_UNIX are names alone,
 * with nothing in the file system behind them.
 */
#include "workloads/pk/file.h"
#include "workloads/pk/syscall.h"

#define AF_UNIX     1u
#define AF_INET     2u
#define SOCK_STREAM 1u
#define SOCK_TYPE   0xfu
#define FIRST_PORT  32768u
#define ADDRESS_MAX 112u
#define BACKLOG_MAX 128u

#define MSG_PEEK     0x2u
#define MSG_DONTWAIT 0x40u
#define MSG_WAITALL  0x100u
#define MSG_NOSIGNAL 0x4000u

/* As programs pass it: family first, then port and host or a name. */
struct address {
    u8 bytes[ADDRESS_MAX];
    u32 len;
};

enum sock_state { SOCK_NEW, SOCK_LISTENING, SOCK_CONNECTED };

struct sock {
    u32 family;
    enum sock_state state;
    bool bound, sent_all; /* sent_all: shut down for writing */
    struct address local, peer;
    struct pipe *in, *out;
    struct list link;    /* in `bound_socks`, or in a listener's queue */
    struct list waiting; /* connections not yet accepted */
    unsigned count, backlog;
};

static struct list bound_socks = {&bound_socks, &bound_socks};
static u16 last_port = FIRST_PORT - 1;

static const struct file_ops socket_ops;

static struct sock *sock_new(u32 family)
{
    struct sock *s = kzalloc(sizeof *s);

    if (!s)
        return NULL;
    s->family = family;
    list_init(&s->link);
    list_init(&s->waiting);
    s->local.bytes[0] = s->peer.bytes[0] = (u8)family;
    s->local.len = s->peer.len = family == AF_INET ? 16 : 2;
    return s;
}

static void sock_free(struct sock *s)
{
    list_remove(&s->link);
    LIST_EACH_SAFE(l, &s->waiting)
    sock_free(container_of(l, struct sock, link));
    if (s->in)
        pipe_close_reader(s->in);
    if (s->out && !s->sent_all)
        pipe_close_writer(s->out);
    kfree(s);
    poll_changed();
}

static s64 sock_of(u64 fd, struct sock **s, struct file **f)
{
    *f = file_of(fd);
    if (!*f)
        return -EBADF;
    if ((*f)->ops != &socket_ops)
        return -ENOTSOCK;
    *s = (*f)->data;
    return 0;
}

static s64 sock_install(struct sock *s, u32 type)
{
    struct file *f =
        s ? file_new(&socket_ops, O_RDWR | (type & O_NONBLOCK)) : NULL;

    if (!f) {
        if (s)
            sock_free(s);
        return -ENOMEM;
    }
    f->data = s;
    return fd_install(f, type & O_CLOEXEC);
}

/* ---- addresses ---- */

static u16 port_of(const struct address *a)
{
    return (u16)(a->bytes[2] << 8 | a->bytes[3]);
}

static void set_port(struct address *a, u16 port)
{
    a->bytes[2] = (u8)(port >> 8);
    a->bytes[3] = (u8)port;
}

static bool any_host(const struct address *a)
{
    return !(a->bytes[4] | a->bytes[5] | a->bytes[6] | a->bytes[7]);
}

static bool same_address(const struct address *x, const struct address *y)
{
    if (x->bytes[0] != y->bytes[0])
        return false;
    if (x->bytes[0] == AF_INET)
        return port_of(x) == port_of(y) &&
               (any_host(x) || any_host(y) ||
                !memcmp(x->bytes + 4, y->bytes + 4, 4));
    return x->len == y->len && !memcmp(x->bytes, y->bytes, x->len);
}

static struct sock *find_bound(const struct address *a)
{
    LIST_EACH(l, &bound_socks)
    {
        struct sock *s = container_of(l, struct sock, link);
        if (same_address(&s->local, a))
            return s;
    }
    return NULL;
}

static s64 get_address(const struct sock *s, u64 at, u64 len, struct address *a)
{
    if (len < 2 || len > ADDRESS_MAX || (s->family == AF_INET && len < 16))
        return -EINVAL;
    *a = (struct address){.len = s->family == AF_INET ? 16 : (u32)len};
    if (copy_from_user(a->bytes, at, a->len))
        return -EFAULT;
    if ((a->bytes[0] | a->bytes[1] << 8) != (int)s->family)
        return -EAFNOSUPPORT;
    if (s->family == AF_INET)
        memset(a->bytes + 8, 0, 8);
    /* A name ends at its NUL, unless it begins with one. */
    if (s->family == AF_UNIX && a->len > 2 && a->bytes[2])
        for (u32 i = 2; i < a->len; i++)
            if (!a->bytes[i])
                a->len = i;
    return 0;
}

static s64 put_address(const struct address *a, u64 to, u64 len_at)
{
    u32 room;

    if (!to)
        return 0;
    if (GET_USER(&room, len_at))
        return -EFAULT;
    if (copy_to_user(to, a->bytes, min64(room, a->len)))
        return -EFAULT;
    return PUT_USER(len_at, &a->len);
}

static void bind_any_port(struct sock *s)
{
    do {
        last_port = last_port == 60999 ? FIRST_PORT : (u16)(last_port + 1);
        set_port(&s->local, last_port);
    } while (find_bound(&s->local));
}

/* ---- making connections ---- */

s64 sys_socket(const u64 *a)
{
    u32 family = (u32)a[0], type = (u32)a[1];

    if (family != AF_UNIX && family != AF_INET)
        return -EAFNOSUPPORT;
    if ((type & SOCK_TYPE) != SOCK_STREAM || (a[2] && a[2] != 6))
        return -EPROTONOSUPPORT;
    return sock_install(sock_new(family), type);
}

s64 sys_bind(const u64 *a)
{
    struct sock *s;
    struct file *f;
    struct address at;
    s64 r = sock_of(a[0], &s, &f);

    if (!r)
        r = get_address(s, a[1], a[2], &at);
    if (r)
        return r;
    if (s->bound)
        return -EINVAL;
    if (s->family == AF_INET && !port_of(&at)) {
        s->local = at;
        bind_any_port(s);
    } else if (find_bound(&at)) {
        return -EADDRINUSE;
    } else {
        s->local = at;
    }
    s->bound = true;
    list_append(&bound_socks, &s->link);
    return 0;
}

s64 sys_listen(const u64 *a)
{
    struct sock *s;
    struct file *f;
    s64 r = sock_of(a[0], &s, &f);

    if (r)
        return r;
    if (s->state == SOCK_CONNECTED)
        return -EINVAL;
    if (!s->bound && s->family == AF_INET) {
        bind_any_port(s);
        s->bound = true;
        list_append(&bound_socks, &s->link);
    }
    if (!s->bound)
        return -EINVAL;
    s->state = SOCK_LISTENING;
    s->backlog =
        (u32)a[1] && (u32)a[1] < BACKLOG_MAX ? (u32)a[1] + 1 : BACKLOG_MAX;
    return 0;
}

/* Two ends joined by two pipes; false: no memory. */
static bool join(struct sock *x, struct sock *y)
{
    struct pipe *there = pipe_create(), *back = pipe_create();

    if (!there || !back) {
        if (there) {
            pipe_close_reader(there);
            pipe_close_writer(there);
        }
        if (back) {
            pipe_close_reader(back);
            pipe_close_writer(back);
        }
        return false;
    }
    x->out = y->in = there;
    x->in = y->out = back;
    x->state = y->state = SOCK_CONNECTED;
    return true;
}

s64 sys_connect(const u64 *a)
{
    struct sock *s, *listener, *end;
    struct file *f;
    struct address at;
    s64 r = sock_of(a[0], &s, &f);

    if (!r)
        r = get_address(s, a[1], a[2], &at);
    if (r)
        return r;
    if (s->state == SOCK_CONNECTED)
        return -EISCONN;
    listener = find_bound(&at);
    if (!listener || listener->state != SOCK_LISTENING)
        return s->family == AF_UNIX && !listener ? -ENOENT : -ECONNREFUSED;
    while (listener->count >= listener->backlog) {
        if (f->flags & O_NONBLOCK)
            return -EAGAIN;
        if (sched_sleep(&poll_waiters, NEVER, true) == -EINTR)
            return -ERESTARTSYS;
        listener = find_bound(&at);
        if (!listener || listener->state != SOCK_LISTENING)
            return -ECONNREFUSED;
    }
    end = sock_new(s->family);
    if (!end || !join(s, end)) {
        kfree(end);
        return -ENOMEM;
    }
    if (s->family == AF_INET && !s->bound) {
        memcpy(s->local.bytes + 4, "\177\0\0\1", 4);
        bind_any_port(s);
    }
    s->peer = at;
    end->local = at;
    end->peer = s->local;
    list_append(&listener->waiting, &end->link);
    listener->count++;
    poll_changed();
    return 0;
}

static s64 do_accept(const u64 *a, u32 type)
{
    struct sock *s, *end;
    struct file *f;
    s64 r = sock_of(a[0], &s, &f);

    if (r)
        return r;
    if (s->state != SOCK_LISTENING)
        return -EINVAL;
    file_get(f);
    while (list_empty(&s->waiting)) {
        if (f->flags & O_NONBLOCK)
            r = -EAGAIN;
        else if (sched_sleep(&poll_waiters, NEVER, true) == -EINTR)
            r = -ERESTARTSYS;
        if (r) {
            file_put(f);
            return r;
        }
    }
    end = container_of(s->waiting.next, struct sock, link);
    list_remove(&end->link);
    s->count--;
    poll_changed();
    file_put(f);
    if (put_address(&end->peer, a[1], a[2])) {
        sock_free(end);
        return -EFAULT;
    }
    return sock_install(end, type);
}

s64 sys_accept(const u64 *a)
{
    return do_accept(a, 0);
}

s64 sys_accept4(const u64 *a)
{
    return do_accept(a, (u32)a[3]);
}

s64 sys_socketpair(const u64 *a)
{
    struct sock *x, *y;
    s32 fd[2];

    if (a[0] != AF_UNIX)
        return -EOPNOTSUPP;
    if ((a[1] & SOCK_TYPE) != SOCK_STREAM)
        return -EPROTONOSUPPORT;
    x = sock_new(AF_UNIX);
    y = sock_new(AF_UNIX);
    if (!x || !y || !join(x, y)) {
        kfree(x);
        kfree(y);
        return -ENOMEM;
    }
    fd[0] = (s32)sock_install(x, (u32)a[1]);
    fd[1] = (s32)sock_install(y, (u32)a[1]);
    if (fd[0] >= 0 && fd[1] >= 0 && !PUT_USER(a[3], &fd))
        return 0;
    s64 r = fd[0] < 0 ? fd[0] : fd[1] < 0 ? fd[1] : -EFAULT;
    for (unsigned i = 0; i < 2; i++)
        if (fd[i] >= 0)
            fd_close(current()->files, (unsigned)fd[i]);
    return r;
}

/* ---- data ---- */

static s64 receive(struct file *f, u64 to, u64 len, u32 flags)
{
    struct sock *s = f->data;
    u64 done = 0;

    if (s->state != SOCK_CONNECTED)
        return -ENOTCONN;
    if (flags & MSG_PEEK)
        return pipe_peek(s->in, to, len,
                         (f->flags & O_NONBLOCK) || flags & MSG_DONTWAIT);
    do {
        s64 n = pipe_read(s->in, to + done, len - done,
                          (f->flags & O_NONBLOCK) || flags & MSG_DONTWAIT);
        if (n <= 0)
            return done ? (s64)done : n;
        done += (u64)n;
    } while (flags & MSG_WAITALL && done < len);
    return (s64)done;
}

static s64 transmit(struct file *f, u64 from, u64 len, u32 flags)
{
    struct sock *s = f->data;

    if (s->state != SOCK_CONNECTED)
        return -ENOTCONN;
    if (s->sent_all)
        return -EPIPE;
    return pipe_write(s->out, from, len,
                      (f->flags & O_NONBLOCK) || flags & MSG_DONTWAIT);
}

static s64 op_read(struct file *f, u64 to, u64 len, u64 *pos)
{
    (void)pos;
    return receive(f, to, len, 0);
}

static s64 op_write(struct file *f, u64 from, u64 len, u64 *pos)
{
    (void)pos;
    return transmit(f, from, len, 0);
}

static unsigned op_poll(struct file *f)
{
    struct sock *s = f->data;
    unsigned ready;

    if (s->state == SOCK_LISTENING)
        return list_empty(&s->waiting) ? 0 : POLLIN;
    if (s->state == SOCK_NEW)
        return POLLOUT | POLLHUP;
    ready = pipe_poll_read(s->in);
    if (ready & POLLHUP) /* the other side sends no more */
        ready = (ready & ~POLLHUP) | POLLIN | POLLRDHUP;
    unsigned out = s->sent_all ? POLLOUT : pipe_poll_write(s->out);
    if (out & POLLERR && ready & POLLRDHUP)
        ready |= POLLHUP;
    return ready | (out & POLLOUT);
}

static void op_release(struct file *f)
{
    sock_free(f->data);
}

static s64 op_stat(struct file *f, struct linux_stat *st)
{
    (void)f;
    st->mode = S_IFSOCK | 0777;
    return 0;
}

static s64 op_ioctl(struct file *f, u64 command, u64 arg)
{
    struct sock *s = f->data;
    u32 n = s->in ? (u32)pipe_bytes(s->in) : 0;

    return command == 0x541b ? PUT_USER(arg, &n) : -ENOTTY;
}

static const struct file_ops socket_ops = {
    .read = op_read,
    .write = op_write,
    .poll = op_poll,
    .release = op_release,
    .stat = op_stat,
    .ioctl = op_ioctl,
};

static s64 sent(s64 n, u64 flags)
{
    if (n == -EPIPE && !(flags & MSG_NOSIGNAL))
        signal_kernel(current(), SIGPIPE);
    return n;
}

s64 sys_sendto(const u64 *a)
{
    struct sock *s;
    struct file *f;
    s64 r = sock_of(a[0], &s, &f);

    if (r)
        return r;
    file_get(f);
    r = transmit(f, a[1], a[2], (u32)a[3]);
    file_put(f);
    return sent(r, a[3]);
}

s64 sys_recvfrom(const u64 *a)
{
    struct sock *s;
    struct file *f;
    s64 r = sock_of(a[0], &s, &f);

    if (r)
        return r;
    file_get(f);
    r = receive(f, a[1], a[2], (u32)a[3]);
    file_put(f);
    return r;
}

struct msghdr {
    u64 name;
    u32 name_len, pad;
    u64 iov, iov_len, control, control_len;
    s32 flags, pad2;
};

static s64 each_iov(const u64 *a, bool send)
{
    struct sock *s;
    struct file *f;
    struct msghdr m;
    s64 total = 0, r = sock_of(a[0], &s, &f);

    if (r)
        return r;
    if (GET_USER(&m, a[1]))
        return -EFAULT;
    if (m.iov_len > 1024)
        return -EINVAL;
    if (send && m.control_len)
        return -EOPNOTSUPP; /* descriptors are not passed */
    file_get(f);
    for (u64 i = 0; i < m.iov_len; i++) {
        struct iovec v;
        if (GET_USER(&v, m.iov + i * sizeof v)) {
            r = -EFAULT;
            break;
        }
        /* Once there is something, more is taken only if it is there. */
        u32 flags = (u32)a[2] | (total ? MSG_DONTWAIT : 0);
        r = send ? transmit(f, v.base, v.len, (u32)a[2])
                 : receive(f, v.base, v.len, flags);
        if (r > 0)
            total += r;
        if (r < (s64)v.len)
            break;
    }
    file_put(f);
    if (!send && total >= 0) {
        m.name_len = 0;
        m.control_len = 0;
        m.flags = 0;
        if (PUT_USER(a[1], &m))
            return -EFAULT;
    }
    return total ? total : send ? sent(r, a[2]) : r;
}

s64 sys_sendmsg(const u64 *a)
{
    return each_iov(a, true);
}

s64 sys_recvmsg(const u64 *a)
{
    return each_iov(a, false);
}

s64 sys_shutdown(const u64 *a)
{
    struct sock *s;
    struct file *f;
    s64 r = sock_of(a[0], &s, &f);

    if (r)
        return r;
    if (s->state != SOCK_CONNECTED)
        return -ENOTCONN;
    if (a[1] > 2)
        return -EINVAL;
    if (a[1] && !s->sent_all) {
        s->sent_all = true;
        pipe_close_writer(s->out);
        s->out = NULL;
    }
    return 0;
}

/* ---- names and options ---- */

s64 sys_getsockname(const u64 *a)
{
    struct sock *s;
    struct file *f;
    s64 r = sock_of(a[0], &s, &f);

    return r ? r : put_address(&s->local, a[1], a[2]);
}

s64 sys_getpeername(const u64 *a)
{
    struct sock *s;
    struct file *f;
    s64 r = sock_of(a[0], &s, &f);

    if (r)
        return r;
    return s->state == SOCK_CONNECTED ? put_address(&s->peer, a[1], a[2])
                                      : -ENOTCONN;
}

/* There is no network to tune: options are accepted, within reason. */
s64 sys_setsockopt(const u64 *a)
{
    struct sock *s;
    struct file *f;
    s64 r = sock_of(a[0], &s, &f);

    if (r)
        return r;
    return a[1] == 1 || a[1] == 6 || a[1] == 0 ? 0 : -ENOPROTOOPT;
}

s64 sys_getsockopt(const u64 *a)
{
    struct sock *s;
    struct file *f;
    u32 value = 0, len;
    s64 r = sock_of(a[0], &s, &f);

    if (r)
        return r;
    if (GET_USER(&len, a[4]))
        return -EFAULT;
    if (len < sizeof value)
        return -EINVAL;
    if (a[1] == 1) {
        switch (a[2]) {
        case 3: value = SOCK_STREAM; break; /* SO_TYPE */
        case 4: value = 0; break;           /* SO_ERROR */
        case 7:
        case 8: value = 65536; break; /* SO_SNDBUF, SO_RCVBUF */
        case 30: value = s->state == SOCK_LISTENING; break;
        case 39: value = s->family; break; /* SO_DOMAIN */
        default: break;
        }
    }
    len = sizeof value;
    return PUT_USER(a[3], &value) || PUT_USER(a[4], &len) ? -EFAULT : 0;
}
