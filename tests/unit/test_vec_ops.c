/* SPDX-License-Identifier: Apache-2.0
 * Every row of sse_int.def and sse_fp.def, and every other vector and MMX
 * form, against the host executing the same bytes on random operands, in all
 * rounding modes, with denormals-are-zero and flush-to-zero.
 */
#include "tests/unit/vec_rig.h"

struct form {
    const char *name;
    const uint8_t *code, *end;
};

/* F(name, instruction): forms the row tables do not give by themselves. */
#define VEC_FORMS(F)                                                           \
    VEC_FORMS_SHIFT(F)                                                         \
    VEC_FORMS_IMM(F)                                                           \
    VEC_FORMS_MOVE(F)                                                          \
    VEC_FORMS_CVT(F) VEC_FORMS_MMX(F) VEC_FORMS_STRING(F) VEC_FORMS_CMP(F)
#define VEC_FORMS_SHIFT(F)                                                     \
    F(psllw_3, "psllw $3, %xmm0")                                              \
    F(psllw_16, "psllw $16, %xmm0")                                            \
    F(pslld_31, "pslld $31, %xmm0")                                            \
    F(pslld_32, "pslld $32, %xmm0")                                            \
    F(psllq_33, "psllq $33, %xmm0")                                            \
    F(psllq_255, "psllq $255, %xmm0")                                          \
    F(psrlw_15, "psrlw $15, %xmm0")                                            \
    F(psrld_7, "psrld $7, %xmm0")                                              \
    F(psrlq_1, "psrlq $1, %xmm15")                                             \
    F(psraw_4, "psraw $4, %xmm0")                                              \
    F(psraw_200, "psraw $200, %xmm0")                                          \
    F(psrad_9, "psrad $9, %xmm0")                                              \
    F(psrad_32, "psrad $32, %xmm0")                                            \
    F(pslldq_0, "pslldq $0, %xmm0")                                            \
    F(pslldq_5, "pslldq $5, %xmm0")                                            \
    F(pslldq_15, "pslldq $15, %xmm0")                                          \
    F(pslldq_16, "pslldq $16, %xmm0")                                          \
    F(pslldq_200, "pslldq $200, %xmm0")                                        \
    F(psrldq_0, "psrldq $0, %xmm0")                                            \
    F(psrldq_1, "psrldq $1, %xmm0")                                            \
    F(psrldq_11, "psrldq $11, %xmm9")                                          \
    F(psrldq_16, "psrldq $16, %xmm0")
