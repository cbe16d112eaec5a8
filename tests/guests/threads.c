/* SPDX-License-Identifier: Apache-2.0
 * pthreads: mutex, condition, barrier, thread-local data, join.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#define THREADS 6
#define ROUNDS  2000

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turn_changed = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t barrier;
static int turn;
static long counter;
static atomic_long loose;
static __thread long mine;
static pthread_key_t key;

static void *work(void *arg)
{
    int self = (int)(long)arg;
    pthread_setspecific(key, arg);
    for (int i = 0; i < ROUNDS; i++) {
        pthread_mutex_lock(&lock);
        counter++;
        pthread_mutex_unlock(&lock);
        atomic_fetch_add(&loose, self);
        mine += self;
    }
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < 50; i++) {
        pthread_mutex_lock(&lock);
        while (turn % THREADS != self)
            pthread_cond_wait(&turn_changed, &lock);
        turn++;
        pthread_cond_broadcast(&turn_changed);
        pthread_mutex_unlock(&lock);
    }
    return (void *)(mine + (long)pthread_getspecific(key));
}

int main(void)
{
    pthread_t t[THREADS];
    long total = 0;
    pthread_key_create(&key, NULL);
    pthread_barrier_init(&barrier, NULL, THREADS);
    for (long i = 0; i < THREADS; i++)
        if (pthread_create(&t[i], NULL, work, (void *)i) != 0)
            return 1;
    for (int i = 0; i < THREADS; i++) {
        void *r;
        pthread_join(t[i], &r);
        total += (long)r;
    }
    printf("%ld %ld %ld %d\n", counter, (long)loose, total, turn);
    return 0;
}
