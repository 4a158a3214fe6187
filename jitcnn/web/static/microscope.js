// What goes into one number of a convolution or a pooling. Arithmetic only: the view is scope.js.
//
// A specimen is what inspection/microscope.py names so: kind, kernel, stride, pad, dilation, groups, and the arrays x,
// out, d_out, d_x, weights, bias, d_weights, d_bias, winners, each {shape, data}. Every function returns
// {terms, sum, engine, …}: the terms that are summed, their sum, and the engine's own figure for it.

const at3 = ({ shape, data }, c, h, w) => data[(c * shape[1] + h) * shape[2] + w];
const at4 = ({ shape, data }, co, ci, kh, kw) => data[((co * shape[1] + ci) * shape[2] + kh) * shape[3] + kw];
const total = (terms) => terms.reduce((sum, term) => sum + term.product, 0);

// The number of x at row ih and column iw; padding is zero and has `outside` set.
function pixel(x, ci, ih, iw) {
  const outside = ih < 0 || iw < 0 || ih >= x.shape[1] || iw >= x.shape[2];
  return { value: outside ? 0 : at3(x, ci, ih, iw), outside };
}

// First input channel that output channel co sees, and how many.
function seen(s, co) {
  const channels = s.weights.shape[1];
  return { first: Math.floor(co / (s.weights.shape[0] / s.groups)) * channels, channels };
}

// Where the window of output pixel (oh, ow) begins, and how far it reaches, in input pixels.
export function windowOf(s, oh, ow) {
  return {
    top: oh * s.stride[0] - s.pad[0],
    left: ow * s.stride[1] - s.pad[1],
    height: (s.kernel[0] - 1) * s.dilation[0] + 1,
    width: (s.kernel[1] - 1) * s.dilation[1] + 1,
  };
}

// out[co, oh, ow] = bias + Σ x · weight
export function outputPixel(s, co, oh, ow) {
  const terms = [];
  const { first, channels } = seen(s, co);
  const { top, left } = windowOf(s, oh, ow);
  for (let ci = 0; ci < channels; ci++) {
    for (let kh = 0; kh < s.kernel[0]; kh++) {
      for (let kw = 0; kw < s.kernel[1]; kw++) {
        const ih = top + kh * s.dilation[0];
        const iw = left + kw * s.dilation[1];
        const x = pixel(s.x, first + ci, ih, iw);
        const weight = at4(s.weights, co, ci, kh, kw);
        terms.push({ ci: first + ci, kh, kw, ih, iw, x: x.value, outside: x.outside, weight, product: x.value * weight });
      }
    }
  }
  const bias = s.bias ? s.bias.data[co] : 0;
  return { terms, bias, sum: total(terms) + bias, engine: at3(s.out, co, oh, ow) };
}

// d_weights[co, ci, kh, kw] = Σ over all output pixels of x · d_out; ci counts within the group
export function weight(s, co, ci, kh, kw) {
  const terms = [];
  const { first } = seen(s, co);
  const [, H_out, W_out] = s.out.shape;
  for (let oh = 0; oh < H_out; oh++) {
    for (let ow = 0; ow < W_out; ow++) {
      const { top, left } = windowOf(s, oh, ow);
      const ih = top + kh * s.dilation[0];
      const iw = left + kw * s.dilation[1];
      const x = pixel(s.x, first + ci, ih, iw);
      const dOut = at3(s.d_out, co, oh, ow);
      terms.push({ oh, ow, ih, iw, x: x.value, outside: x.outside, dOut, product: x.value * dOut });
    }
  }
  return { terms, sum: total(terms), engine: at4(s.d_weights, co, ci, kh, kw), value: at4(s.weights, co, ci, kh, kw) };
}

// Output pixels (oh, ow), with their tap (kh, kw), whose window holds the input pixel (ih, iw).
function reached(s, ih, iw) {
  const places = [];
  const [, H_out, W_out] = s.out.shape;
  for (let kh = 0; kh < s.kernel[0]; kh++) {
    for (let kw = 0; kw < s.kernel[1]; kw++) {
      const oh = (ih + s.pad[0] - kh * s.dilation[0]) / s.stride[0];
      const ow = (iw + s.pad[1] - kw * s.dilation[1]) / s.stride[1];
      if (Number.isInteger(oh) && Number.isInteger(ow) && oh >= 0 && ow >= 0 && oh < H_out && ow < W_out) {
        places.push({ oh, ow, kh, kw });
      }
    }
  }
  return places;
}

