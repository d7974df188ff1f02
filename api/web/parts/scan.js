// Reads QR codes from the camera or a picture; the reader (WebAssembly) is loaded when it is first needed.

import { prepareZXingModule, readBarcodes } from "zxing-wasm/reader";
import wasm from "zxing-wasm/reader/zxing_reader.wasm";

const OPTIONS = { formats: ["QRCode"], tryHarder: true, maxNumberOfSymbols: 4 };
const EVERY = 80; // milliseconds between two frames

prepareZXingModule({ overrides: { locateFile: () => wasm } });

/** The texts of the codes in a picture file, whatever format the browser can show. Throws where it cannot show it. */
export async function readPicture(file) {
  const picture = await createImageBitmap(file);
  try {
    return texts(await readBarcodes(pixels(picture, new OffscreenCanvas(1, 1), picture.width, picture.height), OPTIONS));
  } finally {
    picture.close();
  }
}

/**
 * Films until `accept(text)` takes a code, or `signal` aborts. → the accepted text, or null when it was stopped.
 * Throws what getUserMedia throws (no camera, or not allowed).
 */
export async function film(video, accept, signal) {
  const camera = { facingMode: "environment", width: { ideal: 1280 }, height: { ideal: 720 } };
  const stream = await navigator.mediaDevices.getUserMedia({ video: camera });
  try {
    video.srcObject = stream;
    await video.play();
    return await watch(video, accept, signal);
  } finally {
    stream.getTracks().forEach((track) => track.stop());
    video.srcObject = null;
  }
}

async function watch(video, accept, signal) {
  const canvas = new OffscreenCanvas(1, 1);
  while (!signal.aborted) {
    const found = texts(await readBarcodes(frame(video, canvas), OPTIONS)).find(accept);
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, EVERY));
  }
  return null;
}

const frame = (video, canvas) => pixels(video, canvas, video.videoWidth || 1, video.videoHeight || 1);

/** What is transparent counts as paper. */
function pixels(source, canvas, width, height) {
  Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.drawImage(source, 0, 0);
  return context.getImageData(0, 0, width, height);
}

const texts = (found) => found.filter((code) => code.isValid).map((code) => code.text);