#define VEC_FORMS_IMM(F)                                                       \
    F(pshufd_1b, "pshufd $0x1b, %xmm1, %xmm0")                                 \
    F(pshufd_e4, "pshufd $0xe4, (%rbx), %xmm0")                                \
    F(pshufd_39, "pshufd $0x39, %xmm8, %xmm9")                                 \
    F(pshuflw_1b, "pshuflw $0x1b, %xmm1, %xmm0")                               \
    F(pshuflw_72, "pshuflw $0x72, (%rbx), %xmm0")                              \
    F(pshufhw_1b, "pshufhw $0x1b, %xmm1, %xmm0")                               \
    F(pshufhw_9c, "pshufhw $0x9c, (%rbx), %xmm0")                              \
    F(shufps_1b, "shufps $0x1b, %xmm1, %xmm0")                                 \
    F(shufps_d8, "shufps $0xd8, (%rbx), %xmm0")                                \
    F(shufpd_0, "shufpd $0, %xmm1, %xmm0")                                     \
    F(shufpd_1, "shufpd $1, %xmm1, %xmm0")                                     \
    F(shufpd_2, "shufpd $2, (%rbx), %xmm0")                                    \
    F(shufpd_3, "shufpd $3, %xmm0, %xmm0")                                     \
    F(blendps_5, "blendps $5, %xmm1, %xmm0")                                   \
    F(blendps_a, "blendps $10, (%rbx), %xmm0")                                 \
    F(blendpd_1, "blendpd $1, %xmm1, %xmm0")                                   \
    F(blendpd_2, "blendpd $2, (%rbx), %xmm0")                                  \
    F(pblendw_a5, "pblendw $0xa5, %xmm1, %xmm0")                               \
    F(pblendw_3c, "pblendw $0x3c, (%rbx), %xmm0")                              \
    F(palignr_0, "palignr $0, %xmm1, %xmm0")                                   \
    F(palignr_5, "palignr $5, (%rbx), %xmm0")                                  \
    F(palignr_16, "palignr $16, %xmm1, %xmm0")                                 \
    F(palignr_17, "palignr $17, %xmm1, %xmm0")                                 \
    F(palignr_31, "palignr $31, %xmm1, %xmm0")                                 \
    F(palignr_32, "palignr $32, %xmm1, %xmm0")                                 \
    F(palignr_255, "palignr $255, %xmm1, %xmm0")                               \
    F(roundps_0, "roundps $0, %xmm1, %xmm0")                                   \
    F(roundps_4, "roundps $4, (%rbx), %xmm0")                                  \
    F(roundpd_1, "roundpd $1, %xmm1, %xmm0")                                   \
    F(roundpd_c, "roundpd $12, (%rbx), %xmm0")                                 \
    F(roundss_2, "roundss $2, %xmm1, %xmm0")                                   \
    F(roundss_b, "roundss $11, (%rbx), %xmm0")                                 \
    F(roundsd_3, "roundsd $3, %xmm1, %xmm0")                                   \
    F(roundsd_9, "roundsd $9, 4(%rbx), %xmm0")                                 \
    F(dpps_f1, "dpps $0xf1, %xmm1, %xmm0")                                     \
    F(dpps_7f, "dpps $0x7f, (%rbx), %xmm0")                                    \
    F(dpps_a5, "dpps $0xa5, %xmm1, %xmm0")                                     \
    F(dppd_31, "dppd $0x31, %xmm1, %xmm0")                                     \
    F(dppd_13, "dppd $0x13, (%rbx), %xmm0")                                    \
    F(mpsadbw_0, "mpsadbw $0, %xmm1, %xmm0")                                   \
    F(mpsadbw_6, "mpsadbw $6, (%rbx), %xmm0")                                  \
    F(mpsadbw_ff, "mpsadbw $0xff, %xmm1, %xmm0")                               \
    F(insertps_5a, "insertps $0x5a, %xmm1, %xmm0")                             \
    F(insertps_e1, "insertps $0xe1, %xmm1, %xmm0")                             \
    F(insertps_mem, "insertps $0xe4, 4(%rbx), %xmm0")                          \
    F(pblendvb, "pblendvb %xmm0, %xmm1, %xmm2")                                \
    F(pblendvb_mem, "pblendvb %xmm0, (%rbx), %xmm2")                           \
    F(pblendvb_self, "pblendvb %xmm0, %xmm1, %xmm0")                           \
    F(blendvps, "blendvps %xmm0, %xmm1, %xmm2")                                \
    F(blendvpd, "blendvpd %xmm0, (%rbx), %xmm2")
