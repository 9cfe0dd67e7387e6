"""Backups, and what PostgreSQL adds: what must be in one, and what must not come out of one."""

from tests.faults.fault import In

BACKUP, HOSTILE = "tests/backup/test_backup.py", "tests/backup/test_archive.py"

archive = In("app/backup/archive.py", HOSTILE)
database = In("app/backup/database.py", HOSTILE)
backup = In("app/backup/backup.py", BACKUP)
restore = In("app/backup/restore.py", "tests/backup/test_restore.py")
workspace = In("app/backup/workspace.py", BACKUP)
trouble = In("app/db/trouble.py", "tests/db/test_postgres.py")
base = In("app/db/base.py", "tests/db/test_session.py")
looks = In("app/db/looks.py", "tests/db/test_looks.py", "tests/test_lost_data.py")

FAULTS = [
    looks("a file that is gone is read on", "            check_file(connection.info)\n", ""),
    looks(
        "nobody says why", "(DataLostError, database.dialect.loaded_dbapi.Error)", "database.dialect.loaded_dbapi.Error"
    ),
    archive(
        "members are not looked at",
        "member.name != name or not member.isreg() or member.issparse()",
        "member.name != name",
    ),
    archive("a member of another name", "member.name != name or not member.isreg()", "not member.isreg()"),
    archive(
        "names lead elsewhere",
        'not NAME.fullmatch(entry.name):\n        raise BackupError(\n            f"The backup names',
        'False:\n        raise BackupError(\n            f"The backup names',
    ),
    archive("hashes are not compared", "if left or digest.hexdigest() != entry.sha256:", "if left:"),
    archive("more than was announced is written", "if left < 0:", "if False:"),
    archive("a member that was not announced", "if self._tar.next() is not None:", "if False:"),
    archive("cut off at its end", "if self._source.count % tarfile.RECORDSIZE:", "if False:"),
    archive(
        "equal files twice",
        "        first.setdefault(entry.sha256, entry)",
        "        first[entry.name] = entry",
        BACKUP,
    ),
    database("folders of versions lead elsewhere", "if not VERSION_PATH.fullmatch(name)]", "if False]"),
    database("folders of jobs lead elsewhere", "if not JOB_ID.fullmatch(name)]", "if False]"),
    database(
        "triggers come in", 'if kind != "index" and (kind != "table" or is_virtual or name not in known):', "if False:"
    ),
    database(
        "references are not looked at", 'connection.execute("PRAGMA foreign_key_check").fetchone() is not None', "False"
    ),
    database("a newer schema comes in", "if revision not in known_revisions()[1]:", "if revision is None:"),
    backup("checkpoints are left out", 'name.endswith((".pt", ".json"))', 'name.endswith(".json")', BACKUP),
    backup("a removed version is looked for no second time", "if missing and not last:", "if False:"),
    backup("half a version is taken", 'return {"config.json", *recorded} <= files.keys() and', "return"),
    backup("damaged weights are taken", "missing += damaged", "pass"),
    backup(
        "a damaged list of checksums is a traceback",
        "    except ValueError:\n        return None\n",
        "    except KeyError:\n        return None\n",
    ),
    backup("a backup takes the database's place", '("", "-wal", "-shm")', "()"),
    backup("a backup takes a version's place", "if inside in OWN_FOLDERS or", "if"),
    backup("a backup takes a device's place", "if path.exists() and not path.is_file():", "if False:"),
    backup(
        "a stream without room is a traceback",
        '    except OSError as error:\n        raise BackupError(\n            f"The backup could not be made',
        '    except KeyError as error:\n        raise BackupError(\n            f"The backup could not be made',
    ),
    archive("made-up headers are tracebacks", "gzip.BadGzipFile, ValueError, RecursionError)", "gzip.BadGzipFile)"),
    restore("equal files need room twice", "manifest.stored_bytes > free", "manifest.total_bytes > free", HOSTILE),
    backup("what is unfinished is taken", 'any(part.startswith(".") for part in Path(name).parts)', "False"),
    backup("written where it shall be", 'fresh = scratch / "archive"', "fresh = path"),
    restore(
        "a folder that is not empty",
        '    if there:\n        raise BackupError(\n            f"The data folder',
        '    if False:\n        raise BackupError(\n            f"The data folder',
        HOSTILE,
    ),
    restore("what does not fit is begun", "if manifest.stored_bytes > free:", "if False:", HOSTILE),
    restore("a killed restore stays in the way", "            _undo_killed(data_dir)\n", ""),
    workspace("rests stay", "        shutil.rmtree(left, ignore_errors=True)\n", "        pass\n"),
    workspace(
        "others' work is removed",
        "    except BlockingIOError:\n        return False",
        "    except BlockingIOError:\n        return True",
    ),
    trouble("SQLite's words say what PostgreSQL means", 'if hasattr(error.orig, "sqlstate"):', "if False:"),
    trouble("a refused password may pass", '("28", "3D000")', '("3D000",)'),
    base("NUL in a text", 'value.replace("\\x00", "\\N{REPLACEMENT CHARACTER}")', "value"),
]
