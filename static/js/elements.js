// Makes elements of a page out of a name, properties and children; text goes in as text, never as HTML.

/** `make("p", { className: "soft", "aria-label": "…" }, "text", element)`: names with a dash are attributes. */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined) continue;
    if (name === "role" || name.includes("-")) element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

export const button = (text, run, className = "button", properties = {}) => {
  const made = make("button", { type: "button", className, ...properties }, text);
  made.addEventListener("click", run);
  return made;
};

/** Text that is the same is left alone: nothing is laid out again for it. */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
