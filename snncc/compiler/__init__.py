# SPDX-License-Identifier: Apache-2.0
"""`convert`: the stages of a conversion in order, forms over time, tuning, metadata, export."""
