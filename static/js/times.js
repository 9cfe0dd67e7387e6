// Moments in the reader's own time, wherever a page shows one; the zone and the seconds stand in the title.

const shown = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const whole = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "full" });

export function localTimes() {
  for (const time of document.querySelectorAll("time[datetime]")) {
    const when = new Date(time.dateTime);
    const text = shown.format(when);
    if (time.textContent !== text) time.textContent = text;
    time.title = whole.format(when);
  }
}
