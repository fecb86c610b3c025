// SPDX-License-Identifier: GPL-2.0
/* The GPIO chip of a Pi 5, of whose lines only the button's ever moves. */
#include "a1d_case.h"

#include <linux/gpio/driver.h>
#include <linux/irq.h>
#include <linux/kernel.h>
#include <linux/mutex.h>
#include <linux/pinctrl/pinconf-generic.h>
#include <linux/seq_file.h>
#include <linux/uaccess.h>

#define LINES 54
#define BUTTON_LINE 4
#define DOUBLE_PRESS_US 20000 /* B2 */
#define HOLD_US 40000 /* B3 */
#define EDGES_KEPT 64
#define FLOAT_US 100000
#define PHASES_MAX 63
#define PHASE_MAX_US 10000000

static struct gpio_chip chip;
static struct {
	struct mutex lock;
	struct hrtimer timer;
	unsigned int phases_us[PHASES_MAX]; /* high, low, high, ... */
	unsigned int phases_count;
	unsigned int next;
	bool is_high;
	bool is_enabled; /* the interrupt */
	unsigned int trigger; /* IRQ_TYPE_EDGE_* */
	u64 edges;
	u64 at_ns[EDGES_KEPT]; /* CLOCK_MONOTONIC, as the kernel's own time stamps of edges */
} line;

static const char *const bias_words[] = { "none", "disabled", "pull-up", "pull-down" };
enum { BIAS_NONE, BIAS_DISABLED, BIAS_PULL_UP, BIAS_PULL_DOWN };
static struct choice bias = { bias_words, ARRAY_SIZE(bias_words), BIAS_NONE, NULL };

static void flip(void)
{
	line.is_high = !line.is_high;
	line.at_ns[line.edges++ % EDGES_KEPT] = ktime_get_ns();
	if (!line.is_enabled || !(line.trigger & (line.is_high ? IRQ_TYPE_EDGE_RISING : IRQ_TYPE_EDGE_FALLING)))
		return;
	generic_handle_domain_irq(chip.irq.domain, BUTTON_LINE);
}

static enum hrtimer_restart next_phase(struct hrtimer *timer)
{
	flip();
	if (line.next >= line.phases_count)
		return HRTIMER_NORESTART;
	hrtimer_add_expires_ns(timer, line.phases_us[line.next++] * (u64)NSEC_PER_USEC);
	return HRTIMER_RESTART;
}

/* phases_us: how long the line is high, low, high, ...; it ends low, so their number is odd. */
static int pulse(const unsigned int *phases_us, unsigned int count)
{
	int error = 0;

	if (bus_mcu_is_absent())
		return -ENODEV;
	mutex_lock(&line.lock);
	if (hrtimer_active(&line.timer)) {
		error = -EBUSY;
	} else {
		memcpy(line.phases_us, phases_us, count * sizeof(*phases_us));
		line.phases_count = count;
		line.next = 0;
		hrtimer_start(&line.timer, ns_to_ktime(100 * NSEC_PER_USEC), HRTIMER_MODE_REL);
	}
	mutex_unlock(&line.lock);
	return error;
}

/* The MCU lets go of the pin: it reads high unless someone asked for a pull-down (B5). */
void button_float(void)
{
	unsigned int us = FLOAT_US;

	if (bias.value != BIAS_PULL_DOWN)
		pulse(&us, 1);
}

static int press_set(int value)
{
	unsigned int us = value ? HOLD_US : DOUBLE_PRESS_US;
	int error = pulse(&us, 1);

	if (!error && value)
		mcu_hold();
	return error;
}
static const char *const press_words[] = { "double", "hold" };
static struct choice press = { press_words, ARRAY_SIZE(press_words), 0, press_set };

static ssize_t pulse_us_write(struct file *file, const char __user *from, size_t size, loff_t *offset)
{
	int phases[PHASES_MAX + 2]; /* the first is the count */
	char text[512];
	ssize_t length = simple_write_to_buffer(text, sizeof(text) - 1, offset, from, size);
	int i, error;

	if (length < 0)
		return length;
	text[length] = '\0';
	get_options(strim(text), ARRAY_SIZE(phases), phases);
	if (phases[0] % 2 == 0 || phases[0] > PHASES_MAX)
		return -EINVAL;
	for (i = 1; i <= phases[0]; i++)
		if (phases[i] < 1 || phases[i] > PHASE_MAX_US)
			return -EINVAL;
	error = pulse((unsigned int *)phases + 1, phases[0]);
	return error ?: size;
}
static const struct file_operations pulse_us_fops = { .open = simple_open, .write = pulse_us_write };

