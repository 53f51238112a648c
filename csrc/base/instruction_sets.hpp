// SPDX-License-Identifier: BSD-3-Clause
// Names of the instruction sets that kernels are compiled for, as types.
//
// A family of kernels is a table of function pointers. Beside the table's type stand three declarations,
//   const Table& kernels(isa::baseline<Table>);
//   const Table& kernels(isa::avx2<Table>);
//   const Table& kernels(isa::avx512<Table>);
// and each time the file under kernels/ is compiled it defines the one for isa::TEKTITE_ISA<Table>.
// kernels_for<Table>() (base/kernels_for.hpp) takes one of them at run time.
#pragma once

namespace tektite::isa {

template <typename Table>
struct baseline {};
template <typename Table>
struct avx2 {};
template <typename Table>
struct avx512 {};

}  // namespace tektite::isa
