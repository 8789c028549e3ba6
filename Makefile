# connectparticipant: `make help` tells what there is.

LUA ?= 5.4
ABIS := 5.1 5.2 5.3 5.4 5.5 luajit
CC ?= cc
CFLAGS ?= -O2 -g
LDFLAGS ?=
PREFIX ?= /usr/local
LUA_VERSION ?= $(if $(filter luajit,$(LUA)),5.1,$(LUA))
SHAREDIR ?= $(PREFIX)/share/lua/$(LUA_VERSION)
LIBDIR ?= $(PREFIX)/lib/lua/$(LUA_VERSION)
BINDIR ?= $(PREFIX)/bin
DATADIR ?= $(PREFIX)/share
SANITIZE ?=
POLL ?=

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wmissing-prototypes
HARDENING := -fstack-protector-strong -D_FORTIFY_SOURCE=2
STRICT := -std=c11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -fPIC $(WARNINGS) $(HARDENING)
comma := ,
# What sanitizers look for: 1 stands for memory and undefined behaviour; "thread" is the other.
SANITIZER := $(if $(filter thread,$(SANITIZE)),thread,address)
SANITIZERS := $(if $(SANITIZE),-fsanitize=$(SANITIZER)$(comma)undefined \
	-fno-sanitize-recover=undefined -fno-omit-frame-pointer)

ifneq ($(filter-out $(ABIS),$(LUA)),)
$(error LUA must be one of $(ABIS), not $(LUA))
endif

# The Lua that was asked for on the command line or in the environment, if any.
ASKED := $(if $(filter command line environment,$(origin LUA)),$(LUA))
# make test takes several, such as LUA='5.1 luajit'; everything else the first of them.
override LUA := $(firstword $(LUA))

LUA_PACKAGE := $(if $(filter luajit,$(LUA)),luajit,lua$(LUA))
LUA_PROGRAM := $(if $(filter luajit,$(LUA)),luajit,lua$(LUA))
LUA_INCDIR ?= $(firstword $(patsubst -I%,%,$(filter -I%,$(shell pkg-config --cflags \
	$(LUA_PACKAGE) 2>/dev/null))) \
	$(if $(filter luajit,$(LUA)),$(wildcard /usr/include/luajit-2.*),/usr/include/lua$(LUA)))
LUA_INCLUDE = $(addprefix -I,$(LUA_INCDIR))
CURL_CFLAGS ?= $(shell pkg-config --cflags libcurl 2>/dev/null)
CURL_LIBS ?= $(shell pkg-config --libs libcurl 2>/dev/null || echo -lcurl)

