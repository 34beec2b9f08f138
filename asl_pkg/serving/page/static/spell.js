// The text field: typed letters, copy, clear, speak.

import { $, announce, make, notice, say } from "./page.js";
import { type } from "./spelling.js";
import { t } from "./texts.js";

/** `onHold` gets how many ms a letter is to be held. */
export function createSpelling(onHold) {
  const text = $("text");
  const hold = $("hold");
  text.placeholder = t("spell.placeholder");

  function change() {
    say($("held"), t("spell.seconds", { number: Number(hold.value).toFixed(1) }));
    hold.ariaValueText = $("held").textContent;
    onHold(hold.value * 1000);
  }

  hold.addEventListener("input", change);
  $("clear").addEventListener("click", () => {
    text.value = "";
    announce(t("spell.cleared"));
  });
  $("copy").addEventListener("click", copy);
  $("speak").hidden = !("speechSynthesis" in window);
  $("speak").addEventListener("click", speak);
  $("help").replaceChildren(...[1, 2, 3, 4].map((number) => make("li", { textContent: t(`spell.help.${number}`) })));
  change();

  return {
    /** Type a sign. */
    take(sign) {
      text.value = type(text.value, sign);
      text.scrollTop = text.scrollHeight;
      announce(["space", "del"].includes(sign) ? t(`said.${sign}`) : sign);
    },
  };
}

async function copy() {
  try {
    await navigator.clipboard.writeText($("text").value);
    notice(t("spell.copied"), "brief");
  } catch {
    $("text").select(); // the browser gives no clipboard: not on https, or not allowed
    notice(t("spell.selected"));
  }
}

function speak() {
  const said = new SpeechSynthesisUtterance($("text").value.toLowerCase()); // capitals would be spelled out
  said.lang = document.documentElement.lang;
  speechSynthesis.cancel();
  speechSynthesis.speak(said);
}
