// SPDX-License-Identifier: GPL-2.0
/* The CPU's thermal zone, held or following a heat model, and an NVMe drive's hwmon sensor. */
#include "a1d_case.h"

#include <linux/hwmon.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/thermal.h>
#include <linux/version.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#define GARBAGE_MILLICELSIUS 1999999999
#define STEP_MS 100
/* The numbers of a1d/sim/heat.py: the chip on the case, the case in the room. */
#define ROOM_MICROCELSIUS 24000000
#define BOARD_MILLIWATTS 1500
#define CHIP_MILLIJOULES_PER_KELVIN 1667 /* 4 s, over 2.4 K/W */
#define CASE_MILLIJOULES_PER_KELVIN 160000
#define CHIP_TO_CASE_MILLIWATTS_PER_KELVIN 417 /* 2.4 K/W */
#define CASE_TO_ROOM_MILLIWATTS_PER_KELVIN 260 /* fan off */
/* What the fan adds at 0, 10, ... 100 %: at full speed 1.2 times that, and (duty / 100)^0.65 on the way there. */
static const int fan_milliwatts_per_kelvin[] = { 0, 70, 110, 143, 172, 199, 224, 247, 270, 291, 312 };

static DEFINE_MUTEX(lock);
static struct device *hwmon_parent;
static struct thermal_zone_device *zone;
static s64 chip_microcelsius = 45000000, case_microcelsius = 40000000;
static u32 milliwatts = 3000;
static u32 jitter_millicelsius;
static bool is_heating;
static bool fan_stuck; /* it stands still, whatever the duty: the heat model's fan only */
static struct device *nvme;
static int nvme_millicelsius = 38000;
static int nvme_hangs;

static const char *const nvme_fault_words[] = { "none", "error", "hang" };
enum { NVME_NONE, NVME_ERROR, NVME_HANG };
static int nvme_fault_set(int value);
static struct choice nvme_fault = { nvme_fault_words, ARRAY_SIZE(nvme_fault_words), NVME_NONE, nvme_fault_set };
static DECLARE_WAIT_QUEUE_HEAD(nvme_answers);

static const char *const fault_words[] = { "none", "error", "vanish", "garbage" };
enum { FAULT_NONE, FAULT_ERROR, FAULT_VANISH, FAULT_GARBAGE };
static int fault_set(int value);
static struct choice fault = { fault_words, ARRAY_SIZE(fault_words), FAULT_NONE, fault_set };

/* Microwatts of milliwatts per kelvin would overflow nothing here: all is well below 2^63. */
static s64 flow_milliwatts(s64 across_microkelvin, int milliwatts_per_kelvin)
{
	return div_s64(across_microkelvin * milliwatts_per_kelvin, 1000000);
}

static int fan_cools(unsigned int duty_percent)
{
	unsigned int step = duty_percent / 10;
	int below = fan_milliwatts_per_kelvin[step];

	if (step == ARRAY_SIZE(fan_milliwatts_per_kelvin) - 1)
		return below;
	return below + (fan_milliwatts_per_kelvin[step + 1] - below) * (int)(duty_percent % 10) / 10;
}

static void heat(struct work_struct *work)
{
	s64 to_case, to_room;

	mutex_lock(&lock);
	if (!is_heating)
		goto out;
	to_case = flow_milliwatts(chip_microcelsius - case_microcelsius, CHIP_TO_CASE_MILLIWATTS_PER_KELVIN);
	to_room = flow_milliwatts(case_microcelsius - ROOM_MICROCELSIUS,
				  CASE_TO_ROOM_MILLIWATTS_PER_KELVIN +
					  fan_cools(READ_ONCE(fan_stuck) ? 0 : mcu_fan_percent()));
	/* Milliwatts times milliseconds are microjoules; those over millijoules per kelvin are millikelvins. */
	chip_microcelsius += div_s64((milliwatts - to_case) * STEP_MS * 1000, CHIP_MILLIJOULES_PER_KELVIN);
	case_microcelsius += div_s64((to_case + BOARD_MILLIWATTS - to_room) * STEP_MS * 1000,
				     CASE_MILLIJOULES_PER_KELVIN);
	schedule_delayed_work(to_delayed_work(work), msecs_to_jiffies(STEP_MS));
out:
	mutex_unlock(&lock);
}
static DECLARE_DELAYED_WORK(heat_work, heat);

/* -jitter .. +jitter, the same in every run. */
static int jitter(void)
{
	static u32 seed = 1;
	u32 span = 2 * jitter_millicelsius + 1;

	seed = seed * 1664525 + 1013904223;
	return (int)((seed >> 8) % span) - (int)jitter_millicelsius;
}

static int zone_get_temp(struct thermal_zone_device *tz, int *temp)
{
	if (fault.value == FAULT_ERROR)
		return -EIO;
	*temp = fault.value == FAULT_GARBAGE ? GARBAGE_MILLICELSIUS :
					       (int)div_s64(READ_ONCE(chip_microcelsius), 1000) + jitter();
	return 0;
}

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0)
static const struct thermal_zone_device_ops zone_ops = { .get_temp = zone_get_temp };
#define register_zone() thermal_tripless_zone_device_register("cpu-thermal", NULL, &zone_ops, NULL)
#else
static struct thermal_zone_device_ops zone_ops = { .get_temp = zone_get_temp };
#define register_zone() thermal_zone_device_register("cpu-thermal", 0, 0, NULL, &zone_ops, NULL, 0, 0)
#endif

