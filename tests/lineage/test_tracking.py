from pathlib import Path

import pytest

from asl_pkg.errors import AslError
from asl_pkg.lineage import tracking


def test_a_damaged_store_is_named_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    store = tmp_path / "mlruns" / "mlflow.db"
    store.parent.mkdir()
    store.write_text("junk")
    with pytest.raises(AslError, match=r"mlflow\.db: .*move a damaged store away"), tracking.tracked("x", {}):
        pass
    assert store.read_text() == "junk"
