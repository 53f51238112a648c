// SPDX-License-Identifier: BSD-3-Clause
// Places and rows of the tables of SOAP for W lanes of a block.
#pragma once

#include "basis/kernels/table_lookup.hpp"
#include "descriptors/kernels/soap_views.hpp"

namespace tektite::soap::TEKTITE_ISA {
namespace {

using tektite::TEKTITE_ISA::radial_rows;

template <typename T, int W>
void locate_edges(const RadialView<T>& table, const LanesView& edges, const Scratch<T>& scratch, int begin,
                  int end) {
    tektite::TEKTITE_ISA::locate_edges<T, W>(table, edges, edges.stride, scratch, begin, end);
}

}  // namespace
}  // namespace tektite::soap::TEKTITE_ISA
