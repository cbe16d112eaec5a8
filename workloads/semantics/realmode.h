/* SPDX-License-Identifier: Apache-2.0
 * What realmode.c and realmode.S share: selectors, places in low memory and
 * the layout of an outcome.
 */
#ifndef SEMANTICS_REALMODE_H
#define SEMANTICS_REALMODE_H

#define LOW_SEGMENT 0x2000
#define LOW_BASE    0x20000 /* code */
#define DATA_BASE   0x30000
#define STACK_BASE  0x40000
#define EXTRA_BASE  0x50000
#define IDT_BASE    0x62000 /* SIDT is to print the same everywhere */
#define TRAMPOLINES 0x10000 /* entries of 16-bit gates */

#define SEL_CODE     0x08
#define SEL_DATA     0x10
#define SEL_CODE16   0x18 /* at LOW_BASE */
#define SEL_DATA16   0x20 /* at 0, 64 KiB */
#define SEL_TSS      0x28
#define SEL_UCODE16  0x33 /* at LOW_BASE */
#define SEL_UDATA16  0x3b /* at DATA_BASE */
#define SEL_USTACK16 0x43 /* at STACK_BASE */
#define SEL_UCODE32  0x4b /* at LOW_BASE */
#define SEL_USTACK32 0x53 /* at STACK_BASE, 8 KiB */
#define SEL_DOWN16   0x5b /* expand-down above 7fffh, 64 KiB */
#define SEL_DOWN32   0x63 /* the same, 4 GiB */
#define SEL_CONFORM  0x68
#define SEL_UFLAT    0x73 /* code of level 3 */
#define SEL_RODATA   0x7b
#define SEL_XONLY    0x83
#define SEL_CODE32   0x88 /* at LOW_BASE */

/* Offsets in struct outcome. */
#define OUT_EAX           4
#define OUT_ECX           8
#define OUT_EDX           12
#define OUT_EBX           16
#define OUT_EBP           20
#define OUT_ESI           24
#define OUT_EDI           28
#define OUT_ESP           32
#define OUT_SEGS          36 /* DS ES FS GS */
#define OUT_SS            52
#define OUT_HANDLER_FLAGS 56
#define OUT_CR0           60
#define OUT_WORDS         64 /* the frame is one of 16-bit words */
#define OUT_FRAME         68

#endif
