# SPDX-License-Identifier: Apache-2.0
"""Corrections, confidences, fusions and weight storage."""
