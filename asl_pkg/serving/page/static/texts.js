// The page's words: one file per language, named here.

const LANGUAGES = ["en"];

let texts = {};

/** Load the first language of the browser that there is a file for, and fill in the page. */
export async function loadTexts() {
  const wanted = navigator.languages.map((language) => language.split("-")[0]);
  const language = wanted.find((name) => LANGUAGES.includes(name)) ?? LANGUAGES[0];
  texts = await (await fetch(`page/texts.${language}.json`)).json();
  document.documentElement.lang = language;
  document.title = t("title");
  for (const element of document.querySelectorAll("[data-text]")) element.textContent = t(element.dataset.text);
  for (const element of document.querySelectorAll("[data-label]")) element.ariaLabel = t(element.dataset.label);
}

/** The text of a name, its {places} filled in. */
export function t(name, values = {}) {
  return (texts[name] ?? name).replace(/\{(\w+)\}/g, (_, key) => values[key] ?? "");
}

/** What a class is called: letters call themselves. */
export const nameOf = (sign) => texts[`class.${sign}`] ?? sign;

export const percent = (share) =>
  new Intl.NumberFormat(document.documentElement.lang, { style: "percent" }).format(share);
