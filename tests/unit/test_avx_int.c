/* SPDX-License-Identifier: Apache-2.0
 * VEX-encoded vector instructions that raise no SIMD floating-point exception:
 * every row of avx_int.def and every other form against the host executing
 * the same bytes, in 128 and 256 bits, from registers and memory, with what
 * becomes of bits 255:128.
 */
#include "tests/unit/vec_rig.h"

struct form {
    const char *name;
    const uint8_t *code, *end;
};

#define FORMS_SHIFT(F)                                                         \
    F(shift0, "vpsllw $3, %xmm1, %xmm0")                                       \
    F(shift1, "vpsllw $3, %ymm9, %ymm8")                                       \
    F(shift2, "vpsllw $16, %xmm1, %xmm0")                                      \
    F(shift3, "vpsllw $16, %ymm9, %ymm8")                                      \
    F(shift4, "vpslld $31, %xmm1, %xmm0")                                      \
    F(shift5, "vpslld $31, %ymm9, %ymm8")                                      \
    F(shift6, "vpsllq $33, %xmm1, %xmm0")                                      \
    F(shift7, "vpsllq $33, %ymm9, %ymm8")                                      \
    F(shift8, "vpsllq $255, %xmm1, %xmm0")                                     \
    F(shift9, "vpsllq $255, %ymm9, %ymm8")                                     \
    F(shift10, "vpsrlw $15, %xmm1, %xmm0")                                     \
    F(shift11, "vpsrlw $15, %ymm9, %ymm8")                                     \
    F(shift12, "vpsrld $7, %xmm1, %xmm0")                                      \
    F(shift13, "vpsrld $7, %ymm9, %ymm8")                                      \
    F(shift14, "vpsrlq $1, %xmm1, %xmm0")                                      \
    F(shift15, "vpsrlq $1, %ymm9, %ymm8")                                      \
    F(shift16, "vpsraw $4, %xmm1, %xmm0")                                      \
    F(shift17, "vpsraw $4, %ymm9, %ymm8")                                      \
    F(shift18, "vpsraw $200, %xmm1, %xmm0")                                    \
    F(shift19, "vpsraw $200, %ymm9, %ymm8")                                    \
    F(shift20, "vpsrad $9, %xmm1, %xmm0")                                      \
    F(shift21, "vpsrad $9, %ymm9, %ymm8")                                      \
    F(shift22, "vpsrad $32, %xmm1, %xmm0")                                     \
    F(shift23, "vpsrad $32, %ymm9, %ymm8")                                     \
    F(shift24, "vpslldq $0, %xmm1, %xmm0")                                     \
    F(shift25, "vpslldq $0, %ymm9, %ymm8")                                     \
    F(shift26, "vpslldq $5, %xmm1, %xmm0")                                     \
    F(shift27, "vpslldq $5, %ymm9, %ymm8")                                     \
    F(shift28, "vpslldq $16, %xmm1, %xmm0")                                    \
    F(shift29, "vpslldq $16, %ymm9, %ymm8")                                    \
    F(shift30, "vpsrldq $1, %xmm1, %xmm0")                                     \
    F(shift31, "vpsrldq $1, %ymm9, %ymm8")                                     \
    F(shift32, "vpsrldq $11, %xmm1, %xmm0")                                    \
    F(shift33, "vpsrldq $11, %ymm9, %ymm8")                                    \
    F(shift34, "vpsrldq $200, %xmm1, %xmm0")                                   \
    F(shift35, "vpsrldq $200, %ymm9, %ymm8")
