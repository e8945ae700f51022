/* Weight gradient of a depthwise convolution with "same" padding: channels last, bfloat16 in, float32 out.
 *
 * PyTorch 2.13 needs 10 to 30 times the forward pass for it on CPUs. Here 16 channels of one image at a time are
 * widened to float32 with their padding, so that they stay in the cache, and all taps are summed in registers.
 * Called by depthwise.py. Bytes are the same for any number of threads: threads share channels, never sums.
 */
#include <stdint.h>
#include <string.h>

#define LANES 16
typedef float lanes __attribute__((vector_size(LANES * sizeof(float))));
typedef uint16_t halves __attribute__((vector_size(LANES * sizeof(uint16_t))));
typedef uint32_t words __attribute__((vector_size(LANES * sizeof(uint32_t))));

/* The first `present` of 16 channels of an image `(height, width, channels)`, with `margin` zeros around. */
static void widen(const uint16_t *image, long present, long channels, long height, long width, long margin, lanes *to)
{
    const long wide = width + 2 * margin;
    memset(to, 0, (height + 2 * margin) * wide * sizeof(lanes));
    for (long y = 0; y < height; y++)
        for (long x = 0; x < width; x++) {
            halves pixel = {0};
            const uint16_t *from = image + (y * width + x) * channels;
            /* Sizes that the compiler knows: a call for every pixel would cost more than all the rest. */
            if (present == LANES)
                memcpy(&pixel, from, sizeof pixel);
            else if (present == LANES / 2)
                memcpy(&pixel, from, sizeof pixel / 2);
            else
                memcpy(&pixel, from, present * sizeof *from);
            const words bits = __builtin_convertvector(pixel, words) << 16;
            memcpy(&to[(y + margin) * wide + x + margin], &bits, sizeof bits);
        }
}

/* Adds each tap's sum over one image: `x` is padded and `wide` pixels to a row, `g` is `(height, width)`. */
#define TAPS(K)                                                                                                        \
    static void taps_##K(const lanes *x, long wide, const lanes *g, long height, long width, long stride, lanes *sum)  \
    {                                                                                                                  \
        lanes taps[K * K];                                                                                             \
        for (int t = 0; t < K * K; t++)                                                                                \
            taps[t] = sum[t];                                                                                          \
        for (long row = 0; row < height; row++)                                                                        \
            for (long column = 0; column < width; column++) {                                                          \
                const lanes here = *g++;                                                                               \
                const lanes *corner = x + row * stride * wide + column * stride;                                       \
                _Pragma("GCC unroll 8") for (int i = 0; i < K; i++)                                                    \
                    _Pragma("GCC unroll 8") for (int j = 0; j < K; j++)                                                \
                        taps[i * K + j] += here * corner[i * wide + j];                                                \
            }                                                                                                          \
        for (int t = 0; t < K * K; t++)                                                                                \
            sum[t] = taps[t];                                                                                          \
    }

TAPS(3)
TAPS(5)

/* Channels `first` to `last` of the gradient: `x` `(n, height, width, channels)`, `g` the same at the output's size,
 * `out` `(channels, kernel, kernel)`. `scratch` holds 64-byte aligned room for one padded image and one gradient.
 * `sizes`: n, channels, height, width, stride, kernel (3 or 5). */
void depthwise_weight_gradient(const uint16_t *x, const uint16_t *g, float *out, float *scratch, const long *sizes,
                               long first, long last)
{
    const long n = sizes[0], channels = sizes[1], height = sizes[2], width = sizes[3], stride = sizes[4];
    const long kernel = sizes[5], margin = kernel / 2, wide = width + 2 * margin;
    const long out_height = (height + stride - 1) / stride, out_width = (width + stride - 1) / stride;
    lanes *const padded = (lanes *)scratch, *const gradient = padded + (height + 2 * margin) * wide;
    for (long c = first; c < last; c += LANES) {
        const long present = last - c < LANES ? last - c : LANES;
        lanes sum[25] = {{0}};
        for (long image = 0; image < n; image++) {
            widen(x + image * height * width * channels + c, present, channels, height, width, margin, padded);
            widen(g + image * out_height * out_width * channels + c, present, channels, out_height, out_width, 0,
                  gradient);
            (kernel == 3 ? taps_3 : taps_5)(padded, wide, gradient, out_height, out_width, stride, sum);
        }
        for (long lane = 0; lane < present; lane++)
            for (long tap = 0; tap < kernel * kernel; tap++)
                out[(c + lane) * kernel * kernel + tap] = sum[tap][lane];
    }
}
