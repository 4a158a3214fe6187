/* The loop nests of jitcnn/kernels/conv/loops.py in C, statement for statement: `jitcnn bench --impl loops --against c`.

   Arrays are contiguous and row-major; the macros below index one element. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

typedef struct { ptrdiff_t stride_h, stride_w, dilation_h, dilation_w, pad_h, pad_w; } Grid;
typedef struct { ptrdiff_t N, C_in, H, W, C_out, H_out, W_out, C_group, K_h, K_w; } Sizes;

#define X(n, ci, ih, iw) x[(((n) * C_in + (ci)) * H + (ih)) * W + (iw)]
#define OUT(n, co, oh, ow) out[(((n) * C_out + (co)) * H_out + (oh)) * W_out + (ow)]
#define WEIGHTS(co, ci, kh, kw) weights[(((co) * C_group + (ci)) * K_h + (kh)) * K_w + (kw)]

#define UNPACK \
    ptrdiff_t N = s->N, C_in = s->C_in, H = s->H, W = s->W, C_out = s->C_out, H_out = s->H_out, W_out = s->W_out, \
              C_group = s->C_group, K_h = s->K_h, K_w = s->K_w; \
    ptrdiff_t stride_h = g->stride_h, stride_w = g->stride_w, dilation_h = g->dilation_h, dilation_w = g->dilation_w, \
              pad_h = g->pad_h, pad_w = g->pad_w; \
    ptrdiff_t filters = C_out / (C_in / C_group);

static ptrdiff_t max(ptrdiff_t a, ptrdiff_t b) { return a > b ? a : b; }
static ptrdiff_t min(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }
static ptrdiff_t floor_div(ptrdiff_t a, ptrdiff_t b) { return a >= 0 ? a / b : -((b - 1 - a) / b); }

static float sum(const float *numbers, ptrdiff_t count) {
    float total = 0;
    for (ptrdiff_t i = 0; i < count; i++) total += numbers[i];
    return total;
}

/* First and end of the outputs o whose pixel under tap k is inside the image: 0 <= o * stride + shift < size. */
static void inside(ptrdiff_t k, ptrdiff_t stride, ptrdiff_t dilation, ptrdiff_t pad, ptrdiff_t size, ptrdiff_t size_out,
                   ptrdiff_t *first, ptrdiff_t *end) {
    ptrdiff_t shift = k * dilation - pad;
    *first = max(0, -floor_div(shift, stride));
    *end = max(*first, min(size_out, -floor_div(shift - size, stride)));
}

void conv2d_forward(const float *restrict x, const float *restrict weights, const float *restrict bias,
                    float *restrict out, const Grid *g, const Sizes *s) {
    UNPACK
    #pragma omp parallel for
    for (ptrdiff_t plane = 0; plane < N * C_out; plane++) {
        ptrdiff_t n = plane / C_out, co = plane % C_out;
        ptrdiff_t first_channel = co / filters * C_group;
        for (ptrdiff_t p = 0; p < H_out * W_out; p++) (&OUT(n, co, 0, 0))[p] = bias[co];
        for (ptrdiff_t ci = 0; ci < C_group; ci++)
            for (ptrdiff_t kh = 0; kh < K_h; kh++) {
                ptrdiff_t oh_first, oh_end;
                inside(kh, stride_h, dilation_h, pad_h, H, H_out, &oh_first, &oh_end);
                for (ptrdiff_t kw = 0; kw < K_w; kw++) {
                    ptrdiff_t ow_first, ow_end;
                    inside(kw, stride_w, dilation_w, pad_w, W, W_out, &ow_first, &ow_end);
                    float weight = WEIGHTS(co, ci, kh, kw);
                    for (ptrdiff_t oh = oh_first; oh < oh_end; oh++)
                        for (ptrdiff_t ow = ow_first; ow < ow_end; ow++) {
                            ptrdiff_t ih = oh * stride_h + kh * dilation_h - pad_h;
                            ptrdiff_t iw = ow * stride_w + kw * dilation_w - pad_w;
                            OUT(n, co, oh, ow) += weight * X(n, first_channel + ci, ih, iw);
                        }
                }
            }
    }
}

void conv2d_backward_weights(const float *restrict out, const float *restrict x, float *restrict weights,
                             float *restrict d_bias, const Grid *g, const Sizes *s) {
    UNPACK
    #pragma omp parallel for
    for (ptrdiff_t co = 0; co < C_out; co++) {
        ptrdiff_t first_channel = co / filters * C_group;
        float *restrict sums = calloc(W_out, sizeof(float));
        for (ptrdiff_t n = 0; n < N; n++)
            for (ptrdiff_t oh = 0; oh < H_out; oh++)
                for (ptrdiff_t ow = 0; ow < W_out; ow++) sums[ow] += OUT(n, co, oh, ow);
        d_bias[co] = sum(sums, W_out);
        for (ptrdiff_t ci = 0; ci < C_group; ci++)
            for (ptrdiff_t kh = 0; kh < K_h; kh++) {
                ptrdiff_t oh_first, oh_end;
                inside(kh, stride_h, dilation_h, pad_h, H, H_out, &oh_first, &oh_end);
                for (ptrdiff_t kw = 0; kw < K_w; kw++) {
                    ptrdiff_t ow_first, ow_end;
                    inside(kw, stride_w, dilation_w, pad_w, W, W_out, &ow_first, &ow_end);
                    memset(sums, 0, W_out * sizeof(float));
                    for (ptrdiff_t n = 0; n < N; n++)
                        for (ptrdiff_t oh = oh_first; oh < oh_end; oh++)
                            for (ptrdiff_t ow = ow_first; ow < ow_end; ow++) {
                                ptrdiff_t ih = oh * stride_h + kh * dilation_h - pad_h;
                                ptrdiff_t iw = ow * stride_w + kw * dilation_w - pad_w;
                                sums[ow] += OUT(n, co, oh, ow) * X(n, first_channel + ci, ih, iw);
                            }
                    WEIGHTS(co, ci, kh, kw) = sum(sums, W_out);
                }
            }
        free(sums);
    }
}

void conv2d_backward_input(const float *restrict out, const float *restrict weights, float *restrict x, const Grid *g,
                           const Sizes *s) {
    UNPACK
    #pragma omp parallel for
    for (ptrdiff_t plane = 0; plane < N * C_in; plane++) {
        ptrdiff_t n = plane / C_in, c = plane % C_in;
        ptrdiff_t group = c / C_group, ci = c % C_group;
        memset(&X(n, c, 0, 0), 0, H * W * sizeof(float));
        for (ptrdiff_t co = group * filters; co < (group + 1) * filters; co++)
            for (ptrdiff_t kh = 0; kh < K_h; kh++) {
                ptrdiff_t oh_first, oh_end;
                inside(kh, stride_h, dilation_h, pad_h, H, H_out, &oh_first, &oh_end);
                for (ptrdiff_t kw = 0; kw < K_w; kw++) {
                    ptrdiff_t ow_first, ow_end;
                    inside(kw, stride_w, dilation_w, pad_w, W, W_out, &ow_first, &ow_end);
                    float weight = WEIGHTS(co, ci, kh, kw);
                    for (ptrdiff_t oh = oh_first; oh < oh_end; oh++)
                        for (ptrdiff_t ow = ow_first; ow < ow_end; ow++) {
                            ptrdiff_t ih = oh * stride_h + kh * dilation_h - pad_h;
                            ptrdiff_t iw = ow * stride_w + kw * dilation_w - pad_w;
                            X(n, c, ih, iw) += weight * OUT(n, co, oh, ow);
                        }
                }
            }
    }
}
