// Images from files, dropped or pasted: a table of answers, each with its reason where it cannot be read.

import { pauseMs } from "./client.js";
import { $, announce, make, wait } from "./page.js";
import { faultText } from "./faults.js";
import { nameOf, percent, t } from "./texts.js";

/** `onPasted` is called when an image is pasted or dropped. */
export function createImages(client, { onPasted }) {
  let queue = Promise.resolve(); // one request is under way at a time

  async function read(file, cells) {
    for (let failures = 1; ; failures += 1) {
      try {
        return fill(cells, await client.read(file));
      } catch (fault) {
        if (!fault.passing) return fail(cells, faultText(fault));
        const pause = pauseMs(fault, failures);
        fail(cells, t("fault.again", { fault: faultText(fault), seconds: Math.ceil(pause / 1000) }));
        await wait(pause);
      }
    }
  }

  function take(files) {
    if (!files.length) return;
    $("answers").hidden = false;
    const waiting = [...files].map((file) => [file, addRow(file)]);
    for (const [file, cells] of waiting) queue = queue.then(() => read(file, cells));
    queue.then(() => announce(summary()));
  }

  $("files").addEventListener("change", ({ target }) => {
    take(target.files);
    target.value = ""; // the same file may be chosen again
  });
  document.addEventListener("paste", ({ clipboardData }) => {
    if (!clipboardData?.files.length) return;
    onPasted();
    take(clipboardData.files);
  });
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    $("drop").classList.add("over");
  });
  document.addEventListener("dragleave", () => $("drop").classList.remove("over"));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    $("drop").classList.remove("over");
    if (!event.dataTransfer.files.length) return;
    onPasted();
    take(event.dataTransfer.files);
  });
}

function addRow(file) {
  const image = make("img", { alt: "", width: 64, height: 64, src: URL.createObjectURL(file) });
  image.onerror = () => (image.hidden = true); // the server may read formats that this browser does not
  const letter = make("td", { className: "read", textContent: t("images.reading") });
  const more = make("p", { className: "small" });
  const name = make("b", { textContent: file.name });
  const row = make("tr", {}, make("td", {}, image), letter, make("td", {}, name, more));
  $("rows").append(row);
  return { row, letter, more };
}

function fill({ row, letter, more }, answer) {
  const { top, confidence } = answer;
  const sign = answer.letter === "unsure" ? t("answer.unsure") : nameOf(answer.letter);
  const others = (answer.letter === "unsure" ? top : top.slice(1)).map(
    ({ name, probability }) => `${nameOf(name)} ${percent(probability)}`,
  );
  letter.replaceChildren(make("b", { textContent: sign }), ` ${percent(confidence)}`);
  more.textContent = t("images.next", { others: others.join(", ") });
  row.dataset.state = "read";
}

function fail({ row, letter, more }, reason) {
  letter.textContent = "–";
  more.textContent = reason;
  row.dataset.state = "failed";
}

const summary = () =>
  t("images.done", { read: document.querySelectorAll("#rows [data-state=read]").length, all: $("rows").rows.length });
