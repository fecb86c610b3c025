// SPDX-License-Identifier: GPL-2.0
/*
 * All of the guest's initrd but the modules: load them, mount the root, go on there. Debian's own would wait
 * for a second udev, which takes as long as the rest of an emulated boot.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

static int fail(const char *what)
{
	perror(what);
	sleep(1); /* for the console; then the kernel panics */
	return 1;
}

int main(int argc, char *argv[])
{
	FILE *list = fopen("/modules", "r");
	char line[256];

	(void)argc;
	if (!list)
		return fail("/modules");
	while (fgets(line, sizeof(line), list)) {
		int module;

		line[strcspn(line, "\n")] = '\0';
		module = open(line, O_RDONLY | O_CLOEXEC);
		if (module < 0 || syscall(SYS_finit_module, module, "", 0))
			return fail(line);
		close(module);
	}
	fclose(list);
	if (mount("dev", "/dev", "devtmpfs", 0, NULL))
		return fail("/dev");
	for (int tries = 0; mount("/dev/pmem0", "/root", "ext4", 0, NULL); tries++) {
		if (tries == 500)
			return fail("/dev/pmem0");
		usleep(10000); /* the kernel finds it on a thread of its own */
	}
	if (mount("dev", "/root/dev", "devtmpfs", 0, "mode=0755") || chdir("/root") ||
	    mount(".", "/", NULL, MS_MOVE, NULL) || chroot(".") || chdir("/"))
		return fail("root");
	execv("/sbin/init", argv);
	return fail("/sbin/init");
}