#define VEC_FORMS_MOVE(F)                                                      \
    F(movaps, "movaps %xmm1, %xmm0")                                           \
    F(movaps_load, "movaps 16(%rbx), %xmm0")                                   \
    F(movaps_store, "movaps %xmm1, 32(%rbx)")                                  \
    F(movups_load, "movups 3(%rbx), %xmm11")                                   \
    F(movups_store, "movups %xmm12, 57(%rbx)")                                 \
    F(movdqu_load, "movdqu 7(%rbx), %xmm0")                                    \
    F(movdqa_store, "movdqa %xmm1, (%rbx)")                                    \
    F(lddqu, "lddqu 5(%rbx), %xmm0")                                           \
    F(movntps, "movntps %xmm1, (%rbx)")                                        \
    F(movntdq, "movntdq %xmm1, 16(%rbx)")                                      \
    F(movntpd, "movntpd %xmm1, 48(%rbx)")                                      \
    F(movntdqa, "movntdqa 16(%rbx), %xmm0")                                    \
    F(movss, "movss %xmm1, %xmm0")                                             \
    F(movss_load, "movss 1(%rbx), %xmm0")                                      \
    F(movss_store, "movss %xmm1, 61(%rbx)")                                    \
    F(movsd, "movsd %xmm1, %xmm0")                                             \
    F(movsd_load, "movsd 1(%rbx), %xmm0")                                      \
    F(movsd_store, "movsd %xmm1, 60(%rbx)")                                    \
    F(movq, "movq %xmm1, %xmm0")                                               \
    F(movq_load, "movq 9(%rbx), %xmm0")                                        \
    F(movq_store, "movq %xmm1, 9(%rbx)")                                       \
    F(movd_load, "movd 9(%rbx), %xmm0")                                        \
    F(movd_store, "movd %xmm1, 9(%rbx)")                                       \
    F(movd_in, "movd %ecx, %xmm0")                                             \
    F(movq_in, "movq %rcx, %xmm0")                                             \
    F(movd_out, "movd %xmm1, %eax")                                            \
    F(movq_out, "movq %xmm1, %rax")                                            \
    F(movlps_load, "movlps 3(%rbx), %xmm0")                                    \
    F(movlps_store, "movlps %xmm0, 3(%rbx)")                                   \
    F(movhps_load, "movhps 3(%rbx), %xmm0")                                    \
    F(movhps_store, "movhps %xmm0, 3(%rbx)")                                   \
    F(movlpd_load, "movlpd 3(%rbx), %xmm0")                                    \
    F(movhpd_load, "movhpd 3(%rbx), %xmm0")                                    \
    F(movhpd_store, "movhpd %xmm13, 58(%rbx)")                                 \
    F(movhlps, "movhlps %xmm1, %xmm0")                                         \
    F(movlhps, "movlhps %xmm1, %xmm0")                                         \
    F(movmskps, "movmskps %xmm1, %eax")                                        \
    F(movmskpd, "movmskpd %xmm1, %edx")                                        \
    F(pmovmskb, "pmovmskb %xmm1, %ecx")                                        \
    F(pextrb, "pextrb $11, %xmm1, %eax")                                       \
    F(pextrb_mem, "pextrb $3, %xmm1, 5(%rbx)")                                 \
    F(pextrw, "pextrw $13, %xmm1, %eax")                                       \
    F(pextrw_mem, "pextrw $2, %xmm1, 63(%rbx)")                                \
    F(pextrd, "pextrd $2, %xmm1, %eax")                                        \
    F(pextrd_mem, "pextrd $3, %xmm1, 5(%rbx)")                                 \
    F(pextrq, "pextrq $1, %xmm1, %rax")                                        \
    F(pextrq_mem, "pextrq $0, %xmm1, 5(%rbx)")                                 \
    F(extractps, "extractps $1, %xmm1, %eax")                                  \
    F(extractps_mem, "extractps $2, %xmm1, 7(%rbx)")                           \
    F(pinsrb, "pinsrb $7, %ecx, %xmm0")                                        \
    F(pinsrb_mem, "pinsrb $14, 3(%rbx), %xmm0")                                \
    F(pinsrw, "pinsrw $5, %ecx, %xmm0")                                        \
    F(pinsrw_mem, "pinsrw $2, 3(%rbx), %xmm0")                                 \
    F(pinsrd, "pinsrd $3, %ecx, %xmm0")                                        \
    F(pinsrd_mem, "pinsrd $1, 3(%rbx), %xmm0")                                 \
    F(pinsrq, "pinsrq $1, %rcx, %xmm0")                                        \
    F(pinsrq_mem, "pinsrq $0, 3(%rbx), %xmm0")                                 \
    F(stmxcsr, "stmxcsr 4(%rbx)")
#define VEC_FORMS_CVT(F)                                                       \
    F(cvtsi2ss_32, "cvtsi2ssl %ecx, %xmm0")                                    \
    F(cvtsi2ss_64, "cvtsi2ssq %rcx, %xmm0")                                    \
    F(cvtsi2ss_m32, "cvtsi2ssl 5(%rbx), %xmm0")                                \
    F(cvtsi2ss_m64, "cvtsi2ssq 5(%rbx), %xmm0")                                \
    F(cvtsi2sd_32, "cvtsi2sdl %ecx, %xmm0")                                    \
    F(cvtsi2sd_64, "cvtsi2sdq %rcx, %xmm0")                                    \
    F(cvtsi2sd_m32, "cvtsi2sdl 5(%rbx), %xmm0")                                \
    F(cvtsi2sd_m64, "cvtsi2sdq 5(%rbx), %xmm0")                                \
    F(cvtss2si_32, "cvtss2si %xmm1, %eax")                                     \
    F(cvtss2si_64, "cvtss2si %xmm1, %rax")                                     \
    F(cvtss2si_m, "cvtss2si 4(%rbx), %rax")                                    \
    F(cvtsd2si_32, "cvtsd2si %xmm1, %eax")                                     \
    F(cvtsd2si_64, "cvtsd2si %xmm1, %rax")                                     \
    F(cvtsd2si_m, "cvtsd2si 8(%rbx), %eax")                                    \
    F(cvttss2si_32, "cvttss2si %xmm1, %eax")                                   \
    F(cvttss2si_64, "cvttss2si %xmm1, %rax")                                   \
    F(cvttsd2si_32, "cvttsd2si %xmm1, %eax")                                   \
    F(cvttsd2si_64, "cvttsd2si 8(%rbx), %rax")                                 \
    F(comiss, "comiss %xmm1, %xmm0")                                           \
    F(comiss_m, "comiss 4(%rbx), %xmm0")                                       \
    F(ucomiss, "ucomiss %xmm1, %xmm0")                                         \
    F(comisd, "comisd %xmm1, %xmm0")                                           \
    F(comisd_same, "comisd %xmm0, %xmm0")                                      \
    F(ucomisd, "ucomisd %xmm1, %xmm0")                                         \
    F(ucomisd_m, "ucomisd 8(%rbx), %xmm0")                                     \
    F(ptest, "ptest %xmm1, %xmm0")                                             \
    F(ptest_m, "ptest (%rbx), %xmm0")
