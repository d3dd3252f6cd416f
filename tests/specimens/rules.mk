# Specimens: harmless stand-ins with the shape of a bot, one static program for
# each architecture that has a compiler here, in build/specimens/ARCH/NAME.
# Not stripped and not PIE: probes find functions by symbol and address.

SPECIMEN_DIR := tests/specimens
SPECIMEN_COMMON := $(SPECIMEN_DIR)/common.c $(SPECIMEN_DIR)/actions.c
SPECIMENS := $(patsubst $(SPECIMEN_DIR)/%.c,%,$(sort $(filter-out \
	$(SPECIMEN_COMMON),$(wildcard $(SPECIMEN_DIR)/*.c))))

# ARCH:COMPILER, of the rows that can run.
SPECIMEN_TOOLS := $(shell awk '$$4 ~ /^(native|user:)/ { \
	print $$1 ":" $$3 "-gcc" }' vm/image/architectures)
SPECIMEN_HAVE := $(foreach t,$(SPECIMEN_TOOLS),$(if \
	$(shell command -v $(lastword $(subst :, ,$t))),$t))
SPECIMEN_LACK := $(filter-out $(SPECIMEN_HAVE),$(SPECIMEN_TOOLS))
SPECIMEN_CFLAGS := -std=c17 -D_GNU_SOURCE -g -O1 -fno-inline \
	-fno-optimize-sibling-calls -fno-omit-frame-pointer -fno-pie -static \
	-no-pie -Wall -Wextra -Wshadow -Wstrict-prototypes $(WERROR)

.PHONY: specimens
specimens:
	$(if $(SPECIMEN_LACK),@echo \
		'  SKIP    specimens without a compiler: $(SPECIMEN_LACK)')

define specimen_rule
$(B)/specimens/$(1)/%: $(SPECIMEN_DIR)/%.c $(SPECIMEN_COMMON) \
		$(wildcard $(SPECIMEN_DIR)/*.h) $(SPECIMEN_DIR)/rules.mk
	@mkdir -p $$(@D)
	$$(say) CC $$@
	$$(Q)$(2) $$(SPECIMEN_CFLAGS) -o $$@ $$< $$(SPECIMEN_COMMON)
specimens: $(SPECIMENS:%=$(B)/specimens/$(1)/%)
endef
$(foreach t,$(SPECIMEN_HAVE),$(eval $(call specimen_rule,$(firstword \
	$(subst :, ,$t)),$(lastword $(subst :, ,$t)))))

ifneq ($(SANITIZE),1)
all: specimens
endif