static int zone_plug(void)
{
	struct thermal_zone_device *new;

	if (zone)
		return 0;
	new = register_zone();
	if (IS_ERR(new))
		return PTR_ERR(new);
	zone = new;
	return thermal_zone_device_enable(zone);
}

static void zone_unplug(void)
{
	if (zone)
		thermal_zone_device_unregister(zone);
	zone = NULL;
}

static int fault_set(int value)
{
	int error = 0;

	if (value == FAULT_VANISH)
		zone_unplug();
	else
		error = zone_plug();
	return error;
}

static int temp_get(void *data, u64 *value)
{
	*value = div_s64(READ_ONCE(chip_microcelsius), 1000);
	return 0;
}

static int temp_set(void *data, u64 value)
{
	mutex_lock(&lock);
	chip_microcelsius = (s64)value * 1000;
	mutex_unlock(&lock);
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE_SIGNED(temp_fops, temp_get, temp_set, "%lld\n");

static int heat_model_get(void *data, u64 *value)
{
	*value = is_heating;
	return 0;
}

/* It starts in balance: the case as much cooler than the chip as the watts make it. */
static int heat_model_set(void *data, u64 value)
{
	mutex_lock(&lock);
	if (value && !is_heating) {
		case_microcelsius = chip_microcelsius -
				    div_s64((s64)milliwatts * 1000000, CHIP_TO_CASE_MILLIWATTS_PER_KELVIN);
		schedule_delayed_work(&heat_work, msecs_to_jiffies(STEP_MS));
	}
	is_heating = value;
	mutex_unlock(&lock);
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(heat_model_fops, heat_model_get, heat_model_set, "%llu\n");

static umode_t nvme_is_visible(const void *data, enum hwmon_sensor_types type, u32 attr, int channel)
{
	return 0444;
}

static int nvme_read(struct device *dev, enum hwmon_sensor_types type, u32 attr, int channel, long *value)
{
	/* As a command that the drive does not answer: no signal ends it. */
	wait_event(nvme_answers, READ_ONCE(nvme_hangs) == 0);
	if (READ_ONCE(nvme_fault.value) == NVME_ERROR)
		return -EIO;
	*value = READ_ONCE(nvme_millicelsius);
	return 0;
}

static int nvme_fault_set(int value)
{
	WRITE_ONCE(nvme_hangs, value == NVME_HANG);
	wake_up_all(&nvme_answers);
	return 0;
}

static const struct hwmon_ops nvme_ops = { .is_visible = nvme_is_visible, .read = nvme_read };
static const struct hwmon_channel_info nvme_temp = { .type = hwmon_temp, .config = (const u32[]){ HWMON_T_INPUT, 0 } };
static const struct hwmon_channel_info *nvme_info[] = { &nvme_temp, NULL };
static const struct hwmon_chip_info nvme_chip = { .ops = &nvme_ops, .info = nvme_info };

static int nvme_get(void *data, u64 *value)
{
	*value = !!nvme;
	return 0;
}

static int nvme_set(void *data, u64 value)
{
	struct device *new;

	if (!value && nvme) {
		hwmon_device_unregister(nvme);
		nvme = NULL;
	} else if (value && !nvme) {
		new = hwmon_device_register_with_info(hwmon_parent, "nvme", NULL, &nvme_chip, NULL);
		if (IS_ERR(new))
			return PTR_ERR(new);
		nvme = new;
	}
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(nvme_fops, nvme_get, nvme_set, "%llu\n");

static int nvme_temp_get(void *data, u64 *value)
{
	*value = nvme_millicelsius;
	return 0;
}

static int nvme_temp_set(void *data, u64 value)
{
	WRITE_ONCE(nvme_millicelsius, (int)value);
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE_SIGNED(nvme_temp_fops, nvme_temp_get, nvme_temp_set, "%lld\n");

int thermal_init(struct device *parent, struct dentry *dir)
{
	int error = zone_plug();

	if (error)
		return error;
	hwmon_parent = parent;
	choice_create("sensor_fault", dir, &fault);
	debugfs_create_file("temp_millicelsius", 0600, dir, NULL, &temp_fops);
	debugfs_create_u32("jitter_millicelsius", 0600, dir, &jitter_millicelsius);
	debugfs_create_file("heat_model", 0600, dir, NULL, &heat_model_fops);
	debugfs_create_u32("milliwatts", 0600, dir, &milliwatts);
	choice_create("nvme_fault", dir, &nvme_fault);
	debugfs_create_bool("fan_stuck", 0600, dir, &fan_stuck);
	debugfs_create_file("nvme", 0600, dir, NULL, &nvme_fops);
	debugfs_create_file("nvme_millicelsius", 0600, dir, NULL, &nvme_temp_fops);
	return 0;
}

void thermal_exit(void)
{
	heat_model_set(NULL, 0);
	cancel_delayed_work_sync(&heat_work);
	nvme_fault_set(NVME_NONE);
	nvme_set(NULL, 0);
	zone_unplug();
}