#define VEC_FORMS_MMX(F)                                                       \
    F(mm_movd_in, "movd %ecx, %mm3")                                           \
    F(mm_movq_in, "movq %rcx, %mm3")                                           \
    F(mm_movd_out, "movd %mm3, %eax")                                          \
    F(mm_movq_out, "movq %mm3, %rax")                                          \
    F(mm_movq_load, "movq 5(%rbx), %mm2")                                      \
    F(mm_movd_load, "movd 5(%rbx), %mm2")                                      \
    F(mm_movq_store, "movq %mm2, 5(%rbx)")                                     \
    F(mm_movd_store, "movd %mm2, 5(%rbx)")                                     \
    F(mm_movntq, "movntq %mm2, 8(%rbx)")                                       \
    F(mm_movq, "movq %mm2, %mm7")                                              \
    F(mm_pshufw, "pshufw $0x1b, %mm1, %mm0")                                   \
    F(mm_pshufw_m, "pshufw $0xc6, 3(%rbx), %mm0")                              \
    F(mm_palignr_3, "palignr $3, %mm1, %mm0")                                  \
    F(mm_palignr_0, "palignr $0, 1(%rbx), %mm0")                               \
    F(mm_palignr_8, "palignr $8, %mm1, %mm0")                                  \
    F(mm_palignr_12, "palignr $12, %mm1, %mm0")                                \
    F(mm_palignr_16, "palignr $16, %mm1, %mm0")                                \
    F(mm_pinsrw, "pinsrw $6, %ecx, %mm0")                                      \
    F(mm_pinsrw_m, "pinsrw $1, 3(%rbx), %mm0")                                 \
    F(mm_pextrw, "pextrw $7, %mm1, %eax")                                      \
    F(mm_pmovmskb, "pmovmskb %mm1, %eax")                                      \
    F(mm_movq2dq, "movq2dq %mm1, %xmm2")                                       \
    F(mm_movdq2q, "movdq2q %xmm1, %mm2")                                       \
    F(mm_emms, "emms")                                                         \
    F(mm_psllw_3, "psllw $3, %mm0")                                            \
    F(mm_pslld_33, "pslld $33, %mm0")                                          \
    F(mm_psrlq_9, "psrlq $9, %mm5")                                            \
    F(mm_psrad_40, "psrad $40, %mm5")                                          \
    F(mm_cvtpi2ps, "cvtpi2ps %mm1, %xmm0")                                     \
    F(mm_cvtpi2ps_m, "cvtpi2ps 8(%rbx), %xmm0")                                \
    F(mm_cvtpi2pd, "cvtpi2pd %mm1, %xmm0")                                     \
    F(mm_cvtpi2pd_m, "cvtpi2pd 8(%rbx), %xmm0")                                \
    F(mm_cvtps2pi, "cvtps2pi %xmm1, %mm0")                                     \
    F(mm_cvttps2pi_m, "cvttps2pi 8(%rbx), %mm0")                               \
    F(mm_cvtpd2pi, "cvtpd2pi %xmm1, %mm0")                                     \
    F(mm_cvttpd2pi_m, "cvttpd2pi 16(%rbx), %mm0")                              \
    F(mm_maskmovq, "mov %rbx, %rdi; maskmovq %mm1, %mm0; mov $0, %edi")        \
    F(maskmovdqu, "lea 3(%rbx), %rdi; maskmovdqu %xmm1, %xmm0; mov $0, %edi")
