// The microscope: input, filter and output of a layer; click a value to see the terms of its sum.

import { capitalised, plane, spoken } from "jitcnn/arrays.js";
import { element } from "jitcnn/elements.js";
import { PlaneView } from "jitcnn/planes.js";
import * as micro from "jitcnn/microscope.js";

const MOST_ROWS = 1000; // in the table of terms
const MATRIX_SIDE = 700; // largest number of im2col rows and columns drawn

export class Scope {
  // `host` is the element to fill; hidden until a specimen is shown.
  constructor(host) {
    this.host = host;
    host.hidden = true;
    this.gradients = false;
    this.selection = null;
    this.views = {
      input: new PlaneView("input", (row, column) => this.#select({ kind: "input", row, column })),
      filter: new PlaneView("filter", (row, column) => this.#select({ kind: "weight", row, column })),
      output: new PlaneView("output", (row, column) => this.#selectOutput(row, column)),
      matrix: new PlaneView("im2col matrix", (row, column) => this.#selectCell(row, column)),
    };
    this.co = this.#stepper("Output channel", () => this.#draw());
    this.ci = this.#stepper("Input channel", () => this.#draw());
    this.toggle = element("button", "", "toggle");
    this.toggle.type = "button";
    this.toggle.addEventListener("click", () => {
      this.gradients = !this.gradients;
      this.#draw();
    });
    this.views.filter.figure.classList.add("filter");
    const bar = element("div", "", "bar");
    bar.append(this.co.label, this.ci.label, this.toggle);
    const planes = element("div", "", "planes");
    planes.append(this.views.input.figure, this.views.filter.figure, this.views.output.figure);
    this.told = element("div", "", "told");
    this.told.setAttribute("aria-live", "polite");
    const matrix = element("details", "", "matrix");
    matrix.open = true;
    this.matrixSummary = element("summary", "Position in the im2col matrix");
    matrix.append(this.matrixSummary, this.views.matrix.figure);
    host.replaceChildren(bar, planes, this.told, matrix);
  }

  // Show a specimen (see microscope.js); keep the selection if it is within bounds.
  show(specimen) {
    this.s = specimen;
    this.host.hidden = false;
    const isConv = specimen.kind === "conv";
    this.co.limit(specimen.out.shape[0]);
    this.ci.limit(isConv ? specimen.weights.shape[1] : 1);
    this.ci.label.hidden = !isConv || specimen.weights.shape[1] === 1;
    this.views.filter.figure.hidden = !isConv;
    const middle = { kind: "output", row: specimen.out.shape[1] >> 1, column: specimen.out.shape[2] >> 1 };
    const old = this.selection;
    const array = old && { input: specimen.x, output: specimen.out, weight: specimen.weights }[old.kind];
    const fits = array && old.row < array.shape.at(-2) && old.column < array.shape.at(-1);
    this.selection = fits ? old : middle;
    this.#draw();
  }

  #stepper(name, onChange) {
    const label = element("label", `${name} `);
    const input = document.createElement("input");
    Object.assign(input, { type: "number", min: 0, value: 0 });
    input.addEventListener("input", () => {
      const value = Math.min(Math.max(Math.round(Number(input.value)) || 0, 0), Number(input.max));
      if (input.value !== "" && value !== Number(input.value)) input.value = value;
      onChange();
    });
    label.append(input);
    return {
      label,
      get value() {
        return Math.min(Number(input.value) || 0, Number(input.max));
      },
      set value(value) {
        input.value = value;
      },
      limit(count) {
        input.max = count - 1;
        if (Number(input.value) >= count) input.value = 0;
        label.title = `0 to ${count - 1}`;
      },
    };
  }

  // Selected input channel, counted over all groups.
  get #channel() {
    return this.s.kind === "conv" ? micro.firstChannel(this.s, this.co.value) + this.ci.value : this.co.value;
  }

  // Whether the output has one pixel per channel, as in a dense layer; all channels are then shown as one row.
  get #isRow() {
    const [C, H, W] = this.s.out.shape;
    return H * W === 1 && C > 1;
  }

  #selectOutput(row, column) {
    if (this.#isRow) this.co.value = column;
    this.#select({ kind: "output", row, column: this.#isRow ? 0 : column });
  }

  #select(selection) {
    this.selection = selection;
    this.#draw();
  }

