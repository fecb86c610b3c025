// SPDX-License-Identifier: GPL-2.0
/* The I2C adapter the MCU hangs on: what RP1's DesignWare controller can and cannot do, its faults, its record. */
#include "a1d_case.h"

#include <linux/delay.h>
#include <linux/i2c.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/timekeeping.h>
#include <linux/workqueue.h>

#define MCU_ADDRESS 0x1a
#define RECORDS 8192
#define NONE (-1)
#define BYTE_US 90 /* nine bits at 100 kHz (M1) */
#define STRETCH_MS 100 /* M15 */
#define RETRIES 3 /* after lost arbitration, as i2c-designware does */

static int bus = 1;
module_param(bus, int, 0444);
MODULE_PARM_DESC(bus, "number of the I2C bus");

static bool log_transfers;
module_param(log_transfers, bool, 0644);
MODULE_PARM_DESC(log_transfers, "print every transfer to the kernel's log");

static const char *const fault_words[] = { "none", "nak", "timeout", "arbitration", "io", "stretch",
					   "lost-writes", "wrong-read-back", "absent" };
enum { FAULT_NONE, FAULT_NAK, FAULT_TIMEOUT, FAULT_ARBITRATION, FAULT_IO, FAULT_STRETCH,
       FAULT_LOST_WRITES, FAULT_WRONG_READ_BACK, FAULT_ABSENT };
static struct choice fault = { fault_words, ARRAY_SIZE(fault_words), FAULT_NONE, NULL };
static u32 fault_every = 1; /* 3: every third transfer only */

struct record {
	u64 at_ns; /* CLOCK_BOOTTIME */
	u16 address;
	char op; /* 'r' or 'w' */
	s16 reg; /* NONE: a bare byte */
	s16 value; /* NONE: nothing came */
	int outcome; /* enum outcome, or an error */
};

static struct {
	spinlock_t lock;
	struct record *ring;
	u64 records, reads, writes, dropped, errors; /* since the module was loaded */
} log;

static struct device *adapter_parent;
static struct i2c_adapter *adapter; /* NULL: the bus is gone */
static bool is_wanted = true;
static u8 pointer; /* the MCU's register pointer */
static struct workqueue_struct *plugging;

bool bus_mcu_is_absent(void)
{
	return fault.value == FAULT_ABSENT;
}

static void record(u16 address, char op, int reg, int value, int outcome)
{
	struct record new = { ktime_get_boottime_ns(), address, op, reg, value, outcome };
	char name[8] = "bare", what[16] = "";
	u64 us = div_u64(new.at_ns, NSEC_PER_USEC);
	u32 fraction;

	spin_lock(&log.lock);
	log.ring[log.records++ % RECORDS] = new;
	if (outcome < 0)
		log.errors++;
	else if (op == 'r')
		log.reads++;
	else
		log.writes++;
	if (outcome == OUTCOME_DROPPED)
		log.dropped++;
	spin_unlock(&log.lock);

	if (!log_transfers)
		return;
	fraction = do_div(us, USEC_PER_SEC);
	if (reg != NONE)
		snprintf(name, sizeof(name), "%02x", reg);
	if (outcome < 0)
		snprintf(what, sizeof(what), " error %d", -outcome);
	if (value == NONE)
		pr_notice("%llu.%06u %c %s%s\n", us, fraction, op, name, what);
	else
		pr_notice("%llu.%06u %c %s=%02x%s\n", us, fraction, op, name, value,
			  outcome == OUTCOME_DROPPED ? " dropped" : what);
}

/* One fault's error, after the time it takes; 0 if the transfer may go on. */
static int fail(struct i2c_adapter *adap, int kind, bool has_read)
{
	unsigned int timeout_ms = jiffies_to_msecs(adap->timeout);

	switch (kind) {
	case FAULT_NAK:
	case FAULT_ABSENT:
		return -EREMOTEIO;
	case FAULT_TIMEOUT:
		msleep(timeout_ms);
		return -ETIMEDOUT;
	case FAULT_ARBITRATION:
		return -EAGAIN;
	case FAULT_IO:
		return -EIO;
	case FAULT_STRETCH:
		if (has_read)
			msleep(min_t(unsigned int, STRETCH_MS, timeout_ms));
		return has_read && timeout_ms < STRETCH_MS ? -ETIMEDOUT : 0;
	default:
		return 0;
	}
}

