// SPDX-License-Identifier: Apache-2.0
// exp, log(1 + exp) and the logistic function in the float32 steps that snncc/ops/portable_math.py defines: library
// functions differ in their last bits. The comparisons are written so that NaN stays NaN.
#pragma once

#include <cmath>

#include "common/hd.h"

namespace snncc {

// e^x, x held within -16 … 16: the Taylor polynomial of e^(x/64), squared six times.
static SNNCC_HD float exp_steps(float x) {
  float held = x < -16.0f ? -16.0f : x;
  held = held > 16.0f ? 16.0f : held;
  const float part = held * 0.015625f;
  float value = static_cast<float>(1.0 / 720.0);
  value = value * part + static_cast<float>(1.0 / 120.0);
  value = value * part + static_cast<float>(1.0 / 24.0);
  value = value * part + static_cast<float>(1.0 / 6.0);
  value = value * part + 0.5f;
  value = value * part + 1.0f;
  value = value * part + 1.0f;
  value = value * value;
  value = value * value;
  value = value * value;
  value = value * value;
  value = value * value;
  return value * value;
}

// log(1 + e^x) by log(1 + y) = 2 s (1 + s^2/3 + s^4/5 + …), s = y/(2 + y).
static SNNCC_HD float softplus_steps(float x) {
  const float y = exp_steps(-std::fabs(x));
  const float s = y / (y + 2.0f);
  const float square = s * s;
  float value = static_cast<float>(1.0 / 13.0);
  value = value * square + static_cast<float>(1.0 / 11.0);
  value = value * square + static_cast<float>(1.0 / 9.0);
  value = value * square + static_cast<float>(1.0 / 7.0);
  value = value * square + static_cast<float>(1.0 / 5.0);
  value = value * square + static_cast<float>(1.0 / 3.0);
  value = value * square + 1.0f;
  return (x < 0.0f ? 0.0f : x) + value * (s * 2.0f);
}

static SNNCC_HD float logistic_steps(float x) { return 1.0f / (exp_steps(-x) + 1.0f); }

}  // namespace snncc
