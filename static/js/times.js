// Moments in the reader's own time and the page's language, wherever a page shows one; the zone and the seconds stand in the title.

const page = document.documentElement.lang;
const tag = navigator.languages.find((each) => each.split("-")[0] === page) ?? page;
const shown = new Intl.DateTimeFormat(tag, { dateStyle: "medium", timeStyle: "short" });
const whole = new Intl.DateTimeFormat(tag, { dateStyle: "full", timeStyle: "full" });

export function localTimes() {
  for (const time of document.querySelectorAll("time[datetime]")) {
    const when = new Date(time.dateTime);
    const text = shown.format(when);
    if (time.textContent !== text) time.textContent = text;
    time.title = whole.format(when);
  }
}
