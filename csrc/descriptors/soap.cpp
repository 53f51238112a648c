// SPDX-License-Identifier: BSD-3-Clause
#include "descriptors/soap.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>

#include "basis/radial_table.hpp"
#include "basis/spherical_harmonics.hpp"
#include "descriptors/kernels/soap_views.hpp"

namespace tektite {

namespace soap {

namespace {

template <typename T>
const Kernels<T>& kernel_table(InstructionSet isa) {
#if defined(TEKTITE_HAVE_AVX512)
    if (isa == InstructionSet::avx512) {
        if constexpr (std::is_same_v<T, double>)
            return avx512::kernels_double();
        else
            return avx512::kernels_float();
    }
#endif
#if defined(TEKTITE_HAVE_AVX2)
    if (isa == InstructionSet::avx2) {
        if constexpr (std::is_same_v<T, double>)
            return avx2::kernels_double();
        else
            return avx2::kernels_float();
    }
#endif
    static_cast<void>(isa);
    if constexpr (std::is_same_v<T, double>)
        return baseline::kernels_double();
    else
        return baseline::kernels_float();
}

}  // namespace

/// Tables in one precision. The radial functions contain the norm of the harmonics, 1/sqrt(4 pi), and the
/// fourth root of 1/(2l + 1), so that a component of the power spectrum is a plain sum of products.
template <typename T>
class Tables {
public:
    Tables(const SoapParameters& p, int n_channels) : channel_(p.channel) {
        const SoapRadial radial(p.radial);
        const int n_max = p.radial.n_max, l_max = p.radial.l_max;
        const auto n = static_cast<std::size_t>(n_max), n_l = static_cast<std::size_t>(l_max) + 1;
        const RadialFunctions functions = [&](double r, double* value, double* slope) {
            radial(r, value, slope);
            for (std::size_t l = 0; l < n_l; ++l) {
                const double scale =
                    1.0 / std::sqrt(4.0 * std::numbers::pi * std::sqrt(2.0 * static_cast<double>(l) + 1.0));
                for (std::size_t k = l * n; k < (l + 1) * n; ++k) {
                    value[k] *= scale;
                    slope[k] *= scale;
                }
            }
        };
        const bool is_double = std::is_same_v<T, double>;
        const TableOptions options{is_double ? 1e-10 : 3e-8, is_double ? 2e-9 : 3e-7, is_double ? 8 : 16};
        std::vector<double> breakpoints;
        if (p.radial.transition_width > 0) breakpoints.push_back(p.radial.cutoff - p.radial.transition_width);
        table_ = tabulate(radial.size(), functions, p.radial.cutoff, breakpoints, options);
        coefficients_.assign(table_.coefficients.begin(), table_.coefficients.end());
        table_.coefficients = {};

        std::vector<double> value(n * n_l), slope(n * n_l);
        functions(0.0, value.data(), slope.data());
        for (int channel = 0; channel < n_channels; ++channel)
            for (std::size_t k = 0; k < n; ++k)
                central_.push_back(static_cast<T>(p.central_weight * value[k]));

        // Real harmonics: sqrt(2) for all m > 0, which the recursions carry along from Q_mm.
        const LegendreCoefficients c(l_max);
        a_.assign(c.a.begin(), c.a.end());
        b_.assign(c.b.begin(), c.b.end());
        slope_.assign(c.slope.begin(), c.slope.end());
        diagonal_.assign(c.diagonal.begin(), c.diagonal.end());
        for (std::size_t m = 1; m < n_l; ++m)
            diagonal_[m] = static_cast<T>(c.diagonal[m] * std::numbers::sqrt2);
        for (int l = 1; l <= l_max; ++l) {
            const auto i = static_cast<std::size_t>(lm_index(l, 0));
            slope_[i] = static_cast<T>(c.slope[i] / std::numbers::sqrt2);
        }
        const int size = n_channels * n_max;
        view_ = {{table_.row, table_.n_functions, table_.n_segments, table_.start, table_.inverse_width,
                  table_.first_bin, coefficients_.data(), p.radial.cutoff},
                 n_max,
                 l_max,
                 n_channels,
                 size,
                 (size + coefficient_tile - 1) / coefficient_tile * coefficient_tile,
                 channel_.data(),
                 a_.data(),
                 b_.data(),
                 slope_.data(),
                 diagonal_.data(),
                 p.normalise};
        // What the centre adds, by its element.
        for (const int own : p.channel)
            for (std::size_t k = 0; k < central_.size(); ++k)
                central_of_element_.push_back(
                    p.central_all_channels || own == static_cast<int>(k / n) ? central_[k] : T(0));
    }
    Tables(const Tables&) = delete;
    Tables& operator=(const Tables&) = delete;

