# SPDX-License-Identifier: Apache-2.0
"""Model files and sample files in, whole files out."""
