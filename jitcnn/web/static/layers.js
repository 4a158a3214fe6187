// Feature maps of every layer.

import { plane, spoken, unpack } from "jitcnn/arrays.js";
import { element } from "jitcnn/elements.js";
import { sheet } from "jitcnn/planes.js";

export class Layers {
  // `net` is the response of /api/about; onLook(place) is called to open a layer in the microscope.
  constructor(host, net, onLook) {
    this.rows = net.layers.map((layer, position) => {
      const row = element("div", "", "layer");
      const said = element("p");
      const name = element("b", `${position} ${layer.label}`);
      const rest = layer.shape.length === 3 && layer.shape[0] > net.most_maps ? `, first ${net.most_maps} shown` : "";
      said.append(name, element("br"), `${layer.shape.join("×")}${rest}`);
      const range = element("span");
      said.append(element("br"), range);
      const lens = net.lenses.find(({ place }) => place.split(".")[0] === String(position));
      if (lens) {
        const button = element("button", "Inspect");
        button.type = "button";
        button.addEventListener("click", () => onLook(lens.place));
        said.append(element("br"), button);
      }
      const canvas = element("canvas");
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", `Output of ${layer.label}`);
      row.append(said, canvas);
      host.append(row);
      return { canvas, range };
    });
  }

  show({ layers }) {
    layers.forEach((layer, position) => {
      const { canvas, range } = this.rows[position];
      if (layer.numbers) {
        this.#row(canvas, range, unpack(layer.numbers));
        return;
      }
      const planes = unpack(layer.planes);
      const { low, high } = layer;
      const [C, H, W] = planes.shape;
      const values = planes.data;
      const zero = high > low ? (-low * 255) / (high - low) : 0;
      const scale = low < 0
        ? { low: zero - Math.max(zero, 255 - zero), high: zero + Math.max(zero, 255 - zero), scale: "signed" }
        : { low: 0, high: 255, scale: "magnitude" };
      range.textContent = `values ${spoken(low)} to ${spoken(high)}`;
      sheet(canvas, Array.from({ length: C }, (_, c) => plane({ shape: [C, H, W], data: values }, c)), 16, scale);
      const zoom = Math.max(1, Math.min(4, Math.floor(900 / canvas.width), Math.ceil(56 / H)));
      canvas.style.width = `${canvas.width * zoom}px`;
    });
  }

  // 1-D output: up to 64 values per row.
  #row(canvas, range, { data }) {
    const W = Math.min(data.length, 64);
    const H = Math.ceil(data.length / W);
    const padded = new Float32Array(H * W);
    padded.set(data);
    sheet(canvas, [{ H, W, data: padded }], 1);
    canvas.style.width = `${W * (data.length > 256 ? 5 : 10)}px`;
    const [low, high] = data.reduce(([l, h], number) => [Math.min(l, number), Math.max(h, number)], [Infinity, -Infinity]);
    range.textContent = `values ${spoken(low)} to ${spoken(high)}`;
  }
}
