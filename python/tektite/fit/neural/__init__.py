# SPDX-License-Identifier: BSD-3-Clause
"""Neural networks on descriptors: trained with torch, run by the engine without."""
