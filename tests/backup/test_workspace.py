"""The scratch folder of a backup."""

from pathlib import Path


def test_a_backup_lock_is_free_again(tmp_path: Path) -> None:
    """A folder that another process works in is left alone."""
    from app.backup.workspace import workspace

    with workspace(tmp_path, ".x-") as first:
        with workspace(tmp_path, ".x-") as second:
            assert first.is_dir()
            assert second.is_dir()
        assert first.is_dir()
    assert list(tmp_path.iterdir()) == []
