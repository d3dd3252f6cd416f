/*
 * Capabilities, through the system call itself: libcap is not worth a
 * dependency here.
 */
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <linux/capability.h>
#include <string.h>
#include <unistd.h>

#include "base/rights.h"

int
rights_drop(void)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
	const unsigned keep = 1u << CAP_DAC_OVERRIDE;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    syscall(SYS_capget, &header, data) < 0)
		return -1;
	data[0].effective &= keep;
	data[0].permitted &= keep;
	data[0].inheritable = 0;
	memset(&data[1], 0, sizeof data[1]);
	return (int)syscall(SYS_capset, &header, data);
}
