// Reads the camera's frames one after the other: at most one request is under way, so a slow server gets fewer.

import { pauseMs } from "./client.js";
import { wait } from "./page.js";

const LEAST_MS = 75; // from frame to frame: more letters a second than 13 help nobody
const RATE_OVER = 10; // frames that the shown rate is a mean of

/** `onFault` gets the seconds until the next try, `onBack` tells that the server answers again. */
export function createReader(camera, client, { onAnswer, onFault, onBack }) {
  let turn = 0; // a stopped loop finds that it is no longer its turn

  async function run(mine) {
    const times = [];
    let failures = 0;
    while (mine === turn && camera.running) {
      const at = performance.now();
      try {
        const answer = await client.read(await camera.frame());
        if (mine !== turn) return;
        if (failures) onBack();
        failures = 0;
        times.push(at);
        onAnswer(answer, at, rate(times));
        await wait(LEAST_MS - (performance.now() - at));
      } catch (fault) {
        if (mine !== turn) return;
        failures += 1;
        times.length = 0;
        const ms = pauseMs(fault, failures);
        onFault(fault, Math.ceil(ms / 1000)); // once: screen readers would read every second of a countdown
        await wait(ms);
      }
    }
  }

  return {
    start() {
      turn += 1;
      run(turn);
    },
    stop() {
      turn += 1;
    },
  };
}

function rate(times) {
  if (times.length > RATE_OVER) times.shift();
  if (times.length < 2) return 0;
  return ((times.length - 1) / (times.at(-1) - times[0])) * 1000;
}
