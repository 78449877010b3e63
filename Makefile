# Everything starts here: `make demo` to see it work, `make test` to check it. Each target may be interrupted and
# started again. Needs git, some Node >= 20 with npm, and Go >= 1.26 or a route to the envtest archive.

.DELETE_ON_ERROR:
.PHONY: setup demo test test-long clean distclean

modules := node_modules/.installed
sources := $(shell find src -name '*.ts')
cache := $${XDG_CACHE_HOME:-$$HOME/.cache}/mangrove/controlplane

## setup: dependencies, dist/mangrove.mjs and the binaries of the control plane
setup: dist/mangrove.mjs
	@bin/mangrove sandbox install >/dev/null

## demo: a first certificate, from a request made by OpenSSL to its verification
demo: setup
	@bin/mangrove demo

## test: types, lint, format, generated files and every test
test: setup
	@npm run --silent check
	@npm run --silent test

## test-long: every test again, with its campaigns at full length
test-long: setup
	@MANGROVE_LONG=1 npm run --silent test

# npm removes node_modules before it fills it, so the stamp stands for a whole installation of this lock file.
$(modules): package.json package-lock.json .npmrc
	@command -v npm >/dev/null || { echo 'make setup: Node.js 20 or newer with npm is needed' >&2; exit 1; }
	@echo 'install the dependencies of package-lock.json'
	@npm ci --no-progress --loglevel=error >/dev/null
	@touch $@

dist/mangrove.mjs: $(modules) $(sources) package.json rolldown.config.ts
	@echo 'build dist/mangrove.mjs'
	@rm -rf dist
	@npm run --silent build >/dev/null
	@touch $@

## clean: undo setup, but keep the control plane, which all clones on this machine share
clean:
	@rm -rf node_modules dist coverage

## distclean: undo all of setup
distclean: clean
	@rm -rf "$(cache)"
