// The alphabet: drawn hands, and in words how each is held.

import { $, make, say } from "./page.js";
import { nameOf, t } from "./texts.js";

export const LETTERS = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZ"];
const SIGNS = [...LETTERS, "space", "del", "nothing"];

/** Show the drawn hand of a sign; an image that the server lacks is hidden. */
export function chartImage(image, sign) {
  image.hidden = false;
  image.onerror = () => (image.hidden = true);
  image.src = `page/chart/${sign}.webp`;
}

export function createChart() {
  const dialog = $("sign");

  function show(sign) {
    say($("sign-name"), nameOf(sign));
    say($("sign-words"), t(`sign.${sign}`));
    chartImage($("sign-image"), sign);
    dialog.showModal();
  }

  function tile(sign) {
    const image = make("img", { alt: "", width: 120, height: 120, loading: "lazy" });
    chartImage(image, sign);
    const button = make("button", { type: "button" }, image, make("span", { textContent: nameOf(sign) }));
    button.addEventListener("click", () => show(sign));
    return make("li", {}, button);
  }

  $("chart").replaceChildren(...SIGNS.map(tile));
  $("close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
}
