"""The step of a pod, from every shape of name that Argo gives a node."""

from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from asl_pkg.k8s.pending_pods import NODE_ANNOTATION, step_of

STEPS = st.from_regex(r"[a-z]([a-z0-9-]*[a-z0-9])?", fullmatch=True)
ATTEMPT = st.integers(0, 99).map("({})".format)  # of a node with a retry strategy
ITEM = st.builds("({}:{})".format, st.integers(0, 99), st.from_regex(r"[\w.,:-]*", fullmatch=True))  # of a loop
MARKS = st.lists(ATTEMPT | ITEM, max_size=2).map("".join)
# What a step may lie in: conditions, loops, exit handlers and their hooks, other pipelines.
GROUPS = st.lists(
    st.builds("{}{}".format, STEPS | st.sampled_from(["root", "condition-branches-2", "onExit"]), MARKS), max_size=4
)


def pod(node: str) -> SimpleNamespace:
    return SimpleNamespace(metadata=SimpleNamespace(annotations={NODE_ANNOTATION: node}))


@given(run=STEPS, groups=GROUPS, step=STEPS, marks=MARKS, attempts=st.just("") | ATTEMPT)
def test_the_step_is_found_in_retries_loops_conditions_exit_handlers_and_nested_pipelines(
    run: str, groups: list[str], step: str, marks: str, attempts: str
) -> None:
    assert step_of(pod(".".join([run, *groups, f"{step}{marks}", f"executor{attempts}"]))) == step


@given(run=STEPS, groups=GROUPS, step=STEPS, marks=MARKS)
def test_a_pod_of_kfps_own_is_no_step(run: str, groups: list[str], step: str, marks: str) -> None:
    assert step_of(pod(".".join([run, *groups, f"{step}-driver{marks}"]))) == ""


def test_a_pod_without_annotations_is_no_step() -> None:
    assert step_of(SimpleNamespace(metadata=SimpleNamespace(annotations=None))) == ""
