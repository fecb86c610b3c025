// SPDX-License-Identifier: GPL-2.0
/* A virtual ARGON ONE V3: puts the parts together. See README.md beside this directory. */
#include "a1d_case.h"

#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/reboot.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include <linux/uaccess.h>

static char *protocol = "register";
module_param(protocol, charp, 0444);
MODULE_PARM_DESC(protocol, "register (V3) or legacy (older cases)");

static struct platform_device *device;
static struct dentry *dir;
static DEFINE_MUTEX(choosing);

static ssize_t choice_write(struct file *file, const char __user *from, size_t size, loff_t *offset)
{
	struct choice *choice = ((struct seq_file *)file->private_data)->private;
	char text[32];
	ssize_t length = simple_write_to_buffer(text, sizeof(text) - 1, offset, from, size);
	int index, error = 0;

	if (length < 0)
		return length;
	text[length] = '\0';
	index = match_string(choice->words, choice->words_count, strim(text));
	if (index < 0)
		return index;
	mutex_lock(&choosing);
	if (choice->set)
		error = choice->set(index);
	if (!error)
		WRITE_ONCE(choice->value, index);
	mutex_unlock(&choosing);
	return error ?: size;
}

static int choice_show(struct seq_file *seq, void *unused)
{
	struct choice *choice = seq->private;

	seq_printf(seq, "%s\n", choice->words[READ_ONCE(choice->value)]);
	return 0;
}

static int choice_open(struct inode *inode, struct file *file)
{
	return single_open(file, choice_show, inode->i_private);
}

static const struct file_operations choice_fops = {
	.owner = THIS_MODULE,
	.open = choice_open,
	.read = seq_read,
	.write = choice_write,
	.llseek = seq_lseek,
	.release = single_release,
};

void choice_create(const char *name, struct dentry *in, struct choice *choice)
{
	debugfs_create_file(name, 0600, in, choice, &choice_fops);
}

static int on_end(struct notifier_block *block, unsigned long action, void *unused)
{
	mcu_wait_for_cut();
	return NOTIFY_DONE;
}
static struct notifier_block end_notifier = { .notifier_call = on_end, .priority = INT_MIN };

static int __init case_init(void)
{
	int error = mcu_set_protocol(protocol);

	if (error)
		return error;
	device = platform_device_register_simple("a1d-case", PLATFORM_DEVID_NONE, NULL, 0);
	if (IS_ERR(device))
		return PTR_ERR(device);
	dir = debugfs_create_dir("a1d_case", NULL);
	error = board_init();
	if (error)
		goto no_board;
	error = mcu_init(dir);
	if (error)
		goto no_mcu;
	error = bus_init(&device->dev, dir);
	if (error)
		goto no_bus;
	error = button_init(&device->dev, dir);
	if (error)
		goto no_button;
	error = thermal_init(&device->dev, dir);
	if (error)
		goto no_thermal;
	register_reboot_notifier(&end_notifier);
	pr_info("here\n");
	return 0;

no_thermal:
	button_exit();
no_button:
	bus_exit();
no_bus:
	mcu_exit();
no_mcu:
	board_exit();
no_board:
	debugfs_remove(dir);
	platform_device_unregister(device);
	return error;
}

static void __exit case_exit(void)
{
	unregister_reboot_notifier(&end_notifier);
	debugfs_remove(dir);
	thermal_exit();
	button_exit();
	bus_exit();
	mcu_exit();
	board_exit();
	platform_device_unregister(device);
}

module_init(case_init);
module_exit(case_exit);
MODULE_DESCRIPTION("A virtual ARGON ONE V3 case");
MODULE_LICENSE("GPL");
