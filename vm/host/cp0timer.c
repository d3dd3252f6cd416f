/*
 * The MIPS CP0 timer. GDB's remote protocol, as little of it as it takes:
 * $command#checksum, and the answer in the same form.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cp0timer.h"

/* Cause in the order of the stub's registers: 32 general ones, status, lo,
 * hi, badvaddr before it. */
#define CP0TIMER_CAUSE 36
#define CP0TIMER_ANSWER (16 << 10)
#define CP0TIMER_MS 5000

/*
 * Waits for a whole packet; its text goes to out, ended by a NUL. 0 or -1.
 */
static int
cp0timer_answer(int fd, char *out, size_t size)
{
	size_t n = 0;

	while (n < size - 1) {
		struct pollfd p = { fd, POLLIN, 0 };
		char *start, *end;
		ssize_t k;

		if (poll(&p, 1, CP0TIMER_MS) != 1)
			return -1;
		k = read(fd, out + n, size - 1 - n);
		if (k <= 0 && errno != EAGAIN && errno != EINTR)
			return -1;
		n += k > 0 ? (size_t)k : 0;
		out[n] = '\0';
		if ((start = strchr(out, '$')) == NULL ||
		    (end = strchr(start, '#')) == NULL ||
		    out + n - end < 3)
			continue;
		*end = '\0';
		memmove(out, start + 1, strlen(start + 1) + 1);
		return write(fd, "+", 1) == 1 ? 0 : -1;
	}
	return -1;
}

static int
cp0timer_command(int fd, const char *text, char *out, size_t size)
{
	char packet[CP0TIMER_ANSWER + 8];
	unsigned char sum = 0;
	int n;

	for (const char *p = text; *p != '\0'; p++)
		sum = (unsigned char)(sum + (unsigned char)*p);
	n = snprintf(packet, sizeof packet, "$%s#%02x", text, sum);
	if (n < 0 || (size_t)n >= sizeof packet || write(fd, packet,
	    (size_t)n) != n)
		return -1;
	return cp0timer_answer(fd, out, size);
}

int
cp0timer_arm(int fd, bool wide)
{
	static char registers[CP0TIMER_ANSWER], answer[CP0TIMER_ANSWER];
	/* DC is bit 27: in the fourth byte, in its lower hex digit. */
	size_t at = CP0TIMER_CAUSE * (wide ? 16 : 8) + 7;
	char *digit = registers + 1 + at;
	unsigned value;

	registers[0] = 'G';
	if (cp0timer_command(fd, "?", answer, sizeof answer) == -1 ||
	    cp0timer_command(fd, "g", registers + 1,
		sizeof registers - 1) == -1 ||
	    strlen(registers) < at + 2 || sscanf(digit, "%1x", &value) != 1)
		return -1;
	for (int on = 1; on >= 0; on--) {
		*digit = "0123456789abcdef"[on ? value | 8 : value & 7];
		if (cp0timer_command(fd, registers, answer,
			sizeof answer) == -1 || strcmp(answer, "OK") != 0)
			return -1;
	}
	return cp0timer_command(fd, "D", answer, sizeof answer);
}
