// SPDX-License-Identifier: GPL-2.0
/* What the case needs of a PC. */
#include "a1d_case.h"

#include <linux/io.h>
#include <linux/mc146818rtc.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>

/* Bytes of the CMOS that nobody uses; a warm reboot leaves them alone. */
#define CMOS_MARK_AT 0x70
#define CMOS_DUTY_AT 0x71
#define CMOS_CHECK_AT 0x72

/* QEMU's isa-debug-exit ends the machine with status 2 * value + 1. */
#define DEBUG_EXIT_PORT 0x501
#define DEBUG_EXIT_CUT 0x15

#define REVISION 0x00c04170 /* a Pi 5 with 4 GB, 1.0 */

static struct proc_dir_entry *tree;

static int revision_show(struct seq_file *seq, void *unused)
{
	__be32 revision = cpu_to_be32(REVISION);

	seq_write(seq, &revision, sizeof(revision));
	return 0;
}

/*
 * The one file of a Pi's device tree that gpiozero asks for: a PC's kernel has no /proc/device-tree of its own. One
 * with CONFIG_OF may have that directory; then only gpiozero goes without what it asks for.
 */
int board_init(void)
{
	struct proc_dir_entry *system;

	tree = proc_mkdir("device-tree", NULL);
	system = tree ? proc_mkdir("system", tree) : NULL;
	if (!system || !proc_create_single("linux,revision", 0444, system, revision_show)) {
		pr_warn("no /proc/device-tree/system/linux,revision\n");
		board_exit();
	}
	return 0;
}

void board_exit(void)
{
	proc_remove(tree);
	tree = NULL;
}

void board_keep_duty(u8 duty)
{
	unsigned long flags;

	spin_lock_irqsave(&rtc_lock, flags);
	CMOS_WRITE(BOARD_MARK, CMOS_MARK_AT);
	CMOS_WRITE(duty, CMOS_DUTY_AT);
	CMOS_WRITE(~duty & 0xff, CMOS_CHECK_AT);
	spin_unlock_irqrestore(&rtc_lock, flags);
}

bool board_recall_duty(u8 *duty)
{
	unsigned long flags;
	u8 mark, check;

	spin_lock_irqsave(&rtc_lock, flags);
	mark = CMOS_READ(CMOS_MARK_AT);
	*duty = CMOS_READ(CMOS_DUTY_AT);
	check = CMOS_READ(CMOS_CHECK_AT);
	spin_unlock_irqrestore(&rtc_lock, flags);
	return mark == BOARD_MARK && (*duty ^ check) == 0xff;
}

void board_cut(void)
{
	outb(DEBUG_EXIT_CUT, DEBUG_EXIT_PORT);
}