static void do_read(struct i2c_msg *msg, bool is_wrong)
{
	int i;

	for (i = 0; i < msg->len; i++, pointer++) {
		msg->buf[i] = mcu_read(pointer) ^ (is_wrong ? 0x55 : 0);
		record(msg->addr, 'r', pointer, msg->buf[i], OUTCOME_OK);
	}
}

/* A byte before a read is the register to read; on its own it is the older cases' command (L1). */
static void do_write(struct i2c_msg *msg, bool is_before_read, bool lose)
{
	int i;

	pointer = msg->buf[0];
	if (msg->len == 1 && !is_before_read)
		record(msg->addr, 'w', NONE, pointer, mcu_write(true, 0, pointer, lose));
	for (i = 1; i < msg->len; i++, pointer++)
		record(msg->addr, 'w', pointer, msg->buf[i], mcu_write(false, pointer, msg->buf[i], lose));
}

static int transfer(struct i2c_adapter *adap, struct i2c_msg *msgs, int count)
{
	static u32 transfers;
	int i, error = 0, bytes = 0, kind = FAULT_NONE;
	bool has_read = false;

	for (i = 0; i < count; i++) {
		if (msgs[i].flags & (I2C_M_RECV_LEN | I2C_M_TEN))
			return -EOPNOTSUPP;
		has_read |= msgs[i].flags & I2C_M_RD;
		bytes += 1 + msgs[i].len;
	}
	if (++transfers % max(fault_every, 1U) == 0)
		kind = fault.value;
	if (adap != READ_ONCE(adapter) || !is_wanted)
		error = -ENODEV;
	else if (msgs[0].addr != MCU_ADDRESS)
		error = -EREMOTEIO;
	else
		error = fail(adap, kind, has_read);
	if (error) {
		bool is_bare = count == 1 && msgs[0].len == 1;
		bool has_register = !(msgs[0].flags & I2C_M_RD) && !is_bare;
		bool has_value = !has_read && (is_bare || msgs[0].len > 1);

		record(msgs[0].addr, has_read ? 'r' : 'w', has_register ? msgs[0].buf[0] : NONE,
		       has_value ? msgs[0].buf[is_bare ? 0 : 1] : NONE, error);
		return error;
	}
	usleep_range(bytes * BYTE_US, bytes * BYTE_US + 20);
	for (i = 0; i < count; i++) {
		if (msgs[i].flags & I2C_M_RD)
			do_read(&msgs[i], kind == FAULT_WRONG_READ_BACK);
		else
			do_write(&msgs[i], i + 1 < count && (msgs[i + 1].flags & I2C_M_RD), kind == FAULT_LOST_WRITES);
	}
	return count;
}

/* As i2c-designware, less the block read that RP1 gets wrong (M14). */
static u32 functionality(struct i2c_adapter *adap)
{
	return I2C_FUNC_I2C | I2C_FUNC_SMBUS_BYTE | I2C_FUNC_SMBUS_BYTE_DATA | I2C_FUNC_SMBUS_WORD_DATA |
	       I2C_FUNC_SMBUS_WRITE_BLOCK_DATA | I2C_FUNC_SMBUS_I2C_BLOCK;
}

static const struct i2c_algorithm algorithm = { .master_xfer = transfer, .functionality = functionality };
static const struct i2c_adapter_quirks quirks = { .flags = I2C_AQ_NO_ZERO_LEN };

static int plug(void)
{
	struct i2c_adapter *new = kzalloc(sizeof(*new), GFP_KERNEL);
	int error;

	if (!new)
		return -ENOMEM;
	strscpy(new->name, "a1d virtual case", sizeof(new->name));
	new->owner = THIS_MODULE;
	new->algo = &algorithm;
	new->quirks = &quirks;
	new->nr = bus;
	new->retries = RETRIES;
	new->dev.parent = adapter_parent;
	error = i2c_add_numbered_adapter(new);
	if (error)
		kfree(new);
	else
		WRITE_ONCE(adapter, new);
	return error;
}

