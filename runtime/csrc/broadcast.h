// SPDX-License-Identifier: Apache-2.0
// numpy's broadcasting of a parameter to a tensor, for the shapes that the kernels take.
#pragma once

#include "common/neuron.h"
#include "node.h"

namespace snncc {

// Throws std::invalid_argument unless `parameter` has one element, or one per entry of one dimension of `shape`.
Broadcast broadcast_to(const Shape& shape, const Input& parameter, const char* name);

}  // namespace snncc
