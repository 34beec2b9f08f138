// Practise: the page asks for a letter, waits for the hand, and keeps the score.

import { chartImage, LETTERS } from "./chart.js";
import { $, announce, say } from "./page.js";
import { t } from "./texts.js";

const SHOWN_MS = 1200; // how long a right answer stays

/** A letter that is not the last one. */
const another = (last) => {
  const left = LETTERS.filter((letter) => letter !== last);
  return left[Math.floor(Math.random() * left.length)];
};

export function createPractice() {
  let wanted = another("");
  let score = { right: 0, row: 0 };
  let helped = false;
  let done = false;

  function show() {
    say($("score"), t("practise.score", score));
    say($("wanted"), wanted);
  }

  function ask(letter) {
    [wanted, helped, done] = [letter, false, false];
    $("shown").hidden = true;
    say($("verdict"), "");
    show();
  }

  function help() {
    helped = true;
    chartImage($("shown-image"), wanted);
    say($("shown-words"), t(`sign.${wanted}`));
    $("shown").hidden = false;
  }

  function right() {
    done = true;
    score = { right: score.right + 1, row: helped ? 0 : score.row + 1 };
    const next = another(wanted);
    say($("verdict"), t("practise.yes", { letter: wanted }));
    announce(t("practise.said", { letter: wanted, next }));
    show();
    setTimeout(() => done && ask(next), SHOWN_MS);
  }

  $("show").addEventListener("click", help);
  $("next").addEventListener("click", () => {
    if (!done) score = { ...score, row: 0 };
    ask(another(wanted));
    announce(t("practise.asks", { next: wanted }));
  });
  ask(wanted);
  say($("verdict"), t("practise.wait"));

  return {
    /** Judge a held sign. */
    take(sign) {
      if (done || !LETTERS.includes(sign)) return;
      if (sign === wanted) right();
      else say($("verdict"), t("practise.no", { read: sign }));
    },
  };
}
