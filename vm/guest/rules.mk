# Guest programs: static, cross-compiled, one folder an architecture. Only
# architectures whose compiler is installed are built; the image says what is
# missing.
GUEST_SRCS := $(sort $(wildcard vm/guest/*.c))
GUEST_HDRS := $(wildcard vm/guest/*.h) vm/host/protocol.h
# These have Thumb code; labinit carries a library for it.
GUEST_BREAKS := armhf armel
# In this one emulators run; labinit carries their plugin.
GUEST_PLUGIN := amd64
GUEST_CFLAGS := -std=c17 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 \
	-D_TIME_BITS=64 -Os -g0 $(WARN) $(WERROR) -fno-pie -Ivm/host
GUEST_LDFLAGS := -static -no-pie -s
# What is loaded into the guest's strace, which is dynamic.
PRELOAD_CFLAGS := -std=c17 -D_GNU_SOURCE -Os -g0 $(WARN) $(WERROR) -fPIC \
	-shared -s -Ivm/host

# architecture:compiler, of the rows that have a guest of their own.
GUEST_COMPILERS := $(shell awk '$$4 == "native" { print $$1 ":" $$3 "-gcc" }' \
	vm/image/architectures)

# The names of the system calls, by number, as the C library's headers know
# them.
GUEST_NAMES := sed -nE \
	's/^.define __NR_([a-z_][a-z0-9_]*) .*/{ __NR_\1, "\1" },/p' | sort

define guest_rule
ifneq ($$(shell command -v $(2)),)
GUEST_PROGRAMS += $(B)/guest/$(1)/labinit $(B)/guest/$(1)/stepper.so
$(B)/guest/$(1)/breaks.so: vm/guest/breaks/breaks.c $(GUEST_HDRS) \
		vm/guest/rules.mk
	@mkdir -p $$(@D)
	$$(say) GUEST $$@
	$$(Q)$(2) $$(PRELOAD_CFLAGS) -o $$@ $$<
$(B)/guest/$(1)/plugin.so: $(wildcard vm/guest/plugin/*) $(GUEST_HDRS) \
		vm/guest/rules.mk
	@mkdir -p $$(@D)
	$$(say) GUEST $$@
	$$(Q)$(2) $$(PRELOAD_CFLAGS) -fvisibility=hidden -o $$@ \
		vm/guest/plugin/*.c
# Where things are in it; text has the same place in file and memory.
$(B)/guest/$(1)/plugin_at.h: $(B)/guest/$(1)/plugin.so
	$$(Q)nm -D $$< | awk '$$$$3 ~ /^plugin_/ { \
		print "#define AT_" $$$$3 " 0x" $$$$1 }' >$$@
$(B)/guest/$(1)/labinit: $(if $(filter $(1),$(GUEST_BREAKS)), \
		$(B)/guest/$(1)/breaks.so) $(if $(filter $(1),$(GUEST_PLUGIN)), \
		$(B)/guest/$(1)/plugin_at.h)
$(B)/guest/$(1)/sysnames.h: vm/guest/rules.mk
	@mkdir -p $$(@D)
	$$(Q)echo '#include <sys/syscall.h>' | $(2) -dM -E - | $$(GUEST_NAMES) >$$@
$(B)/guest/$(1)/labinit: $(GUEST_SRCS) $(GUEST_HDRS) vm/guest/rules.mk \
		$(B)/guest/$(1)/sysnames.h
	@mkdir -p $$(@D)
	$$(say) GUEST $$@
	$$(Q)$(2) $$(GUEST_CFLAGS) $$(GUEST_LDFLAGS) -I$$(@D) $(if $(filter $(1), \
		$(GUEST_BREAKS)),-DGUEST_BREAKS='"$(B)/guest/$(1)/breaks.so"') \
		$(if $(filter $(1),$(GUEST_PLUGIN)), \
		-DGUEST_PLUGIN='"$(B)/guest/$(1)/plugin.so"') \
		-o $$@ $(GUEST_SRCS)
$(B)/guest/$(1)/stepper.so: $(wildcard vm/guest/preload/*) \
		vm/host/protocol.h vm/guest/rules.mk
	@mkdir -p $$(@D)
	$$(say) GUEST $$@
	$$(Q)$(2) $$(PRELOAD_CFLAGS) -o $$@ \
		$(sort $(wildcard vm/guest/preload/*.c))
endif
endef
$(foreach c,$(GUEST_COMPILERS),$(eval $(call guest_rule,$(firstword \
	$(subst :, ,$(c))),$(lastword $(subst :, ,$(c))))))

.PHONY: guest
guest: $(GUEST_PROGRAMS)
# The sanitizer build has no guest of its own.
ifneq ($(SANITIZE),1)
all: guest
endif
