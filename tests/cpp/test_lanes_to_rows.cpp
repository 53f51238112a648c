// SPDX-License-Identifier: BSD-3-Clause
// Rows of doubles from lanes: every instruction set and precision, through the caches and past them, for rows
// that begin anywhere in a cache line and have any length.
#include <vector>

#include "base/aligned.hpp"
#include "base/cpu.hpp"
#include "check.hpp"
#include "descriptors/lanes_to_rows.hpp"
#include "instruction_sets.hpp"

using namespace tektite;
using namespace tektite::test;

namespace {

constexpr double untouched = -1.0;

template <typename T>
std::size_t lanes_of(InstructionSet isa) {
    const std::size_t bytes = isa == InstructionSet::avx512 ? 64 : isa == InstructionSet::avx2 ? 32 : 16;
    return bytes / sizeof(T);
}

/// Neighbouring rows share cache lines, as the edges of an atom do; the row of lane `left_out` is not
/// written.
template <typename T>
void test_rows(InstructionSet isa, std::size_t n, std::size_t offset, std::size_t left_out,
               bool past_caches) {
    const std::size_t lanes = lanes_of<T>(isa);
    AlignedVector<T> values(n * lanes);
    for (std::size_t k = 0; k < n; ++k)
        for (std::size_t b = 0; b < lanes; ++b)
            values[k * lanes + b] = static_cast<T>(1000 * b + k) + static_cast<T>(0.1);
    AlignedVector<double> out(offset + lanes * n + 8, untouched);
    std::vector<double*> rows(lanes);
    for (std::size_t b = 0; b < lanes; ++b) rows[b] = b == left_out ? nullptr : out.data() + offset + b * n;
    const rows::Kernels<T>& kernels = rows::kernels<T>(isa);
    kernels.write(values.data(), n, rows.data(), past_caches);
    kernels.finish();
    bool right = true;
    for (std::size_t p = 0; p < out.size(); ++p) {
        const std::size_t b = p < offset || n == 0 ? lanes : (p - offset) / n;
        const double expected = b >= lanes || b == left_out
                                    ? untouched
                                    : static_cast<double>(values[(p - offset) % n * lanes + b]);
        right = right && out[p] == expected;
    }
    check(right, name_of(isa) + ", " + std::to_string(sizeof(T)) + " bytes, n " + std::to_string(n) +
                     ", offset " + std::to_string(offset) + (past_caches ? ", past the caches" : ""));
}

}  // namespace

int main() {
    for (const InstructionSet isa : instruction_sets()) {
        for (const std::size_t n :
             {0, 1, 3, 7, 8, 9, 15, 16, 17, 100, 127, 128, 129, 136, 255, 256, 257, 756})
            for (std::size_t offset = 0; offset < 8; ++offset)
                for (const bool past_caches : {false, true})
                    for (const std::size_t left_out : {0, 1, 99}) {
                        test_rows<double>(isa, n, offset, left_out, past_caches);
                        test_rows<float>(isa, n, offset, left_out, past_caches);
                    }
    }
    return finish();
}