#define FORMS_IMM(F)                                                           \
    F(imm36, "vpshufd $27, %xmm1, %xmm0")                                      \
    F(imm37, "vpshufd $27, 5(%rbx), %xmm0")                                    \
    F(imm38, "vpshufd $27, %ymm1, %ymm0")                                      \
    F(imm39, "vpshufd $27, 5(%rbx), %ymm0")                                    \
    F(imm40, "vpshufd $114, %xmm1, %xmm0")                                     \
    F(imm41, "vpshufd $114, 5(%rbx), %xmm0")                                   \
    F(imm42, "vpshufd $114, %ymm1, %ymm0")                                     \
    F(imm43, "vpshufd $114, 5(%rbx), %ymm0")                                   \
    F(imm44, "vpshuflw $27, %xmm1, %xmm0")                                     \
    F(imm45, "vpshuflw $27, 5(%rbx), %xmm0")                                   \
    F(imm46, "vpshuflw $27, %ymm1, %ymm0")                                     \
    F(imm47, "vpshuflw $27, 5(%rbx), %ymm0")                                   \
    F(imm48, "vpshuflw $57, %xmm1, %xmm0")                                     \
    F(imm49, "vpshuflw $57, 5(%rbx), %xmm0")                                   \
    F(imm50, "vpshuflw $57, %ymm1, %ymm0")                                     \
    F(imm51, "vpshuflw $57, 5(%rbx), %ymm0")                                   \
    F(imm52, "vpshufhw $156, %xmm1, %xmm0")                                    \
    F(imm53, "vpshufhw $156, 5(%rbx), %xmm0")                                  \
    F(imm54, "vpshufhw $156, %ymm1, %ymm0")                                    \
    F(imm55, "vpshufhw $156, 5(%rbx), %ymm0")                                  \
    F(imm56, "vpshufhw $225, %xmm1, %xmm0")                                    \
    F(imm57, "vpshufhw $225, 5(%rbx), %xmm0")                                  \
    F(imm58, "vpshufhw $225, %ymm1, %ymm0")                                    \
    F(imm59, "vpshufhw $225, 5(%rbx), %ymm0")                                  \
    F(imm60, "vpermilps $27, %xmm1, %xmm0")                                    \
    F(imm61, "vpermilps $27, 5(%rbx), %xmm0")                                  \
    F(imm62, "vpermilps $27, %ymm1, %ymm0")                                    \
    F(imm63, "vpermilps $27, 5(%rbx), %ymm0")                                  \
    F(imm64, "vpermilps $216, %xmm1, %xmm0")                                   \
    F(imm65, "vpermilps $216, 5(%rbx), %xmm0")                                 \
    F(imm66, "vpermilps $216, %ymm1, %ymm0")                                   \
    F(imm67, "vpermilps $216, 5(%rbx), %ymm0")                                 \
    F(imm68, "vpermilpd $5, %xmm1, %xmm0")                                     \
    F(imm69, "vpermilpd $5, 5(%rbx), %xmm0")                                   \
    F(imm70, "vpermilpd $5, %ymm1, %ymm0")                                     \
    F(imm71, "vpermilpd $5, 5(%rbx), %ymm0")                                   \
    F(imm72, "vpermilpd $10, %xmm1, %xmm0")                                    \
    F(imm73, "vpermilpd $10, 5(%rbx), %xmm0")                                  \
    F(imm74, "vpermilpd $10, %ymm1, %ymm0")                                    \
    F(imm75, "vpermilpd $10, 5(%rbx), %ymm0")                                  \
    F(imm76, "vpermq $27, %ymm1, %ymm0")                                       \
    F(imm77, "vpermq $27, 5(%rbx), %ymm0")                                     \
    F(imm78, "vpermq $114, %ymm1, %ymm0")                                      \
    F(imm79, "vpermq $114, 5(%rbx), %ymm0")                                    \
    F(imm80, "vpermq $216, %ymm1, %ymm0")                                      \
    F(imm81, "vpermq $216, 5(%rbx), %ymm0")                                    \
    F(imm82, "vpermpd $27, %ymm1, %ymm0")                                      \
    F(imm83, "vpermpd $27, 5(%rbx), %ymm0")                                    \
    F(imm84, "vpermpd $114, %ymm1, %ymm0")                                     \
    F(imm85, "vpermpd $114, 5(%rbx), %ymm0")                                   \
    F(imm86, "vpermpd $216, %ymm1, %ymm0")                                     \
    F(imm87, "vpermpd $216, 5(%rbx), %ymm0")                                   \
    F(imm88, "vshufps $27, %xmm1, %xmm2, %xmm0")                               \
    F(imm89, "vshufps $27, 5(%rbx), %xmm2, %xmm0")                             \
    F(imm90, "vshufps $27, %ymm1, %ymm2, %ymm0")                               \
    F(imm91, "vshufps $27, 5(%rbx), %ymm2, %ymm0")                             \
    F(imm92, "vshufps $216, %xmm1, %xmm2, %xmm0")                              \
    F(imm93, "vshufps $216, 5(%rbx), %xmm2, %xmm0")                            \
    F(imm94, "vshufps $216, %ymm1, %ymm2, %ymm0")                              \
    F(imm95, "vshufps $216, 5(%rbx), %ymm2, %ymm0")                            \
    F(imm96, "vshufpd $6, %xmm1, %xmm2, %xmm0")                                \
    F(imm97, "vshufpd $6, 5(%rbx), %xmm2, %xmm0")                              \
    F(imm98, "vshufpd $6, %ymm1, %ymm2, %ymm0")                                \
    F(imm99, "vshufpd $6, 5(%rbx), %ymm2, %ymm0")                              \
    F(imm100, "vshufpd $9, %xmm1, %xmm2, %xmm0")                               \
    F(imm101, "vshufpd $9, 5(%rbx), %xmm2, %xmm0")                             \
    F(imm102, "vshufpd $9, %ymm1, %ymm2, %ymm0")                               \
    F(imm103, "vshufpd $9, 5(%rbx), %ymm2, %ymm0")                             \
    F(imm104, "vblendps $90, %xmm1, %xmm2, %xmm0")                             \
    F(imm105, "vblendps $90, 5(%rbx), %xmm2, %xmm0")                           \
    F(imm106, "vblendps $90, %ymm1, %ymm2, %ymm0")                             \
    F(imm107, "vblendps $90, 5(%rbx), %ymm2, %ymm0")                           \
    F(imm108, "vblendps $60, %xmm1, %xmm2, %xmm0")                             \
    F(imm109, "vblendps $60, 5(%rbx), %xmm2, %xmm0")                           \
    F(imm110, "vblendps $60, %ymm1, %ymm2, %ymm0")                             \
    F(imm111, "vblendps $60, 5(%rbx), %ymm2, %ymm0")                           \
    F(imm112, "vblendpd $6, %xmm1, %xmm2, %xmm0")                              \
    F(imm113, "vblendpd $6, 5(%rbx), %xmm2, %xmm0")                            \
    F(imm114, "vblendpd $6, %ymm1, %ymm2, %ymm0")                              \
    F(imm115, "vblendpd $6, 5(%rbx), %ymm2, %ymm0")                            \
    F(imm116, "vblendpd $9, %xmm1, %xmm2, %xmm0")                              \
    F(imm117, "vblendpd $9, 5(%rbx), %xmm2, %xmm0")                            \
    F(imm118, "vblendpd $9, %ymm1, %ymm2, %ymm0")                              \
    F(imm119, "vblendpd $9, 5(%rbx), %ymm2, %ymm0")                            \
    F(imm120, "vpblendd $90, %xmm1, %xmm2, %xmm0")                             \
    F(imm121, "vpblendd $90, 5(%rbx), %xmm2, %xmm0")                           \
    F(imm122, "vpblendd $90, %ymm1, %ymm2, %ymm0")                             \
    F(imm123, "vpblendd $90, 5(%rbx), %ymm2, %ymm0")                           \
    F(imm124, "vpblendd $195, %xmm1, %xmm2, %xmm0")                            \
    F(imm125, "vpblendd $195, 5(%rbx), %xmm2, %xmm0")                          \
    F(imm126, "vpblendd $195, %ymm1, %ymm2, %ymm0")                            \
    F(imm127, "vpblendd $195, 5(%rbx), %ymm2, %ymm0")                          \
    F(imm128, "vpblendw $90, %xmm1, %xmm2, %xmm0")                             \
    F(imm129, "vpblendw $90, 5(%rbx), %xmm2, %xmm0")                           \
    F(imm130, "vpblendw $90, %ymm1, %ymm2, %ymm0")                             \
    F(imm131, "vpblendw $90, 5(%rbx), %ymm2, %ymm0")                           \
    F(imm132, "vpblendw $60, %xmm1, %xmm2, %xmm0")                             \
    F(imm133, "vpblendw $60, 5(%rbx), %xmm2, %xmm0")                           \
    F(imm134, "vpblendw $60, %ymm1, %ymm2, %ymm0")                             \
    F(imm135, "vpblendw $60, 5(%rbx), %ymm2, %ymm0")                           \
    F(imm136, "vpalignr $0, %xmm1, %xmm2, %xmm0")                              \
    F(imm137, "vpalignr $0, 5(%rbx), %xmm2, %xmm0")                            \
    F(imm138, "vpalignr $0, %ymm1, %ymm2, %ymm0")                              \
    F(imm139, "vpalignr $0, 5(%rbx), %ymm2, %ymm0")                            \
    F(imm140, "vpalignr $5, %xmm1, %xmm2, %xmm0")                              \
    F(imm141, "vpalignr $5, 5(%rbx), %xmm2, %xmm0")                            \
    F(imm142, "vpalignr $5, %ymm1, %ymm2, %ymm0")                              \
    F(imm143, "vpalignr $5, 5(%rbx), %ymm2, %ymm0")                            \
    F(imm144, "vpalignr $16, %xmm1, %xmm2, %xmm0")                             \
    F(imm145, "vpalignr $16, 5(%rbx), %xmm2, %xmm0")                           \
    F(imm146, "vpalignr $16, %ymm1, %ymm2, %ymm0")                             \
    F(imm147, "vpalignr $16, 5(%rbx), %ymm2, %ymm0")                           \
    F(imm148, "vpalignr $17, %xmm1, %xmm2, %xmm0")                             \
    F(imm149, "vpalignr $17, 5(%rbx), %xmm2, %xmm0")                           \
    F(imm150, "vpalignr $17, %ymm1, %ymm2, %ymm0")                             \
    F(imm151, "vpalignr $17, 5(%rbx), %ymm2, %ymm0")                           \
    F(imm152, "vpalignr $31, %xmm1, %xmm2, %xmm0")                             \
    F(imm153, "vpalignr $31, 5(%rbx), %xmm2, %xmm0")                           \
    F(imm154, "vpalignr $31, %ymm1, %ymm2, %ymm0")                             \
    F(imm155, "vpalignr $31, 5(%rbx), %ymm2, %ymm0")                           \
    F(imm156, "vpalignr $32, %xmm1, %xmm2, %xmm0")                             \
    F(imm157, "vpalignr $32, 5(%rbx), %xmm2, %xmm0")                           \
    F(imm158, "vpalignr $32, %ymm1, %ymm2, %ymm0")                             \
    F(imm159, "vpalignr $32, 5(%rbx), %ymm2, %ymm0")                           \
    F(imm160, "vpalignr $255, %xmm1, %xmm2, %xmm0")                            \
    F(imm161, "vpalignr $255, 5(%rbx), %xmm2, %xmm0")                          \
    F(imm162, "vpalignr $255, %ymm1, %ymm2, %ymm0")                            \
    F(imm163, "vpalignr $255, 5(%rbx), %ymm2, %ymm0")                          \
    F(imm164, "vmpsadbw $0, %xmm1, %xmm2, %xmm0")                              \
    F(imm165, "vmpsadbw $0, 5(%rbx), %xmm2, %xmm0")                            \
    F(imm166, "vmpsadbw $0, %ymm1, %ymm2, %ymm0")                              \
    F(imm167, "vmpsadbw $0, 5(%rbx), %ymm2, %ymm0")                            \
    F(imm168, "vmpsadbw $46, %xmm1, %xmm2, %xmm0")                             \
    F(imm169, "vmpsadbw $46, 5(%rbx), %xmm2, %xmm0")                           \
    F(imm170, "vmpsadbw $46, %ymm1, %ymm2, %ymm0")                             \
    F(imm171, "vmpsadbw $46, 5(%rbx), %ymm2, %ymm0")                           \
    F(imm172, "vmpsadbw $255, %xmm1, %xmm2, %xmm0")                            \
    F(imm173, "vmpsadbw $255, 5(%rbx), %xmm2, %xmm0")                          \
    F(imm174, "vmpsadbw $255, %ymm1, %ymm2, %ymm0")                            \
    F(imm175, "vmpsadbw $255, 5(%rbx), %ymm2, %ymm0")                          \
    F(imm176, "vperm2f128 $32, %ymm1, %ymm2, %ymm0")                           \
    F(imm177, "vperm2i128 $32, 50(%rbx), %ymm2, %ymm0")                        \
    F(imm178, "vperm2f128 $49, %ymm1, %ymm2, %ymm0")                           \
    F(imm179, "vperm2i128 $49, 50(%rbx), %ymm2, %ymm0")                        \
    F(imm180, "vperm2f128 $19, %ymm1, %ymm2, %ymm0")                           \
    F(imm181, "vperm2i128 $19, 50(%rbx), %ymm2, %ymm0")                        \
    F(imm182, "vperm2f128 $2, %ymm1, %ymm2, %ymm0")                            \
    F(imm183, "vperm2i128 $2, 50(%rbx), %ymm2, %ymm0")                         \
    F(imm184, "vperm2f128 $40, %ymm1, %ymm2, %ymm0")                           \
    F(imm185, "vperm2i128 $40, 50(%rbx), %ymm2, %ymm0")                        \
    F(imm186, "vperm2f128 $131, %ymm1, %ymm2, %ymm0")                          \
    F(imm187, "vperm2i128 $131, 50(%rbx), %ymm2, %ymm0")                       \
    F(imm188, "vperm2f128 $136, %ymm1, %ymm2, %ymm0")                          \
    F(imm189, "vperm2i128 $136, 50(%rbx), %ymm2, %ymm0")                       \
    F(imm190, "vinsertps $90, %xmm1, %xmm2, %xmm0")                            \
    F(imm191, "vinsertps $90, 5(%rbx), %xmm2, %xmm0")                          \
    F(imm192, "vinsertps $225, %xmm1, %xmm2, %xmm0")                           \
    F(imm193, "vinsertps $225, 5(%rbx), %xmm2, %xmm0")                         \
    F(imm194, "vinsertps $15, %xmm1, %xmm2, %xmm0")                            \
    F(imm195, "vinsertps $15, 5(%rbx), %xmm2, %xmm0")                          \
    F(imm196, "vpblendvb %xmm3, %xmm1, %xmm2, %xmm0")                          \
    F(imm197, "vpblendvb %xmm13, 5(%rbx), %xmm2, %xmm0")                       \
    F(imm198, "vpblendvb %ymm3, %ymm1, %ymm2, %ymm0")                          \
    F(imm199, "vpblendvb %ymm13, 5(%rbx), %ymm2, %ymm0")                       \
    F(imm200, "vblendvps %xmm3, %xmm1, %xmm2, %xmm0")                          \
    F(imm201, "vblendvps %xmm13, 5(%rbx), %xmm2, %xmm0")                       \
    F(imm202, "vblendvps %ymm3, %ymm1, %ymm2, %ymm0")                          \
    F(imm203, "vblendvps %ymm13, 5(%rbx), %ymm2, %ymm0")                       \
    F(imm204, "vblendvpd %xmm3, %xmm1, %xmm2, %xmm0")                          \
    F(imm205, "vblendvpd %xmm13, 5(%rbx), %xmm2, %xmm0")                       \
    F(imm206, "vblendvpd %ymm3, %ymm1, %ymm2, %ymm0")                          \
    F(imm207, "vblendvpd %ymm13, 5(%rbx), %ymm2, %ymm0")                       \
    F(imm208, "vptest %xmm1, %xmm0")                                           \
    F(imm209, "vptest 5(%rbx), %xmm0")                                         \
    F(imm210, "vptest %ymm1, %ymm0")                                           \
    F(imm211, "vptest 5(%rbx), %ymm0")                                         \
    F(imm212, "vptest %ymm1, %ymm1")                                           \
    F(imm213, "vtestps %xmm1, %xmm0")                                          \
    F(imm214, "vtestps 5(%rbx), %xmm0")                                        \
    F(imm215, "vtestps %ymm1, %ymm0")                                          \
    F(imm216, "vtestps 5(%rbx), %ymm0")                                        \
    F(imm217, "vtestps %ymm1, %ymm1")                                          \
    F(imm218, "vtestpd %xmm1, %xmm0")                                          \
    F(imm219, "vtestpd 5(%rbx), %xmm0")                                        \
    F(imm220, "vtestpd %ymm1, %ymm0")                                          \
    F(imm221, "vtestpd 5(%rbx), %ymm0")                                        \
    F(imm222, "vtestpd %ymm1, %ymm1")                                          \
    F(imm223, "vpcmpestri $12, %xmm1, %xmm2")                                  \
    F(imm224, "vpcmpestri $12, 50(%rbx), %xmm2")                               \
    F(imm225, "vpcmpestri $77, %xmm1, %xmm2")                                  \
    F(imm226, "vpcmpestri $77, 50(%rbx), %xmm2")                               \
    F(imm227, "vpcmpestri $57, %xmm1, %xmm2")                                  \
    F(imm228, "vpcmpestri $57, 50(%rbx), %xmm2")                               \
    F(imm229, "vpcmpestri $2, %xmm1, %xmm2")                                   \
    F(imm230, "vpcmpestri $2, 50(%rbx), %xmm2")                                \
    F(imm231, "vpcmpestrm $12, %xmm1, %xmm2")                                  \
    F(imm232, "vpcmpestrm $12, 50(%rbx), %xmm2")                               \
    F(imm233, "vpcmpestrm $77, %xmm1, %xmm2")                                  \
    F(imm234, "vpcmpestrm $77, 50(%rbx), %xmm2")                               \
    F(imm235, "vpcmpestrm $57, %xmm1, %xmm2")                                  \
    F(imm236, "vpcmpestrm $57, 50(%rbx), %xmm2")                               \
    F(imm237, "vpcmpestrm $2, %xmm1, %xmm2")                                   \
    F(imm238, "vpcmpestrm $2, 50(%rbx), %xmm2")                                \
    F(imm239, "vpcmpistri $12, %xmm1, %xmm2")                                  \
    F(imm240, "vpcmpistri $12, 50(%rbx), %xmm2")                               \
    F(imm241, "vpcmpistri $77, %xmm1, %xmm2")                                  \
    F(imm242, "vpcmpistri $77, 50(%rbx), %xmm2")                               \
    F(imm243, "vpcmpistri $57, %xmm1, %xmm2")                                  \
    F(imm244, "vpcmpistri $57, 50(%rbx), %xmm2")                               \
    F(imm245, "vpcmpistri $2, %xmm1, %xmm2")                                   \
    F(imm246, "vpcmpistri $2, 50(%rbx), %xmm2")                                \
    F(imm247, "vpcmpistrm $12, %xmm1, %xmm2")                                  \
    F(imm248, "vpcmpistrm $12, 50(%rbx), %xmm2")                               \
    F(imm249, "vpcmpistrm $77, %xmm1, %xmm2")                                  \
    F(imm250, "vpcmpistrm $77, 50(%rbx), %xmm2")                               \
    F(imm251, "vpcmpistrm $57, %xmm1, %xmm2")                                  \
    F(imm252, "vpcmpistrm $57, 50(%rbx), %xmm2")                               \
    F(imm253, "vpcmpistrm $2, %xmm1, %xmm2")                                   \
    F(imm254, "vpcmpistrm $2, 50(%rbx), %xmm2")                                \
    F(imm255, ".byte 0xc4,0xe3,0xf9,0x61,0xd1,0x0c")
