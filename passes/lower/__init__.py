# SPDX-License-Identifier: Apache-2.0
"""No activation is left: neurons, encoders, recurrent Scans, and analog ops between decoder and encoder."""
