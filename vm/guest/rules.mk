# Guest programs: static, cross-compiled, one folder an architecture. Only
# architectures whose compiler is installed are built; the image says what is
# missing.
GUEST_SRCS := $(sort $(wildcard vm/guest/*.c))
GUEST_HDRS := vm/guest/guest.h vm/host/protocol.h
GUEST_CFLAGS := -std=c17 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 \
	-D_TIME_BITS=64 -Os -g0 $(WARN) $(WERROR) -fno-pie -Ivm/host
GUEST_LDFLAGS := -static -no-pie -s

# architecture:compiler
GUEST_COMPILERS := i386:i686-linux-gnu-gcc amd64:x86_64-linux-gnu-gcc \
	armhf:arm-linux-gnueabihf-gcc armel:arm-linux-gnueabi-gcc \
	arm64:aarch64-linux-gnu-gcc mipsel:mipsel-linux-gnu-gcc \
	mips64el:mips64el-linux-gnuabi64-gcc

define guest_rule
ifneq ($$(shell command -v $(2)),)
GUEST_PROGRAMS += $(B)/guest/$(1)/labinit
$(B)/guest/$(1)/labinit: $(GUEST_SRCS) $(GUEST_HDRS) vm/guest/rules.mk
	@mkdir -p $$(@D)
	$$(say) GUEST $$@
	$$(Q)$(2) $$(GUEST_CFLAGS) $$(GUEST_LDFLAGS) -o $$@ $(GUEST_SRCS)
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
