// Puts the page together: views, camera, reader, and who gets the letters.

import { showAnswer, showDrawn, showProgress, swell } from "./answer.js";
import { createCamera, missing } from "./camera.js";
import { chartImage, createChart } from "./chart.js";
import { createClient } from "./client.js";
import { faultText } from "./faults.js";
import { createImages } from "./images.js";
import { createTracker } from "./motion.js";
import { $, make, notice, say } from "./page.js";
import { createPractice } from "./practise.js";
import { createReader } from "./reader.js";
import { drawSkeleton } from "./skeleton.js";
import { createSpelling } from "./spell.js";
import { createSpeller } from "./spelling.js";
import { loadTexts, t } from "./texts.js";

const VIEWS = ["spell", "practise", "images", "alphabet"];
const SIGNING = ["spell", "practise"]; // the views with the camera
const MOVED = { J: ["J", "I", "Y"], Z: ["Z", "D", "G", "L", "X"] }; // what a drawing hand may look like afterwards
const DRAWN_MS = 800; // how long J or Z stays

await loadTexts();

const client = createClient();
const camera = createCamera(() => switchOff(t("camera.lost")));
const reader = createReader(camera, client, { onAnswer: take, onFault: fail, onBack: () => notice(t("server.back"), "brief") });
const speller = createSpeller(700);
const tracker = createTracker();
const takers = {
  spell: createSpelling((ms) => (speller.holdMs = ms)),
  practise: createPractice(),
};
let release = "";
let view = VIEWS[0];
let drawn = { until: 0 };

/** Where landmarks are known, J and Z are movements: a still J is an I, a still Z is no letter. */
const still = (answer) => (answer.follows && answer.letter === "J" ? { ...answer, letter: "I" } : answer);

/** What a frame counts as when letters are typed. */
function seen({ letter, follows }, moving) {
  if (moving) return "moving";
  return follows && letter === "Z" ? "still" : letter;
}

function take(read, at, rate) {
  const answer = still(read);
  const motion = tracker.add(answer.points, at);
  if (motion.letter) speller.block(MOVED[motion.letter], at);
  const typed = motion.letter ?? speller.feed(seen(answer, motion.moving), at);
  showAnswer(answer);
  if (motion.letter) drawn = { letter: motion.letter, until: at + DRAWN_MS };
  if (at < drawn.until) showDrawn(drawn.letter);
  showProgress(at < drawn.until ? 1 : speller.progress(at));
  drawSkeleton(answer.points);
  showFigures(answer.release, rate, performance.now() - at);
  if (!typed) return;
  swell();
  takers[view].take(typed);
}

/** `ms` from the frame to its letter. */
function showFigures(answering, rate, ms) {
  say($("rate"), t("answer.rate", { number: rate.toFixed(0) }));
  say($("delay"), t("answer.delay", { number: ms.toFixed(0) }));
  say($("release"), t("answer.release", { release: answering }));
  if (release && answering !== release) notice(t("server.release", { release: answering }), "brief");
  release = answering;
}

function fail(fault, seconds) {
  forgetHand();
  notice(t("fault.again", { fault: faultText(fault), seconds }), "bad");
}

function forgetHand() {
  showAnswer(null);
  showProgress(0);
  drawSkeleton(null);
  speller.reset();
  tracker.reset();
}

function setRunning(running) {
  $("invitation").hidden = running;
  $("controls").hidden = $("figures").hidden = !running;
  $("frame").classList.toggle("on", running);
}

const cameraText = ({ reason = "failed", message }) => t(`camera.${reason}`, { origin: location.origin, detail: message });

async function switchOn(deviceId) {
  notice("");
  say($("words"), t("camera.starting"));
  try {
    await camera.start(deviceId);
  } catch (error) {
    return switchOff(cameraText(error), "bad");
  }
  if (document.hidden || $("signing").hidden) return switchOff(t("camera.hidden"));
  setRunning(true);
  await listCameras();
  if (document.activeElement === document.body) $("stop").focus();
  return reader.start();
}

function switchOff(reason = "", tone = "") {
  reader.stop();
  camera.stop();
  setRunning(false);
  forgetHand();
  say($("words"), t("answer.off"));
  notice(reason, tone);
}

async function listCameras() {
  const options = (await camera.choices()).map(({ deviceId, label, current }, i) =>
    make("option", { value: deviceId, textContent: label || t("camera.unnamed", { number: i + 1 }), selected: current }),
  );
  $("cameras").replaceChildren(...options);
  $("choice").hidden = options.length < 2;
}

function showView() {
  view = VIEWS.find((name) => location.hash === `#${name}`) ?? view;
  const signing = SIGNING.includes(view);
  if (!signing && camera.running) switchOff();
  $("signing").hidden = !signing;
  for (const other of VIEWS) $(other).hidden = other !== view;
  for (const link of document.querySelectorAll("nav a")) link.ariaCurrent = link.hash === `#${view}` ? "page" : null;
  speller.reset();
  window.scrollTo(0, 0);
}

$("start").addEventListener("click", () => switchOn());
$("stop").addEventListener("click", () => {
  switchOff();
  $("start").focus();
});
$("cameras").addEventListener("change", ({ target }) => switchOn(target.value));
document.addEventListener("visibilitychange", () => {
  if (document.hidden && camera.running) switchOff(t("camera.hidden"));
});
window.addEventListener("pagehide", () => camera.stop());
window.addEventListener("hashchange", showView);

createImages(client, { onPasted: () => (location.hash = "#images") });
createChart();
$("hands").replaceChildren(...[..."ASL"].map((letter) => {
  const image = make("img", { alt: "", width: 96, height: 96 });
  chartImage(image, letter);
  return image;
}));
showView();
const lacking = missing();
switchOff(lacking ? cameraText(lacking) : "");
document.documentElement.dataset.ready = "";