BUILD := build/$(LUA)$(if $(SANITIZE),-sanitize$(filter-out 1,$(SANITIZE)))$(if $(POLL),-poll)
# POLL=1 leaves out everything that only Linux has, so that the code for other systems runs here.
PORTABLE := $(if $(POLL),-DCONNECTPARTICIPANT_PORTABLE)
# macOS links a module in its own way, and only Linux has these libraries and options.
LINK_Darwin := -bundle -undefined dynamic_lookup
LINK_Linux := -shared -Wl,-z,relro,-z,now
SYSTEM := $(shell uname -s)
LINK := $(or $(LINK_$(SYSTEM)),-shared)
SOURCES := $(wildcard csrc/*/*.c)
OBJECTS := $(SOURCES:csrc/%.c=$(BUILD)/obj/%.o)
CORE := $(BUILD)/connectparticipant/core.so

export LUA_PATH := $(CURDIR)/lua/?.lua;$(CURDIR)/lua/?/init.lua;$(CURDIR)/?.lua;;
export LUA_CPATH := $(CURDIR)/$(BUILD)/?.so;$(CURDIR)/build/modules/$(LUA)/?.so;;

.PHONY: $(shell sed -n 's/^\([a-z-]*\):.* \#\# .*/\1/p' $(firstword $(MAKEFILE_LIST)))
.DEFAULT_GOAL := build

build: $(CORE) $(if $(SANITIZE),$(BUILD)/lua) ## build the C module for LUA (default 5.4) into build/

$(CORE): $(OBJECTS)
	@mkdir -p $(@D)
	$(CC) $(LINK) $(SANITIZERS) $(if $(SANITIZE),-Wl$(comma)-z$(comma)nodelete) $(LDFLAGS) \
		-o $@ $^ $(CURL_LIBS) -lpthread \
		$(if $(filter Linux,$(SYSTEM)),-ldl)

# Tells which headers are missing, before the compiler complains about one of them in each file.
$(BUILD)/headers:
	@mkdir -p $(@D)
	@printf '#include <lua.h>\n#include <curl/curl.h>\n' | \
		$(CC) $(CFLAGS) $(LUA_INCLUDE) $(CURL_CFLAGS) -E -o $@ - || { rm -f $@; \
		echo "make: the compiler, or the headers of Lua $(LUA) or libcurl, are missing: install them" \
			"(doc/install.md), or set CC, LUA_INCDIR and CURL_CFLAGS" >&2; exit 1; }

$(BUILD)/obj/%.o: csrc/%.c Makefile | $(BUILD)/headers
	@mkdir -p $(@D)
	$(CC) $(STRICT) $(PORTABLE) -MMD -MP $(SANITIZERS) $(CFLAGS) -Icsrc $(LUA_INCLUDE) \
		$(CURL_CFLAGS) -c -o $@ $<

# A Lua that is linked with the sanitizers: preloading them would put them into every child, too.
$(BUILD)/lua: spec/support/lua.c
	@mkdir -p $(@D)
	$(CC) -std=c11 -D_GNU_SOURCE $(WARNINGS) $(SANITIZERS) $(CFLAGS) $(LUA_INCLUDE) -rdynamic \
		-o $@ $< -Wl,--no-as-needed $(shell pkg-config --libs $(LUA_PACKAGE)) -lm -ldl

# A header that no longer exists is not an error: the files that included it are compiled again.
csrc/%.h: ;

-include $(OBJECTS:.o=.d)

demo: ## upload FILE (default: the README) to a local emulator, and download it again
	@sh spec/support/packages.sh demo $(LUA)
	@sh spec/support/luas.sh demo $(LUA) >/dev/null
	@$(MAKE) --no-print-directory -s build
	@$(LUA_PROGRAM) lua/connectparticipant/command.lua demo $(if $(FILE),-- "$(FILE)")

gateway: ## serve doc/examples/gateway, a page with its nginx.conf, before a local emulator
	@sh spec/support/packages.sh test luajit $(LUA)
	@$(MAKE) --no-print-directory -s LUA=luajit build
	@$(MAKE) --no-print-directory -s build
	@$(LUA_PROGRAM) doc/examples/gateway/serve.lua

# Version 25 needs Node.js 22; Debian 12 has 18.
PUPPETEER := build/browser/node_modules/puppeteer-core

$(PUPPETEER): ; @npm install --prefix build/browser --no-audit --no-fund --loglevel=error \
	puppeteer-core@24 >/dev/null

test-browser: ## drive doc/examples/gateway with a headless Chromium, over HTTP/1.1 and HTTP/2
	@sh spec/support/packages.sh browser luajit $(LUA)
	@$(MAKE) --no-print-directory -s LUA=luajit build
	@$(MAKE) --no-print-directory -s build $(PUPPETEER)
	@$(LUA_PROGRAM) spec/browser/run.lua

test: ## build for every Lua that is here (or for LUA) and run all specs (or SPEC) on it
	@sh spec/support/packages.sh test $(ASKED)
	@sh spec/support/test.sh $(ASKED)

matrix: ## demo, test and more from bare, in each Debian release or in SUITES (root, debootstrap)
	@bash spec/support/matrix.sh $(SUITES); status=$$?; [ -n "$(SUITES)" ] || \
		$(MAKE) --no-print-directory -s matrix-redis || status=1; exit $$status

matrix-redis: ## the specs of a fleet's pace with each Redis and Valkey that Debian has, or SERVERS
	@sh spec/support/packages.sh test luajit $(LUA)
	@$(MAKE) --no-print-directory -s LUA=luajit build
	@$(MAKE) --no-print-directory -s build
	@LUA_ABI=$(LUA) sh spec/support/redis_matrix.sh $(SERVERS)

compilers: ## compile csrc with every gcc, clang and musl-gcc that is here; a table of what they say
	@sh spec/support/compilers.sh $(STRICT)

lint: ## check formatting, warnings and style of everything
	@sh spec/support/packages.sh lint $(LUA)
	@$(MAKE) --no-print-directory -s build
	@sh spec/support/lint.sh

doc: build ## write doc/reference.md from the annotations
	@$(LUA_PROGRAM) spec/support/reference.lua

types: build ## write the annotations of what the model knows
	@$(LUA_PROGRAM) spec/support/types.lua

fuzz: ## fuzz everything that parses input, with libFuzzer (clang) and more, FUZZ_SECONDS (30) each
	@sh spec/support/packages.sh fuzz
	@$(MAKE) --no-print-directory -s build
	@LUA_PROGRAM=$(LUA_PROGRAM) sh spec/fuzz/run.sh $(or $(FUZZ_SECONDS),30) $(FUZZ)

check-memory: ## the suite (or SPEC) under sanitizers, the eager collector, and valgrind
	@sh spec/support/packages.sh bench $(LUA)
	@sh spec/support/check_memory.sh $(LUA)

check-threads: ## Lua states in threads of one process, and our threads, under ThreadSanitizer
	@sh spec/support/packages.sh test $(LUA)
	@sh spec/support/check_threads.sh $(LUA)

mutants: ## break one promise after the other (those with ONLY; for SECONDS, then go on), see a spec tell
	@sh spec/support/packages.sh test
	@lua5.4 spec/mutants/run.lua $(ONLY)

coverage: ## tell what of csrc and lua no spec (or SPEC) runs
	@sh spec/support/packages.sh test
	@LUA_PATH=";;" LUA_CPATH=";;" lua5.4 spec/support/coverage.lua

soak: ## checks that take minutes: 200 files through a throttled service, 4 GiB in flat memory
	@sh spec/support/packages.sh test $(LUA)
	@$(MAKE) --no-print-directory -s build
	@LUA_PROGRAM=$(LUA_PROGRAM) LUA_ABI=$(LUA) $(LUA_PROGRAM) spec/soak/soak.lua

chaos: ## CHAOS (10000) files through a service that fails, stops and dies; CHAOS_SEED repeats a run
	@sh spec/support/packages.sh test
	@$(MAKE) --no-print-directory -s LUA=luajit build
	@$(MAKE) --no-print-directory -s build
	@LUA_PROGRAM=$(LUA_PROGRAM) LUA_ABI=$(LUA) CHAOS=$(CHAOS) CHAOS_SEED=$(CHAOS_SEED) \
		$(LUA_PROGRAM) spec/chaos/chaos.lua

SDK := build/peers/node_modules/@aws-sdk/client-connectparticipant

$(SDK): ; @npm install --prefix build/peers --no-audit --no-fund --silent \
	@aws-sdk/client-connectparticipant

conformance: ## compare what AWS's SDKs for Python and JavaScript send with what we do
	@sh spec/support/packages.sh peers $(LUA)
	@$(MAKE) --no-print-directory -s build $(SDK)
	@LUA_PROGRAM=$(LUA_PROGRAM) LUA_ABI=$(LUA) $(LUA_PROGRAM) spec/conformance/conformance.lua

build/bench/%: spec/bench/%.c
	@mkdir -p $(@D)
	$(CC) -O2 -std=c11 -D_GNU_SOURCE $(WARNINGS) -o $@ $< -lcurl -lssl -lcrypto -lpthread

bench: ## time it against raw libcurl, curl and AWS's SDKs (QUICK=1: a rough look)
	@sh spec/support/packages.sh bench $(LUA)
	@$(MAKE) --no-print-directory -s build $(SDK) build/bench/raw build/bench/drop
	@LUA_PROGRAM=$(LUA_PROGRAM) $(LUA_PROGRAM) spec/bench/bench.lua $(if $(QUICK),1 0.1,5 1)

bench-row: ## one row of bench that needs no SDK: calls one after another, against raw libcurl
	@sh spec/support/packages.sh row $(LUA)
	@$(MAKE) --no-print-directory -s build build/bench/raw
	@LUA_PROGRAM=$(LUA_PROGRAM) LUA_ABI=$(LUA) $(LUA_PROGRAM) spec/bench/row.lua

bench-nginx: ## time a trivial location of an nginx worker that uploads, and the gateway with 200 uploads
	@sh spec/support/packages.sh test luajit $(LUA)
	@$(MAKE) --no-print-directory -s LUA=luajit build
	@$(MAKE) --no-print-directory -s build
	@LUA_PROGRAM=$(LUA_PROGRAM) LUA_ABI=$(LUA) $(LUA_PROGRAM) spec/bench/nginx.lua; status=$$?; \
		LUA_PROGRAM=$(LUA_PROGRAM) LUA_ABI=$(LUA) $(LUA_PROGRAM) spec/bench/gateway.lua && exit $$status

bench-fleet: ## uploads of a fleet through a throttling service, with one pace on Redis and without
	@sh spec/support/packages.sh test luajit $(LUA)
	@$(MAKE) --no-print-directory -s LUA=luajit build
	@$(MAKE) --no-print-directory -s build
	@LUA_PROGRAM=$(LUA_PROGRAM) LUA_ABI=$(LUA) $(LUA_PROGRAM) spec/bench/fleet.lua

# A folder that is not absolute would be another one for the command later on.
ABSOLUTE = @for folder in "$(SHAREDIR)" "$(LIBDIR)" "$(BINDIR)" "$(DATADIR)"; do case $$folder in \
	/*) ;; *) echo "make: $$folder must begin with /: give PREFIX in full" >&2; exit 2;; esac; done
PAGES = sh spec/packages/pages.sh $@ "$(DESTDIR)$(DATADIR)" site-functions $(LUA_PROGRAM)

# The command searches its own modules where they were installed, before Lua's usual paths.
install: build ## install for LUA_VERSION below DESTDIR and PREFIX
	$(ABSOLUTE)
	install -d "$(DESTDIR)$(LIBDIR)/connectparticipant" "$(DESTDIR)$(BINDIR)"
	install -m 755 $(CORE) "$(DESTDIR)$(LIBDIR)/connectparticipant/core.so"
	cd lua && find connectparticipant -name '*.lua' -exec install -D -m 644 '{}' \
		"$(DESTDIR)$(SHAREDIR)/{}" ';'
	{ echo '#!/usr/bin/env $(LUA_PROGRAM)'; \
		echo 'package.path = [==[$(SHAREDIR)/?.lua;$(SHAREDIR)/?/init.lua;]==] .. package.path'; \
		echo 'package.cpath = [==[$(LIBDIR)/?.so;]==] .. package.cpath'; \
		sed 1d lua/connectparticipant/command.lua; } >"$(DESTDIR)$(BINDIR)/connectparticipant"
	chmod 755 "$(DESTDIR)$(BINDIR)/connectparticipant"
	$(PAGES)

uninstall: ## remove what install has installed, with the same variables
	$(ABSOLUTE)
	rm -f "$(DESTDIR)$(LIBDIR)/connectparticipant/core.so" "$(DESTDIR)$(BINDIR)/connectparticipant"
	cd lua && find connectparticipant -name '*.lua' -exec rm -f "$(DESTDIR)$(SHAREDIR)/{}" ';'
	for folder in "$(DESTDIR)$(SHAREDIR)" "$(DESTDIR)$(LIBDIR)"; do \
		[ ! -d "$$folder/connectparticipant" ] || \
			find "$$folder/connectparticipant" -depth -type d -empty -delete; done
	$(PAGES)

VERSION = $(shell sed -n 's/.*CONNECTPARTICIPANT_VERSION "\(.*\)"/\1/p' csrc/lua/version.h)

dist: ## make the tarball, the rockspec and the source rock of this version in build/dist
	@sh spec/support/packages.sh dist
	@sh spec/packages/dist.sh $(VERSION)

deb: ## make a Debian package of this version in build/deb
	@sh spec/support/packages.sh deb
	@$(MAKE) --no-print-directory -s dist
	@sh spec/packages/deb.sh $(VERSION)

clean: ## remove what was built
	rm -rf build

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.* ## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 16
	@echo 'Variables: LUA=5.1|5.2|5.3|5.4|5.5|luajit  FILE=  SPEC=  PREFIX=  DESTDIR=  LUA_VERSION=  SANITIZE=1  POLL=1'
