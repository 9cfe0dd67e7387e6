"""The plots of a kind of job (app/kinds) in words and figures."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.db.models.jobs import JobMetric
from app.formats.figures import significant
from app.formats.languages import in_a_text
from app.kinds.kind import Plot, Series
from app.kinds.registry import kind_of
from app.translation import N_, _

MAX_TABLE_ROWS = 12


@dataclass(frozen=True)
class PlotTable:
    """A plot in words and figures: at most MAX_TABLE_ROWS steps, the first and the last among them."""

    plot: Plot
    rows: list[tuple[int, list[float | None]]]

    @property
    def summary(self) -> str:
        if not self.rows:
            return _("No points yet.")
        return in_a_text(self._sentence(index, series) for index, series in enumerate(self.plot.series))

    def _sentence(self, index: int, series: Series) -> str:
        known = [(step, values[index]) for step, values in self.rows if values[index] is not None]
        if not known:
            return no_values(series)
        (first_step, first), (last_step, last) = known[0], known[-1]
        return curve_sentence(series).format(
            first=significant(first), first_step=first_step, last=significant(last), last_step=last_step
        )


def curve_sentence(series: Series) -> str:
    """Where a line began and where it is; static/js/series.js fills it in anew with each point."""
    label = _(series.label)
    said = N_("{label}: {first} at step {first_step}, {last} at step {last_step}.")
    unfilled = {name: f"{{{name}}}" for name in ("first", "first_step", "last", "last_step")}
    return _(said, label=label[:1].upper() + label[1:], **unfilled)


def no_values(series: Series) -> str:
    """Said of a line while it has none."""
    return _("No values of {series} yet.", series=_(series.label))


def plot_tables(kind: str, points: Sequence[JobMetric]) -> list[PlotTable]:
    return [PlotTable(plot, _rows(plot, points)) for plot in kind_of(kind).plots]


def _rows(plot: Plot, points: Sequence[JobMetric]) -> list[tuple[int, list[float | None]]]:
    names = [series.metric for series in plot.series]
    known = [point for point in points if any(name in point.values for name in names)]
    if len(known) > MAX_TABLE_ROWS:
        last = len(known) - 1
        picked = sorted({round(place * last / (MAX_TABLE_ROWS - 1)) for place in range(MAX_TABLE_ROWS)})
        known = [known[index] for index in picked]
    return [(point.step, [point.values.get(name) for name in names]) for point in known]
