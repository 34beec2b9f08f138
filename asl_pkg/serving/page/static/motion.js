// J and Z are drawn in the air. This finds them in the path of a fingertip over the last second, by the directions
// that the tip takes: of any hand, large or small, fast or slow, right or left. Pure: the time comes with each frame.

const WRIST = 0;
const MIDDLE_KNUCKLE = 9;
const ROOTS = { index: 5, middle: 9, ring: 13, little: 17 };

const WINDOW_MS = 1500; // of a path
const DIRECTIONS = 24; // compared along a path
const STEP = 0.12; // shortest step that counts, in palms (wrist to middle knuckle): landmarks tremble
const IN_SHAPE = 0.7; // share of the frames in which the finger alone is stretched
const STRETCHED = 1.15; // how far the tip is from the wrist, over how far the middle joint is
const AHEAD = 0.1; // of the other fingers
const MOVING = 1.3; // palms a second; landmarks of a still hand tremble by up to 1.1

// The stroke as the camera sees a right hand; `length`, `width`, `height`: the least ones, in palms
const STROKES = {
  J: {
    finger: "little",
    line: [[0, 0], [0, 0.9], [0.06, 1.12], [0.2, 1.25], [0.36, 1.22], [0.47, 1.08], [0.5, 0.9]],
    alike: 0.82,
    length: 1.2,
    width: 0.25,
    height: 0.6,
  },
  Z: {
    finger: "index",
    line: [[1, 0], [0, 0], [0.9, 1], [-0.1, 1]],
    alike: 0.78,
    length: 1.8,
    width: 0.5,
    height: 0.35,
  },
};

const minus = (a, b) => a.map((value, axis) => value - b[axis]);
const distance = (a, b) => Math.hypot(...minus(a, b));
const extent = (values) => Math.max(...values) - Math.min(...values);

/** How far a finger reaches beyond its middle joint, seen from the wrist. */
function reach(points, finger) {
  const [middle, tip] = [1, 3].map((joint) => distance(points[WRIST], points[ROOTS[finger] + joint]));
  return tip / middle;
}

/** Whether this finger is stretched, and clearly more than the other three. */
export function pointsWith(points, finger) {
  const { [finger]: own, ...others } = Object.fromEntries(Object.keys(ROOTS).map((name) => [name, reach(points, name)]));
  return own > STRETCHED && own > Math.max(...Object.values(others)) + AHEAD;
}

/** The way of a point without steps that are shorter than `least`. */
function strides(way, least) {
  const kept = way.slice(0, 1);
  for (const place of way) if (distance(place, kept.at(-1)) >= least) kept.push(place);
  return kept;
}

/** Unit vectors along a line, at equal distances. */
function directions(line) {
  const steps = line.slice(1).map((place, i) => minus(place, line[i]));
  const lengths = steps.map((step) => Math.hypot(...step));
  const total = lengths.reduce((sum, length) => sum + length, 0);
  let [step, passed] = [0, 0];
  return Array.from({ length: DIRECTIONS }, (_, i) => {
    const where = ((i + 0.5) / DIRECTIONS) * total;
    while (step < steps.length - 1 && passed + lengths[step] < where) passed += lengths[step++];
    return steps[step].map((value) => value / lengths[step]);
  });
}

const mirrored = (line) => line.map(([x, y]) => [-x, y]);
const patterns = Object.fromEntries(
  Object.entries(STROKES).map(([letter, { line }]) => [letter, [directions(line), directions(mirrored(line))]]),
);

/** How alike a way is to a letter's stroke: the mean cosine between their directions, at most 1. */
function likeness(way, letter) {
  const taken = directions(way);
  return Math.max(
    ...patterns[letter].map(
      (pattern) => pattern.reduce((sum, [x, y], i) => sum + x * taken[i][0] + y * taken[i][1], 0) / DIRECTIONS,
    ),
  );
}

function draws(frames, letter, palm) {
  const { finger, alike, length, width, height } = STROKES[letter];
  if (frames.filter(({ points }) => pointsWith(points, finger)).length < IN_SHAPE * frames.length) return false;
  const tip = ROOTS[finger] + 3;
  const way = strides(frames.map(({ points }) => points[tip].slice(0, 2).map((value) => value / palm)), STEP);
  if (way.length < 4) return false;
  const walked = way.slice(1).reduce((sum, place, i) => sum + distance(place, way[i]), 0);
  const [wide, high] = [0, 1].map((axis) => extent(way.map((place) => place[axis])));
  return walked >= length && wide >= width && high >= height && likeness(way, letter) >= alike;
}

const palmOf = ({ points }) => distance(points[WRIST], points[MIDDLE_KNUCKLE]);

/**
 * The letter that the last frames draw: J, Z or null.
 * @param {{at: number, points: number[][]}[]} frames in order of time, with 21 landmarks [x, y, z] each, y down
 */
export function drawn(frames) {
  if (frames.length < 4) return null;
  const palm = Math.max(...frames.map(palmOf));
  for (let first = 0; first <= frames.length - 4; first += 1)
    for (const letter of Object.keys(STROKES)) if (draws(frames.slice(first), letter, palm)) return letter;
  return null;
}

/** Follows a hand from frame to frame. */
export function createTracker() {
  let frames = [];
  return {
    /** Take a frame, `points` null without a hand; returns {letter: J, Z or null, moving}. */
    add(points, at) {
      frames = frames.filter((frame) => at - frame.at <= WINDOW_MS);
      if (!points) return { letter: null, moving: false };
      const before = frames.at(-1);
      frames.push({ at, points });
      const letter = drawn(frames);
      if (letter) frames = [];
      return { letter, moving: before !== undefined && speed(before, frames.at(-1) ?? before) > MOVING };
    },
    reset() {
      frames = [];
    },
  };
}

/** Palms a second, as a mean over the landmarks: a single one trembles. */
function speed(before, now) {
  const seconds = Math.max(now.at - before.at, 1) / 1000;
  const ways = now.points.map((point, i) => distance(point.slice(0, 2), before.points[i].slice(0, 2)));
  return ways.reduce((sum, way) => sum + way, 0) / ways.length / palmOf(now) / seconds;
}
