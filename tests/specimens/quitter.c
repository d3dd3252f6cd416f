/*
 * quitter: ends at once. A sample that does nothing must leave a run that says
 * so, not one that waits for its time to pass.
 */
#include "common.h"

int
main(void)
{
	labGuard("quitter");
	return 3;
}
