# The bench's load generator, for what no Debian tool measures.
BENCH_SRCS := $(sort $(wildcard tests/bench/*.c))

$(B)/bench/load: $(call obj,$(BENCH_SRCS))
	@mkdir -p $(@D)
	$(say) LD $@
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(PKG_LIBS) -lpthread

ifneq ($(SANITIZE),1)
all: $(B)/bench/load
endif
