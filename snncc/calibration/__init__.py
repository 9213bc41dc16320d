# SPDX-License-Identifier: Apache-2.0
"""Activation statistics from data or noise, and the scales, levels and corrections computed from them."""
