# The platform's targets, included by the Makefile. Each works alone, leaves existing objects alone, and can be repeated.
OVERLAY ?= kind
# Where the model answers; kind-config.yaml maps the node's port to it.
URL ?= http://127.0.0.1:8000
PAGE := http://127.0.0.1:8003/
TRANSFORMER = localhost:5001/asl-transformer:$(shell sed -n 's/^IMAGE_VERSION = "\(.*\)" .*/\1/p' asl_pkg/contract.py)
INSTALL := manifests/install

##@ Kubernetes, on the cluster in KUBECONFIG
kind-up: ## create a kind cluster and a registry on this machine
	@manifests/kind-up

platform: kserve kfp serving mlflow-platform ## install what is missing of KServe, Kubeflow Pipelines, MLflow and our manifests
	@echo; echo "Kubeflow Pipelines: http://127.0.0.1:8080   MLflow: http://127.0.0.1:5000   next, after \`make demo\`:"
	@echo '  eval "$$(make -s env)"'
	@echo '  asl deploy bundle_dir=runs/demo/export report_dir=runs/demo/validate store=s3://models'
	@echo '  make predict SET=runs/demo/validate/golden/A.jpg'
	@echo 'the page for a camera, $(PAGE), is there after `asl deploy …` with deploy.transformer_image=$(TRANSFORMER)'

env: ## print the variables of the kind cluster's store, for a shell: eval "$(make -s env)"
	@manifests/env

cert-manager: ## cert-manager, which KServe needs
	@$(INSTALL) third-party/cert-manager crd/certificates.cert-manager.io cert-manager/deployment/cert-manager-webhook

kserve: ## KServe 0.20.0, Standard mode
	@kubectl -n kserve get deployment kserve-controller-manager >/dev/null 2>&1 || $(MAKE) --no-print-directory cert-manager
	@$(INSTALL) third-party/kserve crd/inferenceservices.serving.kserve.io kserve/deployment/kserve-controller-manager

kfp: ## Kubeflow Pipelines 2.17.0, SeaweedFS with it
	@$(INSTALL) third-party/kubeflow-pipelines/cluster-scoped crd/applications.app.k8s.io crd/workflows.argoproj.io
	@$(INSTALL) third-party/kubeflow-pipelines/instance kubeflow/deployment/seaweedfs kubeflow/deployment/ml-pipeline \
	  kubeflow/deployment/ml-pipeline-ui
	@kubectl label namespace kubeflow asl/clients=true --overwrite >/dev/null

serving: ## our manifests: OVERLAY=kind or production; secrets by name
	@kubectl apply -k manifests/overlays/$(OVERLAY)
	@[ $(OVERLAY) != kind ] || kubectl apply -f manifests/components/node-port/service.yaml \
	  -f manifests/components/node-port/network-policy.yaml
	@manifests/make-secrets

buckets: serving ## create buckets data, models and mlflow in SeaweedFS, and a user for them
	@manifests/make-buckets

mlflow-platform: buckets ## MLflow's server on PostgreSQL
	@kubectl apply -f manifests/third-party/mlflow/namespace.yaml
	@manifests/make-secrets
	@$(INSTALL) third-party/mlflow mlflow/statefulset/mlflow-database mlflow/deployment/mlflow
	@manifests/make-secrets

predict: install ## recognise the letter in images with the model on the cluster: SET="image.jpg", URL=http://127.0.0.1:8000
	@$(ASL) infer $(SET) runtime=triton url=$(URL)
	@! curl --silent --fail --output /dev/null --noproxy '*' --max-time 2 $(PAGE) || echo "sign to the camera: $(PAGE)"

status: install ## manifests/STATUS.md: how far each manifest was tested on a cluster
	@.venv/bin/python manifests/status.py

kind-down: ## remove the cluster of kind-up and its registry
	kind delete cluster --name asl
	docker rm --force --volumes kind-registry

.PHONY: kind-up platform env cert-manager kserve kfp serving buckets mlflow-platform predict status kind-down
