// SPDX-License-Identifier: GPL-2.0
/* The one file of a Pi's device tree that gpiozero asks for: a PC's kernel has no /proc/device-tree of its own. */
#include "a1d_case.h"

#include <linux/proc_fs.h>
#include <linux/seq_file.h>

#define REVISION 0x00c04170 /* a Pi 5 with 4 GB, 1.0 */

static struct proc_dir_entry *tree;

static int revision_show(struct seq_file *seq, void *unused)
{
	__be32 revision = cpu_to_be32(REVISION);

	seq_write(seq, &revision, sizeof(revision));
	return 0;
}

/* A kernel with CONFIG_OF may have that directory. Only gpiozero goes without what it asks for. */
void board_init(void)
{
	struct proc_dir_entry *system;

	tree = proc_mkdir("device-tree", NULL);
	system = tree ? proc_mkdir("system", tree) : NULL;
	if (!system || !proc_create_single("linux,revision", 0444, system, revision_show)) {
		pr_warn("no /proc/device-tree/system/linux,revision\n");
		board_exit();
	}
}

void board_exit(void)
{
	proc_remove(tree);
	tree = NULL;
}
