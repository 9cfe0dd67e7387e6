"""The plots of a kind of job (app/kinds) in words and figures."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.db.models.jobs import JobMetric
from app.formats.figures import significant
from app.kinds.kind import Plot, Series
from app.kinds.registry import kind_of
from app.translation import N_, _, sentences
from app.web.plot_pictures import Picture, Points, picture_of

MAX_TABLE_ROWS = 12


@dataclass(frozen=True)
class Line:
    """One line of a drawn plot: the name its points have in the scripts, and its sentences."""

    metric: str
    label: str
    ended: bool = False
    """Whether no more values come."""

    @property
    def sentence(self) -> str:
        """Where it began and where it is; static/js/series.js fills it in anew with each point."""
        said = N_("{label}: {first} at step {first_step}, {last} at step {last_step}.")
        unfilled = {name: f"{{{name}}}" for name in ("first", "first_step", "last", "last_step")}
        return _(said, label=self.label[:1].upper() + self.label[1:], **unfilled)

    @property
    def no_values(self) -> str:
        """Said of it while it has none."""
        said = N_("No values of {series} were recorded.") if self.ended else N_("No values of {series} yet.")
        return _(said, series=self.label)


@dataclass(frozen=True)
class Table:
    """A plot in words and figures, in the page's language."""

    name: str
    title: str
    unit: str
    meaning: str
    share: bool
    lines: tuple[Line, ...]
    points: Points
    """(step, value of each line), in order."""

    @property
    def ended(self) -> bool:
        """Whether no more points come to any line."""
        return all(line.ended for line in self.lines)

    @property
    def rows(self) -> Points:
        """At most MAX_TABLE_ROWS steps, the first and the last among them."""
        if len(self.points) <= MAX_TABLE_ROWS:
            return self.points
        last = len(self.points) - 1
        picked = sorted({round(place * last / (MAX_TABLE_ROWS - 1)) for place in range(MAX_TABLE_ROWS)})
        return [self.points[index] for index in picked]

    @property
    def summary(self) -> str:
        if not self.points:
            return _("No points were recorded.") if self.ended else _("No points yet.")
        return sentences(*(self._sentence(index, line) for index, line in enumerate(self.lines)))

    @property
    def picture(self) -> Picture | None:
        """Without a script; none before there are two points."""
        return picture_of(self.points, share=self.share)

    def _sentence(self, index: int, line: Line) -> str:
        known = [(step, values[index]) for step, values in self.points if values[index] is not None]
        if not known:
            return line.no_values
        (first_step, first), (last_step, last) = known[0], known[-1]
        return line.sentence.format(
            first=significant(first), first_step=first_step, last=significant(last), last_step=last_step
        )


def plot_tables(kind: str, points: Sequence[JobMetric], *, ended: bool = False) -> list[Table]:
    """Of one run: a line for each of a plot's series. `ended`: no more points come."""
    return [_table(plot, points, ended) for plot in kind_of(kind).plots]


@dataclass(frozen=True)
class Drawn:
    """One of several runs on a plot."""

    job_id: str
    title: str
    points: Sequence[JobMetric]
    ended: bool = True
    """Whether no more points come."""


def overlaid(kind: str, runs: Sequence[Drawn]) -> list[Table]:
    """A plot for each series of the kind, a line for each run."""
    return [_overlay(plot, series, runs) for plot in kind_of(kind).plots for series in plot.series]


def _table(plot: Plot, points: Sequence[JobMetric], ended: bool) -> Table:
    lines = tuple(Line(series.metric, _(series.label), ended) for series in plot.series)
    known = [(point.step, [point.values.get(line.metric) for line in lines]) for point in points]
    known = [(step, values) for step, values in known if any(value is not None for value in values)]
    return Table(plot.name, _(plot.title), _(plot.unit), _(plot.meaning), plot.share, lines, known)


def _overlay(plot: Plot, series: Series, runs: Sequence[Drawn]) -> Table:
    title = _(plot.title)
    if len(plot.series) > 1:
        title = _("{plot}: {line}", plot=title, line=_(series.label))
    lines = tuple(Line(f"{run.job_id}/{series.metric}", run.title, run.ended) for run in runs)
    columns = [
        {point.step: value for point in run.points if (value := point.values.get(series.metric)) is not None}
        for run in runs
    ]
    steps = sorted({step for column in columns for step in column})
    known = [(step, [column.get(step) for column in columns]) for step in steps]
    name = series.metric.replace("/", "-")
    return Table(name, title, _(plot.unit), _(plot.meaning), plot.share, lines, known)
