// The camera: off until asked for. Its frames leave here as small square JPEG files, never mirrored.

import { $ } from "./page.js";

const SIDE = 200; // pixels that the model takes; 400 changed none of 58 answers and took 7 ms longer
const QUALITY = 0.9;
const REASONS = {
  NotAllowedError: "refused",
  SecurityError: "refused",
  NotFoundError: "absent",
  OverconstrainedError: "absent",
  NotReadableError: "taken",
  AbortError: "taken",
};

/** Why there is no camera; `reason` names its sentence in the texts. */
export class CameraError extends Error {
  constructor(reason, message = "") {
    super(message);
    this.reason = reason;
  }
}

/** Why this page may use no camera, before any is asked for; null where it may. */
export function missing() {
  if (!window.isSecureContext) return new CameraError("insecure");
  return navigator.mediaDevices?.getUserMedia ? null : new CameraError("unsupported");
}

/** @param {() => void} lost called when a running camera stops by itself */
export function createCamera(lost) {
  const video = $("video");
  const canvas = new OffscreenCanvas(SIDE, SIDE);
  const context = canvas.getContext("2d", { alpha: false });
  let stream = null;

  function stop() {
    stream?.getTracks().forEach((track) => track.stop());
    stream = video.srcObject = null;
  }

  /** Start a camera, the chosen one or any. @throws {CameraError} */
  async function start(deviceId) {
    stop();
    const lacking = missing();
    if (lacking) throw lacking;
    const chosen = deviceId ? { deviceId: { exact: deviceId } } : { facingMode: "user" };
    try {
      const opened = await navigator.mediaDevices.getUserMedia({ video: { ...chosen, width: { ideal: 640 }, height: { ideal: 480 } } });
      stop(); // what another click has started meanwhile
      stream = opened;
    } catch (error) {
      throw new CameraError(REASONS[error.name] ?? "failed", error.name);
    }
    stream.getVideoTracks()[0].addEventListener("ended", lost);
    video.srcObject = stream;
    await video.play();
  }

  return {
    start,
    stop,

    get running() {
      return stream !== null;
    },

    /** The cameras, and which of them runs. */
    async choices() {
      const devices = await navigator.mediaDevices.enumerateDevices();
      const current = stream?.getVideoTracks()[0]?.getSettings().deviceId;
      return devices
        .filter(({ kind }) => kind === "videoinput")
        .map(({ deviceId, label }) => ({ deviceId, label, current: deviceId === current }));
    },

    /** The square middle of what the camera sees, which is what the page shows. @returns {Promise<Blob>} */
    frame() {
      const { videoWidth: width, videoHeight: height } = video;
      const side = Math.min(width, height);
      context.imageSmoothingQuality = "high";
      context.drawImage(video, (width - side) / 2, (height - side) / 2, side, side, 0, 0, SIDE, SIDE);
      return canvas.convertToBlob({ type: "image/jpeg", quality: QUALITY });
    },
  };
}

/** Landmarks of a frame as shares of its side. */
export const shares = (points) => points.map(([x, y]) => [x / SIDE, y / SIDE]);
