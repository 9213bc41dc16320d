# SPDX-License-Identifier: Apache-2.0
"""Activation statistics, on data or on noise, and what follows from them: scales, levels, corrections."""
