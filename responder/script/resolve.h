/*
 * A profile's word on names: its `resolve` function, asked for a question
 * that no rule decides.
 */
#ifndef SCRIPT_RESOLVE_H
#define SCRIPT_RESOLVE_H

#include "base/attrib.h"

struct dns_question;
struct dns_reply;
struct profile;

/*
 * 1: the reply is what the profile wants; 0: the question is not its own; -1:
 * its function failed, with the message, which the caller frees, in error.
 */
int resolve_ask(struct profile *, const struct dns_question *,
    struct dns_reply *, char **error) A_MUST_USE;

#endif
