// Draws the hand's landmarks over the video, which is shown mirrored.

import { shares } from "./camera.js";
import { $ } from "./page.js";

const CHAINS = [
  [0, 1, 2, 3, 4],
  [0, 5, 6, 7, 8],
  [5, 9, 10, 11, 12],
  [9, 13, 14, 15, 16],
  [13, 17, 18, 19, 20],
  [0, 17],
];

function fit(canvas) {
  const side = Math.round(canvas.clientWidth * devicePixelRatio);
  if (canvas.width !== side) canvas.width = canvas.height = side;
  return side;
}

/** Draw a hand; null clears. */
export function drawSkeleton(points) {
  const canvas = $("skeleton");
  const side = fit(canvas);
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, side, side);
  if (!points) return;
  const places = shares(points).map(([x, y]) => [(1 - x) * side, y * side]);
  const path = new Path2D();
  for (const [first, ...rest] of CHAINS) {
    path.moveTo(...places[first]);
    for (const joint of rest) path.lineTo(...places[joint]);
  }
  Object.assign(context, { lineCap: "round", lineJoin: "round" });
  for (const [colour, width] of [["rgb(0 0 0 / 45%)", 0.014], ["#7cf0e0", 0.008]]) {
    Object.assign(context, { strokeStyle: colour, lineWidth: width * side });
    context.stroke(path);
  }
  context.fillStyle = "#fff";
  for (const [x, y] of places) {
    context.beginPath();
    context.arc(x, y, 0.009 * side, 0, 2 * Math.PI);
    context.fill();
  }
}
