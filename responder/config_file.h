/*
 * responder.lua: settings are assigned by name, and policy, greeting, dns,
 * profile and allow_target are called. Every mistake is told with its line.
 */
#ifndef CONFIG_FILE_H
#define CONFIG_FILE_H

#include "base/attrib.h"

struct config;

/* 0, or the number of mistakes, each of which went to the log. */
unsigned config_file_load(struct config *, const char *path) A_MUST_USE;

#endif
