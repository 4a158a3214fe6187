// Terms that sum to one value of a convolution or pooling layer. Arithmetic only; scope.js displays it.
//
// A specimen has the fields of Specimen in inspection/microscope.py: kind, kernel, stride, pad, dilation, groups, and
// the arrays x, out, d_out, d_x, weights, bias, d_weights, d_bias, winners, each {shape, data}. Every function returns
// {terms, sum, engine, …}: the terms, their sum, and the value that the engine computed.

const at3 = ({ shape, data }, c, h, w) => data[(c * shape[1] + h) * shape[2] + w];
const at4 = ({ shape, data }, co, ci, kh, kw) => data[((co * shape[1] + ci) * shape[2] + kh) * shape[3] + kw];
const total = (terms) => terms.reduce((sum, term) => sum + term.product, 0);

// Value of x at row ih and column iw; padding is zero with `outside` set.
function pixel(x, ci, ih, iw) {
  const outside = ih < 0 || iw < 0 || ih >= x.shape[1] || iw >= x.shape[2];
  return { value: outside ? 0 : at3(x, ci, ih, iw), outside };
}

// First input channel and number of input channels that output channel co depends on.
function seen(s, co) {
  const channels = s.weights.shape[1];
  return { first: Math.floor(co / (s.weights.shape[0] / s.groups)) * channels, channels };
}

// Window of output pixel (oh, ow): top left corner and size, in input pixels.
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

// d_weights[co, ci, kh, kw] = Σ x · d_out over all output pixels; ci is the channel within the group
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

// Output pixels (oh, ow) whose window contains input pixel (ih, iw), with its kernel index (kh, kw).
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

// d_x[ci, ih, iw] = Σ d_out · weight over every window that contains the pixel
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

// Pooled value: terms of the window, with the maximum (max pooling) and the gradient of each input.
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

// Input pixel of a pooling layer: gradient from each window that contains it.
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

// im2col matrix of the whole image: rows are (channel, kh, kw), columns are output pixels in row-major order.
export const matrixShape = (s) => [s.x.shape[0] * s.kernel[0] * s.kernel[1], s.out.shape[1] * s.out.shape[2]];
export const matrixRow = (s, ci, kh, kw) => (ci * s.kernel[0] + kh) * s.kernel[1] + kw;
export const matrixColumn = (s, oh, ow) => oh * s.out.shape[2] + ow;
export const firstChannel = (s, co) => (s.weights ? seen(s, co).first : co);

// Value of the matrix at (row, column).
export function matrixValue(s, row, column) {
  const [K_h, K_w] = s.kernel;
  const ci = Math.floor(row / (K_h * K_w));
  const kh = Math.floor((row % (K_h * K_w)) / K_w);
  const kw = row % K_w;
  const { top, left } = windowOf(s, Math.floor(column / s.out.shape[2]), column % s.out.shape[2]);
  return pixel(s.x, ci, top + kh * s.dilation[0], left + kw * s.dilation[1]).value;
}

// Cells (row, column) that contain an input pixel.
export const matrixCells = (s, ci, ih, iw) =>
  reached(s, ih, iw).map(({ oh, ow, kh, kw }) => ({ row: matrixRow(s, ci, kh, kw), column: matrixColumn(s, oh, ow) }));
