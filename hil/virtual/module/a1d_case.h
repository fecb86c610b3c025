/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A virtual ARGON ONE V3 for a guest of QEMU: what the case's MCU does on the bus and on the button's line.
 * Rows in brackets (M7, B3, ...) are those of docs/hardware.md. There is one case, so its state is global.
 */
#ifndef A1D_CASE_H
#define A1D_CASE_H

#include <linux/debugfs.h>
#include <linux/device.h>
#include <linux/hrtimer.h>
#include <linux/types.h>
#include <linux/version.h>

#undef pr_fmt
#define pr_fmt(fmt) "a1d-case: " fmt

/* What became of a transfer; below zero: the error the caller got. */
enum outcome {
	OUTCOME_OK = 0,
	OUTCOME_DROPPED = 1, /* acknowledged on the wire, without effect (M7, faults) */
};

/* A debugfs file that is set by writing one of a few words. */
struct choice {
	const char *const *words;
	int words_count;
	int value;
	int (*set)(int value); /* NULL: every word is fine */
};

/* hrtimer_setup() is new in 6.13; what it replaces is gone since 6.15. */
static inline void timer_setup_monotonic(struct hrtimer *timer, enum hrtimer_restart (*function)(struct hrtimer *),
					 enum hrtimer_mode mode)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
	hrtimer_setup(timer, function, CLOCK_MONOTONIC, mode);
#else
	hrtimer_init(timer, CLOCK_MONOTONIC, mode);
	timer->function = function;
#endif
}

/* main.c */
void choice_create(const char *name, struct dentry *dir, struct choice *choice);

/* mcu.c: registers, timers, the power cut */
int mcu_init(struct dentry *dir);
void mcu_exit(void);
int mcu_set_protocol(const char *word);
enum outcome mcu_write(bool is_bare, u8 reg, u8 value, bool lose);
u8 mcu_read(u8 reg);
unsigned int mcu_fan_percent(void);
void mcu_hold(void);
void mcu_wait_for_cut(void);

/* bus.c: the I2C adapter, its faults and its record */
int bus_init(struct device *parent, struct dentry *dir);
void bus_exit(void);
bool bus_mcu_is_absent(void);

/* button.c: the GPIO chip and the pulses on line 4 */
int button_init(struct device *parent, struct dentry *dir);
void button_exit(void);
void button_float(void);

/* thermal.c: the CPU's zone and the NVMe's sensor */
int thermal_init(struct device *parent, struct dentry *dir);
void thermal_exit(void);

/*
 * pc.c or arm_board.c: what says that this is a Pi 5, what keeps the fan's duty over a warm reboot (M10: it leaves the
 * MCU alone, but not this module), and what ends the machine at once
 */
int board_init(void);
void board_exit(void);
void board_keep_duty(u8 duty);
bool board_recall_duty(u8 *duty); /* false: there is none */
void board_cut(void);

#define BOARD_MARK 0xa1 /* of a duty that is kept; its complement is kept beside it */

#endif
