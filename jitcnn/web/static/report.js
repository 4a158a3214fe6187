// The microscope of a report; the page contains its specimens.

import { unpackAll } from "jitcnn/arrays.js";
import { Scope } from "jitcnn/scope.js";

export function begin() {
  const images = JSON.parse(document.getElementById("specimens").textContent);
  const [image, layer] = ["image", "layer"].map((id) => document.getElementById(id));
  const scope = new Scope(document.getElementById("scope-host"));
  image.replaceChildren(...images.map(({ title }, k) => new Option(title, k)));
  layer.replaceChildren(...images[0].layers.map(({ label }, k) => new Option(label, k)));
  const show = () => scope.show(unpackAll(images[image.value].layers[layer.value].specimen));
  image.addEventListener("change", show);
  layer.addEventListener("change", show);
  show();
}
