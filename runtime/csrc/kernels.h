// SPDX-License-Identifier: Apache-2.0
// Every kernel of the library. A new op is one line here.
#pragma once

#include "aggregate.h"
#include "differential_op.h"
#include "neurons.h"
#include "ort_abi.h"
#include "sliced.h"
#include "stepping_ops.h"
#include "timed.h"
#include "timed_ops.h"

namespace snncc {

// A kernel class, as a value.
template <class Kernel>
struct KernelClass {
  using type = Kernel;
};

template <class Device, OrtElementType kType, class... Definitions, class Visit>
void visit_timed(const Visit& visit) {
  (visit(KernelClass<TimedNeuron<Device, kType, Definitions>>{}), ...);
}

template <class Device, OrtElementType kType, class Visit>
void visit_type(const Visit& visit) {
  visit(KernelClass<OneSpikeNeuron<Device, kType>>{});
  visit(KernelClass<ResidualOneSpikeNeuron<Device, kType>>{});
  visit(KernelClass<PhaseNeuron<Device, kType>>{});
  visit(KernelClass<CoarseFineNeuron<Device, kType>>{});
  visit(KernelClass<FewSpikesNeuron<Device, kType>>{});
  visit(KernelClass<WaitOneSpikeNeuron<Device, kType>>{});
  visit(KernelClass<PhaseEncoder<Device, kType>>{});
  visit(KernelClass<Aggregate<Device, kType>>{});
  visit_timed<Device, kType, IntegrateOp, SignedIntegrateOp, RoundingIntegrateOp, MsatOp, ConfidentMsatOp,
              RunningTotalOp, IncreaseOp, ReadoutOp, PhaseStepOp, FewSpikesStepOp, DifferentialOp, LastStepOp>(visit);
}

// visit(KernelClass<Kernel>{}) for every kernel of a device.
template <class Device, class Visit>
void visit_kernels(const Visit& visit) {
  visit_type<Device, kOrtFloat>(visit);
  visit_type<Device, kOrtFloat16>(visit);
  visit_type<Device, kOrtDouble>(visit);
}

}  // namespace snncc