#define FORMS_MOVE(F)                                                          \
    F(move256, "vmovaps %xmm1, %xmm0")                                         \
    F(move257, "vmovaps 32(%rbx), %xmm10")                                     \
    F(move258, "vmovaps %xmm1, 64(%rbx)")                                      \
    F(move259, "vmovaps %ymm1, %ymm0")                                         \
    F(move260, "vmovaps 32(%rbx), %ymm10")                                     \
    F(move261, "vmovaps %ymm1, 64(%rbx)")                                      \
    F(move262, "vmovapd %xmm1, %xmm0")                                         \
    F(move263, "vmovapd 32(%rbx), %xmm10")                                     \
    F(move264, "vmovapd %xmm1, 64(%rbx)")                                      \
    F(move265, "vmovapd %ymm1, %ymm0")                                         \
    F(move266, "vmovapd 32(%rbx), %ymm10")                                     \
    F(move267, "vmovapd %ymm1, 64(%rbx)")                                      \
    F(move268, "vmovdqa %xmm1, %xmm0")                                         \
    F(move269, "vmovdqa 32(%rbx), %xmm10")                                     \
    F(move270, "vmovdqa %xmm1, 64(%rbx)")                                      \
    F(move271, "vmovdqa %ymm1, %ymm0")                                         \
    F(move272, "vmovdqa 32(%rbx), %ymm10")                                     \
    F(move273, "vmovdqa %ymm1, 64(%rbx)")                                      \
    F(move274, "vmovups %xmm1, %xmm0")                                         \
    F(move275, "vmovups 3(%rbx), %xmm10")                                      \
    F(move276, "vmovups 50(%rbx), %xmm10")                                     \
    F(move277, "vmovups %xmm1, 3(%rbx)")                                       \
    F(move278, "vmovups %xmm1, 50(%rbx)")                                      \
    F(move279, "vmovups %ymm1, %ymm0")                                         \
    F(move280, "vmovups 3(%rbx), %ymm10")                                      \
    F(move281, "vmovups 50(%rbx), %ymm10")                                     \
    F(move282, "vmovups %ymm1, 3(%rbx)")                                       \
    F(move283, "vmovups %ymm1, 50(%rbx)")                                      \
    F(move284, "vmovupd %xmm1, %xmm0")                                         \
    F(move285, "vmovupd 3(%rbx), %xmm10")                                      \
    F(move286, "vmovupd 50(%rbx), %xmm10")                                     \
    F(move287, "vmovupd %xmm1, 3(%rbx)")                                       \
    F(move288, "vmovupd %xmm1, 50(%rbx)")                                      \
    F(move289, "vmovupd %ymm1, %ymm0")                                         \
    F(move290, "vmovupd 3(%rbx), %ymm10")                                      \
    F(move291, "vmovupd 50(%rbx), %ymm10")                                     \
    F(move292, "vmovupd %ymm1, 3(%rbx)")                                       \
    F(move293, "vmovupd %ymm1, 50(%rbx)")                                      \
    F(move294, "vmovdqu %xmm1, %xmm0")                                         \
    F(move295, "vmovdqu 3(%rbx), %xmm10")                                      \
    F(move296, "vmovdqu 50(%rbx), %xmm10")                                     \
    F(move297, "vmovdqu %xmm1, 3(%rbx)")                                       \
    F(move298, "vmovdqu %xmm1, 50(%rbx)")                                      \
    F(move299, "vmovdqu %ymm1, %ymm0")                                         \
    F(move300, "vmovdqu 3(%rbx), %ymm10")                                      \
    F(move301, "vmovdqu 50(%rbx), %ymm10")                                     \
    F(move302, "vmovdqu %ymm1, 3(%rbx)")                                       \
    F(move303, "vmovdqu %ymm1, 50(%rbx)")                                      \
    F(move304, ".byte 0xc5,0x7c,0x29,0xc1")                                    \
    F(move305, ".byte 0xc5,0xfb,0x11,0xd1")                                    \
    F(move306, "vmovntps %xmm1, 32(%rbx)")                                     \
    F(move307, "vmovntps %ymm1, 32(%rbx)")                                     \
    F(move308, "vmovntpd %xmm1, 32(%rbx)")                                     \
    F(move309, "vmovntpd %ymm1, 32(%rbx)")                                     \
    F(move310, "vmovntdq %xmm1, 32(%rbx)")                                     \
    F(move311, "vmovntdq %ymm1, 32(%rbx)")                                     \
    F(move312, "vmovntdqa 32(%rbx), %xmm0")                                    \
    F(move313, "vlddqu 5(%rbx), %xmm0")                                        \
    F(move314, "vmovntdqa 32(%rbx), %ymm0")                                    \
    F(move315, "vlddqu 5(%rbx), %ymm0")                                        \
    F(move316, "vmovss %xmm1, %xmm2, %xmm0")                                   \
    F(move317, "vmovss 61(%rbx), %xmm0")                                       \
    F(move318, "vmovss %xmm1, 61(%rbx)")                                       \
    F(move319, "vmovsd %xmm1, %xmm2, %xmm0")                                   \
    F(move320, "vmovsd 61(%rbx), %xmm0")                                       \
    F(move321, "vmovsd %xmm1, 61(%rbx)")                                       \
    F(move322, "vmovlps 5(%rbx), %xmm2, %xmm0")                                \
    F(move323, "vmovlps %xmm1, 60(%rbx)")                                      \
    F(move324, "vmovlpd 5(%rbx), %xmm2, %xmm0")                                \
    F(move325, "vmovlpd %xmm1, 60(%rbx)")                                      \
    F(move326, "vmovhps 5(%rbx), %xmm2, %xmm0")                                \
    F(move327, "vmovhps %xmm1, 60(%rbx)")                                      \
    F(move328, "vmovhpd 5(%rbx), %xmm2, %xmm0")                                \
    F(move329, "vmovhpd %xmm1, 60(%rbx)")                                      \
    F(move330, "vmovhlps %xmm1, %xmm2, %xmm0")                                 \
    F(move331, "vmovlhps %xmm1, %xmm2, %xmm0")                                 \
    F(move332, "vmovd %ecx, %xmm0")                                            \
    F(move333, "vmovd 5(%rbx), %xmm0")                                         \
    F(move334, "vmovd %xmm1, %eax")                                            \
    F(move335, "vmovd %xmm1, 5(%rbx)")                                         \
    F(move336, "vmovq %rcx, %xmm0")                                            \
    F(move337, "vmovq %xmm1, %rax")                                            \
    F(move338, "vmovq 61(%rbx), %xmm0")                                        \
    F(move339, "vmovq %xmm1, 61(%rbx)")                                        \
    F(move340, "vmovq %xmm1, %xmm0")                                           \
    F(move341, ".byte 0xc4,0xe1,0xf9,0x6e,0x03")                               \
    F(move342, ".byte 0xc4,0xe1,0xf9,0x7e,0x0b")                               \
    F(move343, ".byte 0xc5,0xf9,0xd6,0xc1")                                    \
    F(move344, "vmovmskps %xmm1, %eax")                                        \
    F(move345, "vmovmskps %ymm9, %edx")                                        \
    F(move346, "vmovmskpd %xmm1, %eax")                                        \
    F(move347, "vmovmskpd %ymm9, %edx")                                        \
    F(move348, "vpmovmskb %xmm1, %eax")                                        \
    F(move349, "vpmovmskb %ymm9, %edx")                                        \
    F(move350, "vpextrb $11, %xmm1, %eax")                                     \
    F(move351, "vpextrb $3, %xmm1, 5(%rbx)")                                   \
    F(move352, "vpextrw $13, %xmm1, %eax")                                     \
    F(move353, "vpextrw $2, %xmm1, 63(%rbx)")                                  \
    F(move354, ".byte 0xc4,0xe3,0x79,0x15,0xc8,0x03")                          \
    F(move355, "vpextrd $2, %xmm1, %eax")                                      \
    F(move356, "vpextrd $3, %xmm1, 61(%rbx)")                                  \
    F(move357, "vpextrq $1, %xmm1, %rax")                                      \
    F(move358, "vpextrq $0, %xmm1, 5(%rbx)")                                   \
    F(move359, "vextractps $3, %xmm1, %eax")                                   \
    F(move360, "vextractps $1, %xmm1, 5(%rbx)")                                \
    F(move361, "vpinsrb $11, %ecx, %xmm2, %xmm0")                              \
    F(move362, "vpinsrb $18, 5(%rbx), %xmm2, %xmm0")                           \
    F(move363, "vpinsrw $13, %ecx, %xmm2, %xmm0")                              \
    F(move364, "vpinsrw $2, 63(%rbx), %xmm2, %xmm0")                           \
    F(move365, "vpinsrd $3, %ecx, %xmm2, %xmm0")                               \
    F(move366, "vpinsrd $6, 61(%rbx), %xmm2, %xmm0")                           \
    F(move367, "vpinsrq $1, %rcx, %xmm2, %xmm0")                               \
    F(move368, "vpinsrq $0, 5(%rbx), %xmm2, %xmm0")                            \
    F(move369, "vextractf128 $0, %ymm1, %xmm0")                                \
    F(move370, "vextractf128 $1, %ymm1, %xmm0")                                \
    F(move371, "vextractf128 $3, %ymm1, 50(%rbx)")                             \
    F(move372, "vextractf128 $2, %ymm1, 5(%rbx)")                              \
    F(move373, "vinsertf128 $0, %xmm1, %ymm2, %ymm0")                          \
    F(move374, "vinsertf128 $1, %xmm1, %ymm2, %ymm0")                          \
    F(move375, "vinsertf128 $3, 50(%rbx), %ymm2, %ymm0")                       \
    F(move376, "vbroadcastf128 5(%rbx), %ymm0")                                \
    F(move377, "vextracti128 $0, %ymm1, %xmm0")                                \
    F(move378, "vextracti128 $1, %ymm1, %xmm0")                                \
    F(move379, "vextracti128 $3, %ymm1, 50(%rbx)")                             \
    F(move380, "vextracti128 $2, %ymm1, 5(%rbx)")                              \
    F(move381, "vinserti128 $0, %xmm1, %ymm2, %ymm0")                          \
    F(move382, "vinserti128 $1, %xmm1, %ymm2, %ymm0")                          \
    F(move383, "vinserti128 $3, 50(%rbx), %ymm2, %ymm0")                       \
    F(move384, "vbroadcasti128 5(%rbx), %ymm0")                                \
    F(move385, "vbroadcastsd %xmm1, %ymm0")                                    \
    F(move386, "vbroadcastsd 61(%rbx), %ymm0")                                 \
    F(move387, "vpermd %ymm1, %ymm2, %ymm0")                                   \
    F(move388, "vpermd 50(%rbx), %ymm2, %ymm0")                                \
    F(move389, "vpermps %ymm1, %ymm2, %ymm0")                                  \
    F(move390, "vpermps 50(%rbx), %ymm2, %ymm0")                               \
    F(move391, "vrcpss %xmm1, %xmm2, %xmm0")                                   \
    F(move392, "vrsqrtss 61(%rbx), %xmm2, %xmm0")                              \
    F(move393, ".byte 0xc5,0xee,0x53,0xc1")                                    \
    F(move394, ".byte 0xc5,0xef,0x10,0xc1")                                    \
    F(move395, "vmaskmovps 3(%rbx), %xmm2, %xmm0")                             \
    F(move396, "vmaskmovps 50(%rbx), %xmm2, %xmm0")                            \
    F(move397, "vmaskmovps %xmm1, %xmm2, 3(%rbx)")                             \
    F(move398, "vmaskmovps %xmm1, %xmm2, 50(%rbx)")                            \
    F(move399, "vmaskmovps 3(%rbx), %ymm2, %ymm0")                             \
    F(move400, "vmaskmovps 50(%rbx), %ymm2, %ymm0")                            \
    F(move401, "vmaskmovps %ymm1, %ymm2, 3(%rbx)")                             \
    F(move402, "vmaskmovps %ymm1, %ymm2, 50(%rbx)")                            \
    F(move403, "vmaskmovpd 3(%rbx), %xmm2, %xmm0")                             \
    F(move404, "vmaskmovpd 50(%rbx), %xmm2, %xmm0")                            \
    F(move405, "vmaskmovpd %xmm1, %xmm2, 3(%rbx)")                             \
    F(move406, "vmaskmovpd %xmm1, %xmm2, 50(%rbx)")                            \
    F(move407, "vmaskmovpd 3(%rbx), %ymm2, %ymm0")                             \
    F(move408, "vmaskmovpd 50(%rbx), %ymm2, %ymm0")                            \
    F(move409, "vmaskmovpd %ymm1, %ymm2, 3(%rbx)")                             \
    F(move410, "vmaskmovpd %ymm1, %ymm2, 50(%rbx)")                            \
    F(move411, "vpmaskmovd 3(%rbx), %xmm2, %xmm0")                             \
    F(move412, "vpmaskmovd 50(%rbx), %xmm2, %xmm0")                            \
    F(move413, "vpmaskmovd %xmm1, %xmm2, 3(%rbx)")                             \
    F(move414, "vpmaskmovd %xmm1, %xmm2, 50(%rbx)")                            \
    F(move415, "vpmaskmovd 3(%rbx), %ymm2, %ymm0")                             \
    F(move416, "vpmaskmovd 50(%rbx), %ymm2, %ymm0")                            \
    F(move417, "vpmaskmovd %ymm1, %ymm2, 3(%rbx)")                             \
    F(move418, "vpmaskmovd %ymm1, %ymm2, 50(%rbx)")                            \
    F(move419, "vpmaskmovq 3(%rbx), %xmm2, %xmm0")                             \
    F(move420, "vpmaskmovq 50(%rbx), %xmm2, %xmm0")                            \
    F(move421, "vpmaskmovq %xmm1, %xmm2, 3(%rbx)")                             \
    F(move422, "vpmaskmovq %xmm1, %xmm2, 50(%rbx)")                            \
    F(move423, "vpmaskmovq 3(%rbx), %ymm2, %ymm0")                             \
    F(move424, "vpmaskmovq 50(%rbx), %ymm2, %ymm0")                            \
    F(move425, "vpmaskmovq %ymm1, %ymm2, 3(%rbx)")                             \
    F(move426, "vpmaskmovq %ymm1, %ymm2, 50(%rbx)")                            \
    F(move427, "vzeroupper")                                                   \
    F(move428, "vzeroall")                                                     \
    F(move429, "vstmxcsr 5(%rbx)")                                             \
    F(move430, "mov $0x9fc0, %eax; mov %eax, (%rbx); vldmxcsr (%rbx)")         \
    F(move431, "vmovdqu %ymm1, (%rbx); vpaddb (%rbx), %ymm1, %ymm0; vpaddb "   \
               "%xmm0, %xmm0, %xmm3; vpaddd %ymm3, %ymm0, %ymm4; paddb "       \
               "%xmm4, %xmm0; vpaddd %ymm0, %ymm4, %ymm5")
