# SPDX-License-Identifier: Apache-2.0
"""Read models and samples, write files atomically."""
