// Line chart with a left and a bottom axis.

const SPACE = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT, LEFT, BOTTOM] = [480, 180, 46, 22];

function made(name, attributes, text = "") {
  const element = document.createElementNS(SPACE, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.textContent = text;
  return element;
}

// Draw points [[x, y], …] into an svg; `label` formats y for the axis, which starts at zero.
export function chart(svg, points, label, top = 0) {
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  if (points.length === 0) {
    svg.replaceChildren();
    return;
  }
  const last = Math.max(1, points.at(-1)[0]);
  const highest = top || points.reduce((most, [, y]) => Math.max(most, y), 1e-9) * 1.05;
  const across = (x) => LEFT + ((WIDTH - LEFT - 8) * x) / last;
  const up = (y) => HEIGHT - BOTTOM - ((HEIGHT - BOTTOM - 10) * Math.min(y, highest)) / highest;
  const parts = [];
  for (let k = 0; k <= 4; k++) {
    const y = (highest * k) / 4;
    parts.push(made("line", { x1: LEFT, x2: WIDTH - 8, y1: up(y), y2: up(y) }));
    parts.push(made("text", { x: LEFT - 6, y: up(y) + 4, "text-anchor": "end" }, label(y)));
  }
  parts.push(made("text", { x: LEFT, y: HEIGHT - 5 }, "0"));
  parts.push(made("text", { x: WIDTH - 8, y: HEIGHT - 5, "text-anchor": "end" }, `step ${last.toLocaleString("en")}`));
  parts.push(made("path", { d: points.map(([x, y], k) => `${k ? "L" : "M"}${across(x).toFixed(1)} ${up(y).toFixed(1)}`).join("") }));
  svg.replaceChildren(...parts);
}
