# Needs python3 (3.11+) and make; nothing else. `make` lists the targets.
PYTHON ?= python3
PORT ?= 8000
STORE ?= sqlite
BENCH ?=
SIZE ?= full
BASE_IMAGE ?= debian:bookworm-slim
ENGINE ?= $(firstword $(foreach tool,docker podman buildah,$(if $(shell command -v $(tool)),$(tool))))
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
VENV := .venv
BIN := $(VENV)/bin
PO := $(wildcard app/i18n/catalogues/*/LC_MESSAGES/messages.po)
MO := $(PO:.po=.mo)
.DEFAULT_GOAL := help
.PHONY: help demo test bench check fix lock messages pictures image sbom clean

help: ## List the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

demo: $(VENV)/ready $(MO) ## Run the service with demonstration data on http://127.0.0.1:8000
	@$(BIN)/python -m app demo serve --port $(PORT)

test: $(VENV)/ready $(MO) ## Run all tests (STORE=postgresql or all: on the other database)
	@$(BIN)/pytest -n logical --dist worksteal --store $(STORE)

bench: $(VENV)/ready $(MO) ## Measure beside floors, one line of JSON each (BENCH=submissions,pages,… SIZE=small)
	@$(BIN)/python -m benchmarks --parts '$(BENCH)' --size '$(SIZE)'

check: $(VENV)/ready $(MO) ## Static checks: format, lint, types, imports, dependencies
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/deptry .

fix: $(VENV)/ready ## Format and mend what can be mended
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

messages: $(VENV)/ready ## Collect the texts of code and templates into the catalogues
	$(BIN)/pybabel -q extract -k _l -F app/i18n/babel.cfg --omit-header --no-location --sort-output -o app/i18n/catalogues/messages.pot .
	@for po in $(PO); do $(BIN)/pybabel -q update --ignore-pot-creation-date --no-fuzzy-matching --ignore-obsolete -i app/i18n/catalogues/messages.pot -o $$po -l $$(echo $$po | cut -d/ -f4); done

pictures: $(VENV)/ready $(MO) ## Take the pictures of README and docs from a running demo
	$(BIN)/python docs/pictures.py

image: ## Build the container image (BASE_IMAGE=…)
	@test -n '$(ENGINE)' || { echo 'Needs docker, podman or buildah'; exit 1; }
	$(ENGINE) build --build-arg BASE_IMAGE=$(BASE_IMAGE) --build-arg VERSION=$(VERSION) -t paivand .

sbom: $(VENV)/ready ## Write sbom.cdx.json: what the image installs, with versions and hashes
	@$(BIN)/cyclonedx-py requirements requirements/app.txt -i '' --pyproject pyproject.toml --output-reproducible --of JSON -o sbom.cdx.json

lock: $(VENV)/ready ## Re-resolve requirements/*.txt (seven days of cool-down)
	$(BIN)/uv pip compile -q --universal --generate-hashes --upgrade --no-emit-index-url --no-emit-find-links --no-annotate --no-header pyproject.toml -o requirements/app.txt
	$(BIN)/uv pip compile -q --universal --generate-hashes --upgrade --no-emit-index-url --no-emit-find-links --no-annotate --no-header pyproject.toml --group dev -c requirements/app.txt -o requirements/dev.txt

clean: ## Remove everything make created
	rm -rf $(VENV) .demo $(MO)

$(VENV)/ready: requirements/dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo 'Python 3.11 or newer is needed'; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV) || { echo 'Debian and Ubuntu: apt install python3-venv'; exit 1; }
	@echo 'Installing the locked requirements into $(VENV) …'
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r $<
	@touch $@

%.mo: %.po $(VENV)/ready
	@$(BIN)/pybabel -q compile -i $< -o $@
