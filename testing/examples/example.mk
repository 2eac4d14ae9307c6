# SPDX-License-Identifier: Apache-2.0
# What the examples have in common: NAME, LIBRARIES (names of pkg-config) and FLAGS come from their Makefile.
CFLAGS = -O2 -g
PKG_CONFIG = pkg-config
PACKAGES = ikebana-1 glib-2.0 $(LIBRARIES)
# Two engines in simulation, which `ikebana plugin new` copies, too.
TEMPLATE = $(shell $(PKG_CONFIG) --variable=templatedir ikebana-1)
TEST = test_$(subst -,_,$(NAME))
COMPILE = $(CC) -std=gnu11 -Wall $(CFLAGS) -I.. -I$(TEMPLATE) $(shell $(PKG_CONFIG) --cflags $(PACKAGES))
LIBS = $(shell $(PKG_CONFIG) --libs $(PACKAGES))

$(NAME).so: $(NAME).c
	$(COMPILE) -fPIC -fvisibility=hidden -shared $(LDFLAGS) -o $@ $(NAME).c $(LIBS)

$(TEST): $(TEST).c
	$(COMPILE) $(LDFLAGS) -o $@ $(TEST).c $(TEMPLATE)/two.c $(LIBS) -pthread

check: $(NAME).so $(TEST)
	IKEBANA_TEST_PLUGINS="$(CURDIR):`$(PKG_CONFIG) --variable=plugindir ikebana-1`" ./$(TEST)

.PHONY: check
