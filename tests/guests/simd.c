/* SPDX-License-Identifier: Apache-2.0
 * x86-64-v3 code as programs contain it: intrinsics of every extension of the
 * level, on values of a fixed generator; one digest a group is printed.
 */
#include <immintrin.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define V3 __attribute__((target("avx2,fma,f16c,bmi,bmi2,lzcnt,movbe")))

static uint64_t next(uint64_t *s)
{
    uint64_t z = *s += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    return z ^ (z >> 29);
}

static uint64_t fold(uint64_t h, const void *p, size_t n)
{
    const uint8_t *b = p;
    for (size_t i = 0; i < n; i++)
        h = (h ^ b[i]) * 0x100000001b3u;
    return h;
}

V3 static uint64_t integers(uint64_t seed)
{
    uint64_t h = 1, s = seed;
    for (int i = 0; i < 300; i++) {
        uint64_t w[12];
        for (int k = 0; k < 12; k++)
            w[k] = next(&s);
        __m256i a = _mm256_loadu_si256((__m256i *)w);
        __m256i b = _mm256_loadu_si256((__m256i *)(w + 4));
        __m256i c = _mm256_loadu_si256((__m256i *)(w + 8));
        __m256i r[] = {
            _mm256_add_epi8(a, b),
            _mm256_subs_epu16(a, b),
            _mm256_mullo_epi32(a, c),
            _mm256_maddubs_epi16(a, b),
            _mm256_sad_epu8(a, c),
            _mm256_shuffle_epi8(a, b),
            _mm256_permutevar8x32_epi32(a, c),
            _mm256_permute4x64_epi64(a, 0x1b),
            _mm256_permute2x128_si256(a, b, 0x31),
            _mm256_sllv_epi32(a, _mm256_srli_epi32(b, 26)),
            _mm256_srlv_epi64(a, _mm256_srli_epi64(c, 57)),
            _mm256_srav_epi32(a, _mm256_srli_epi32(b, 27)),
            _mm256_blendv_epi8(a, b, c),
            _mm256_alignr_epi8(a, b, 5),
            _mm256_packus_epi32(a, b),
            _mm256_unpackhi_epi16(a, c),
            _mm256_cmpgt_epi64(a, b),
            _mm256_abs_epi16(c),
            _mm256_hadd_epi32(a, b),
            _mm256_mpsadbw_epu8(a, b, 0x2d),
            _mm256_cvtepi8_epi32(_mm256_castsi256_si128(a)),
            _mm256_broadcastw_epi16(_mm256_castsi256_si128(b)),
            _mm256_i32gather_epi32(
                (const int *)w, _mm256_and_si256(a, _mm256_set1_epi32(15)), 4),
            _mm256_mask_i64gather_epi64(
                a, (const long long *)w,
                _mm256_and_si256(b, _mm256_set1_epi64x(7)), c, 8),
        };
        h = fold(h, r, sizeof r);
        int out[8] = {0};
        _mm256_maskstore_epi32(out, b, a);
        h = fold(h, out, sizeof out);
        h = h * 31 + (uint32_t)_mm256_movemask_epi8(c);
        h = h * 31 + (uint32_t)_mm256_testz_si256(a, b);
    }
    return h;
}

V3 static uint64_t floats(uint64_t seed)
{
    uint64_t h = 1, s = seed;
    for (int i = 0; i < 300; i++) {
        float f[24];
        for (int k = 0; k < 24; k++)
            f[k] = (float)(int64_t)next(&s) * 0x1p-40f;
        __m256 a = _mm256_loadu_ps(f), b = _mm256_loadu_ps(f + 8);
        __m256 c = _mm256_loadu_ps(f + 16);
        __m256d d = _mm256_cvtps_pd(_mm256_castps256_ps128(a));
        __m256d e = _mm256_cvtps_pd(_mm256_castps256_ps128(b));
        __m256 r[] = {
            _mm256_fmadd_ps(a, b, c),
            _mm256_fnmsub_ps(a, b, c),
            _mm256_fmaddsub_ps(a, b, c),
            _mm256_div_ps(a, b),
            _mm256_sqrt_ps(_mm256_andnot_ps(_mm256_set1_ps(-0.0f), a)),
            _mm256_addsub_ps(a, c),
            _mm256_hsub_ps(a, b),
            _mm256_dp_ps(a, b, 0x71),
            _mm256_round_ps(a, 9),
            _mm256_cmp_ps(a, b, _CMP_NGE_US),
            _mm256_min_ps(a, b),
            _mm256_permutevar_ps(a, _mm256_castps_si256(b)),
            _mm256_castpd_ps(_mm256_fmadd_pd(d, e, d)),
            _mm256_castpd_ps(_mm256_cmp_pd(d, e, _CMP_LT_OQ)),
            _mm256_castsi256_ps(_mm256_cvtps_epi32(c)),
            _mm256_cvtph_ps(_mm256_cvtps_ph(a, 3)),
            _mm256_castps128_ps256(_mm256_cvtpd_ps(e)),
            _mm256_insertf128_ps(a, _mm256_extractf128_ps(b, 1), 0),
        };
        h = fold(h, r, 17 * sizeof r[0]);
        h = fold(h, &r[16], 16);
        h = fold(h, &r[17], 32);
        h = h * 31 + (uint32_t)_mm256_movemask_ps(c);
    }
    return h;
}

V3 static uint64_t bits(uint64_t seed)
{
    uint64_t h = 1, s = seed;
    for (int i = 0; i < 3000; i++) {
        uint64_t a = next(&s), b = next(&s);
        unsigned long long high;
        h = h * 31 + _mulx_u64(a, b, &high);
        h = h * 31 + high;
        h = h * 31 + _pdep_u64(a, b);
        h = h * 31 + _pext_u64(a, b);
        h = h * 31 + _bzhi_u64(a, (unsigned)b & 127);
        h = h * 31 + _blsr_u64(a);
        h = h * 31 + _blsmsk_u64(a & b);
        h = h * 31 + _blsi_u64(a ^ b);
        h = h * 31 + _andn_u64(a, b);
        h = h * 31 + _bextr_u64(a, (unsigned)b & 63, (unsigned)(b >> 8) & 63);
        h = h * 31 + _lzcnt_u64(a >> (b & 63));
        h = h * 31 + _tzcnt_u64(a << (b & 63));
        h = h * 31 + __builtin_bswap64(a);
        h = h * 31 + (a >> (b & 63)) + (uint64_t)((int64_t)b >> (a & 63));
    }
    return h;
}

static void *thread(void *arg)
{
    uint64_t seed = (uint64_t)(uintptr_t)arg, *out = NULL;
    static _Thread_local uint64_t result;
    result = integers(seed) ^ floats(seed + 1) ^ bits(seed + 2);
    out = &result;
    return (void *)(uintptr_t)*out;
}

int main(void)
{
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") ||
        !__builtin_cpu_supports("bmi2")) {
        puts("no x86-64-v3");
        return 3;
    }
    printf("integers %016llx\n", (unsigned long long)integers(1));
    printf("floats %016llx\n", (unsigned long long)floats(2));
    printf("bits %016llx\n", (unsigned long long)bits(3));
    pthread_t t[4];
    for (uintptr_t i = 0; i < 4; i++)
        pthread_create(&t[i], NULL, thread, (void *)(i + 10));
    for (int i = 0; i < 4; i++) {
        void *r;
        pthread_join(t[i], &r);
        printf("thread %d %016llx\n", i, (unsigned long long)(uintptr_t)r);
    }
    return 0;
}
