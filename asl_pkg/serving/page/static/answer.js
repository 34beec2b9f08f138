// Shows what the server read: the letter large, how sure it is, what else it may be.

import { $, make, say } from "./page.js";
import { nameOf, percent, t } from "./texts.js";

const SYMBOLS = { nothing: "–", unsure: "?", space: "␣", del: "⌫", "": "–" };

function words({ letter, confidence, top, follows }) {
  if (letter === "nothing") return t("answer.nohand");
  if (letter === "unsure") return t("answer.maybe", { letter: nameOf(top[0].name), percent: percent(confidence) });
  const { name } = top[0];
  if (follows && ["J", "Z"].includes(name)) return t("answer.draw", { letter: name });
  return t("answer.sure", { percent: percent(confidence) });
}

function choice({ name, probability }) {
  const bar = make("i", {});
  bar.style.setProperty("--share", probability);
  return make("li", {}, make("b", { textContent: nameOf(name) }), bar, make("span", { textContent: percent(probability) }));
}

/** Show an answer, or that there is none: null. */
export function showAnswer(answer) {
  const letter = answer?.letter ?? "";
  say($("letter"), SYMBOLS[letter] ?? letter);
  $("letter").dataset.sign = letter;
  say($("words"), answer ? words(answer) : t("answer.waiting"));
  $("top").replaceChildren(...(answer?.top ?? []).map(choice));
}

/** Show a letter that was drawn in the air. */
export function showDrawn(letter) {
  say($("letter"), letter);
  $("letter").dataset.sign = letter;
}

/** Close the ring around the letter, 0 to 1. */
export function showProgress(share) {
  $("ring").style.strokeDashoffset = String(100 * (1 - share));
}

/** Let the letter swell for a moment: it was typed. */
export function swell() {
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  $("letter").animate({ scale: [1, 1.25, 1] }, { duration: 250, easing: "ease-out" });
}
