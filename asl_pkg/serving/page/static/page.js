// Small helpers around the document.

const BRIEF_MS = 6000;
let hiding = 0;

export const $ = (id) => document.getElementById(id);

/** A new element with properties and children. */
export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/** Set a text only where it changes: screen readers announce every change of a live region. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Show a sentence at the top of the page; an empty one hides it. `tone` is "bad", or "brief": hidden after a while. */
export function notice(text, tone = "") {
  say($("notice"), text);
  $("notice").dataset.tone = tone;
  clearTimeout(hiding);
  if (tone === "brief") hiding = setTimeout(notice, BRIEF_MS, "");
}

/** Let a screen reader say this, politely; the same word twice is said twice. */
export function announce(text) {
  $("said").replaceChildren(make("span", { textContent: text }));
}

export const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
