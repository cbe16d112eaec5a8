/* SPDX-License-Identifier: Apache-2.0
 * SSE and SSE2 intrinsics; registers survive switches and signals.
 */
#include <emmintrin.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/time.h>

static volatile int hits;

static void handler(int signo)
{
    (void)signo;
    volatile double x = 1.5; /* disturb the registers */
    for (int i = 0; i < 10; i++)
        x = x * 1.25 + 0.5;
    hits++;
}

int main(void)
{
    struct itimerval t = {{0, 500}, {0, 500}}, off = {{0, 0}, {0, 0}};
    __m128d a = _mm_set_pd(1.0, 2.0), b = _mm_set_pd(1.0000001, 0.9999999);
    __m128i x = _mm_set_epi32(1, 2, 3, 4), y = _mm_set1_epi32(0x9e3779b9);
    signal(SIGALRM, handler);
    setitimer(ITIMER_REAL, &t, NULL);
    for (int i = 0; i < 300000; i++) {
        a = _mm_add_pd(_mm_mul_pd(a, b), _mm_set1_pd(1e-9));
        x = _mm_xor_si128(_mm_add_epi32(x, y), _mm_slli_epi32(x, 5));
        x = _mm_shuffle_epi32(x, 0x39);
        x = _mm_adds_epi16(x, _mm_unpacklo_epi8(x, y));
    }
    setitimer(ITIMER_REAL, &off, NULL);
    double d[2];
    uint32_t w[4];
    _mm_storeu_pd(d, a);
    _mm_storeu_si128((__m128i *)w, x);
    printf("%.17g %.17g %08x%08x%08x%08x\n", d[0], d[1], w[0], w[1], w[2],
           w[3]);
    __m128 f = _mm_sqrt_ps(_mm_set_ps(2, 3, 5, 7));
    float s[4];
    _mm_storeu_ps(s, f);
    printf("%.9g %.9g %.9g %.9g %d\n", (double)s[0], (double)s[1], (double)s[2],
           (double)s[3], _mm_movemask_ps(_mm_cmplt_ps(f, _mm_set1_ps(2.0f))));
    return 0;
}
