// SPDX-License-Identifier: GPL-2.0
/* What the case needs of QEMU's "virt" board. That it is a Pi 5 stands in the device tree (device_tree.py). */
#include "a1d_case.h"

#include <linux/io.h>

/* The match register of its PL031: nobody uses it, its interrupt is masked, and a warm reboot leaves it alone. */
#define PL031_MATCH_AT 0x09010004

/* Semihosting: the call that ends the program, with a reason and, on 64 bits, an exit code. */
#define SEMIHOSTING_EXIT 0x18
#define SEMIHOSTING_APPLICATION_EXIT 0x20026
#define EXIT_CUT (2 * 0x15 + 1) /* as a PC's isa-debug-exit would */

static void __iomem *match;

int board_init(void)
{
	match = ioremap(PL031_MATCH_AT, sizeof(u32));
	return match ? 0 : -ENOMEM;
}

void board_exit(void)
{
	iounmap(match);
}

void board_keep_duty(u8 duty)
{
	writel(BOARD_MARK << 16 | duty << 8 | (~duty & 0xff), match);
}

bool board_recall_duty(u8 *duty)
{
	u32 kept = readl(match);
	u8 check = kept;

	*duty = kept >> 8;
	return kept >> 16 == BOARD_MARK && (*duty ^ check) == 0xff;
}

void board_cut(void)
{
	u64 block[] = { SEMIHOSTING_APPLICATION_EXIT, EXIT_CUT };
	register u64 operation asm("x0") = SEMIHOSTING_EXIT;
	register u64 *parameters asm("x1") = block;

	asm volatile("hlt #0xf000" : "+r"(operation) : "r"(parameters) : "memory");
}
