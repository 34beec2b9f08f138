"""What the demo says at its end."""

from pathlib import Path

from asl_pkg import contract
from asl_pkg.demo import next_steps


def test_the_first_suggestion_is_the_page_and_the_command_that_serves_it() -> None:
    results = {step: Path("runs/demo") / step for step in ("export", "validate", "train")}
    page, following = next_steps(results, "mlruns").splitlines()[-2:]
    assert "asl serve runs/demo/export " in page
    assert f"http://127.0.0.1:{contract.PAGE_PORT}/" in page
    assert "asl infer" in following
