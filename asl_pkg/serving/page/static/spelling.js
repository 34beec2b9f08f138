// Which signs are typed: a sign counts once it is held. Pure: the time comes with each frame.

/** Frames that are never typed: no hand, no sure answer, a moving hand, a still one whose letter is a movement. */
export const NEVER = new Set(["nothing", "unsure", "moving", "still"]);

const MIN_FRAMES = 3; // of a held sign, however slow the server is
const SLIPS = 1; // other frames in a row that do not end a hold
const RELEASE_MS = 300; // until the sign that was just typed may be typed again
const RELEASE_FRAMES = 2;

/** @param {number} holdMs how long a sign is held before it is typed */
export function createSpeller(holdMs) {
  let held = null; // {sign, since, frames}
  let slip = null; // the same of the frames since the held sign was last seen
  let away = 0; // how many those are
  let typed = null; // {signs, seen, away}: not typed again before a release

  /** Whether the sign was typed and has not been released since. */
  function blocked(sign, at) {
    if (!typed) return false;
    if (!typed.signs.includes(sign)) {
      typed.away += 1;
      return false;
    }
    if (at - typed.seen >= RELEASE_MS && typed.away >= RELEASE_FRAMES) {
      typed = null;
      return false;
    }
    Object.assign(typed, { seen: at, away: 0 });
    return true;
  }

  function follow(sign, at) {
    if (held?.sign === sign) {
      held.frames += 1;
      [slip, away] = [null, 0];
      return;
    }
    slip = slip?.sign === sign ? { ...slip, frames: slip.frames + 1 } : { sign, since: at, frames: 1 };
    away += 1;
    if (!held || away > SLIPS) [held, slip, away] = [slip, null, 0];
  }

  return {
    holdMs,

    /** Take a frame; returns the sign that is now to be typed, or null. */
    feed(sign, at) {
      follow(sign, at);
      if (blocked(sign, at) || NEVER.has(sign) || held.sign !== sign) return null;
      if (at - held.since < this.holdMs || held.frames < MIN_FRAMES) return null;
      this.block([sign], at);
      return sign;
    },

    /** How much of the hold is done, 0 to 1. */
    progress(at) {
      if (!held || NEVER.has(held.sign)) return 0;
      if (typed?.signs.includes(held.sign)) return 1;
      return Math.min((at - held.since) / this.holdMs, held.frames / MIN_FRAMES, 1);
    },

    /** Type none of these signs before they are released. */
    block(signs, at) {
      typed = { signs, seen: at, away: 0 };
    },

    reset() {
      [held, slip, away, typed] = [null, null, 0, null];
    },
  };
}

/** The text after a sign was typed. */
export function type(text, sign) {
  if (sign === "del") return [...text].slice(0, -1).join("");
  return text + (sign === "space" ? " " : sign);
}
