"""Versions: what may be removed, and when its files go."""

from tests.faults.fault import In

REMOVAL = "tests/services/test_removal.py"

removal = In("app/services/removal.py", REMOVAL)
versions = In("app/services/versions.py", REMOVAL)
shelf = In("app/lm/shelf.py", "tests/lm/test_engine.py")
answers = In("app/services/generation.py", "tests/api/test_removal.py")

FAULTS = [
    removal("the active version goes", "if version.status is VersionStatus.ACTIVE:", "if False:", "tests/api/test_removal.py"),
    removal("the reference goes", "    reasons.setdefault(sft.id, ", "    dict().setdefault(sft.id, "),
    removal("what rolling back returns to goes", "in _rollback_targets(session, sft):", "in ():"),
    removal("the reward model of the former SFT model goes", "        roots |= {root.id} if root is not None else set()\n", ""),
    removal("what a job chose goes", "[*job.params.items(), *chosen.items()]", "[*job.params.items()]"),
    removal("what a job names goes", "[*job.params.items(), *chosen.items()]", "[*chosen.items()]"),
    removal("what a job that can go on needs goes", "(*LIVE, JobStatus.FAILED)", "LIVE"),
    removal("a failed job keeps versions for ever", "job.status in LIVE or job_folders.has_checkpoint(settings, job.id)", "True"),
    removal("cards lose their version", "or_(waits, is_written)", "is_written"),
    removal("answers being written lose their version", "or_(waits, is_written)", "waits"),
    removal("a card that was given up keeps its version", ", Group.created_at > begun)", ")"),
    removal("parents go", '        yield version.parent_id, "was made from it"\n', "        yield from ()\n"),
    removal("a policy's reward model goes", '        yield version.reward_version_id, "was trained against it"\n', "        yield from ()\n"),
    removal("none is kept because it is new", "each.kind is kind][:keep]", "each.kind is kind][:0]"),
    removal("imported models are pruned", "if version.origin is not VersionOrigin.TRAINED:", "if False:"),
    removal("more goes than was shown", "if each.version.id in shown]", "]"),
    removal("shared files count as freed", "if names[file] == found.st_nlink else 0", ""),
    removal("a folder in force is deleted", "if removed_at is not None} - kept", "if removed_at is not None}"),
    removal("read-only folders stay", "path.chmod(0o755)", "pass"),
    versions("a removed version is used", "    if version.removed_at is not None:\n        trained", "    if False:\n        trained"),
    versions("a removed reward model comes back", ".is_not(None), Version.removed_at.is_(None))", ".is_not(None))"),
    shelf("a removed version is called damaged", "            self._directory(version_id)  # its", "            # its"),
    answers("a removed version that is loaded answers", "versions.usable_version(session, version_id)", "versions.get_version(session, version_id)"),
]  # fmt: skip
