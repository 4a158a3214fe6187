// Predictions: one bar per class and model, for the image as drawn and centred.

import { unpack } from "jitcnn/arrays.js";
import { element } from "jitcnn/elements.js";
import { sheet } from "jitcnn/planes.js";

const LONGER_SIDE = 56; // of the small image beside the title, in CSS pixels
const TITLES = { centred: "Centred by mass, like the training images", drawn: "As drawn" };

export const percent = (share) => `${(100 * share).toFixed(share > 0.9995 || share < 0.0005 ? 0 : 1)}%`;

// A bar for a value from 0 to 1.
export function track(share, isBaseline) {
  const bar = element("div", "", isBaseline ? "track baseline" : "track");
  const fill = element("i");
  fill.style.width = `${100 * share}%`;
  const whole = element("div");
  whole.append(fill);
  bar.append(whole, element("span", percent(share)));
  return bar;
}

// Draw a model input on a canvas of the same size.
export function drawImage(canvas, { shape: [C, H, W], data }) {
  const planes = Array.from({ length: C }, (_, c) => ({ H, W, data: data.subarray(c * H * W, (c + 1) * H * W) }));
  if (C === 1) {
    sheet(canvas, planes, 1, { low: 0, high: 255, scale: "grey" });
    return;
  }
  canvas.width = W;
  canvas.height = H;
  const image = new ImageData(W, H);
  for (let k = 0; k < H * W; k++) {
    planes.forEach((plane, c) => (image.data[k * 4 + c] = plane.data[k]));
    image.data[k * 4 + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}

export class Answers {
  constructor(host, verdict, classes) {
    Object.assign(this, { host, verdict, classes });
    this.most = Math.min(classes.length, 10); // of more classes, the most probable
  }

  // `found` is the server's response {drawn: {image, answers}, centred: …}; a black image gets no prediction.
  show(found) {
    const isEmpty = unpack(found.drawn.image).data.every((value) => value === 0);
    const readings = ["centred", "drawn"].filter((name) => name in found);
    this.host.replaceChildren(...readings.map((name) => this.#reading(name, found[name])));
    this.host.hidden = isEmpty;
    const first = found[readings[0]].answers.map(({ net, probabilities }) => {
      const best = probabilities.indexOf(Math.max(...probabilities));
      return `${net}: ${this.classes[best]} (${percent(probabilities[best])} confidence)`;
    });
    this.verdict.textContent = isEmpty ? "Draw something." : first.join(" · ");
  }

  #reading(name, { image, answers }) {
    const block = element("div", "", "reading");
    block.dataset.reading = name;
    const title = element("h3", TITLES[name]);
    const canvas = document.createElement("canvas");
    drawImage(canvas, unpack(image));
    const zoom = LONGER_SIDE / Math.max(canvas.width, canvas.height);
    canvas.style.width = `${canvas.width * zoom}px`;
    canvas.style.height = `${canvas.height * zoom}px`;
    title.prepend(canvas);
    const grid = element("div", "", "chances");
    grid.append(element("span"), ...[0, 1].map((k) => element("span", answers[k]?.net ?? "", "net")));
    const mine = answers[0].probabilities;
    const best = mine.indexOf(Math.max(...mine));
    const shown = mine.map((_, k) => k);
    if (mine.length > this.most) {
      shown.sort((a, b) => mine[b] - mine[a]);
      shown.length = this.most;
    }
    for (const k of shown) {
      const bars = [0, 1].map((net) => {
        const cell = element("div", "", k === best && net === 0 ? "best" : "");
        if (answers[net]) cell.append(track(answers[net].probabilities[k], net === 1));
        return cell;
      });
      grid.append(element("b", this.classes[k]), ...bars);
    }
    block.append(title, grid);
    return block;
  }
}