#define VEC_FORMS_STRING(F)                                                    \
    F(pcmpistri_00, "pcmpistri $0x00, %xmm1, %xmm0")                           \
    F(pcmpistri_0d, "pcmpistri $0x0d, %xmm1, %xmm0")                           \
    F(pcmpistri_1a, "pcmpistri $0x1a, 3(%rbx), %xmm0")                         \
    F(pcmpistri_7b, "pcmpistri $0x7b, %xmm1, %xmm0")                           \
    F(pcmpistri_46, "pcmpistri $0x46, %xmm1, %xmm0")                           \
    F(pcmpistrm_44, "pcmpistrm $0x44, %xmm1, %xmm2")                           \
    F(pcmpistrm_09, "pcmpistrm $0x09, 1(%rbx), %xmm2")                         \
    F(pcmpistrm_72, "pcmpistrm $0x72, %xmm1, %xmm2")                           \
    F(pcmpistrm_61, "pcmpistrm $0x61, %xmm1, %xmm0")                           \
    F(pcmpestri_00, "pcmpestri $0x00, %xmm1, %xmm0")                           \
    F(pcmpestri_0c, "pcmpestri $0x0c, 5(%rbx), %xmm0")                         \
    F(pcmpestri_55, "pcmpestri $0x55, %xmm1, %xmm0")                           \
    F(pcmpestri_q, "rex.w pcmpestri $0x18, %xmm1, %xmm0")                      \
    F(pcmpestrm_41, "pcmpestrm $0x41, %xmm1, %xmm2")                           \
    F(pcmpestrm_2e, "pcmpestrm $0x2e, %xmm1, %xmm2")                           \
    F(pcmpestrm_qf, "rex.w pcmpestrm $0x5f, (%rbx), %xmm2")
#define VEC_FORMS_CMP(F)                                                       \
    F(cmpps_3_m, "cmpps $3, (%rbx), %xmm0")                                    \
    F(cmppd_5, "cmppd $5, %xmm1, %xmm0")                                       \
    F(cmpss_6_m, "cmpss $6, 2(%rbx), %xmm0")                                   \
    F(cmpsd_1, "cmpsd $1, %xmm1, %xmm0")

