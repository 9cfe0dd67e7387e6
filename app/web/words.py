"""How the pages say numbers, times, jobs and versions. Pure."""

from datetime import datetime

from app.db.models.groups import SkipReason
from app.db.models.jobs import JobKind
from app.db.models.versions import Version, VersionKind

SKIP_REASONS = (
    (SkipReason.ALL_BAD, "All four are bad"),
    (SkipReason.UNSAFE, "Unsafe or hurtful"),
    (SkipReason.UNCLEAR, "The prompt is unclear"),
    (SkipReason.TOO_SIMILAR, "Too similar to rank"),
    (SkipReason.OTHER, "Another reason"),
)
JOB_TITLES = {
    JobKind.TRAIN_REWARD: "Reward model training",
    JobKind.TRAIN_POLICY: "Policy training (PPO)",
    JobKind.EVALUATE: "Evaluation",
}
VERSION_TITLES = {
    VersionKind.BASE: "Base model",
    VersionKind.SFT: "SFT model",
    VersionKind.REWARD: "Reward model",
    VersionKind.POLICY: "Policy",
}
NOTHING = "–"


def duration(seconds: float | None) -> str:
    """ "40 s", "3 min", "1 h 5 min"."""
    if seconds is None:
        return NOTHING
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def number(value: float | int | None, digits: int = 2) -> str:
    """Rounded for reading; whole numbers stay whole; a true minus sign."""
    if value is None:
        return NOTHING
    text = f"{value:,}" if isinstance(value, int) else f"{value:,.{digits}f}"
    return text.replace("-", "−")


def figure(value: float | int) -> str:
    """To four significant digits, however small."""
    return (f"{value:,}" if isinstance(value, int) else f"{value:,.4g}").replace("-", "−")


def rate(value: float) -> str:
    """A learning rate as it is written in papers: "2.2e-05"."""
    return f"{value:.1e}".replace("-", "−")


def millions(count: int) -> str:
    return f"{count / 1e6:,.0f} million"


def gibibytes(count: int) -> str:
    return f"{count / (1 << 30):,.1f} GiB"


def megabytes(count: int) -> str:
    return f"{count / 1e6:,.1f} MB"


def percent(share: float | None) -> str:
    return NOTHING if share is None else f"{100 * share:.0f} %"


def job_title(kind: JobKind) -> str:
    return JOB_TITLES[kind]


def version_title(version: Version) -> str:
    return f"{VERSION_TITLES[version.kind]} {version.id}"


def version_origin(version: Version) -> str:
    """Of one without a parent."""
    return "ships with Fourfold" if version.imported_from is None else f"imported from {version.imported_from}"


def moment(when: datetime | None) -> str:
    """UTC; the page's script turns it into the reader's own time."""
    return NOTHING if when is None else when.strftime("%Y-%m-%d %H:%M UTC")