/*
 * When the last edges really came, ns and level: an emulated processor that the host does not run is late, and
 * so is the pulse. Every pulse begins and ends low, so the level follows from the number.
 */
static int edges_show(struct seq_file *seq, void *unused)
{
	u64 i, edges = READ_ONCE(line.edges);

	for (i = edges > EDGES_KEPT ? edges - EDGES_KEPT : 0; i < edges; i++)
		seq_printf(seq, "%llu %llu %d\n", i, line.at_ns[i % EDGES_KEPT], i % 2 == 0);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(edges);

static int line_get(struct gpio_chip *gc, unsigned int offset)
{
	return offset == BUTTON_LINE && line.is_high;
}

static int line_get_direction(struct gpio_chip *gc, unsigned int offset)
{
	return GPIO_LINE_DIRECTION_IN;
}

static int line_direction_input(struct gpio_chip *gc, unsigned int offset)
{
	return 0;
}

static int line_set_config(struct gpio_chip *gc, unsigned int offset, unsigned long config)
{
	int asked;

	switch (pinconf_to_config_param(config)) {
	case PIN_CONFIG_BIAS_DISABLE:
		asked = BIAS_DISABLED;
		break;
	case PIN_CONFIG_BIAS_PULL_UP:
		asked = BIAS_PULL_UP;
		break;
	case PIN_CONFIG_BIAS_PULL_DOWN:
		asked = BIAS_PULL_DOWN;
		break;
	default:
		return -ENOTSUPP;
	}
	if (offset == BUTTON_LINE)
		bias.value = asked;
	return 0;
}

static void line_irq_mask(struct irq_data *data)
{
	if (irqd_to_hwirq(data) == BUTTON_LINE)
		line.is_enabled = false;
	gpiochip_disable_irq(&chip, irqd_to_hwirq(data));
}

static void line_irq_unmask(struct irq_data *data)
{
	gpiochip_enable_irq(&chip, irqd_to_hwirq(data));
	if (irqd_to_hwirq(data) == BUTTON_LINE)
		line.is_enabled = true;
}

static void line_irq_ack(struct irq_data *data)
{
}

static int line_irq_set_type(struct irq_data *data, unsigned int type)
{
	if (type & ~IRQ_TYPE_EDGE_BOTH)
		return -EINVAL;
	if (irqd_to_hwirq(data) == BUTTON_LINE)
		line.trigger = type;
	return 0;
}

static const struct irq_chip line_irq_chip = {
	.name = "a1d-case",
	.irq_mask = line_irq_mask,
	.irq_unmask = line_irq_unmask,
	.irq_ack = line_irq_ack,
	.irq_set_type = line_irq_set_type,
	.flags = IRQCHIP_IMMUTABLE,
	GPIOCHIP_IRQ_RESOURCE_HELPERS,
};

int button_init(struct device *parent, struct dentry *dir)
{
	int error;

	mutex_init(&line.lock);
	timer_setup_monotonic(&line.timer, next_phase, HRTIMER_MODE_REL);
	chip.label = "pinctrl-rp1"; /* B6 */
	chip.owner = THIS_MODULE;
	chip.parent = parent;
	chip.base = -1;
	chip.ngpio = LINES;
	chip.get = line_get;
	chip.get_direction = line_get_direction;
	chip.direction_input = line_direction_input;
	chip.set_config = line_set_config;
	gpio_irq_chip_set_chip(&chip.irq, &line_irq_chip);
	chip.irq.handler = handle_edge_irq;
	chip.irq.default_type = IRQ_TYPE_NONE;
	error = gpiochip_add_data(&chip, NULL);
	if (error)
		return error;
	choice_create("press", dir, &press);
	choice_create("bias", dir, &bias);
	debugfs_create_file("pulse_us", 0200, dir, NULL, &pulse_us_fops);
	debugfs_create_file("edges", 0400, dir, NULL, &edges_fops);
	return 0;
}

void button_exit(void)
{
	hrtimer_cancel(&line.timer);
	gpiochip_remove(&chip);
}
