// Asks the server: the v2 protocol, an image in, a letter out.

const MODEL = "v2/models/asl_model";
const OUTPUTS = ["letter", "confidence", "top3", "release", "error"];
const HAND_OUTPUTS = ["landmarks", "hand_score"]; // not of contract version 1
const TIMEOUT_MS = 15000;
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 16000;

const KINDS = { 400: "unreadable", 413: "large", 429: "busy", 502: "unavailable", 503: "unavailable", 504: "unavailable" };

/** Why there is no answer: `kind` names its sentence, `passing` faults are worth another try. */
export class Fault extends Error {
  constructor(kind, { detail = "", retryAfterMs = 0 } = {}) {
    super(detail || kind);
    Object.assign(this, { kind, detail, retryAfterMs, passing: ["gone", "busy", "unavailable"].includes(kind) });
  }
}

/** How long to wait before the next try: what the server asks for, else twice as long each time. */
export function pauseMs(fault, failures) {
  return fault.retryAfterMs || Math.min(FIRST_PAUSE_MS * 2 ** (failures - 1), LONGEST_PAUSE_MS);
}

/** Retry-After: seconds, or a date. */
export function retryAfterMs(header) {
  if (!header) return 0;
  const seconds = Number(header);
  return Math.max(Number.isNaN(seconds) ? new Date(header) - Date.now() || 0 : seconds * 1000, 0);
}

async function send(path, options = {}) {
  try {
    return await fetch(path, { ...options, cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS) });
  } catch {
    throw new Fault("gone");
  }
}

async function json(response) {
  const text = await response.text().catch(() => {
    throw new Fault("gone");
  });
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

async function refuse(response) {
  const detail = (await json(response))?.error ?? "";
  const kind = KINDS[response.status] ?? "odd";
  throw new Fault(kind, {
    detail: kind === "odd" && !detail ? `HTTP ${response.status}` : detail.replace(/^none of .*; the first: /, ""),
    retryAfterMs: retryAfterMs(response.headers.get("Retry-After")),
  });
}

function body(image, outputs) {
  const size = image.size + 4;
  const tensor = { name: "image", datatype: "BYTES", shape: [1], parameters: { binary_data_size: size } };
  const asked = outputs.map((name) => ({ name, parameters: { binary_data: false } }));
  const header = new TextEncoder().encode(JSON.stringify({ inputs: [tensor], outputs: asked }));
  const length = new DataView(new ArrayBuffer(4));
  length.setUint32(0, image.size, true);
  return [header.length, new Blob([header, length, image])];
}

function understand(answer) {
  if (!Array.isArray(answer?.outputs)) throw new Fault("odd", { detail: "no outputs" });
  const found = Object.fromEntries(answer.outputs.map(({ name, data }) => [name, data]));
  if (found.error?.[0]) throw new Fault("unreadable", { detail: found.error[0] });
  if (!found.letter || !found.top3) throw new Fault("odd", { detail: "no letter" });
  const top = found.top3.filter(Boolean).map((text) => {
    const [probability, , name] = text.split(":");
    return { name, probability: Number(probability) };
  });
  return {
    letter: found.letter[0],
    confidence: found.confidence[0],
    top,
    release: found.release[0],
    points: found.hand_score?.[0] > 0 ? grouped(found.landmarks.flat(2)) : null,
    follows: found.landmarks !== undefined,
  };
}

const grouped = (numbers) => Array.from({ length: 21 }, (_, i) => numbers.slice(3 * i, 3 * i + 3));

async function infer(image, outputs) {
  const [length, content] = body(image, outputs);
  const headers = { "Inference-Header-Content-Length": String(length), "Content-Type": "application/octet-stream" };
  const response = await send(`${MODEL}/infer`, { method: "POST", headers, body: content });
  if (!response.ok) await refuse(response);
  return understand(await json(response));
}

/** A connection to the server that served this page. */
export function createClient() {
  let outputs = null; // to ask for; another release may have others
  let release = null;

  async function listed() {
    const response = await send(MODEL);
    if (!response.ok) await refuse(response);
    const names = ((await json(response))?.outputs ?? []).map(({ name }) => name);
    return HAND_OUTPUTS.every((name) => names.includes(name)) ? [...OUTPUTS, ...HAND_OUTPUTS] : OUTPUTS;
  }

  return {
    /**
     * Read the letter in an image file of any format that the server takes.
     * @returns {Promise<object>} `points`: landmarks, null without a hand; `follows`: the release knows landmarks
     * @throws {Fault}
     */
    async read(image) {
      outputs ??= await listed();
      const answer = await infer(image, outputs).catch((fault) => {
        if (!fault.detail?.includes("no output")) throw fault;
        return infer(image, OUTPUTS); // in a rollout the next answer may be that of an older release
      });
      if (release && answer.release !== release) outputs = null;
      release = answer.release;
      return answer;
    },
  };
}
