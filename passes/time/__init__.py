# SPDX-License-Identifier: Apache-2.0
"""Make the time axis explicit: stacked or single steps, repeated currents, readout of outputs."""