#define CODE(name, text) BARE_CODE(form_##name, text);
VEC_FORMS(CODE)
#define SSE_MMX(m, host, size, feature_mm, feature)                            \
    CODE(m##_reg, host " %xmm1, %xmm0")                                        \
    CODE(m##_mem, host " 16(%rbx), %xmm0")                                     \
    CODE(m##_mm, host " %mm1, %mm0")                                           \
    CODE(m##_mmem, host " 16(%rbx), %mm0")
#define SSE_INT(m, host, size, feature)                                        \
    CODE(m##_reg, host " %xmm1, %xmm0")                                        \
    CODE(m##_mem, host " 16(%rbx), %xmm0")
#define SSE_AUX(m, host, size)
#include "cpu/sse_int.def"
#undef SSE_MMX
#undef SSE_INT
#undef SSE_AUX
#define SSE_FP(m, host, size, cost, lanes, feature)                            \
    CODE(m##_reg, host " %xmm1, %xmm0")                                        \
    CODE(m##_mem, host " 16(%rbx), %xmm0")
#define SSE_FP_AUX(m, host, size, lanes) CODE(m##_reg, host " %xmm1, %xmm0")
#include "cpu/sse_fp.def"
#undef SSE_FP
#undef SSE_FP_AUX

#define ROW(name, text) {text, form_##name, form_##name##_end},
static const struct form forms[] = {VEC_FORMS(ROW)
#define SSE_MMX(m, host, size, feature_mm, feature)                            \
    ROW(m##_reg, host " xmm, xmm")                                             \
    ROW(m##_mem, host " mem, xmm")                                             \
    ROW(m##_mm, host " mm, mm")                                                \
    ROW(m##_mmem, host " mem, mm")
#define SSE_INT(m, host, size, feature)                                        \
    ROW(m##_reg, host " xmm, xmm")                                             \
    ROW(m##_mem, host " mem, xmm")
#define SSE_AUX(m, host, size)
#include "cpu/sse_int.def"
#undef SSE_MMX
#undef SSE_INT
#undef SSE_AUX
};
static const struct form fp_forms[] = {
#define SSE_FP(m, host, size, cost, lanes, feature)                            \
    ROW(m##_reg, host " xmm, xmm")                                             \
    ROW(m##_mem, host " mem, xmm")
#define SSE_FP_AUX(m, host, size, lanes) ROW(m##_reg, host " xmm, xmm")
#include "cpu/sse_fp.def"
#undef SSE_FP
#undef SSE_FP_AUX
    VEC_FORMS_CVT(ROW) VEC_FORMS_CMP(ROW) ROW(roundps_0, "roundps 0")
        ROW(roundsd_3, "roundsd 3") ROW(roundss_b, "roundss 11")
            ROW(mm_cvtps2pi, "cvtps2pi") ROW(mm_cvtpd2pi, "cvtpd2pi")
                ROW(mm_cvtpi2ps, "cvtpi2ps")};

/* MMX forms begin with some x87 state: TOP and tags must come out right. */
static void random_state(struct vec_state *s, struct rng *g, bool unmasked)
{
    vec_random(s, g);
    uint64_t k = rng_next(g);
    uint32_t masks = unmasked ? (uint32_t)k & MXCSR_MASKS : MXCSR_MASKS;
    uint32_t mxcsr = masks | ((uint32_t)(k >> 16) & 0xe07f);
    if (k >> 40 & 1)
        mxcsr &= ~(uint32_t)MXCSR_FLAGS;
    fx_put(s, FX_MXCSR, 4, mxcsr);
    fx_put(s, FX_FSW, 2, k >> 44 & X87_TOP);
    fx_put(s, FX_FTW, 1, k >> 56);
    for (unsigned i = 0; i < 8; i++) {
        fx_put(s, FX_ST + 16 * i, 8, vec_value(g));
        fx_put(s, FX_ST + 16 * i + 8, 2, rng_next(g) & 0xffff);
    }
}

/*
 * Where the host, which may be of another vendor, differs from the manual
 * followed (SDM Vol.2 CVTPI2PS, CVTPS2PI): CVTPI2PS from memory leaves the
 * x87 state alone, and a conversion that raises #XM has changed it.
 */
static void waive(const struct form *f, const struct vec_state *host,
                  struct vec_state *sim)
{
    /* The handler's frame holds the flags of a fault. */
    if (host->vector >= 0)
        sim->flags = host->flags;
    if (f->code == form_mm_cvtpi2ps_m ||
        (host->vector >= 0 && strstr(f->name, "pi") != NULL)) {
        fx_put(sim, FX_FSW, 2, fx_get(host, FX_FSW, 2));
        fx_put(sim, FX_FTW, 1, fx_get(host, FX_FTW, 1));
        memcpy(sim->fx + FX_ST, host->fx + FX_ST, 128);
    }
}

static void run_forms(const struct form *f, size_t n, const char *timing,
                      unsigned rounds, bool unmasked)
{
    struct vec_rig r;
    struct rng g = rng_make(20, unmasked);
    unsigned wrong = 0;
    vec_host_create();
    vec_create(&r, timing);
    for (size_t i = 0; i < n; i++) {
        size_t size = (size_t)(f[i].end - f[i].code);
        uint64_t at = vec_place(&r, f[i].code, size);
        for (unsigned k = 0; k < rounds; k++) {
            struct vec_state in, host, sim;
            random_state(&in, &g, unmasked);
            host = sim = in;
            vec_host_run(&host, f[i].code, size);
            vec_run(&r, &sim, at, size);
            waive(&f[i], &host, &sim);
            if (vec_equal(&host, &sim, 0xffff))
                continue;
            if (wrong++ < 20) {
                fprintf(stderr, "--- %s, case %u\n", f[i].name, k);
                vec_print("in  ", &in);
                vec_print("host", &host);
                vec_print("sim ", &sim);
            }
            break;
        }
    }
    ck_assert_uint_eq(wrong, 0);
    bare_destroy(&r.b);
}

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

START_TEST(all_forms_off)
{
    run_forms(forms, COUNT(forms), "off", 400, false);
}
END_TEST

START_TEST(all_forms_simple)
{
    run_forms(forms, COUNT(forms), "simple", 100, false);
}
END_TEST

START_TEST(floating_point_off)
{
    run_forms(fp_forms, COUNT(fp_forms), "off", 3000, false);
}
END_TEST

START_TEST(floating_point_simple)
{
    run_forms(fp_forms, COUNT(fp_forms), "simple", 300, false);
}
END_TEST

START_TEST(unmasked)
{
    run_forms(fp_forms, COUNT(fp_forms), "off", 1000, true);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("vec_ops");
    TCase *t = tcase_create("host");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, all_forms_off);
    tcase_add_test(t, all_forms_simple);
    tcase_add_test(t, floating_point_off);
    tcase_add_test(t, floating_point_simple);
    tcase_add_test(t, unmasked);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
