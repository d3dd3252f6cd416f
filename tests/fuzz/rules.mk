# Fuzz targets: libFuzzer over everything below the floor of sockets, with
# clang and its sanitizers, in build/fuzz/NAME. `make fuzzers` builds them,
# tests/fuzz/*.sh runs them for a bounded time.

FUZZ_CC ?= clang
FUZZ_CFLAGS := -std=c17 -D_GNU_SOURCE -g -O1 -fno-omit-frame-pointer \
	-fsanitize=address,undefined -fno-sanitize-recover=undefined \
	-Wall -Wextra -Iresponder -Ivm/host -Ivm \
	-DKAGEMUSHA_VERSION='"$(VERSION)"' $(PKG_CFLAGS)
FUZZ_SRCS := $(wildcard responder/base/*.c responder/wire/*.c) \
	responder/net/names.c responder/net/dhcp.c \
	$(wildcard responder/net/dns*.c) \
	$(filter-out vm/host/main.c vm/host/events.c,$(wildcard vm/host/*.c)) \
	tests/fuzz/events_nowhere.c
FUZZERS := $(patsubst tests/fuzz/fuzz_%.c,$(B)/fuzz/%,$(sort $(wildcard \
	tests/fuzz/fuzz_*.c)))
fuzz_obj = $(patsubst %.c,$(B)/fuzz/obj/%.o,$(1))

.PHONY: fuzzers
fuzzers: $(FUZZERS)

$(B)/fuzz/obj/tests/%.o: tests/%.c tests/fuzz/rules.mk
	@mkdir -p $(@D)
	$(say) FUZZCC $<
	$(Q)$(FUZZ_CC) $(FUZZ_CFLAGS) -fsanitize=fuzzer-no-link -MMD -MP -c \
		-o $@ $<

$(B)/fuzz/obj/%.o: %.c tests/fuzz/rules.mk
	@mkdir -p $(@D)
	$(say) FUZZCC $<
	$(Q)$(FUZZ_CC) $(FUZZ_CFLAGS) -fsanitize=fuzzer-no-link -MMD -MP -c \
		-o $@ $<

# Linked from an archive, so that each takes only what it needs.
$(B)/fuzz/libfuzzed.a: $(call fuzz_obj,$(FUZZ_SRCS))
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(FUZZERS): $(B)/fuzz/%: $(B)/fuzz/obj/tests/fuzz/fuzz_%.o \
		$(B)/fuzz/libfuzzed.a
	$(say) FUZZLD $@
	$(Q)$(FUZZ_CC) $(FUZZ_CFLAGS) -fsanitize=fuzzer -o $@ $^ $(PKG_LIBS)

-include $(shell find $(B)/fuzz/obj -name '*.d' 2>/dev/null)

# A rude client for the whole responder (tests/fuzz/daemon.sh).
fuzzers: $(B)/fuzz/garbage
$(B)/fuzz/garbage: $(call obj,tests/fuzz/garbage.c)
	@mkdir -p $(@D)
	$(say) LD $@
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^
