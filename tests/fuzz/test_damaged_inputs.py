"""Over 200 damaged inputs: each a clear error, and the server still answers."""

import pytest

from asl_pkg.bundle.bundle import Bundle
from tests.fuzz.damaged_inputs import run, table


@pytest.mark.slow
def test_every_damaged_input_gets_a_clear_error_and_the_server_still_answers(bundle: Bundle) -> None:
    outcomes = run(bundle)
    assert len(outcomes) > 200
    assert not any(outcome.fault for outcome in outcomes), table(outcomes)
