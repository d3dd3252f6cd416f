/*
 * Learns from DNS answers seen on the wire which name the sample asked for
 * to get an address.
 */
#ifndef RECORD_FLOW_NAMES_H
#define RECORD_FLOW_NAMES_H

#include "record/flows.h"
#include "wire/frame.h"

/*
 * Tells the flow table the names in this frame, if it is a DNS answer: over
 * UDP from port 53, or over TCP when the whole message lies in one segment.
 */
void flow_names_learn(struct flows *, const struct frame *);

#endif
