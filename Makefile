# Kagemusha. `make help` lists the targets.
#
# One Makefile, no recursion but for the sanitizer build, which is the same
# build in another folder. V=1 shows the commands.

VERSION := 0.1.0
PREFIX ?= /usr/local
DESTDIR ?=
B ?= build
JOBS ?= $(shell nproc)
V ?= 0
Q := $(if $(filter 1,$(V)),,@)
say = $(if $(filter 1,$(V)),@:,@printf '  %-7s %s\n')

# --- settings ---------------------------------------------------------------
PKGS := libevent libevent_openssl libssl libcrypto lua5.4 jansson libpcap \
	libnghttp2 libnftables capstone
PKG_CONFIG ?= pkg-config
# Missing libraries are reported by the install-deps check, not here.
PKG_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(PKGS) 2>/dev/null)
PKG_LIBS := $(shell $(PKG_CONFIG) --libs $(PKGS) 2>/dev/null)

WARN := -Wall -Wextra -Wshadow -Wpointer-arith -Wcast-qual -Wstrict-prototypes \
	-Wmissing-prototypes -Wold-style-definition -Wwrite-strings -Wformat=2 \
	-Wundef -Wvla -Wnull-dereference -Wimplicit-fallthrough -Wswitch-enum
WERROR ?= -Werror
HARDEN := -fstack-protector-strong -fstack-clash-protection -fPIE
OPT ?= -O2
SAN :=
ifeq ($(SANITIZE),1)
SAN := -fsanitize=address,undefined -fno-sanitize-recover=undefined \
	-fno-omit-frame-pointer
OPT := -O1
else
HARDEN += -D_FORTIFY_SOURCE=2
endif
CFLAGS ?= -g
ALL_CFLAGS = -std=c17 -D_GNU_SOURCE -DKAGEMUSHA_VERSION='"$(VERSION)"' \
	$(OPT) $(WARN) $(WERROR) $(HARDEN) $(SAN) -Iresponder -Ivm/host -Ivm \
	$(PKG_CFLAGS) $(CFLAGS)
ALL_LDFLAGS = -pie -Wl,--as-needed,-z,relro,-z,now $(SAN) $(LDFLAGS)

# --- what is built ----------------------------------------------------------
# Everything but the files with a main() goes into one library a program room,
# so that tests link what the programs link.
KAGE_SRCS := $(sort $(filter-out responder/main.c responder/recorder.c \
	responder/attach.c \
	responder/chat.c, \
	$(wildcard responder/*.c responder/*/*.c)))
DEVICE_SRCS := $(sort $(filter-out vm/host/main.c vm/lab/main.c, \
	$(wildcard vm/host/*.c vm/lab/*.c)))
PROGRAMS := $(if $(wildcard responder/main.c),$(B)/responder) \
	$(if $(wildcard responder/recorder.c),$(B)/recorder) \
	$(if $(wildcard responder/chat.c),$(B)/chat) \
	$(if $(wildcard responder/attach.c),$(B)/attach) \
	$(if $(wildcard vm/host/main.c),$(B)/device) \
	$(B)/canary
UNIT_TESTS := $(patsubst tests/unit/%.c,$(B)/tests/%, \
	$(sort $(wildcard tests/unit/test_*.c)))

obj = $(patsubst %.c,$(B)/obj/%.o,$(1))
KAGE_LIB := $(B)/libkage.a
DEVICE_LIB := $(B)/libdevice.a

.DELETE_ON_ERROR:
.SUFFIXES:
.PHONY: all programs check test demo asan bench install uninstall clean help \
	lint unit-tests

all: programs

programs: $(PROGRAMS)

unit-tests: $(UNIT_TESTS)

$(B)/obj/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(KAGE_LIB): $(call obj,$(KAGE_SRCS))
	$(say) AR $@
	$(Q)rm -f $@ && $(AR) qcs $@ $^

$(DEVICE_LIB): $(call obj,$(DEVICE_SRCS))
	$(say) AR $@
	$(Q)rm -f $@ && $(AR) qcs $@ $^

$(B)/responder: $(call obj,responder/main.c) $(KAGE_LIB)
$(B)/recorder: $(call obj,responder/recorder.c) $(KAGE_LIB)
$(B)/chat: $(call obj,responder/chat.c) $(KAGE_LIB)
# libedit: lines typed at the prompt of `kagemusha attach`.
$(B)/attach: $(call obj,responder/attach.c) $(KAGE_LIB)
$(B)/attach: PKG_LIBS += -ledit
$(B)/device: $(call obj,vm/host/main.c) $(DEVICE_LIB) $(KAGE_LIB)
$(B)/canary: $(call obj,vm/lab/main.c) $(DEVICE_LIB) $(KAGE_LIB)
$(PROGRAMS):
	$(say) LD $@
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(PKG_LIBS) -lm

$(UNIT_TESTS): $(B)/tests/%: $(B)/obj/tests/unit/%.o $(DEVICE_LIB) $(KAGE_LIB)
	@mkdir -p $(@D)
	$(say) LD $@
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(PKG_LIBS) -lcmocka -lm

-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)

# Rooms with build rules of their own (guest programs, specimens, fuzzers).
-include vm/guest/rules.mk tests/specimens/rules.mk tests/fuzz/rules.mk \
	tests/bench/rules.mk

# --- targets ----------------------------------------------------------------
# The fast inner loop: no root, no network, under a minute.
check: all unit-tests
	$(Q)tests/run --quick --build $(B) --jobs $(JOBS) lint unit profiles daemon \
		report

# Everything that this machine can run; as root it installs what it needs.
test:
	$(Q)scripts/install-deps test
	$(Q)$(MAKE) --no-print-directory -j2 test-built

.PHONY: test-built
test-built: all unit-tests
	$(Q)$(MAKE) --no-print-directory B=$(B)/asan SANITIZE=1 programs unit-tests
	$(Q)tests/run --build $(B) --jobs $(JOBS) lint unit profiles daemon report \
		asan fuzz lab device demo

demo:
	$(Q)scripts/install-deps demo
	$(Q)$(MAKE) --no-print-directory -j2 all
	$(Q)scripts/demo

asan:
	$(Q)$(MAKE) --no-print-directory B=$(B)/asan SANITIZE=1 programs unit-tests
	$(Q)tests/run --build $(B) --jobs $(JOBS) asan

bench:
	$(Q)scripts/install-deps bench
	$(Q)$(MAKE) --no-print-directory -j2 all
	$(Q)tests/bench/run

install: all
	$(Q)scripts/install-files $(B) "$(DESTDIR)" "$(PREFIX)"

uninstall:
	$(Q)scripts/install-files --remove $(B) "$(DESTDIR)" "$(PREFIX)"

clean:
	$(Q)rm -rf $(B)

help:
	@echo 'make demo     drive a harmless bot in a sealed lab and report (root)'
	@echo 'make test     every test that this machine can run (root for all)'
	@echo 'make check    the fast tests: no root, no network, under a minute'
	@echo 'make asan     the C tests under ASan and UBSan'
	@echo 'make bench    timing, side by side with public peers'
	@echo 'make all      the programs, in build/'
	@echo 'make install  into $$DESTDIR$$PREFIX (now: $(DESTDIR)$(PREFIX))'
	@echo 'make clean    remove build/'
