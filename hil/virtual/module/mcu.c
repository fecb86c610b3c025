// SPDX-License-Identifier: GPL-2.0
/* The case's MCU: registers, kick, power-up duty and the power cut. */
#include "a1d_case.h"

#include <linux/delay.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#define REGISTER_DUTY 0x80
#define REGISTER_FIRMWARE 0x81
#define REGISTER_CONTROL 0x86
#define LEGACY_ARM 0xff
#define KICK_MS 500 /* M6 */
#define POWER_UP_MS 5000 /* M5 */
#define POWER_UP_DUTY 50 /* M5 */

/* From the message to the end, so that the serial console gets the message out. */
#define LAST_WORDS_MS 20

static bool really_cut = true;
module_param(really_cut, bool, 0644);
MODULE_PARM_DESC(really_cut, "a power cut ends the virtual machine (else it is only logged and counted)");

static unsigned int cut_delay_ms = 5600; /* P2 */
module_param(cut_delay_ms, uint, 0644);
MODULE_PARM_DESC(cut_delay_ms, "from arming the power cut to the cut");

static unsigned int hold_cut_delay_ms = 5600; /* B3 */
module_param(hold_cut_delay_ms, uint, 0644);
MODULE_PARM_DESC(hold_cut_delay_ms, "from the pulse of a hold to the cut");

static unsigned int firmware = 0xa2; /* M3 */
module_param(firmware, uint, 0644);
MODULE_PARM_DESC(firmware, "what register 0x81 reads");

static DEFINE_SPINLOCK(lock);
static struct {
	ktime_t powered;
	ktime_t kick_until;
	bool is_written; /* since power-up */
	u8 written;
	ktime_t armed; /* 0: not armed */
	ktime_t cut; /* 0: no cut to come */
	bool is_cut;
	u64 forbidden_writes;
	u64 cuts;
} mcu;
static struct hrtimer cut_timer;

static const char *const protocol_words[] = { "register", "legacy" };
enum { PROTOCOL_REGISTER, PROTOCOL_LEGACY };
static struct choice protocol = { protocol_words, ARRAY_SIZE(protocol_words), PROTOCOL_REGISTER, NULL };

int mcu_set_protocol(const char *word)
{
	int index = match_string(protocol_words, ARRAY_SIZE(protocol_words), word);

	if (index >= 0)
		protocol.value = index;
	return min(index, 0);
}

/* What 0x80 reads: the last duty processed, unclamped (M2, M4). */
static u8 register_duty(ktime_t now)
{
	if (mcu.is_written)
		return mcu.written;
	return ktime_before(now, ktime_add_ms(mcu.powered, POWER_UP_MS)) ? POWER_UP_DUTY : 0;
}

static bool is_kicking(ktime_t now)
{
	return ktime_before(now, mcu.kick_until);
}

static void take_duty(u8 duty, ktime_t now, bool may_kick)
{
	if (may_kick && register_duty(now) == 0 && duty > 0)
		mcu.kick_until = ktime_add_ms(now, KICK_MS);
	mcu.is_written = true;
	mcu.written = duty;
	board_keep_duty(duty);
}

/* Nothing cancels or delays a cut that is to come (P3). */
static void cut_at(ktime_t when)
{
	if (mcu.cut && ktime_before(mcu.cut, when))
		return;
	mcu.cut = when;
	hrtimer_start(&cut_timer, when, HRTIMER_MODE_ABS);
}

static void arm(ktime_t now)
{
	pr_emerg("power cut armed\n");
	mcu.armed = now;
	cut_at(ktime_add_ms(now, cut_delay_ms));
}

static enum hrtimer_restart cut_now(struct hrtimer *timer)
{
	unsigned long flags;

	if (mcu.is_cut) {
		board_cut();
		pr_emerg("QEMU was not told how to be ended: the machine stays on\n");
		return HRTIMER_NORESTART;
	}
	pr_emerg("power cut NOW\n");
	spin_lock_irqsave(&lock, flags);
	mcu.cuts++;
	mcu.armed = 0;
	mcu.cut = 0;
	mcu.is_cut = really_cut;
	spin_unlock_irqrestore(&lock, flags);
	if (!really_cut)
		return HRTIMER_NORESTART;
	hrtimer_add_expires_ns(timer, LAST_WORDS_MS * NSEC_PER_MSEC);
	return HRTIMER_RESTART;
}

/* The MCU outlives Linux, this module does not: so a cut that is to come is awaited before the machine goes. */
void mcu_wait_for_cut(void)
{
	if (!mcu.cut || !really_cut)
		return;
	pr_emerg("Linux is done; waiting for the power cut\n");
	while (READ_ONCE(mcu.cut))
		msleep(10);
	msleep(10 * LAST_WORDS_MS);
}

/* What must never be sent is counted even if it is dropped (M12, M14, L1). */
static bool is_forbidden(bool is_bare, u8 reg)
{
	if (protocol.value == PROTOCOL_LEGACY)
		return !is_bare;
	return is_bare || (reg != REGISTER_DUTY && reg != REGISTER_CONTROL);
}

