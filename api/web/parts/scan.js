// Reads QR codes from the camera or a picture; the reader (WebAssembly) is loaded when it is first needed.

import { prepareZXingModule, readBarcodes } from "zxing-wasm/reader";
import wasm from "zxing-wasm/reader/zxing_reader.wasm";

const OPTIONS = { formats: ["QRCode"], tryHarder: true, maxNumberOfSymbols: 4 };
const EVERY = 80; // milliseconds between two frames

prepareZXingModule({ overrides: { locateFile: () => wasm } });

/** The texts of the codes in a picture file. */
export async function readPicture(file) {
  return texts(await readBarcodes(file, OPTIONS));
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

function frame(video, canvas) {
  canvas.width = video.videoWidth || 1;
  canvas.height = video.videoHeight || 1;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(video, 0, 0);
  return context.getImageData(0, 0, canvas.width, canvas.height);
}

const texts = (found) => found.filter((code) => code.isValid).map((code) => code.text);
