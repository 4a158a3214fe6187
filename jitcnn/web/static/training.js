// Start, pause, stop and monitor training from the page.

import { ask } from "jitcnn/api.js";
import { capitalised, plane, spoken, unpack } from "jitcnn/arrays.js";
import { chart } from "jitcnn/chart.js";
import { element } from "jitcnn/elements.js";
import { rangeOf, sheet } from "jitcnn/planes.js";

const LOOK_EVERY = 1000; // milliseconds
const RUNNING = ["starting", "running", "paused"];

const by = (id) => document.getElementById(id);

export class Training {
  // onWeights() is called when the server has new weights.
  constructor(onWeights, onError) {
    Object.assign(this, { onWeights, onError, version: 0, timer: null });
    by("anew").addEventListener("click", () => this.#start(true));
    by("go-on").addEventListener("click", () => this.#start(false));
    by("pause").addEventListener("click", () => this.#order(this.status === "paused" ? "resume" : "pause"));
    by("stop").addEventListener("click", () => this.#order("stop"));
    by("rate").addEventListener("input", () => {
      by("rate-value").textContent = String(this.rate);
      if (RUNNING.includes(this.status)) this.#order("learning_rate", { value: this.rate });
    });
  }

  get rate() {
    return Number((10 ** Number(by("rate").value)).toPrecision(2));
  }

  #start(anew) {
    this.version = 0;
    this.#do("start", { learning_rate: this.rate, batch_size: Number(by("batch").value), anew });
  }

  #order(order, question = {}) {
    this.#do(order, question);
  }

  async #do(name, question) {
    try {
      await ask(`training/${name}`, question);
      this.onError(null);
      this.#look();
    } catch (error) {
      this.onError(error);
    }
  }

  async #look() {
    clearTimeout(this.timer);
    try {
      this.#show(await ask("training/state"));
    } catch (error) {
      this.onError(error);
    }
    if (RUNNING.includes(this.status)) this.timer = setTimeout(() => this.#look(), LOOK_EVERY);
  }

  #show(state) {
    this.status = state.status;
    const isRunning = RUNNING.includes(state.status);
    by("anew").disabled = by("go-on").disabled = isRunning;
    by("pause").disabled = !isRunning || state.status === "starting";
    by("stop").disabled = !isRunning || state.status === "starting";
    by("pause").textContent = state.status === "paused" ? "Resume" : "Pause";
    const loss = state.losses.at(-1);
    const accuracy = state.accuracies.at(-1);
    const facts = [
      state.status, state.message, `epoch ${state.epoch}`, `step ${state.step.toLocaleString("en")}`,
      state.images_per_second > 0 && `${Math.round(state.images_per_second).toLocaleString("en")} images/s`,
      `learning rate ${spoken(state.learning_rate)}`, loss && `loss ${spoken(loss[1])}`,
      accuracy && `accuracy ${(100 * accuracy[1]).toFixed(1)}% on 500 test images`,
    ];
    by("training-status").textContent = capitalised(facts.filter(Boolean).join(" · "));
    by("training-status").dataset.status = state.status;
    chart(by("loss-chart"), state.losses, (y) => spoken(Number(y.toPrecision(2))));
    chart(by("accuracy-chart"), state.accuracies, (y) => `${Math.round(100 * y)}%`, 1);
    if (state.version === this.version) return;
    this.version = state.version;
    this.#showFilters(state.filters);
    this.onWeights();
  }

  #showFilters(filters) {
    by("filters").replaceChildren(
      ...filters.map(({ name, weights, gradient }) => {
        const both = element("div");
        both.append(
          this.#figure(`Filters of layer ${name.replace(/\.weights$/, "")}, input channel 0`, weights),
          this.#figure("Gradients at the last step", gradient),
        );
        return both;
      }),
    );
  }

  #figure(caption, { planes }) {
    const figure = element("figure");
    const said = element("figcaption", caption);
    const canvas = element("canvas");
    const array = unpack(planes);
    const range = rangeOf(array.data);
    sheet(canvas, Array.from({ length: array.shape[0] }, (_, c) => plane(array, c)), 8, range);
    said.textContent += ` (±${spoken(range.high)})`;
    figure.append(said, canvas);
    return figure;
  }
}
