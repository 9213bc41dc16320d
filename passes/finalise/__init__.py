# SPDX-License-Identifier: Apache-2.0
"""Apply corrections and spike confidence, fuse nodes and quantise stored weights."""