#define FORMS_GATHER(F)                                                        \
    F(gather432,                                                               \
      "vpsrad $27, %ymm1, %ymm1; vgatherdps %xmm2, 320(%rbx,%xmm1,4), %xmm0")  \
    F(gather433,                                                               \
      "vpsrad $27, %ymm1, %ymm1; vgatherdps %ymm2, 320(%rbx,%ymm1,4), %ymm0")  \
    F(gather434,                                                               \
      "vpsrad $27, %ymm1, %ymm1; vpgatherdd %xmm2, 320(%rbx,%xmm1,4), %xmm0")  \
    F(gather435,                                                               \
      "vpsrad $27, %ymm1, %ymm1; vpgatherdd %ymm2, 320(%rbx,%ymm1,4), %ymm0")  \
    F(gather436,                                                               \
      "vpsrad $27, %ymm1, %ymm1; vgatherdpd %xmm2, 320(%rbx,%xmm1,4), %xmm0")  \
    F(gather437,                                                               \
      "vpsrad $27, %ymm1, %ymm1; vgatherdpd %ymm2, 320(%rbx,%xmm1,4), %ymm0")  \
    F(gather438,                                                               \
      "vpsrad $27, %ymm1, %ymm1; vpgatherdq %xmm2, 320(%rbx,%xmm1,4), %xmm0")  \
    F(gather439,                                                               \
      "vpsrad $27, %ymm1, %ymm1; vpgatherdq %ymm2, 320(%rbx,%xmm1,4), %ymm0")  \
    F(gather440,                                                               \
      "vpsrlq $59, %ymm1, %ymm1; vgatherqps %xmm2, 320(%rbx,%xmm1,4), %xmm0")  \
    F(gather441,                                                               \
      "vpsrlq $59, %ymm1, %ymm1; vgatherqps %xmm2, 320(%rbx,%ymm1,4), %xmm0")  \
    F(gather442,                                                               \
      "vpsrlq $59, %ymm1, %ymm1; vpgatherqd %xmm2, 320(%rbx,%xmm1,4), %xmm0")  \
    F(gather443,                                                               \
      "vpsrlq $59, %ymm1, %ymm1; vpgatherqd %xmm2, 320(%rbx,%ymm1,4), %xmm0")  \
    F(gather444,                                                               \
      "vpsrlq $59, %ymm1, %ymm1; vgatherqpd %xmm2, 320(%rbx,%xmm1,4), %xmm0")  \
    F(gather445,                                                               \
      "vpsrlq $59, %ymm1, %ymm1; vgatherqpd %ymm2, 320(%rbx,%ymm1,4), %ymm0")  \
    F(gather446,                                                               \
      "vpsrlq $59, %ymm1, %ymm1; vpgatherqq %xmm2, 320(%rbx,%xmm1,4), %xmm0")  \
    F(gather447,                                                               \
      "vpsrlq $59, %ymm1, %ymm1; vpgatherqq %ymm2, 320(%rbx,%ymm1,4), %ymm0")