  #selectCell(row, column) {
    const [K_h, K_w] = this.s.kernel;
    const [rows, columns] = micro.matrixShape(this.s);
    this.cell = { row: Math.min(row, rows - 1), column: Math.min(column, columns - 1) };
    const W_out = this.s.out.shape[2];
    const { top, left } = micro.windowOf(this.s, Math.floor(this.cell.column / W_out), this.cell.column % W_out);
    const ih = top + Math.floor((this.cell.row % (K_h * K_w)) / K_w) * this.s.dilation[0];
    const iw = left + (this.cell.row % K_w) * this.s.dilation[1];
    const outside = ih < 0 || iw < 0 || ih >= this.s.x.shape[1] || iw >= this.s.x.shape[2];
    this.#select(
      outside
        ? { kind: "output", row: Math.floor(this.cell.column / W_out), column: this.cell.column % W_out }
        : { kind: "input", row: ih, column: iw },
    );
  }

  #draw() {
    const s = this.s;
    const [co, ci] = [this.co.value, this.#channel];
    const titled = (text) => (this.gradients ? `Gradient of ${text}` : capitalised(text));
    const the = this.gradients ? "the " : "";
    const size = (array) => array.shape.slice(-2).join("×");
    this.toggle.textContent = this.gradients ? "Show values" : "Show gradients";
    this.toggle.setAttribute("aria-pressed", String(this.gradients));
    this.views.input.show(plane(this.gradients ? s.d_x : s.x, ci), titled(`${the}input, channel ${ci}, ${size(s.x)}`));
    const out = this.gradients ? s.d_out : s.out;
    if (this.#isRow) this.views.output.show({ H: 1, W: out.shape[0], data: out.data }, titled(`${the}output, all ${out.shape[0]} channels, 1×1 each`));
    else this.views.output.show(plane(out, co), titled(`${the}output, channel ${co}, ${size(out)}`));
    if (s.kind === "conv") {
      const filters = this.gradients ? s.d_weights : s.weights;
      this.views.filter.show(plane(filters, co, this.ci.value), titled(`filter ${co}, channel ${this.ci.value}, ${size(s.weights)}`));
    }
    this.#drawMatrix();
    const at = this.selection;
    const view = this.views[at.kind === "weight" ? "filter" : at.kind];
    view.cursor = { row: at.row, column: at.kind === "output" && this.#isRow ? co : at.column };
    if (at.kind === "output") this.#tellOutput(co, at.row, at.column);
    else if (at.kind === "weight") this.#tellWeight(co, at.row, at.column);
    else this.#tellInput(ci, at.row, at.column);
    view.mark(view.cursor.row, view.cursor.column, 1, 1, "chosen");
  }

  // Frame output pixels of a channel if it is displayed.
  #markOutput(co, row, column, height, width, kind) {
    if (this.#isRow) this.views.output.mark(0, co, 1, 1, kind);
    else if (co === this.co.value) this.views.output.mark(row, column, height, width, kind);
  }

  // --- explanation of the selected value ------------------------------------------------------------

  #tellOutput(co, oh, ow) {
    const s = this.s;
    const box = micro.windowOf(s, oh, ow);
    this.views.input.mark(box.top, box.left, box.height, box.width);
    this.#markMatrix({ column: micro.matrixColumn(s, oh, ow) }, `column ${micro.matrixColumn(s, oh, ow)}`);
    if (s.kind !== "conv") {
      this.#tellPooled(co, oh, ow);
      return;
    }
    const found = micro.outputPixel(s, co, oh, ow);
    this.#tell(`out[${co}, ${oh}, ${ow}] = bias + Σ x · weight`, "The products of the window and their sum.", found, [
      ["x at", (t) => `[${t.ci}, ${t.ih}, ${t.iw}]`], ["x", (t) => (t.outside ? "0 (padding)" : spoken(t.x))],
      ["weight at", (t) => `[${co}, ${t.ci - micro.firstChannel(s, co)}, ${t.kh}, ${t.kw}]`],
      ["weight", (t) => spoken(t.weight)], ["product", (t) => spoken(t.product)],
    ], [["bias", found.bias]]);
  }

  #tellWeight(co, kh, kw) {
    const s = this.s;
    const ci = this.ci.value;
    const found = micro.weight(s, co, ci, kh, kw);
    const row = micro.matrixRow(s, this.#channel, kh, kw);
    this.#markMatrix({ row }, `row ${row}`);
    const [first, last] = [found.terms[0], found.terms.at(-1)];
    this.views.input.mark(first.ih, first.iw, last.ih - first.ih + 1, last.iw - first.iw + 1);
    this.#markOutput(co, 0, 0, s.out.shape[1], s.out.shape[2]);
    this.#tell(
      `d_weights[${co}, ${ci}, ${kh}, ${kw}] = Σ x · d_out`,
      `Weight ${spoken(found.value)}. Its gradient is summed over all output pixels.`, found,
      [
        ["x at", (t) => `[${this.#channel}, ${t.ih}, ${t.iw}]`], ["x", (t) => (t.outside ? "0 (padding)" : spoken(t.x))],
        ["d_out at", (t) => `[${co}, ${t.oh}, ${t.ow}]`], ["d_out", (t) => spoken(t.dOut)], ["product", (t) => spoken(t.product)],
      ],
    );
  }

  #tellInput(ci, ih, iw) {
    const s = this.s;
    const isConv = s.kind === "conv";
    const found = isConv ? micro.inputPixel(s, ci, ih, iw) : micro.pooledInput(s, ci, ih, iw);
    const cells = micro.matrixCells(s, ci, ih, iw);
    this.#markMatrix({ cells }, `${cells.length} ${cells.length === 1 ? "cell" : "cells"}`);
    for (const t of found.terms) {
      this.#markOutput(t.co, t.oh, t.ow, 1, 1, t.wins ? "winner" : "window");
    }
    const through = isConv ? ["weight", (t) => spoken(t.weight)] : ["share", (t) => spoken(t.share)];
    this.#tell(
      `d_x[${ci}, ${ih}, ${iw}] = Σ d_out · ${isConv ? "weight" : "share"}`,
      `Pixel ${spoken(found.value)}. Its gradient is summed over the windows that contain it.`, found,
      [
        ["d_out at", (t) => `[${t.co}, ${t.oh}, ${t.ow}]`], ["d_out", (t) => spoken(t.dOut)],
        ["kernel index", (t) => `[${t.kh}, ${t.kw}]`], through, ["product", (t) => spoken(t.product)],
      ],
    );
  }

  #tellPooled(c, oh, ow) {
    const s = this.s;
    const found = micro.pooledPixel(s, c, oh, ow);
    const winner = found.terms.find((t) => t.wins);
    if (winner) this.views.input.mark(winner.ih, winner.iw, 1, 1, "winner");
    const route = winner
      ? `The maximum at [${c}, ${winner.ih}, ${winner.iw}] receives the whole gradient, ${spoken(found.dOut)}; the others receive zero.`
      : `Each of the ${found.terms.length} pixels receives an equal share of the gradient, ${spoken(found.dOut)}.`;
    this.#tell(`out[${c}, ${oh}, ${ow}] = ${winner ? "max" : "mean"} of the window`, route, found, [
      ["x at", (t) => `[${c}, ${t.ih}, ${t.iw}]`], ["x", (t) => (t.outside ? "padding" : spoken(t.x)) + (t.wins ? " ← maximum" : "")],
      ["gradient", (t) => spoken(t.gradient)],
    ]);
  }

  // Title, sentence, the sum of the terms and the engine's value, and a table of the terms.
  #tell(title, sentence, { terms, sum, engine }, columns, extra = []) {
    const sums = element("p", "", "sums");
    for (const [name, value] of [["terms", terms.length], ...extra, ["sum by hand", sum], ["engine", engine]]) {
      const number = element("output", name === "terms" ? String(value) : spoken(value), name.replaceAll(" ", "-"));
      number.dataset.number = value;
      sums.append(element("span", `${capitalised(name)} `), number, " ");
    }
    const list = element("table");
    const head = list.createTHead().insertRow();
    for (const [name] of columns) head.append(element("th", name));
    const body = list.createTBody();
    const sorted = terms.length > 32 ? [...terms].sort((a, b) => Math.abs(b.product) - Math.abs(a.product)) : terms;
    for (const term of sorted.slice(0, MOST_ROWS)) {
      const row = body.insertRow();
      for (const [, cell] of columns) row.insertCell().textContent = cell(term);
    }
    const scroll = element("div", "", "scroll");
    scroll.tabIndex = 0;
    scroll.setAttribute("aria-label", "Terms");
    scroll.append(list);
    const order = terms.length > 32 ? element("p", `Largest product first${terms.length > MOST_ROWS ? `, ${MOST_ROWS} of ${terms.length} shown` : ""}`, "note") : "";
    this.told.replaceChildren(element("h3", title), element("p", sentence), sums, scroll, order);
  }

  // --- im2col matrix ----------------------------------------------------------------------------------

  // The matrix, cropped to its first MATRIX_SIDE rows and columns.
  #drawMatrix() {
    const s = this.s;
    const [rows, columns] = micro.matrixShape(s);
    const [H, W] = [Math.min(rows, MATRIX_SIDE), Math.min(columns, MATRIX_SIDE)];
    const data = new Float32Array(H * W);
    for (let row = 0; row < H; row++) {
      for (let column = 0; column < W; column++) data[row * W + column] = micro.matrixValue(s, row, column);
    }
    const part = H < rows || W < columns ? `, first ${H}×${W} shown` : "";
    this.views.matrix.show({ H, W, data }, `${rows} rows (channel, kernel row, kernel column) × ${columns} column${columns === 1 ? "" : "s"} (output pixels)${part}`);
  }

  #markMatrix({ row, column, cells = [] }, where) {
    const { H, W } = this.views.matrix;
    this.matrixSummary.textContent = `Position in the im2col matrix: ${where}`;
    if (row !== undefined && row < H) this.views.matrix.mark(row, 0, 1, W, "chosen");
    if (column !== undefined && column < W) this.views.matrix.mark(0, column, H, 1, "chosen");
    for (const cell of cells) {
      if (cell.row < H && cell.column < W) this.views.matrix.mark(cell.row, cell.column, 1, 1, "chosen");
    }
  }
}
