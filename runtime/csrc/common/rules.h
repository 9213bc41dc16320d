// SPDX-License-Identifier: Apache-2.0
// Every rule of the ops over time. A new one is a line here, and one at the end of each device's launcher.
#pragma once

#include "common/differential.h"
#include "common/integrate.h"
#include "common/msat.h"
#include "common/running.h"
#include "common/stepping.h"

namespace snncc {

template <template <class...> class List>
using ForRules = List<Integrate, SignedIntegrate, RoundingIntegrate, Msat, ConfidentMsat, RunningTotal, Increase,
                      Readout, PhaseStep, FewSpikesStep, Differential, LastStep>;

}  // namespace snncc