#define FORMS(F) FORMS_SHIFT(F) FORMS_IMM(F) FORMS_MOVE(F) FORMS_GATHER(F)

#define CODE(name, text) BARE_CODE(form_##name, text);
#define ROW(name, text)  {text, form_##name, form_##name##_end},

/* Memory operands at 5: in one line; at 50: in two, for the larger ones. */
#define R128 "%xmm1"
#define R256 "%ymm1"
#define OP2(F, m, host, s256)                                                  \
    F(m##_0, host " %xmm1, %xmm0")                                             \
    F(m##_1, host " 5(%rbx), %xmm0")                                           \
    F(m##_2, host " 50(%rbx), %xmm0")                                          \
    F(m##_3, host " " R##s256 ", %ymm0")                                       \
    F(m##_4, host " 5(%rbx), %ymm8")                                           \
    F(m##_5, host " 50(%rbx), %ymm0")
#define OP3(F, m, host, s256)                                                  \
    F(m##_0, host " %xmm1, %xmm12, %xmm0")                                     \
    F(m##_1, host " 5(%rbx), %xmm2, %xmm0")                                    \
    F(m##_2, host " 50(%rbx), %xmm2, %xmm0")                                   \
    F(m##_3, host " " R##s256 ", %ymm2, %ymm10")                               \
    F(m##_4, host " 5(%rbx), %ymm2, %ymm0")                                    \
    F(m##_5, host " 50(%rbx), %ymm2, %ymm0")
#define AVX2OP(m, host, size128, size256, s256, feature, rules)                \
    OP2(CODE, m, host, s256)
#define AVX3OP(m, host, size128, size256, s256, feature, rules)                \
    OP3(CODE, m, host, s256)
#define AVX2OP_128(m, host, size, feature)                                     \
    CODE(m##_0, host " %xmm1, %xmm0") CODE(m##_1, host " 50(%rbx), %xmm0")
#define AVX3OP_128(m, host, size, feature)
#define AVX2OP_256(m, host, size, s256, feature, rules)
#define AVX3OP_256(m, host, size, s256, feature, rules)
#define AVX3AUX_128(m, host, size, s128)
#define AVX3AUX_256(m, host, size, s256)
FORMS(CODE)
#include "cpu/avx_int.def"
#undef AVX2OP
#undef AVX3OP
#undef AVX2OP_128

static const struct form forms[] = {
#define AVX2OP(m, host, size128, size256, s256, feature, rules)                \
    OP2(ROW, m, host, s256)
#define AVX3OP(m, host, size128, size256, s256, feature, rules)                \
    OP3(ROW, m, host, s256)
#define AVX2OP_128(m, host, size, feature)                                     \
    ROW(m##_0, host " %xmm1, %xmm0") ROW(m##_1, host " 50(%rbx), %xmm0")
#include "cpu/avx_int.def"
#include "cpu/avx_undef.h"
    FORMS(ROW)};

static void run_forms(const char *timing, unsigned rounds)
{
    struct vec_rig r;
    struct rng g = rng_make(30, rounds);
    unsigned wrong = 0;
    vec_host_create();
    vec_create(&r, timing);
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        const struct form *f = &forms[i];
        size_t size = (size_t)(f->end - f->code);
        uint64_t at = vec_place(&r, f->code, size);
        for (unsigned k = 0; k < rounds; k++) {
            struct vec_state in, host, sim;
            vec_random(&in, &g);
            host = sim = in;
            vec_host_run(&host, f->code, size);
            vec_run(&r, &sim, at, size);
            if (vec_equal(&host, &sim, 0xffff))
                continue;
            if (wrong++ < 20) {
                fprintf(stderr, "--- %s, case %u\n", f->name, k);
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

START_TEST(forms_off)
{
    run_forms("off", 100);
}
END_TEST

START_TEST(forms_simple)
{
    run_forms("simple", 40);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("avx_int");
    TCase *t = tcase_create("host");
    tcase_set_timeout(t, 120);
    if (vec_host_avx()) {
        tcase_add_test(t, forms_off);
        tcase_add_test(t, forms_simple);
    }
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