    [[nodiscard]] const SoapView<T>& view() const { return view_; }
    [[nodiscard]] const T* central(int element) const {
        return central_of_element_.data() + static_cast<std::size_t>(element) * central_.size();
    }

private:
    RadialTable table_;
    AlignedVector<T> coefficients_;
    std::vector<T> a_, b_, slope_, diagonal_, central_, central_of_element_;
    std::vector<int> channel_;
    SoapView<T> view_{};
};

namespace {

/// Memory of one register's lanes.
template <typename T>
struct Group {
    AlignedVector<T> c, unit, inverse_r, position, inverse_width, inverse_norm;
    AlignedVector<std::int64_t> bin;
    std::vector<int> species_end;
};

template <typename T>
class SoapBlock final : public BlockDescriptor<T> {
public:
    SoapBlock(std::shared_ptr<const Tables<T>> tables, InstructionSet isa, int n_features)
        : tables_(std::move(tables)),
          kernels_(kernel_table<T>(isa)),
          width_(static_cast<std::size_t>(kernels_.lanes)),
          n_features_(static_cast<std::size_t>(n_features)) {
        const SoapView<T>& v = tables_->view();
        const auto padded = static_cast<std::size_t>(v.n_padded);
        const auto n_lm = static_cast<std::size_t>((v.l_max + 1) * (v.l_max + 1));
        dE_dc_.resize(std::max(n_lm * padded, static_cast<std::size_t>(3 * (2 * v.l_max + 1) * v.n_max)) *
                      width_);
        radial_.resize(tile_steps * static_cast<std::size_t>(v.radial.row) * width_);
        slope_.resize(static_cast<std::size_t>(v.radial.row) * width_);
        harmonics_.resize(tile_steps * n_lm * width_);
        symmetric_.resize(3 * padded * padded * width_);
    }

    [[nodiscard]] int lanes() const override { return kernels_.lanes; }
    [[nodiscard]] std::size_t memory() const override {
        std::size_t bytes = (dE_dc_.capacity() + radial_.capacity() + slope_.capacity() +
                             harmonics_.capacity() + symmetric_.capacity()) *
                            sizeof(T);
        for (const Group<T>& g : groups_)
            bytes += (g.c.capacity() + g.unit.capacity() + g.inverse_r.capacity() + g.position.capacity() +
                      g.inverse_width.capacity() + g.inverse_norm.capacity()) *
                         sizeof(T) +
                     g.bin.capacity() * sizeof(std::int64_t) + g.species_end.capacity() * sizeof(int);
        return bytes;
    }

    void forward(const EdgeBlock& block, T* features) override {
        prepare(block);
        const T* central = tables_->central(block.center_species);
        for (std::size_t g = 0; g < n_groups(block); ++g)
            kernels_.forward(tables_->view(), lanes_view(block, g), scratch(g), central,
                             features + g * width_, static_cast<std::size_t>(block.lanes));
    }

    void backward(EdgeBlock& block, const T* features, const T* adjoint) override {
        for (std::size_t g = 0; g < n_groups(block); ++g) {
            LanesView view = lanes_view(block, g);
            view.dE_dx = block.dE_dx.data() + g * width_;
            view.dE_dy = block.dE_dy.data() + g * width_;
            view.dE_dz = block.dE_dz.data() + g * width_;
            kernels_.backward(tables_->view(), view, scratch(g), features + g * width_, adjoint + g * width_,
                              static_cast<std::size_t>(block.lanes));
        }
    }

    void edge_gradient(const EdgeBlock& block, const T* features, int group, int species, int step,
                       T* gradient) override {
        const auto g = static_cast<std::size_t>(group);
        // These lanes may have fewer edges than the block: what forward() did not touch has no gradient.
        if (tables_->view().channel[species] < 0 ||
            step >= groups_[g].species_end[static_cast<std::size_t>(species)]) {
            std::fill_n(gradient, 3 * n_features_ * width_, T(0));
            return;
        }
        kernels_.edge_gradient(tables_->view(), scratch(g), features + g * width_,
                               static_cast<std::size_t>(block.lanes), species, step, gradient);
    }

private:
    /// Registers that hold at least one centre.
    [[nodiscard]] std::size_t n_groups(const EdgeBlock& block) const {
        return (static_cast<std::size_t>(block.n_centers) + width_ - 1) / width_;
    }