static void unplug(void)
{
	struct i2c_adapter *old = adapter;

	if (!old)
		return;
	i2c_del_adapter(old); /* waits until the last program has closed it */
	WRITE_ONCE(adapter, NULL);
	kfree(old);
}

static void replug(struct work_struct *work)
{
	int error = 0;

	if (!is_wanted)
		unplug();
	else if (!adapter)
		error = plug();
	if (error)
		pr_err("the bus does not come back: error %d\n", -error);
}
static DECLARE_WORK(replug_work, replug);

/* 1: there; 0: gone; 2: gone, but a program still holds it open. */
static int bus_get(void *data, u64 *value)
{
	*value = is_wanted ? !!READ_ONCE(adapter) : READ_ONCE(adapter) ? 2 : 0;
	return 0;
}

static int bus_set(void *data, u64 value)
{
	if (value > 1)
		return -EINVAL;
	is_wanted = value;
	queue_work(plugging, &replug_work);
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(bus_fops, bus_get, bus_set, "%llu\n");

/* The position in `transfers` is the record's number plus one, so that 0 can mean the oldest that is kept. */
static void *transfers_at(loff_t *pos)
{
	spin_lock(&log.lock);
	*pos = max_t(loff_t, *pos, log.records > RECORDS ? log.records - RECORDS + 1 : 1);
	spin_unlock(&log.lock);
	return *pos <= log.records ? pos : NULL;
}

static void *transfers_start(struct seq_file *seq, loff_t *pos)
{
	return transfers_at(pos);
}

static void *transfers_next(struct seq_file *seq, void *v, loff_t *pos)
{
	++*pos;
	return transfers_at(pos);
}

static void transfers_stop(struct seq_file *seq, void *v)
{
}

/* Number, ns since boot, address, r or w, register, value, what became of it. */
static int transfers_show(struct seq_file *seq, void *v)
{
	u64 number = *(loff_t *)v - 1;
	struct record r;

	spin_lock(&log.lock);
	r = log.ring[number % RECORDS];
	spin_unlock(&log.lock);
	seq_printf(seq, "%llu %llu %02x %c ", number, r.at_ns, r.address, r.op);
	seq_printf(seq, r.reg == NONE ? "- " : "%02x ", r.reg);
	seq_printf(seq, r.value == NONE ? "- " : "%d ", r.value);
	if (r.outcome < 0)
		seq_printf(seq, "%d\n", r.outcome);
	else
		seq_puts(seq, r.outcome == OUTCOME_DROPPED ? "dropped\n" : "ok\n");
	return 0;
}

static const struct seq_operations transfers_sops = {
	.start = transfers_start,
	.next = transfers_next,
	.stop = transfers_stop,
	.show = transfers_show,
};
DEFINE_SEQ_ATTRIBUTE(transfers);

static int counters_show(struct seq_file *seq, void *unused)
{
	spin_lock(&log.lock);
	seq_printf(seq, "transfers %llu\nreads %llu\nwrites %llu\ndropped %llu\nerrors %llu\n", log.records,
		   log.reads, log.writes, log.dropped, log.errors);
	spin_unlock(&log.lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(counters);

int bus_init(struct device *parent, struct dentry *dir)
{
	int error;

	spin_lock_init(&log.lock);
	adapter_parent = parent;
	log.ring = kvcalloc(RECORDS, sizeof(*log.ring), GFP_KERNEL);
	plugging = alloc_ordered_workqueue("a1d_case_bus", 0);
	error = log.ring && plugging ? plug() : -ENOMEM;
	if (error) {
		bus_exit();
		return error;
	}
	choice_create("fault", dir, &fault);
	debugfs_create_u32("fault_every", 0600, dir, &fault_every);
	debugfs_create_file("bus", 0600, dir, NULL, &bus_fops);
	debugfs_create_file("transfers", 0400, dir, NULL, &transfers_fops);
	debugfs_create_file("counters", 0400, dir, NULL, &counters_fops);
	return 0;
}

void bus_exit(void)
{
	if (plugging)
		destroy_workqueue(plugging);
	unplug();
	kvfree(log.ring);
}