enum outcome mcu_write(bool is_bare, u8 reg, u8 value, bool lose)
{
	bool is_legacy = protocol.value == PROTOCOL_LEGACY;
	enum outcome outcome = OUTCOME_OK;
	ktime_t now = ktime_get();
	unsigned long flags;

	spin_lock_irqsave(&lock, flags);
	if (is_forbidden(is_bare, reg))
		mcu.forbidden_writes++;
	if (lose || is_kicking(now) || is_bare != is_legacy) {
		outcome = OUTCOME_DROPPED;
	} else if (is_bare) {
		if (value <= 100)
			take_duty(value, now, false);
		else if (value == LEGACY_ARM)
			arm(now);
	} else if (reg == REGISTER_DUTY) {
		take_duty(value, now, true);
	} else if (reg == REGISTER_CONTROL && value == 1) {
		arm(now);
	}
	spin_unlock_irqrestore(&lock, flags);
	return outcome;
}

u8 mcu_read(u8 reg)
{
	unsigned long flags;
	u8 value = 0;

	spin_lock_irqsave(&lock, flags);
	if (protocol.value == PROTOCOL_LEGACY) {
		mcu.forbidden_writes++; /* a register read can hang early firmware (L1) */
		value = 0xff;
	} else if (reg == REGISTER_DUTY) {
		value = register_duty(ktime_get());
	} else if (reg == REGISTER_FIRMWARE) {
		value = firmware;
	}
	spin_unlock_irqrestore(&lock, flags);
	return value;
}

/* What the fan really gets. */
unsigned int mcu_fan_percent(void)
{
	ktime_t now = ktime_get();
	unsigned long flags;
	unsigned int duty;

	spin_lock_irqsave(&lock, flags);
	duty = is_kicking(now) ? 100 : min_t(unsigned int, register_duty(now), 100);
	spin_unlock_irqrestore(&lock, flags);
	return duty;
}

/* The button was held: the power will go, whatever anyone does (B3). */
void mcu_hold(void)
{
	unsigned long flags;

	spin_lock_irqsave(&lock, flags);
	cut_at(ktime_add_ms(ktime_get(), hold_cut_delay_ms));
	spin_unlock_irqrestore(&lock, flags);
}

/* As after power-on (M5). A cut that is to come stays (P3); the pin floats meanwhile (B5). */
static int reset_mcu(void *data, u64 unused)
{
	unsigned long flags;

	spin_lock_irqsave(&lock, flags);
	mcu.powered = ktime_get();
	mcu.is_written = false;
	mcu.kick_until = 0;
	spin_unlock_irqrestore(&lock, flags);
	button_float();
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(reset_mcu_fops, NULL, reset_mcu, "%llu\n");

static int duty_get(void *data, u64 *value)
{
	*value = mcu_fan_percent();
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(duty_fops, duty_get, NULL, "%llu\n");

static int register_duty_get(void *data, u64 *value)
{
	unsigned long flags;

	spin_lock_irqsave(&lock, flags);
	*value = register_duty(ktime_get());
	spin_unlock_irqrestore(&lock, flags);
	return 0;
}

/* As if another program had written the duty, without the bus and without a kick. */
static int register_duty_set(void *data, u64 value)
{
	unsigned long flags;

	if (value > 255)
		return -EINVAL;
	spin_lock_irqsave(&lock, flags);
	take_duty(value, ktime_get(), false);
	spin_unlock_irqrestore(&lock, flags);
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(register_duty_fops, register_duty_get, register_duty_set, "%llu\n");

/* "0", or "1" and when it was armed (ns, CLOCK_BOOTTIME). */
static int armed_show(struct seq_file *seq, void *unused)
{
	unsigned long flags;
	ktime_t armed;

	spin_lock_irqsave(&lock, flags);
	armed = mcu.armed;
	spin_unlock_irqrestore(&lock, flags);
	if (armed)
		seq_printf(seq, "1 %lld\n", ktime_to_ns(ktime_mono_to_any(armed, TK_OFFS_BOOT)));
	else
		seq_puts(seq, "0\n");
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(armed);

int mcu_init(struct dentry *dir)
{
	mcu.powered = ktime_get();
	mcu.is_written = board_recall_duty(&mcu.written);
	timer_setup_monotonic(&cut_timer, cut_now, HRTIMER_MODE_ABS);
	choice_create("protocol", dir, &protocol);
	debugfs_create_file("reset_mcu", 0200, dir, NULL, &reset_mcu_fops);
	debugfs_create_file("duty", 0400, dir, NULL, &duty_fops);
	debugfs_create_file("register_duty", 0600, dir, NULL, &register_duty_fops);
	debugfs_create_file("armed", 0400, dir, NULL, &armed_fops);
	debugfs_create_u64("forbidden_writes", 0400, dir, &mcu.forbidden_writes);
	debugfs_create_u64("cuts", 0400, dir, &mcu.cuts);
	return 0;
}

void mcu_exit(void)
{
	hrtimer_cancel(&cut_timer);
}