    void prepare(const EdgeBlock& block) {
        if (groups_.size() < n_groups(block)) groups_.resize(n_groups(block));
        const SoapView<T>& v = tables_->view();
        const auto steps = static_cast<std::size_t>(block.n_steps);
        const std::size_t n_species = block.species_begin.size() - 1;
        for (std::size_t g = 0; g < n_groups(block); ++g) {
            Group<T>& group = groups_[g];
            if (group.c.empty()) {
                group.c.resize(static_cast<std::size_t>((v.l_max + 1) * (v.l_max + 1) * v.n_padded) * width_);
                group.inverse_norm.resize(width_);
            }
            if (group.inverse_r.size() < steps * width_) {
                const std::size_t n = (steps + 8) * width_;
                group.unit.resize(3 * n);
                group.inverse_r.resize(n);
                group.position.resize(n);
                group.inverse_width.resize(n);
                group.bin.resize(n);
            }
            group.species_end.assign(n_species, 0);
            for (std::size_t s = 0; s < n_species; ++s) {
                const int* counts =
                    block.counts.data() + s * static_cast<std::size_t>(block.lanes) + g * width_;
                group.species_end[s] = block.species_begin[s] + *std::max_element(counts, counts + width_);
            }
        }
    }

    [[nodiscard]] LanesView lanes_view(const EdgeBlock& block, std::size_t g) const {
        return {static_cast<int>(block.species_begin.size()) - 1,
                block.species_begin.data(),
                groups_[g].species_end.data(),
                static_cast<std::size_t>(block.lanes),
                block.x.data() + g * width_,
                block.y.data() + g * width_,
                block.z.data() + g * width_,
                nullptr,
                nullptr,
                nullptr};
    }

    [[nodiscard]] Scratch<T> scratch(std::size_t g) {
        Group<T>& group = groups_[g];
        return {group.c.data(),
                group.unit.data(),
                group.inverse_r.data(),
                group.position.data(),
                group.inverse_width.data(),
                group.bin.data(),
                group.inverse_norm.data(),
                dE_dc_.data(),
                radial_.data(),
                slope_.data(),
                harmonics_.data(),
                symmetric_.data()};
    }

    std::shared_ptr<const Tables<T>> tables_;
    const Kernels<T>& kernels_;
    std::size_t width_, n_features_;
    std::vector<Group<T>> groups_;
    AlignedVector<T> dE_dc_, radial_, slope_, harmonics_, symmetric_;
};

}  // namespace
}  // namespace soap

Soap::Soap(SoapParameters parameters) : parameters_(std::move(parameters)) {
    const auto refuse = [](const std::string& what) {
        throw Error(ErrorCode::invalid_argument, "SOAP: " + what);
    };
    if (parameters_.channel.empty()) refuse("there are no elements");
    for (const int c : parameters_.channel) {
        if (c < -1 || c >= n_elements()) refuse("a channel is out of range");
        n_channels_ = std::max(n_channels_, c + 1);
        cutoffs_.push_back(c < 0 ? 0.0 : parameters_.radial.cutoff);
    }
    if (n_channels_ == 0) refuse("no element belongs to a channel");
    if (!(std::abs(parameters_.central_weight) <= 1e6)) refuse("central_weight must be a finite number");
    const SoapRadialParameters& radial = parameters_.radial;
    if (static_cast<double>(n_channels_) * radial.n_max > 1024)
        refuse("more than 1024 radial functions in all channels");
    double_tables_ = std::make_shared<soap::Tables<double>>(parameters_, n_channels_);
    float_tables_ = std::make_shared<soap::Tables<float>>(parameters_, n_channels_);
}

Soap::~Soap() = default;

int Soap::n_features() const {
    const int k = n_channels_ * parameters_.radial.n_max;
    return k * (k + 1) / 2 * (parameters_.radial.l_max + 1);
}

std::unique_ptr<BlockDescriptor<double>> Soap::make_double(InstructionSet isa) const {
    return std::make_unique<soap::SoapBlock<double>>(double_tables_, isa, n_features());
}

std::unique_ptr<BlockDescriptor<float>> Soap::make_float(InstructionSet isa) const {
    return std::make_unique<soap::SoapBlock<float>>(float_tables_, isa, n_features());
}

}  // namespace tektite
