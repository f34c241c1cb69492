// A log histogram, as HdrHistogram's: 64 steps for each power of two, so that a value is known to 1.6 %.
#pragma once

#include <math.h>
#include <stdint.h>

enum { STEPS = 64, STEP_BITS = 6, BUCKETS = (64 - STEP_BITS + 1) * STEPS };

struct histogram {
  uint64_t counts[BUCKETS];
  uint64_t total, largest;
};

static inline int bucket_of(uint64_t value) {
  if (value < STEPS) return (int)value;
  int exponent = 63 - __builtin_clzll(value) - STEP_BITS;
  return (exponent + 1) * STEPS + (int)(value >> exponent) - STEPS;
}

static inline double middle_of(int bucket) {
  if (bucket < STEPS) return bucket;
  int exponent = bucket / STEPS - 1;
  return ldexp(bucket % STEPS + STEPS + 0.5, exponent);
}

static inline void histogram_record(struct histogram* histogram, uint64_t value) {
  histogram->counts[bucket_of(value)]++;
  histogram->total++;
  if (value > histogram->largest) histogram->largest = value;
}

// 0 of nothing.
static inline double histogram_quantile(const struct histogram* histogram, double part) {
  uint64_t seen = 0;
  for (int i = 0; i < BUCKETS; i++) {
    seen += histogram->counts[i];
    // The middle of the last bucket may lie beyond what was seen.
    if (seen > 0 && (double)seen >= part * (double)histogram->total)
      return fmin(middle_of(i), (double)histogram->largest);
  }
  return 0;
}
