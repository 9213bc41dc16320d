# SPDX-License-Identifier: Apache-2.0
"""The time axis is explicit: stacked or single steps, repeated currents, outputs that are read out."""