// d_x[ci, ih, iw] = Σ over every d_out that reaches it, times the weight it came through
export function inputPixel(s, ci, ih, iw) {
  const terms = [];
  const filters = s.weights.shape[0] / s.groups;
  const channels = s.weights.shape[1];
  const group = Math.floor(ci / channels);
  for (let co = group * filters; co < (group + 1) * filters; co++) {
    for (const { oh, ow, kh, kw } of reached(s, ih, iw)) {
      const dOut = at3(s.d_out, co, oh, ow);
      const through = at4(s.weights, co, ci - group * channels, kh, kw);
      terms.push({ co, oh, ow, kh, kw, dOut, weight: through, product: dOut * through });
    }
  }
  return { terms, sum: total(terms), engine: at3(s.d_x, ci, ih, iw), value: at3(s.x, ci, ih, iw) };
}

// A pooled value: the window, the winner of a maximum, and where its gradient goes.
export function pooledPixel(s, c, oh, ow) {
  const { top, left } = windowOf(s, oh, ow);
  const winner = s.winners ? at3(s.winners, c, oh, ow) : null;
  const dOut = at3(s.d_out, c, oh, ow);
  const size = s.kernel[0] * s.kernel[1];
  const terms = [];
  for (let kh = 0; kh < s.kernel[0]; kh++) {
    for (let kw = 0; kw < s.kernel[1]; kw++) {
      const ih = top + kh;
      const iw = left + kw;
      const x = pixel(s.x, c, ih, iw);
      const wins = !x.outside && winner === ih * s.x.shape[2] + iw;
      const share = s.winners ? Number(wins) : 1 / size;
      terms.push({ kh, kw, ih, iw, x: x.value, outside: x.outside, wins, product: x.value * share, gradient: dOut * share });
    }
  }
  return { terms, dOut, sum: total(terms), engine: at3(s.out, c, oh, ow) };
}

// An input pixel of a pooling: what comes back to it from each window that holds it.
export function pooledInput(s, c, ih, iw) {
  const size = s.kernel[0] * s.kernel[1];
  const terms = reached(s, ih, iw).map(({ oh, ow, kh, kw }) => {
    const dOut = at3(s.d_out, c, oh, ow);
    const wins = s.winners ? at3(s.winners, c, oh, ow) === ih * s.x.shape[2] + iw : false;
    const share = s.winners ? Number(wins) : 1 / size;
    return { co: c, oh, ow, kh, kw, dOut, wins, share, product: dOut * share };
  });
  return { terms, sum: total(terms), engine: at3(s.d_x, c, ih, iw), value: at3(s.x, c, ih, iw) };
}

// im2col's matrix of the whole image: rows run over (channel, kh, kw), columns over output pixels, row by row.
export const matrixShape = (s) => [s.x.shape[0] * s.kernel[0] * s.kernel[1], s.out.shape[1] * s.out.shape[2]];
export const matrixRow = (s, ci, kh, kw) => (ci * s.kernel[0] + kh) * s.kernel[1] + kw;
export const matrixColumn = (s, oh, ow) => oh * s.out.shape[2] + ow;
export const firstChannel = (s, co) => (s.weights ? seen(s, co).first : co);

// The matrix's number in a row and a column.
export function matrixValue(s, row, column) {
  const [K_h, K_w] = s.kernel;
  const ci = Math.floor(row / (K_h * K_w));
  const kh = Math.floor((row % (K_h * K_w)) / K_w);
  const kw = row % K_w;
  const { top, left } = windowOf(s, Math.floor(column / s.out.shape[2]), column % s.out.shape[2]);
  return pixel(s.x, ci, top + kh * s.dilation[0], left + kw * s.dilation[1]).value;
}

// The cells (row, column) in which an input pixel stands.
export const matrixCells = (s, ci, ih, iw) =>
  reached(s, ih, iw).map(({ oh, ow, kh, kw }) => ({ row: matrixRow(s, ci, kh, kw), column: matrixColumn(s, oh, ow) }));
