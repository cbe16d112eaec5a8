/* SPDX-License-Identifier: Apache-2.0
 * Printing and computing floating point, long double included.
 */
#include <fenv.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    volatile double third = 1.0 / 3.0, big = DBL_MAX, tiny = DBL_MIN;
    printf("%.17g %.3f %e %a\n", third, third * 1e6, third, third);
    printf("%g %g %g %g\n", big * 2, -big * 2, tiny / 2, tiny / 1e20);
    printf("%d %d\n", isnan(big * 2 - big * 2), signbit(-0.0) != 0);
    for (int i = 1; i < 20; i++)
        printf("%.15g %.15g %.15g %.15g\n", sin(i), exp(i / 7.0), log(i),
               pow(i, 0.3));
    long double l = 1.0L / 7.0L;
    printf("%.20Lg %.20Lg\n", l, sqrtl(l));
    printf("%.9g %.9g\n", (double)(float)third, (double)sqrtf(2.0f));
    static const int modes[] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD,
                                FE_TOWARDZERO};
    for (int i = 0; i < 4; i++) {
        fesetround(modes[i]);
        volatile double x = 1.0, y = 10.0;
        printf("%.17g %ld %ld\n", x / y, lrint(2.5), lrint(-2.5));
    }
    fesetround(FE_TONEAREST);
    feclearexcept(FE_ALL_EXCEPT);
    volatile double z = third / 0.0;
    printf("%g %d %d\n", z, fetestexcept(FE_DIVBYZERO) != 0,
           fetestexcept(FE_INVALID) != 0);
    printf("%.17g\n", strtod("2.2250738585072011e-308", NULL));
    return 0;
}
